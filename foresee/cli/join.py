"""`foresee join`: put shards together, so that the folder is as one process would have left it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foresee.cli._costs import JudgePrice, PriceOption
from foresee.cli.eval import By, FailIf, Format


def join(
    folders: Annotated[list[Path], typer.Argument(help="what --shard wrote to (--out), or folders of such")],
    format: Format = "table",
    by: By = "",
    fail_if: FailIf = None,
    price: PriceOption = "",
    judge_price: JudgePrice = "",
) -> None:
    """Join the shards of runs: equal configuration, each answer once, what is missing named and counted as unanswered.

    Joined again, it takes in what was made up since. The folder is a run like any other: score, compare, report it.
    """
    from foresee.cli import _results
    from foresee.evaluation import join as joining

    _results.check_format(format, by)
    _results.check_price(price, "--price")
    _results.check_price(judge_price, "--judge-price")
    conditions = _results.conditions(fail_if)
    command = ["foresee", *sys.argv[1:]]
    found = dict.fromkeys(folder for given in folders for folder in joining.folders_of_shards(given))
    runs = [joining.join(folder, command=command) for folder in found]
    _results.show(runs, format=format, by=by, price=price, judge_price=judge_price)
    _results.exit_on(conditions, runs, unanswered="run the shards that are missing, and join again")
