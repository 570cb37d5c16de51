"""Build the page's main table as data: the runs as columns of it, metrics as text and drawn, paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from foresee.evaluation.run_folder import Run
from foresee.evaluation.screening import SCREEN
from foresee.metrics import Metric
from foresee.report import figures, paired
from foresee.report.escaping import label
from foresee.report.figures import Mark, Scale
from foresee.report.gallery import counted
from foresee.report.provenance import without_paths
from foresee.statistics import Difference, Estimate

DASH = "–"
_SHORT = 24
_WHOLE = {"modality": "both", "subset": "all"}


class Column(NamedTuple):
    """A run and what tells it from the others on the page."""

    run: Run
    series: int
    tag: str
    name: str
    benchmark: str
    details: str
    place: int | None = None
    """its number in the gallery; None where the page has none"""


class Cell(NamedTuple):
    """An estimate as text, and drawn."""

    value: str
    interval: str
    n: str
    total: str
    clusters: str
    coverage: str
    full: bool
    bounds: str
    method: str
    reason: str
    drawn: Markup


class Delta(NamedTuple):
    """A paired difference to the first run, as text, and drawn."""

    value: str
    interval: str
    n: str
    p_value: str
    clear: bool
    drawn: Markup


class MetricRow(NamedTuple):
    """One metric over the runs; a delta is None for the first run and where nothing can be paired."""

    name: str
    doc: str
    better: str
    published: bool
    percent: bool
    cells: tuple[Cell | None, ...]
    deltas: tuple[Delta | None, ...]
    where: Mapping[str, list[str]]
    """which items it counts, as `gallery.counted` says it"""


def columns(runs: Sequence[Run], *, public: bool, labels: Mapping[int, str] | None = None) -> list[Column]:
    """Tag the runs A, B, ... and name them; details hold whatever tells runs of one model apart.

    Args:
        runs: in their order on the page.
        public: without local paths.
        labels: a run's id -> the name that a user gave it; a short one that no other run of its benchmark has is
            also its tag.
    """
    found = []
    given = [(labels or {}).get(id(run), "") for run in runs]
    for index, run in enumerate(runs):
        named = given[index] or run.model
        model = label(without_paths(named) if public else named, 100)
        others = [other for other in runs if other is not run and other.benchmark == run.benchmark]
        sides = (("attack", run.attack), ("defense", run.defense))
        details = [f"{side} {name}" for side, name in sides if name != "none"]
        judges = run.manifest.get("judge_models") or []
        if any((other.manifest.get("judge_models") or []) != judges for other in others):
            screened = SCREEN in (run.manifest.get("made_by") or {})
            details.append(f"judged by {', '.join(judges) or ('the offline screen' if screened else 'rules')}")
        details += [f"{key} {value}" for key, value in (_partial(run) | _own_settings(run, others)).items()]
        tag = chr(ord("A") + index) if index < 26 else str(index + 1)
        alike = [other for other, name in zip(runs, given, strict=True) if name == given[index]]
        if given[index] and len(model) <= _SHORT and sum(o.benchmark == run.benchmark for o in alike) == 1:
            tag = model
        series = sum(other.benchmark == run.benchmark for other in runs[:index])
        place = None if public else index
        found.append(Column(run, series, tag, model, label(run.benchmark), label(", ".join(details), 160), place))
    return found


def headline(group: Sequence[Column]) -> list[MetricRow]:
    """Every metric of a benchmark's runs; ours first, those under the published scoring rule after."""
    metrics: dict[str, Metric] = {}
    for column in group:
        for metric in column.run.metrics:
            metrics.setdefault(metric.name, metric)
    first = group[0].run
    found = [paired.differences(first, column.run, first.metrics) for column in group]
    reach = _reach(d for by_name in found for d in by_name.values())
    return [_metric_row(metric, group, found, reach) for metric in sorted(metrics.values(), key=lambda m: m.published)]


def number(value: float | None, *, percent: bool = True) -> str:
    """Write a value as the page shows it: 81.3%, or three significant digits."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{100 * value:.1f}%" if percent else f"{value:.3g}"
    return text.replace("-", "−")


def span(low: float | None, high: float | None, *, percent: bool = True) -> str:
    if low is None or high is None:
        return DASH
    return f"{number(low, percent=percent).rstrip('%')} to {number(high, percent=percent).rstrip('%')}"


def _metric_row(
    metric: Metric, group: Sequence[Column], found: Sequence[Mapping[str, Difference]], reach: float
) -> MetricRow:
    estimates = [estimate(column.run, metric.name) for column in group]
    bounds = next((e.bounds for e in estimates if e), (0.0, 1.0))
    scale = figures.scale_for(bounds, percent=metric.percent)
    cells = tuple(
        cell(e, column.series, scale, percent=metric.percent) if e else None
        for e, column in zip(estimates, group, strict=True)
    )
    better = {True: "higher is better", False: "lower is better", None: ""}[metric.higher_is_better]
    deltas = tuple(_delta(by_name.get(metric.name), metric, reach) for by_name in found)
    return MetricRow(
        name=label(metric.name, 60),
        doc=label(metric.doc, 240),
        better=better,
        published=metric.published,
        percent=metric.percent,
        cells=cells,
        deltas=deltas,
        where=counted(metric.where),
    )


def _partial(run: Run) -> dict[str, Any]:
    """Say what makes a run less than the whole benchmark; a reader must see it wherever the run is named."""
    found = {key: value for key, value in _part(run, "options").items() if value != _WHOLE.get(key, value)}
    return found | ({"limit": run.manifest["limit"]} if run.manifest.get("limit") else {})


def _own_settings(run: Run, others: Sequence[Run]) -> dict[str, Any]:
    """Options, generation settings and limits in which a run differs from another one on the page."""
    found: dict[str, Any] = {}
    for other in others:
        for part in ("options", "generation"):
            mine, theirs = _part(run, part), _part(other, part)
            found.update({key: value for key, value in mine.items() if value != theirs.get(key)})
        for key in ("limit", "epochs", "benchmark_version"):
            tries = key == "epochs" and run.attack != other.attack  # as many as the attack has
            if run.manifest.get(key) != other.manifest.get(key) and not tries:
                found[key.replace("_", " ")] = run.manifest.get(key)
    alike = [o for o in others if (o.model, o.attack, o.defense) == (run.model, run.attack, run.defense)]
    if alike and not found:
        found["folder"] = run.folder.name
    return found


def _part(run: Run, name: str) -> Mapping[str, Any]:
    part = run.manifest.get(name)
    return part if isinstance(part, Mapping) else {}


def _reach(found: Iterable[Difference]) -> float:
    """Find the end of the axis of differences: the farthest interval, up to the next 5 points."""
    ends = [abs(end) for d in found for end in (d.delta, d.low, d.high) if end is not None and math.isfinite(end)]
    return max(0.05, math.ceil(20 * min(1.0, max(ends, default=0.0))) / 20)


def estimate(run: Run, name: str) -> Estimate | None:
    return next((e for e in run.estimates if e.name == name), None)


def mark_of(e: Estimate, series: int) -> Mark:
    partial = e.n < e.total
    return Mark(e.value, e.low, e.high, e.worst if partial else None, e.best if partial else None, series)


def cell(e: Estimate, series: int = 0, scale: Scale = figures.PERCENT, *, percent: bool = True) -> Cell:
    """Write an estimate as the page shows it."""
    full = e.n == e.total
    return Cell(
        value=number(e.value, percent=percent),
        interval=span(e.low, e.high, percent=percent),
        n=f"{e.n:,}",
        total=f"{e.total:,}",
        clusters=f"{e.clusters:,}",
        coverage=number(e.coverage) if e.total else DASH,
        full=full,
        bounds="" if full else span(e.worst, e.best, percent=percent),
        method=label(e.method, 200),
        reason=label(e.method, 200) if e.low is None else "",
        drawn=figures.intervals([mark_of(e, series)], scale),
    )


def _delta(d: Difference | None, metric: Metric, reach: float) -> Delta | None:
    if d is None:
        return None
    scale = 100 if metric.percent else 1
    value = DASH if d.delta is None else f"{scale * d.delta:+.1f}" if metric.percent else f"{d.delta:+.3g}"
    p_value = "" if d.p_value is None else "p < 0.001" if d.p_value < 0.001 else f"p = {d.p_value:.3f}"
    clear = d.low is not None and d.high is not None and (d.low > 0 or d.high < 0)
    drawn = figures.difference(d.delta, d.low, d.high, reach) if metric.percent else Markup("")
    return Delta(
        value.replace("-", "−"),
        DASH if d.low is None or d.high is None else _signed_span(d.low, d.high, percent=metric.percent),
        f"{d.n:,}",
        p_value,
        clear,
        drawn,
    )


def _signed_span(low: float, high: float, *, percent: bool) -> str:
    pattern = "{:+.1f}" if percent else "{:+.3g}"
    scale = 100 if percent else 1
    return f"{pattern.format(scale * low)} to {pattern.format(scale * high)}".replace("-", "−")
