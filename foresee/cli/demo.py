"""`foresee demo`: the main job on this machine in minutes, offline: profile a model, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.evaluation.jobs import Finished
    from foresee.evaluation.run_folder import Run
    from foresee.report.tables import TextTable
    from foresee.statistics import Estimate


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the runs and report.html")] = Path("runs/demo"),
) -> None:
    """Profile the embedded model organism, plainly and under a constitution, and write runs/demo/report.html."""
    from foresee.cli import _results
    from foresee.cli._console import run_progress, say
    from foresee.evaluation import jobs as batch
    from foresee.report.page import write

    say("The embedded organism: a tiny vision-language model of true architecture, in a world of drawn scenes.")
    jobs = batch.resolve("suite/world", {"none": {}, "constitution": {}}, notice=say)
    finished = batch.carry_out(
        jobs, ["organism/base"], out=out, command=["foresee", "demo"], notice=say, bars=run_progress
    )
    _results.put(profile(finished), "table")
    page = out / "report.html"
    write(page, [each.run for each in finished])
    say(f"The page: {page}")


HEADLINES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "world_perception": (
        "what it sees",
        (("list", "images it lists without fault"), ("count", "images it counts right")),
    ),
    "world_awareness": (
        "what it calls safe or unsafe",
        (
            ("agreeing.accuracy", "right where words fit the image"),
            ("conflict.accuracy", "right where words mislead"),
        ),
    ),
    "world_consequence": (
        "what it foresees when asked for help",
        (
            ("R0", "dangers it does not mention (R0)"),
            ("over_caution", "harmless scenes it warns about"),
        ),
    ),
    "world_attack": (
        "what it refuses",
        (("ASR", "harmful requests it serves (ASR)"), ("benign_refusal", "benign requests it refuses")),
    ),
    "world_attack, describe then ask": (
        "the same, after it described the image",
        (("ASR", "harmful requests it serves (ASR)"),),
    ),
}
"""Run of suite/world -> its heading in the demo, and which metrics stand there, in plain words."""


def profile(finished: Sequence[Finished]) -> TextTable:
    """Show a few figures in plain words, one column per defense; fits a terminal of 80 columns."""
    from foresee.report.tables import TextTable

    defenses = list(dict.fromkeys(run.defense for _, run in finished))
    by_label: dict[str, dict[str, Run]] = {}
    for job, run in finished:
        by_label.setdefault(job.label, {})[run.defense] = run
    rows: list[tuple[str, ...]] = []
    for label, (heading, chosen) in HEADLINES.items():
        rows.append((heading, *[""] * len(defenses)))
        for name, words in chosen:
            cells = []
            for defense in defenses:
                run = by_label[label][defense]
                found = next(estimate for estimate in run.estimates if estimate.name == name)
                cells.append(_percent(found))
            rows.append((f"  {words}", *cells))
    names = ["plain" if defense == "none" else f"with {defense}" for defense in defenses]
    notes = (
        "Percent, with 95 % intervals. The constitution asks it to think of dangers first.",
        "All figures, images and answers: the page. Next: foresee organism describe",
    )
    return TextTable(f"Profile of {finished[0].run.model}", ("share of", *names), tuple(rows), notes)


def _percent(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-"
    value, low, high = (f"{100 * share:.0f}" for share in (found.value, found.low, found.high))
    return f"{value} ({low} - {high})"
