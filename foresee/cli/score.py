"""`foresee score`: judge answers that were produced elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foresee.cli.eval import By, Data, FailIf, Format, Limit, TaskOptions


def score(
    answers: Annotated[Path, typer.Argument(help='JSONL with one {"id": …, "response": "…"} a line')],
    benchmark: Annotated[str, typer.Option("--benchmark", help="the benchmark that the answers belong to")],
    out: Annotated[Path, typer.Option("--out", help="run folder to write")],
    data: Data = None,
    task_options: TaskOptions = None,
    limit: Limit = None,
    model: Annotated[str | None, typer.Option("--model", help="what to call the model in tables")] = None,
    format: Format = "table",
    by: By = "",
    fail_if: FailIf = None,
) -> None:
    """Score stored answers with the same judge and statistics as an evaluation."""
    from foresee import planning, stored
    from foresee.cli import _results

    _results.check_format(format, by)
    conditions = _results.conditions(fail_if)
    planned = planning.plan(benchmark, data=data, options=task_options or (), limit=limit)
    run = stored.score(answers, planned, out=out, model=model, command=["foresee", *sys.argv[1:]])
    _results.show([run], format=format, by=by)
    _results.exit_on(conditions, [run])
