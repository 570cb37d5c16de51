"""Compare runs by scenario: for each subset the measure that matters there, drawn with its interval, one lane a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from foresee.metrics import Metric, breakdown
from foresee.records import Row
from foresee.report import figures
from foresee.report.escaping import label
from foresee.report.figures import Mark
from foresee.report.gallery import counted
from foresee.report.main_table import DASH, Column, mark_of, number
from foresee.statistics import Estimate


class PanelRow(NamedTuple):
    """One scenario: value and n of every run, and all of them drawn above each other."""

    name: str
    readings: tuple[tuple[str, str], ...]
    drawn: Markup
    where: Mapping[str, list[str]]


class Panel(NamedTuple):
    """The scenarios of one subset, under their domains."""

    subset: str
    measure: str
    by: str
    domains: tuple[tuple[str, tuple[PanelRow, ...]], ...]


def panels(group: Sequence[Column]) -> list[Panel]:
    """For each subset, the first measure that applies there, scenario by scenario, lowest first in each domain.

    Subsets with fewer than two scenarios have no panel. Where the benchmark names no scenarios, its domains
    take their place.
    """
    subsets = dict.fromkeys(row.item.subset for column in group for row in column.run.rows)
    found = (_panel(subset, group) for subset in subsets)
    return [panel for panel in found if panel is not None]


def lanes(
    name: str, estimates: Sequence[Estimate | None], series: Sequence[int], where: Mapping[str, str | tuple[str, ...]]
) -> PanelRow:
    """One row of dots: the estimates of one thing, a lane each; `where` says which items they count."""
    marks = [mark_of(e, s) if e else Mark(None, None, None) for e, s in zip(estimates, series, strict=True)]
    readings = [(number(e.value), _count(e)) if e else (DASH, "") for e in estimates]
    return PanelRow(label(name) or "not named", tuple(readings), figures.intervals(marks), counted(where))


def _panel(subset: str, group: Sequence[Column]) -> Panel | None:
    parts = [[row for row in column.run.rows if row.item.subset == subset] for column in group]
    rows = [row for part in parts for row in part]
    metric = _measure_of(rows, group[0].run.metrics)
    by = "scenario" if any(row.item.scenario for row in rows) else "domain"
    domain_of = {getattr(row.item, by): row.item.domain if by == "scenario" else "" for row in rows}
    if metric is None or len(domain_of) < 2:
        return None
    anywhere = replace(metric, where={})  # its own subset may be another one; the measure is what is wanted
    estimates = [{e.name: e for e in breakdown(part, anywhere, by)} if part else {} for part in parts]
    series = [column.series for column in group]
    domains: dict[str, list[PanelRow]] = {}
    ranked = sorted(domain_of, key=lambda name: (_first_value(estimates, name), name))
    for name in ranked:
        where = {"subset": subset, by: name}
        row = lanes(name, [by_name.get(name) for by_name in estimates], series, where)
        domains.setdefault(domain_of[name], []).append(row)
    if all(len(found) == 1 for found in domains.values()):  # a domain that is a scenario would only say it twice
        domains = {"": [row for name in ranked for row in domains[domain_of[name]]]}
    ordered = tuple((label(domain), tuple(found)) for domain, found in sorted(domains.items()))
    return Panel(label(subset) or "all items", label(metric.measure), by, ordered)


def _measure_of(rows: Sequence[Row], metrics: Sequence[Metric]) -> Metric | None:
    present = {name for row in rows for name in row.measures}
    return next((m for m in metrics if not m.published and m.percent and m.measure in present), None)


def _first_value(estimates: Sequence[Mapping[str, Estimate]], name: str) -> float:
    values = (by_name[name].value for by_name in estimates if name in by_name)
    return next((value for value in values if value is not None), math.inf)


def _count(e: Estimate) -> str:
    return f"{e.n}" if e.n == e.total else f"{e.n}/{e.total}"
