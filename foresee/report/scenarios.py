"""Compare runs by scenario: for each subset the measure that matters there, drawn with its interval, one lane a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from foresee.metrics import Metric, breakdowns
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
    parts = _parts(row for column in group for row in column.run.rows)
    measured = {subset: metric for subset, part in parts.items() if (metric := _measure_of(part, group[0].run.metrics))}
    wanted = [
        (replace(metric, where={"subset": subset}), parts[subset].by)  # its own may be another; the measure is wanted
        for subset, metric in measured.items()
    ]
    by_column = [breakdowns(column.run.rows, wanted) for column in group] if wanted else []
    series = [column.series for column in group]
    return [
        _panel(subset, parts[subset], metric, [{e.name: e for e in found[place]} for found in by_column], series)
        for place, (subset, metric) in enumerate(measured.items())
    ]


def lanes(
    name: str, estimates: Sequence[Estimate | None], series: Sequence[int], where: Mapping[str, str | tuple[str, ...]]
) -> PanelRow:
    """One row of dots: the estimates of one thing, a lane each; `where` says which items they count."""
    marks = [mark_of(e, s) if e else Mark(None, None, None) for e, s in zip(estimates, series, strict=True)]
    readings = [(number(e.value), _count(e)) if e else (DASH, "") for e in estimates]
    return PanelRow(label(name) or "not named", tuple(readings), figures.intervals(marks), counted(where))


class _Part:
    """What is known of the rows of a subset."""

    def __init__(self) -> None:
        self.measures: dict[str, None] = {}
        self._scenarios: dict[str, str] = {}  # with the domain of each
        self._domains: dict[str, str] = {}

    def add(self, row: Row) -> None:
        self.measures.update(dict.fromkeys(row.measures))
        self._scenarios[row.item.scenario] = row.item.domain
        self._domains[row.item.domain] = ""

    @property
    def by(self) -> str:
        return "scenario" if any(self._scenarios) else "domain"

    @property
    def domain_of(self) -> dict[str, str]:
        """The names that are told apart, each with what it belongs to."""
        return self._scenarios if any(self._scenarios) else self._domains


def _parts(rows: Iterable[Row]) -> dict[str, _Part]:
    found: dict[str, _Part] = {}
    for row in rows:
        found.setdefault(row.item.subset, _Part()).add(row)
    return found


def _panel(
    subset: str, part: _Part, metric: Metric, estimates: Sequence[Mapping[str, Estimate]], series: Sequence[int]
) -> Panel:
    by, domain_of = part.by, part.domain_of
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


def _measure_of(part: _Part, metrics: Sequence[Metric]) -> Metric | None:
    """Find the first metric whose measure these rows have; None where there is nothing to break down by."""
    if len(part.domain_of) < 2:
        return None
    return next((m for m in metrics if not m.published and m.percent and m.measure in part.measures), None)


def _first_value(estimates: Sequence[Mapping[str, Estimate]], name: str) -> float:
    values = (by_name[name].value for by_name in estimates if name in by_name)
    return next((value for value in values if value is not None), math.inf)


def _count(e: Estimate) -> str:
    return f"{e.n}" if e.n == e.total else f"{e.n}/{e.total}"
