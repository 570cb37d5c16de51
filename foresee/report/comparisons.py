"""Compare this page's runs with published models under one rule, and one model shown whole items or parts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from foresee.evaluation.run_folder import Run
from foresee.files.spool import Places
from foresee.report import figures
from foresee.report.escaping import label
from foresee.report.figures import Mark
from foresee.report.main_table import Cell, Column, MetricRow, cell, estimate, number
from foresee.report.published import PublishedRow
from foresee.report.scenarios import PanelRow, lanes
from foresee.statistics import rate

_SHOWN = {"both": "the whole item", "image": "the image alone", "text": "the text alone"}


class PublishedTable(NamedTuple):
    """Published rows below this page's runs under the same rule; one text and one bar for each metric."""

    metrics: tuple[str, ...]
    ours: tuple[tuple[Column, tuple[tuple[Cell | None, Mapping[str, list[str]]], ...]], ...]
    theirs: tuple[tuple[PublishedRow, tuple[tuple[str, Markup], ...]], ...]
    sources: tuple[str, ...]


class Ablation(NamedTuple):
    """One model's runs by what it was shown: every measure, and how often the verdict stayed the same."""

    model: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    rows: tuple[PanelRow, ...]
    agreement: tuple[tuple[str, int | None, Cell], ...]


def published_table(
    columns: Sequence[Column], headline: Sequence[MetricRow], rows: Sequence[PublishedRow]
) -> PublishedTable | None:
    """Compare with published figures; None where nobody published a figure for a metric of these runs."""
    cells = {row.name: [(cell, row.where) for cell in row.cells] for row in headline if row.published}
    metrics = [name for name in cells if any(name in row.values for row in rows)]
    if not metrics:
        return None
    ours = tuple((column, tuple(cells[name][i] for name in metrics)) for i, column in enumerate(columns))
    theirs = []
    for row in rows:
        values = [row.values.get(name) for name in metrics]
        named = replace(row, model=label(row.model), note=label(row.note, 200))
        theirs.append((named, tuple((number(v), figures.intervals([Mark(v, None, None)])) for v in values)))
    names = tuple(label(name.removeprefix("published."), 40) for name in metrics)
    sources = tuple(dict.fromkeys(label(row.source, 300) for row in rows if row.source))
    return PublishedTable(names, ours, tuple(theirs), sources)


def ablations(group: Sequence[Column]) -> list[Ablation]:
    """Group the runs that differ in nothing but what the model was shown, the whole item first."""
    order = list(_SHOWN)
    alike: dict[str, list[Column]] = {}
    for column in group:
        if _modality(column.run) in order:
            options = {k: v for k, v in column.run.manifest["options"].items() if k != "modality"}
            same = (column.run.model, column.run.defense, sorted(map(repr, options.items())))
            alike.setdefault(repr(same), []).append(column)
    found = []
    for columns in alike.values():
        if len({_modality(column.run) for column in columns}) >= 2:
            found.append(_ablation(sorted(columns, key=lambda column: order.index(_modality(column.run)))))
    return found


def _ablation(columns: Sequence[Column]) -> Ablation:
    first = columns[0]
    rows = []
    for metric in first.run.metrics:
        if not metric.published and metric.percent:
            found = [estimate(column.run, metric.name) for column in columns]
            rows.append(lanes(metric.name, found, [column.series for column in columns], metric.where))
    agreement = []
    if _modality(first.run) == "both":
        for column in columns[1:]:
            same = _agreement(first.run, column.run)
            if same is not None:
                agreement.append((_SHOWN[_modality(column.run)], column.place, same))
    names = tuple(_SHOWN[_modality(column.run)] for column in columns)
    return Ablation(first.name, tuple(columns), names, tuple(rows), tuple(agreement))


def _agreement(whole: Run, part: Run) -> Cell | None:
    """How often the verdict on a part of the item equals that on the whole one; rows that both have a verdict on."""
    import numpy as np

    places = Places(((row.item.id, row.answer.epoch), place) for place, row in enumerate(part.rows))
    values, clusters, known = array("d"), array("I"), Places()
    for row in whole.rows:
        place = places.get((row.item.id, row.answer.epoch))
        other = part.rows[place].verdicts if place is not None else {}
        for judge, verdict in row.verdicts.items():
            if judge in other:
                scored = verdict.value is not None and other[judge].value is not None
                values.append(float(verdict.value == other[judge].value) if scored else math.nan)
                clusters.append(known.code(row.item.cluster or row.item.id))
    return cell(rate(np.array(values), np.array(clusters, np.int64), name="same verdict")) if values else None


def _modality(run: Run) -> str:
    options = run.manifest.get("options")
    return str(options.get("modality", "")) if isinstance(options, Mapping) else ""
