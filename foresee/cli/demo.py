"""`foresee demo`: the main job on this machine in minutes, offline: profile a model, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.cli._jobs import Job
    from foresee.report.rows import Run
    from foresee.report.tables import TextTable


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the runs and report.html")] = Path("runs/demo"),
) -> None:
    """Profile the embedded model organism, plainly and under a constitution, and write runs/demo/report.html."""
    from foresee.cli import _jobs, _results
    from foresee.cli._console import say
    from foresee.report.page import write

    say("The embedded organism: a tiny vision-language model of true architecture, in a world of drawn scenes.")
    jobs = _jobs.resolve("suite/world", {"none": {}, "constitution": {}}, options=())
    runs = _jobs.carry_out(jobs, "organism/base", {}, out, {}, ["foresee", "demo"])
    _results.put(profile(jobs, runs), "table")
    page = out / "report.html"
    write(page, runs)
    say(f"The page: {page}")


def profile(jobs: Sequence[Job], runs: Sequence[Run]) -> TextTable:
    """One row per metric, one column per defense, and what the figure means."""
    from foresee.report.tables import WORDS, TextTable, interval, number

    defenses = list(dict.fromkeys(run.defense for run in runs))
    by_label: dict[str, dict[str, Run]] = {}
    for job, run in zip(jobs, runs, strict=True):
        by_label.setdefault(job.label, {})[run.defense] = run
    rows: list[tuple[str, ...]] = []
    for label, found in by_label.items():
        rows.append((label, *[""] * (len(defenses) + 1)))
        for index, metric in enumerate(next(iter(found.values())).metrics):
            if metric.published:
                continue
            cells = []
            for defense in defenses:
                estimate = found[defense].estimates[index]
                span = interval(estimate.low, estimate.high, percent=metric.percent)
                cells.append(f"{number(estimate.value, percent=metric.percent)} ({span})")
            rows.append((f"  {metric.name}", *cells, metric.doc))
    names = ["plain" if defense == "none" else f"with {defense}" for defense in defenses]
    notes = ("values with 95 % intervals; shares in percent", "try next: foresee eval mmsafeaware --model … --dry-run")
    return TextTable(f"Profile of {runs[0].model}", ("measure", *names, WORDS), tuple(rows), notes)
