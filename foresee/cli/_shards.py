"""`--shard`: what it means on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from foresee.files.shards import Shard


T = TypeVar("T")
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="ray[:SHARDS[xGPUS]]", help="place shards on a Ray cluster, and join them"),
]


def of_option(text: str | None) -> Shard | None:
    """Read the option, and say what was picked up from the environment, or that an array's task asks everything."""
    from foresee.cli import _console
    from foresee.files.shards import read_shard

    found = read_shard(text)
    if found is not None and found.origin:
        _console.say(f"shard {found.index} of {found.of}, by {found.origin}")
    if found is None and (name := next((each for each in _TASKS if os.environ.get(each)), None)):
        _console.say(f"{name} is set and --shard is not: all is done here; --shard auto takes a task's share")
    return found


_TASKS = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")


def refuse_conditions(shard: Shard | None, fail_if: Sequence[str] | None) -> None:
    """Keep a condition from being tried on a part. Raises UserError: there is one."""
    from foresee.errors import UserError

    if shard is not None and fail_if:
        raise UserError("--fail-if: a shard's figures are of a part; give it to foresee join")


def budget_of(shard: Shard | None, usd: float | None) -> float | None:
    """Return what a shard may spend of a budget: as much as each of the others. It is said."""
    from foresee.cli import _console

    if shard is None or usd is None:
        return usd
    _console.say(f"--budget {usd:g} USD for {shard.of} shards: {usd / shard.of:.4g} USD for this one")
    return usd / shard.of


def on_ray(
    run: Callable[..., T],
    engine: str,
    *given: Any,
    out: Path | None,
    shard: Shard | None,
    budget: float | None,
    **more: Any,
) -> T:
    """Do on a Ray cluster what one of `evaluation.on_ray` does. Raises UserError: options that do not go together."""
    from foresee.cli import _console
    from foresee.errors import UserError
    from foresee.evaluation.on_ray import Placing

    placing = Placing.read(engine)
    if out is None or shard is not None or budget is not None:
        raise UserError("--engine ray needs --out, makes the shards itself (no --shard), and holds no --budget")
    with _console.run_progress("all shards") as progress:
        return run(*given, out=out, placing=placing, progress=progress, notice=_console.say, **more)
