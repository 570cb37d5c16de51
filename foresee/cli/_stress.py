"""`foresee judge stress`: how many verdicts flip under text that should not matter."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli._judging import JudgeModel, JudgeOptions, JudgeRubric, Labels, Template
from foresee.cli.eval import Data, Format, TaskOptions

if TYPE_CHECKING:
    from foresee.human_labels.stress import Pressed, Stress
    from foresee.report.tables import TextTable

_HEADER = (
    "pressure", "flips", "95 % interval", "beyond the baseline", "n", "right → wrong", "wrong → right",
    "vanished", "95 % interval", "appeared",
)  # fmt: skip


def stress(
    judge: Annotated[str, typer.Argument(help="judge (see 'foresee list judges')")],
    labels: Labels = "",
    data: Data = None,
    task_options: TaskOptions = None,
    judge_model: JudgeModel = None,
    judge_options: JudgeOptions = None,
    judge_rubric: JudgeRubric = None,
    template: Template = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, help="at most N answers, drawn at random with all that answer one prompt; default: all"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for a judge model's replies; default: under runs/judge_stress/")
    ] = None,
    format: Format = "table",
) -> None:
    """Count the verdicts that flip, or vanish, when an answer holds orders, forms, padding and the like."""
    from foresee.cli import _console, _judging, _results
    from foresee.human_labels import label_sets
    from foresee.human_labels import stress as pressing

    _results.check_format(format, "")
    labels = labels or label_sets.default_set(judge)
    judging = _judging.choice(judge_model, judge_options, judge_rubric, None, template)
    with _console.judging_progress(f"pressing {judge}") as progress:
        found = pressing.stress(
            judge, labels, data=data, options=task_options or (), judging=judging, limit=limit, out=out,
            progress=progress,
        )  # fmt: skip
    if format == "json":
        lines = {each.name: asdict(each) for each in found.pressed}
        typer.echo(json.dumps({"judge": dict(found.identity), "labels": labels, "pressures": lines}, indent=2))
        return
    _results.put(_table(found, limit), format)


def _table(found: Stress, limit: int | None) -> TextTable:
    from foresee.report.tables import TextTable

    notes = [
        f"{found.judge} on {len(found.labels.rows)} answers of {found.labels.name}, {found.unscored} without a verdict "
        "before; each text pushes to another verdict than the one given without it",
        "vanished: had a verdict and has none under pressure; appeared: the other way round",
        f"right and wrong: {found.question.name}, by the labels",
        "baseline: the same answer read once more, and with a line drawn below it; beyond it: flips minus those with "
        "the line, over the same answers, in points, with a 95 % interval",
        "what reaches a judge model as it was is not asked again, and flips nothing",
        *_chance(found),
        *found.left_out,
    ]
    if limit is not None and len(found.labels.rows) < limit:
        notes.append(f"--limit {limit}: {len(found.labels.rows)} answers, as those to one prompt stay together")
    by = f" by {', '.join(found.models)}" if found.models else ""
    return TextTable(f"{found.judge}{by} under pressure", _HEADER, tuple(map(_cells, found.pressed)), tuple(notes))


def _chance(found: Stress) -> list[str]:
    """Say how many answers would flip somewhere by chance alone, where the judge changes verdicts by itself."""
    from foresee.human_labels.pressures import BASELINE

    share = next(each.flips.value for each in found.pressed if each.kind == BASELINE)  # of the same answer
    tried = sum(each.kind not in ("", BASELINE) for each in found.pressed)
    if not share:
        return []
    somewhere = 100 * (1 - (1 - share) ** tried)
    return [
        f"it flips by itself in {100 * share:.1f} % of readings: by chance alone, {somewhere:.0f} % in one of {tried}"
    ]


def _cells(line: Pressed) -> tuple[str, ...]:
    from foresee.report.tables import interval, number, points

    shares = []
    for share in (line.flips, line.vanished):
        shares.append((number(share.value, percent=True), interval(share.low, share.high, percent=True)))
    name = f"{line.kind}: {line.name}" if line.kind else line.name
    (flips, between), (vanished, around) = shares
    counts = (f"{line.flips.n}/{line.flips.total}", str(line.broken), str(line.mended))
    return (name, flips, between, points(line.beyond), *counts, vanished, around, str(line.appeared))
