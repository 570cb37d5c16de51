"""`foresee eval`: ask a model every item of a benchmark, judge the answers, print the table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.evaluation import Plan
    from foresee.report.rows import Run

Benchmarks = Annotated[str, typer.Argument(help="benchmark, or several with commas; see 'foresee list benchmarks'")]
Data = Annotated[
    Path | None, typer.Option("--data", help="folder with the published files; else $FORESEE_DATA/NAME or the cache")
]
TaskOptions = Annotated[list[str] | None, typer.Option("-T", metavar="KEY=VALUE", help="benchmark option; repeatable")]
Limit = Annotated[int | None, typer.Option("--limit", help="at most N items, spread evenly over the benchmark")]
Format = Annotated[str, typer.Option("--format", help="table, md or json")]
By = Annotated[str, typer.Option("--by", help="also show accuracy by subset, domain or scenario")]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help="exit 1 if this holds, e.g. 'over_safe.accuracy < 0.4'; repeatable"),
]


def evaluate(
    benchmarks: Benchmarks,
    model: Annotated[str, typer.Option("--model", help="PROVIDER/NAME: openai/gpt-4o, local/FOLDER, custom/NAME, …")],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="run folder; default: one under runs/, same each time")
    ] = None,
    task_options: TaskOptions = None,
    model_options: Annotated[
        list[str] | None, typer.Option("-M", metavar="KEY=VALUE", help="model option, e.g. base_url=…; repeatable")
    ] = None,
    limit: Limit = None,
    epochs: Annotated[int, typer.Option("--epochs", help="how often each item is asked")] = 1,
    temperature: Annotated[float | None, typer.Option("--temperature", help="default: the benchmark's, greedy")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="default: the benchmark's")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="seed for sampling")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", help="calls in flight at most")] = 32,
    retries: Annotated[int, typer.Option("--retries", help="further tries after a passing failure")] = 5,
    timeout: Annotated[float, typer.Option("--timeout", help="seconds for one call")] = 120.0,
    format: Format = "table",
    by: By = "",
    fail_if: FailIf = None,
    price: Annotated[str, typer.Option("--price", help="USD per million tokens, IN,OUT: cost is shown")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be asked, and ask nothing")] = False,
) -> None:
    """Evaluate a model on benchmarks. The same command continues an interrupted run."""
    from foresee import evaluation
    from foresee.cli import _console, _results
    from foresee.config import build, pairs
    from foresee.runner import RunSettings

    _results.check_format(format, by)
    conditions = _results.conditions(fail_if)
    generation = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
    names = [name for name in benchmarks.split(",") if name]
    plans = [
        evaluation.plan(name, data=data, options=task_options or (), limit=limit, epochs=epochs, generation=generation)
        for name in names
    ]
    options = pairs(model_options or (), what="model option (-M)")
    if dry_run:
        for planned in plans:
            _results.print_dry_run(planned, model, concurrency=concurrency, price=price)
        return
    settings = build(
        RunSettings, {"concurrency": concurrency, "retries": retries, "timeout": timeout}, what="run settings"
    )
    runs: list[Run] = []
    with evaluation.opened(model, options) as answering:
        _warn(plans)
        for planned in plans:
            folder = out / planned.benchmark if out and len(plans) > 1 else out
            with _console.run_progress(planned.benchmark) as progress:
                run = evaluation.evaluate(
                    planned, answering, out=folder, settings=settings, progress=progress, command=_command()
                )
            runs.append(run)
    _results.show(runs, format=format, by=by, price=price)
    _results.exit_on(conditions, runs)


def _command() -> list[str]:
    return ["foresee", *sys.argv[1:]]


def _warn(plans: list[Plan]) -> None:
    from foresee.cli._console import say

    for planned in plans:
        name, total = planned.benchmark, len(planned.items)
        if missing := total - planned.askable:
            say(
                f"{name}: {missing} of {total} items lack their image in this copy of the data; "
                f"they are counted, not asked (details: foresee data check {name})"
            )
        if planned.epochs > 1 and planned.generation.temperature == 0:
            say(f"{name}: --epochs {planned.epochs} at temperature 0 may repeat the same answers")
