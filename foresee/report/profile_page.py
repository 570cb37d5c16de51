"""Lay a profile out for the page: a lane a subject, every figure with a way to its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from foresee.evaluation.run_folder import Run
from foresee.report import figures, profile_figure, profile_text
from foresee.report.escaping import label
from foresee.report.figures import Mark
from foresee.report.gallery import counted
from foresee.report.main_table import mark_of
from foresee.report.profile import Measure, Profile
from foresee.report.provenance import without_paths


class Reading(NamedTuple):
    """One subject's figure in words; `run` is its number in the gallery, None where there is no gallery."""

    name: str
    series: int
    text: str
    run: int | None


class Line(NamedTuple):
    """One measure, drawn and in words; `anchor` is where the page says everything of its benchmark."""

    words: str
    place: str
    metric: str
    anchor: str
    percent: bool
    drawn: Markup
    readings: tuple[Reading, ...]
    published: str
    where: Mapping[str, list[str]]


class Shown(NamedTuple):
    """The profile as the page shows it: its figure, wide and narrow, what is done to everything alike, the rest."""

    drawn: tuple[Markup, ...]
    said: tuple[str, ...]
    questions: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...]


def shown(found: Profile, runs: Sequence[Run], anchors: Mapping[str, str], *, public: bool) -> Shown:
    """Lay the profile out.

    Args:
        found: of these runs.
        runs: of the page, in its order.
        anchors: benchmark -> where the page says everything of it.
        public: without local paths, and without links into a gallery.
    """
    names = [label(without_paths(each.name) if public else each.name, 80) for each in found.subjects]
    places = {id(run): place for place, run in enumerate(runs)}
    lines = [(line.question, _line(line, names, places, anchors, public=public)) for line in found.measures]
    by_question = tuple(
        (question, tuple(line for _, line in held)) for question, held in groupby(lines, key=lambda each: each[0])
    )
    said = [f"{names[place]} {line}" for place in range(len(names)) for line in found.extremes(place)]
    notes = [
        line
        for line in profile_text.notes(found)
        if not line.startswith((*(each.name for each in found.subjects), "published by"))
    ]
    if public:
        said, notes = [without_paths(line) for line in said], [without_paths(line) for line in notes]
    named = found.renamed(names)
    drawn = tuple(
        profile_figure.svg(profile_figure.draw(named, narrow=narrow), alone=False, kind="narrow" if narrow else "wide")
        for narrow in (False, True)
    )
    return Shown(drawn, tuple(label(s, 200) for s in said), by_question, tuple(label(n, 1200) for n in notes))


def _line(
    line: Measure, names: Sequence[str], places: Mapping[int, int], anchors: Mapping[str, str], *, public: bool
) -> Line:
    marks, readings, benchmark = [], [], ""
    for number, figure in enumerate(line.figures):
        if figure is None:
            continue
        benchmark = figure.run.benchmark
        marks.append(mark_of(figure.estimate, number))
        run = None if public else places.get(id(figure.run))
        text = profile_text.cell(figure).replace("\n", " · ").replace("-", "−")
        readings.append(Reading(names[number], number, label(text, 120), run))
    scale = figures.scale_for(line.metric.bounds, percent=line.metric.percent)
    return Line(
        label(line.words, 160),
        label(line.place, 100),
        label(line.told, 60),
        anchors.get(benchmark, "main"),
        line.metric.percent,
        figures.intervals(marks or [Mark(None, None, None)], scale),
        tuple(readings),
        label(profile_text.quoted(line), 1200),
        counted(line.metric.where),
    )
