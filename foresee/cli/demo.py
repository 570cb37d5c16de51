"""`foresee demo`: the main job on this machine in minutes, offline: profile a model, write the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the runs and report.html")] = Path("runs/demo"),
) -> None:
    """Profile the embedded model organism, plainly and under a constitution, and write runs/demo/report.html."""
    from foresee.cli import profile
    from foresee.cli._console import run_progress, say
    from foresee.evaluation import jobs as batch
    from foresee.report.page import write
    from foresee.report.profile import profile as build

    say("The embedded organism: a tiny vision-language model of true architecture, in a world of drawn scenes.")
    jobs = batch.resolve("suite/world", {"none": {}, "constitution": {}}, notice=say)
    finished = batch.carry_out(
        jobs, ["organism/base"], out=out, command=["foresee", "demo"], notice=say, bars=run_progress
    )
    runs = [each.run for each in finished]
    found = build(runs, labels=("plain", "with constitution"))
    profile.show(found, "table")
    page = out / "report.html"
    write(page, runs, profile=found)
    say(f"All figures, images and answers: {page}. Next: foresee organism describe")
