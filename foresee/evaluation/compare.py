"""Compare two runs item by item."""

from __future__ import annotations

from pathlib import Path

from foresee.errors import UserError
from foresee.evaluation import run_folder
from foresee.evaluation.run_folder import Run
from foresee.metrics import compare as paired_differences
from foresee.statistics import Difference


def compare(run_a: Run | Path | str, run_b: Run | Path | str) -> list[Difference]:
    """Paired differences B - A of every metric over the items that both runs hold.

    Raises:
        UserError: not run folders, different benchmarks, or no item in common.
    """
    a, b = (run if isinstance(run, Run) else run_folder.read_run(Path(run)) for run in (run_a, run_b))
    if a.benchmark != b.benchmark:
        raise UserError(f"can't compare {a.benchmark} with {b.benchmark}: expected two runs of one benchmark")
    return paired_differences(a.rows, b.rows, a.metrics)
