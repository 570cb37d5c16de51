"""`foresee train` and `foresee merge`: make a model safer, and make one model of a base and an adapter."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from foresee.training import TrainingConfig

_SHOWN = ("loss", "reward", "token_gap/mean", "entropy", "completions/mean_length", "kl", "grad_norm")
_SHORT = {"token_gap/mean": "gap", "completions/mean_length": "length"}


def train(
    method: Annotated[str, typer.Argument(help="how: sft, dpo, caspo, …; see 'foresee list training'")],
    recipe: Annotated[str | None, typer.Argument(help="TOML file with settings, e.g. papers/vsfa/vsfa.toml")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="one setting; repeatable, wins over the file")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder to write; the same command continues there")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="memory and time by plan; settings, examples as the model sees them, cost")
    ] = False,
    fits: Annotated[
        str | None,
        typer.Option(
            "--fits", metavar="24GB", help="with --dry-run: plan for this memory or device (A100, H100), alone"
        ),
    ] = None,
    show_settings: Annotated[bool, typer.Option("--settings", help="list every setting with its default")] = False,
) -> None:
    """Train a model. The same command goes on with an interrupted training."""
    from foresee import training
    from foresee.cli._console import list_settings, say

    if show_settings:
        list_settings(training.method(method).config)
        return
    given = [*(settings or ()), *([f"out={_quoted(out)}"] if out is not None else [])]
    config = training.configure(method, recipe, [*(["data=DATA", "out=OUT"] if fits else []), *given])
    if dry_run or fits:
        _dry_run(method, config, fits)
        return
    leads = os.environ.get("RANK", "0") == "0"
    with _progress() as report:
        folder = training.train(method, config, report=report, command=["foresee", *sys.argv[1:]])
    if leads:
        _print_result(folder)
        say(f"trained: {folder}  (use it as --model {training.evaluated_as(config, folder)})")


def _dry_run(method: str, config: TrainingConfig, fits: str | None) -> None:
    """Print the plan, where it is for another device or the weights are elsewhere; else what a first batch shows."""
    from foresee.models.checkpoints.find import import_torch
    from foresee.training._common import dry_run as dry_runs
    from foresee.training._plan import memory, words

    import_torch()
    elsewhere = memory.weights_are_elsewhere(config.model)
    if not fits and not elsewhere:
        typer.echo(dry_runs.preview(method, config))
        return
    for line in words.describe(method, config, fits):
        typer.echo(line)
    if elsewhere:
        typer.echo(f"{config.model} is no folder here: no weights were loaded, no batch was computed")


def merge(
    model: Annotated[str, typer.Argument(help="the base: a folder, a hub id, local/FOLDER or organism/NAME")],
    adapter: Annotated[Path, typer.Argument(help="folder of a PEFT adapter made for it")],
    out: Annotated[Path, typer.Option("--out", help="folder to write the merged model to")],
) -> None:
    """Make one model of a base and an adapter, in safetensors, with its processor."""
    from foresee.cli._console import say
    from foresee.models.checkpoints.merge import merge as merged
    from foresee.training._common import policy

    folder = merged(policy.folder_or_id(model), adapter, out)
    say(f"merged: {folder}  (use it as --model local/{folder})")


def _print_result(folder: Path) -> None:
    from foresee import manifest
    from foresee.training._common import metrics as training_metrics

    record = manifest.read(folder, "training")
    before, after = record.get("metrics_before", {}), record.get("metrics_after", {})
    for key, value in after.items():
        was = f"{before[key]:.3f} -> " if key in before else ""
        typer.echo(f"{training_metrics.label(key)}: {was}{value:.3f}")
    cost = record.get("judge_cost") or {}
    if cost:
        usd = f", {cost['judge/usd']:.2f} USD" if "judge/usd" in cost else ""
        tokens = f"{cost['judge/input_tokens']:,.0f} tokens read and {cost['judge/output_tokens']:,.0f} written"
        typer.echo(f"judge models: {tokens}{usd}")
    if record.get("stopped"):
        typer.echo(f"STOPPED: {record['stopped']}; kept {record['kept']}")


def _quoted(path: Path) -> str:
    import json

    return json.dumps(str(path))


@contextmanager
def _progress() -> Iterator[Callable[[Any], None]]:
    """Yield a callback: a live bar with the latest numbers on a terminal, plain lines elsewhere; with the time."""
    from foresee.cli import _console
    from foresee.training._common import metrics as training_metrics

    if not sys.stderr.isatty():
        clock = _Clock()
        yield lambda state: _console.say(
            state.note
            or state.doing
            or f"step {state.step}/{state.steps}  {_numbers(state.metrics)}  {clock.at(state)}"
        )
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=_console.console(stderr=True)) as bars:
        task = bars.add_task("starting", total=None, numbers="")

        def update(state: Any) -> None:
            numbers = _numbers(state.metrics)
            if state.note:
                bars.console.print(state.note, markup=False)
            elif state.doing:
                bars.update(task, description=state.doing)
            elif training_metrics.held_out(state.metrics):
                bars.console.print(f"step {state.step}: {numbers}")
            else:
                bars.update(
                    task, description="training", completed=state.step, total=state.steps or None, numbers=numbers
                )

        yield update


class _Clock:
    """The time since the start, and what is left by the steps since the first that was logged."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: tuple[int, float] | None = None

    def at(self, state: Any) -> str:
        now = time.monotonic()
        passed = f"[{now - self._began:.0f} s"
        if self._first is None:
            self._first = state.step, now
        step, then = self._first
        if not step < state.step < state.steps:
            return f"{passed}]"
        left = (now - then) / (state.step - step) * (state.steps - state.step)
        return f"{passed}, about {left:.0f} s left]"


def _numbers(metrics: Any) -> str:
    """Format the numbers of a line that a person wants to see go by."""
    from foresee.training._common import metrics as training_metrics

    rewards = [key for key in metrics if key.startswith("rewards/") and key.endswith("/mean")]
    shown = list(training_metrics.held_out(metrics))
    shown = shown or [*(key for key in _SHOWN if key in metrics), *rewards]
    shown = shown or [key for key in ("train_loss", "train_runtime") if key in metrics]
    return "  ".join(
        f"{_SHORT.get(key) or training_metrics.label(key)} {metrics[key]:.4g}"
        for key in shown
        if metrics[key] is not None
    )
