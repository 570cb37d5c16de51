"""From rows to figures: a benchmark declares metrics, this computes them, breaks them down and compares two runs.

A row is one item in one epoch; the item is the unit of every figure, so its epochs are first reduced to one value.
A row that was not answered ("ok") is unscored for every measure that applies to it, whatever it holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from foresee.errors import UserError, unknown_name
from foresee.records import Item, Row
from foresee.statistics import Difference, Estimate, mean, mean_of_means, paired_difference, rate
from foresee.statistics.conditions import Condition, parse_condition

Epochs = Literal["mean", "any", "all", "majority"]
_Key: TypeAlias = tuple[str, str]  # benchmark, item id
ITEM_FIELDS = ("id", "benchmark", "subset", "domain", "scenario", "cluster", "expected")


__all__ = [
    "Condition",
    "Metric",
    "Outcomes",
    "breakdown",
    "compare",
    "of_tries",
    "outcomes",
    "parse_condition",
    "selected",
    "summarise",
]


@dataclass(frozen=True)
class Metric:
    """A figure that a benchmark reports: the mean of a measure over the rows that `where` selects.

    Attributes:
        name: as printed, compared and used in conditions; unique within a benchmark.
        measure: the key in `Row.measures`.
        where: item field -> the value, or values, that it must have. `metadata.KEY` reaches into the metadata.
        mean_over: an item field; the rates of its groups are averaged with equal weight (balanced accuracy over
            "expected", a published total over "subset").
        epochs: how an item's epochs become one value. "mean": their mean. "any", "all", "majority" (of 0/1
            values): 1 if one, every, or more than half of them is 1; a tied majority is 0.5.
        attempts: of how many epochs "any" and "all" speak; None for however many there are. More of them make the
            figure steadier and no other: the share of the choices of `attempts` of them with a 1, or with nothing else.
        higher_is_better: None where there is no better.
        percent: shown as a percentage.
        published: the published script's own rule, shown for comparison only.
        doc: one line for readers.
        bounds: the measure's lowest and highest possible value.
    """

    name: str
    measure: str
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    mean_over: str | None = None
    epochs: Epochs = "mean"
    attempts: int | None = None
    higher_is_better: bool | None = True
    percent: bool = True
    published: bool = False
    doc: str = ""
    bounds: tuple[float, float] = (0.0, 1.0)


class Outcomes(NamedTuple):
    """What became of the rows. The first five add up: total = ok + refused_by_api + errors + missing_images.

    Attributes:
        total: rows.
        ok: rows with an answer.
        refused_by_api: rows that the provider refused to answer.
        errors: rows whose call failed.
        missing_images: rows never sent, for want of their image.
        unscored: rows with an answer of which some measure has no value.
        truncated: rows whose answer was cut at the token limit.
        items: distinct items.
    """

    total: int
    ok: int
    refused_by_api: int
    errors: int
    missing_images: int
    unscored: int
    truncated: int
    items: int


def summarise(rows: Sequence[Row], metrics: Sequence[Metric]) -> list[Estimate]:
    """One estimate per metric, in the same order.

    `n` and `total` count rows for epochs="mean", and items for the other reducers, whose unit is the item.
    An item of which some epochs are unscored: "mean" takes the scored ones (and n says how many are missing);
    "any", "all" and "majority" give a value only where the missing epochs could not change it.

    Raises:
        UserError: a metric names an unknown item field, or a measure leaves its bounds.
    """
    items = _by_item(rows)
    return [_estimate(items.values(), metric) for metric in metrics]


def of_tries(metrics: Sequence[Metric], tries: int, success: str) -> tuple[Metric, ...]:
    """Adapt metrics to rows that are tries of an attack: each is about one try, the share of harm done also about any.

    Args:
        metrics: a benchmark's.
        tries: k; there may be more rows an item, which make ASR@k steadier and no other.
        success: the measure that says that harm was done.
    """
    found: list[Metric] = []
    for metric in metrics:
        one = replace(metric, epochs="mean", attempts=None) if metric.epochs == "any" else metric
        one = replace(one, doc=f"{one.doc.split(', in any of')[0]}; of one try") if one != metric else one
        found.append(one)
        if metric.measure == success and not metric.name.endswith(".mean"):
            doc = f"the same in any of {tries} tries, without bias where there are more"
            found.append(replace(one, name=f"{metric.name}@{tries}", epochs="any", attempts=tries, doc=doc))
    return tuple(found)


def breakdown(rows: Sequence[Row], measure: str | Metric, by: str) -> list[Estimate]:
    """Make a measure for each value of an item field ("subset", "domain", "scenario", ...), named by that value.

    Groups come in the order of the rows; those to which the measure does not apply are left out.

    Args:
        rows: the rows of one run.
        measure: a key of `Row.measures` with values in 0..1, or a Metric, whose `where`, `epochs` and `bounds`
            then apply (its `mean_over` does not).
        by: the item field, or `metadata.KEY`.

    Raises:
        UserError: unknown item field or measure, or the measure leaves its bounds.
    """
    metric = measure if isinstance(measure, Metric) else Metric(measure, measure)
    known = {name for row in rows for name in row.measures}
    if rows and metric.measure not in known:
        raise unknown_name("measure", metric.measure, known)
    key = by.removeprefix("metadata.")
    kept = {name for row in rows for name in row.item.metadata} if key != by else {key}
    if rows and key not in kept:
        raise unknown_name("metadata key", key, kept)
    groups: dict[str, list[list[Row]]] = {}
    for held in _by_item(rows).values():
        groups.setdefault(_field(held[0].item, by), []).append(held)
    found = [_estimate(items, replace(metric, name=name, mean_over=None)) for name, items in groups.items()]
    return [estimate for estimate in found if estimate.total]


def outcomes(rows: Iterable[Row]) -> Outcomes:
    """Count what became of the rows."""
    rows = list(rows)
    count = {"ok": 0, "refused_by_api": 0, "error": 0, "missing_image": 0}
    for row in rows:
        count[row.answer.status] += 1
    answered = [row for row in rows if row.answer.status == "ok"]
    return Outcomes(
        total=len(rows),
        ok=count["ok"],
        refused_by_api=count["refused_by_api"],
        errors=count["error"],
        missing_images=count["missing_image"],
        unscored=sum(any(value is None for value in row.measures.values()) for row in answered),
        truncated=sum(row.answer.finish_reason == "length" for row in answered),
        items=len({_key(row) for row in rows}),
    )


def compare(rows_a: Sequence[Row], rows_b: Sequence[Row], metrics: Sequence[Metric]) -> list[Difference]:
    """B minus A for every metric over the items that both runs hold, clusters resampled.

    A metric that speaks of any, all or most of an item's epochs is not compared where the runs asked an item unequally
    often: once in three is another figure than once in one. `method` then says so.

    Items are matched by benchmark and id. `only_a` and `only_b` count those without a counterpart, `unscored`
    the pairs of which a side has no value; neither enters the difference.

    Raises:
        UserError: no item in common, or as for `summarise`.
    """
    a, b = _by_item(rows_a), _by_item(rows_b)
    if not a.keys() & b.keys():
        raise UserError(f"the two runs have no item in common ({len(a)} and {len(b)} items): nothing to compare")
    return [_difference(a, b, metric) for metric in metrics]


def selected(rows: Iterable[Row], metric: Metric) -> list[Row]:
    """Find the answered rows that a metric is about, scored or not. Raises UserError: an unknown item field."""
    wanted = [(name, (v,) if isinstance(v, str) else v) for name, v in metric.where.items()]
    return [
        row
        for row in rows
        if row.answer.status == "ok"
        and metric.measure in row.measures
        and all(_field(row.item, name) in values for name, values in wanted)
    ]


class _Unit(NamedTuple):
    """One item under one metric, its epochs reduced."""

    key: _Key
    value: float | None
    worst: float  # the value with every unscored epoch at the measure's lowest
    best: float
    scored: int
    rows: int
    cluster: tuple[str, ...]
    group: str


def _estimate(items: Iterable[Sequence[Row]], metric: Metric) -> Estimate:
    units = _units(items, metric)
    values, clusters = [u.value for u in units], [u.cluster for u in units]
    if metric.mean_over is None:
        found = rate(values, clusters, name=metric.name, bounds=metric.bounds)
        groups = None
    else:
        groups = [u.group for u in units]
        found = mean_of_means(values, clusters, groups, name=metric.name, bounds=metric.bounds)
    if metric.epochs != "mean" or not units:
        return found
    return replace(
        found,
        n=sum(u.scored for u in units),
        total=sum(u.rows for u in units),
        worst=mean([u.worst for u in units], groups),
        best=mean([u.best for u in units], groups),
    )


def _difference(a: Mapping[_Key, Sequence[Row]], b: Mapping[_Key, Sequence[Row]], metric: Metric) -> Difference:
    units_a = {u.key: u for u in _units(a.values(), metric)}
    units_b = {u.key: u for u in _units(b.values(), metric)}
    only_a, only_b = len(units_a.keys() - units_b.keys()), len(units_b.keys() - units_a.keys())
    for key in units_a.keys() & units_b.keys():
        if (told := _unequal(units_a[key].rows, units_b[key].rows, metric)) is not None:
            return Difference(metric.name, None, None, None, 0, 0, told, None, None, None, only_a, only_b)
    either = {**units_b, **units_a}  # items of one run alone go along without a value: no group may vanish unsaid
    found = paired_difference(
        [units_a[key].value if key in units_a else None for key in either],
        [units_b[key].value if key in units_b else None for key in either],
        [unit.cluster for unit in either.values()],
        groups=[unit.group for unit in either.values()],
        name=metric.name,
        bounds=metric.bounds,
    )
    return replace(found, only_a=only_a, only_b=only_b, unscored=found.unscored - only_a - only_b)


def _unequal(a: int, b: int, metric: Metric) -> str | None:
    """Why an item that was asked so often on either side is no pair; None if it is."""
    if metric.epochs == "mean" or a == b or (metric.attempts is not None and min(a, b) >= metric.attempts):
        return None
    return f"not compared: {metric.epochs} of {a} answers against {metric.epochs} of {b}"


def _units(items: Iterable[Sequence[Row]], metric: Metric) -> list[_Unit]:
    """Find the items to which the metric applies, in the order of the rows."""
    wanted = [(name, (v,) if isinstance(v, str) else v) for name, v in metric.where.items()]
    found = []
    for held in items:
        item = held[0].item
        if not all(_field(item, name) in values for name, values in wanted):
            continue
        values = [
            row.measures[metric.measure] if row.answer.status == "ok" else None
            for row in held
            if metric.measure in row.measures
        ]
        if not values:
            continue
        scored = sum(value is not None for value in values)
        worst, best = (_reduced([edge if v is None else v for v in values], metric) for edge in metric.bounds)
        kept = [value for value in values if value is not None]
        value: float | None
        if len(kept) >= (1 if metric.epochs == "mean" else metric.attempts or len(values)):
            value = _reduced(kept, metric)
        else:  # settled if the missing epochs could not change it
            value = worst if worst == best else None
        cluster = (item.cluster,) if item.cluster else ("", item.benchmark, item.id)
        group = _field(item, metric.mean_over) if metric.mean_over else ""
        found.append(_Unit(_key(held[0]), value, worst, best, scored, len(values), cluster, group))
    return found


def _reduced(values: Sequence[float], metric: Metric) -> float:
    """Merge an item's epochs into one value."""
    if metric.epochs == "mean" or len(values) == 1:
        return mean(values)
    odd = next((value for value in values if value not in (0.0, 1.0)), None)
    if odd is not None:
        raise UserError(
            f"metric '{metric.name}': epochs='{metric.epochs}' needs a measure of 0 and 1, "
            f"'{metric.measure}' has the value {odd:g}; use epochs='mean'"
        )
    share = mean(values)
    if metric.attempts is not None and metric.epochs != "majority" and metric.attempts < len(values):
        return _of_attempts(len(values), round(sum(values)), metric)
    if metric.epochs == "any":
        return float(share > 0)
    if metric.epochs == "all":
        return float(share == 1)
    return 0.5 if share == 0.5 else float(share > 0.5)


def _of_attempts(count: int, ones: int, metric: Metric) -> float:
    """Without bias (pass@k: Chen et al. 2021, arXiv 2107.03374, section 2.1): any is 1 - C(n - c, k) / C(n, k)."""
    assert metric.attempts is not None
    choices = math.comb(count, metric.attempts)
    if metric.epochs == "any":
        return 1 - math.comb(count - ones, metric.attempts) / choices
    return math.comb(ones, metric.attempts) / choices


def _by_item(rows: Iterable[Row]) -> dict[_Key, list[Row]]:
    found: dict[_Key, list[Row]] = {}
    for row in rows:
        found.setdefault(_key(row), []).append(row)
    return found


def _key(row: Row) -> _Key:
    return row.item.benchmark, row.item.id


def _field(item: Item, name: str) -> str:
    if name in ITEM_FIELDS:
        return str(getattr(item, name))
    if name.startswith("metadata."):
        return str(item.metadata.get(name.removeprefix("metadata."), ""))
    raise unknown_name("item field", name, (*ITEM_FIELDS, "metadata.KEY"))
