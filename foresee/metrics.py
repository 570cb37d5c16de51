"""From rows to figures: a benchmark declares metrics, this computes them, breaks them down and compares two runs.

A row is one item in one epoch; the item is the unit of every figure, so its epochs are first reduced to one value.
A row that was not answered ("ok") is unscored for every measure that applies to it, whatever it holds.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from foresee.errors import UserError, unknown_name
from foresee.files.spool import Places
from foresee.records import Item, Row
from foresee.statistics import Difference, Estimate, mean, mean_of_means, paired_difference
from foresee.statistics.clustered_means import Groups, averaged, grouped
from foresee.statistics.conditions import Condition, parse_condition
from foresee.statistics.estimates import check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Epochs = Literal["mean", "any", "all", "majority"]
_Key: TypeAlias = tuple[str, str]  # benchmark, item id
ITEM_FIELDS = ("id", "benchmark", "subset", "domain", "scenario", "cluster", "expected")


__all__ = [
    "Condition",
    "Metric",
    "Outcomes",
    "breakdown",
    "breakdowns",
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
        per: a key of the item's metadata that holds a list; an item counts once for each of its entries (a prompt with
            three orders three times), and `n` counts these.
        epochs: how an item's epochs become one value. "mean": their mean. "any", "all", "majority" (of 0/1
            values): 1 if one, every, or more than half of them is 1; a tied majority is 0.5.
        attempts: of how many epochs "any" and "all" speak; None for however many there are. More of them make the
            figure steadier and no other: the share of the choices of `attempts` of them with a 1, or with nothing else.
        ordered: whether the epochs of an item build on each other, so that `attempts` of them are the first ones and
            no others: choices of rounds that follow on one another are not exchangeable.
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
    per: str | None = None
    epochs: Epochs = "mean"
    attempts: int | None = None
    ordered: bool = False
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
        repeated: whether any row is an item's second epoch, or a later one.
    """

    total: int
    ok: int
    refused_by_api: int
    errors: int
    missing_images: int
    unscored: int
    truncated: int
    items: int
    repeated: bool = False


def summarise(rows: Iterable[Row], metrics: Sequence[Metric]) -> list[Estimate]:
    """One estimate per metric, in the same order; the rows are read once.

    `n` and `total` count rows for epochs="mean", and items for the other reducers, whose unit is the item.
    An item of which some epochs are unscored: "mean" takes the scored ones (and n says how many are missing);
    "any", "all" and "majority" give a value only where the missing epochs could not change it.

    Raises:
        UserError: a metric names an unknown item field, or a measure leaves its bounds.
    """
    table = _Items(metric.mean_over for metric in metrics)
    columns = table.read(rows, metrics)
    return [
        _estimate(table, _reduced_by_item(column, metric), metric)
        for column, metric in zip(columns, metrics, strict=True)
    ]


def of_tries(metrics: Sequence[Metric], tries: int, success: str, *, ordered: bool = False) -> tuple[Metric, ...]:
    """Adapt metrics to rows that are tries of an attack: each is about one try, the share of harm done also about any.

    Args:
        metrics: a benchmark's.
        tries: k; there may be more rows an item, which make ASR@k steadier and no other.
        success: the measure that says that harm was done.
        ordered: each try was made of what came of those before it.
    """
    found: list[Metric] = []
    for metric in metrics:
        one = replace(metric, epochs="mean", attempts=None) if metric.epochs == "any" else metric
        one = replace(one, doc=f"{one.doc.split(', in any of')[0]}; of one try") if one != metric else one
        found.append(one)
        if metric.measure == success and not metric.name.endswith(".mean"):
            doc = f"the same in any of {tries} tries, without bias where there are more"
            if ordered:
                doc = f"the same in any of the first {tries} rounds"
            any_of = replace(one, epochs="any", attempts=tries, ordered=ordered)
            found.append(replace(any_of, name=f"{metric.name}@{tries}", doc=doc))
    return tuple(found)


def breakdown(rows: Iterable[Row], measure: str | Metric, by: str) -> list[Estimate]:
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
    table, (found,) = _broken_down(rows, [(metric, by)])
    if table.measures and metric.measure not in table.measures:
        raise unknown_name("measure", metric.measure, table.measures)
    key = by.removeprefix("metadata.")
    if key != by and table.count and key not in table.metadata:
        raise unknown_name("metadata key", key, table.metadata)
    return found


def breakdowns(rows: Iterable[Row], wanted: Sequence[tuple[Metric, str]]) -> list[list[Estimate]]:
    """Make several breakdowns, each of a metric by an item field, of rows that are read once.

    One whose measure no row has is empty.

    Raises:
        UserError: unknown item field, or a measure leaves its bounds.
    """
    return _broken_down(rows, wanted)[1]


def _broken_down(rows: Iterable[Row], wanted: Sequence[tuple[Metric, str]]) -> tuple[_Items, list[list[Estimate]]]:
    metrics = [replace(metric, mean_over=None) for metric, _ in wanted]
    table = _Items(by for _, by in wanted)
    columns = table.read(rows, metrics)
    found = []
    for column, metric, (_, by) in zip(columns, metrics, wanted, strict=True):
        units = _reduced_by_item(column, metric)
        of = table.codes(by)[units.items]
        each = (
            _estimate(table, units.at(of == code), replace(metric, name=n)) for code, n in enumerate(table.names(by))
        )
        found.append([estimate for estimate in each if estimate.total])
    return table, found


def outcomes(rows: Iterable[Row]) -> Outcomes:
    """Count what became of the rows."""
    status: Counter[str] = Counter()
    unscored = truncated = 0
    repeated, items = False, Places()
    for row in rows:
        status[row.answer.status] += 1
        items.add(_key(row))
        repeated = repeated or row.answer.epoch > 0
        if row.answer.status == "ok":
            unscored += any(value is None for value in row.measures.values())
            truncated += row.answer.finish_reason == "length"
    return Outcomes(
        total=status.total(),
        ok=status["ok"],
        refused_by_api=status["refused_by_api"],
        errors=status["error"],
        missing_images=status["missing_image"],
        unscored=unscored,
        truncated=truncated,
        items=len(items),
        repeated=repeated,
    )


def compare(rows_a: Iterable[Row], rows_b: Iterable[Row], metrics: Sequence[Metric]) -> list[Difference]:
    """B minus A for every metric over the items that both runs hold, clusters resampled.

    A metric that speaks of any, all or most of an item's epochs is not compared where the runs asked an item unequally
    often: once in three is another figure than once in one. `method` then says so.

    Items are matched by benchmark and id. `only_a` and `only_b` count those without a counterpart, `unscored`
    the pairs of which a side has no value; neither enters the difference.

    Raises:
        UserError: no item in common, or as for `summarise`.
    """
    table = _Items(metric.mean_over for metric in metrics)
    columns_a, in_a = table.read(rows_a, metrics), table.count
    seen = bytearray(in_a)
    columns_b = table.read(rows_b, metrics, seen)
    in_b, both = table.count - in_a + sum(seen), sum(seen)
    if not both:
        raise UserError(f"the two runs have no item in common ({in_a} and {in_b} items): nothing to compare")
    return [
        _difference(table, _reduced_by_item(a, metric), _reduced_by_item(b, metric), metric)
        for a, b, metric in zip(columns_a, columns_b, metrics, strict=True)
    ]


def selected(rows: Iterable[Row], metric: Metric) -> Iterator[Row]:
    """Yield the answered rows that a metric is about, scored or not. Raises UserError: an unknown item field."""
    conditions = _conditions(metric)
    for row in rows:
        if row.answer.status == "ok" and metric.measure in row.measures and _fits(row.item, conditions):
            yield row


class _Column(NamedTuple):
    """The rows to which a metric applies: the number of each row's item, and its value, nan where unscored.

    `weights` says how often each counts; empty where all count once.
    """

    items: array[int]
    values: array[float]
    weights: array[int]

    @classmethod
    def empty(cls) -> _Column:
        return cls(array("I"), array("d"), array("I"))


class _Items:
    """The items of one run, or of two that are compared, numbered in the order of the rows.

    Args:
        fields: item fields that are needed later; None is none.
    """

    def __init__(self, fields: Iterable[str | None]) -> None:
        self._numbers, self._cluster_codes = Places(), Places()
        self._clusters = array("q")
        self._known: dict[str, dict[str, int]] = {name: {} for name in fields if name}
        self._codes = {name: array("I") for name in self._known}
        self.measures: dict[str, None] = {}
        self.metadata: dict[str, None] = {}

    @property
    def count(self) -> int:
        return len(self._clusters)

    def read(self, rows: Iterable[Row], metrics: Sequence[Metric], seen: bytearray | None = None) -> list[_Column]:
        """Read rows into a column for each metric; `seen` gets a 1 for each item that was numbered before this call.

        Raises:
            UserError: an unknown item field, or a measure leaves its bounds.
        """
        columns = [_Column.empty() for _ in metrics]
        wanted = [(_conditions(metric), metric, column) for metric, column in zip(metrics, columns, strict=True)]
        for row in rows:
            number = self._number(row)
            if seen is not None and number < len(seen):
                seen[number] = 1
            for conditions, metric, (items, values, weights) in wanted:
                if metric.measure not in row.measures or not _fits(row.item, conditions):
                    continue
                value = row.measures[metric.measure] if row.answer.status == "ok" else None
                if value is not None and not metric.bounds[0] <= value <= metric.bounds[1]:
                    check((value,), metric.bounds, metric.name)
                items.append(number)
                values.append(math.nan if value is None else value)
                if metric.per is not None:
                    weights.append(len(row.item.metadata.get(metric.per, (None,))))
        return columns

    def names(self, field: str) -> list[str]:
        """Return the values of an item field, in the order of the rows."""
        return list(self._known[field])

    def codes(self, field: str) -> NDArray[np.int32]:
        """Return each item's value of a field, as its place in `names`."""
        import numpy as np

        return np.array(self._codes[field], np.int32)

    def groups(self, field: str | None, items: NDArray[np.int64]) -> Groups:
        """Return the groups that the values of a field put these items into; a single one for None."""
        whole = None if field is None else Groups(tuple(self.names(field)), self.codes(field)[items])
        return grouped(whole, len(items))

    @property
    def clusters(self) -> NDArray[np.int64]:
        """A number for each item, equal for those that are resampled together."""
        return _as_array(self._clusters)

    def _number(self, row: Row) -> int:
        key, item = _key(row), row.item
        number = self._numbers.get(key)
        if number is None:
            self._numbers[key] = number = self.count
            self._clusters.append(self._cluster_codes.code(item.cluster) if item.cluster else -1 - number)
            for name, known in self._known.items():
                self._codes[name].append(known.setdefault(_field(item, name), len(known)))
            self.metadata.update(dict.fromkeys(item.metadata))
        self.measures.update(dict.fromkeys(row.measures))
        return number


class _Units(NamedTuple):
    """The items to which a metric applies, their epochs reduced; the value is nan where there is none.

    `worst` and `best` are the values with every unscored epoch at the measure's lowest and highest; `weights` says how
    often each counts.
    """

    items: NDArray[np.int64]
    values: NDArray[np.float64]
    worst: NDArray[np.float64]
    best: NDArray[np.float64]
    scored: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: NDArray[np.int64]

    def at(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> _Units:
        """Return those that a mask or a list of places names."""
        return _Units(
            self.items[which],
            self.values[which],
            self.worst[which],
            self.best[which],
            self.scored[which],
            self.rows[which],
            self.weights[which],
        )

    def repeated(self) -> _Units:
        """Return each as often as it counts, side by side: whole clusters are resampled, so intervals know of it."""
        import numpy as np

        return self if (self.weights == 1).all() else self.at(np.repeat(np.arange(len(self.items)), self.weights))


def _estimate(table: _Items, units: _Units, metric: Metric) -> Estimate:
    units = units.repeated()
    clusters, groups = table.clusters[units.items], table.groups(metric.mean_over, units.items)
    found = mean_of_means(units.values, clusters, groups, name=metric.name, bounds=metric.bounds)
    if metric.epochs != "mean" or not len(units.items):
        return found
    return replace(
        found,
        n=int(units.scored.sum()),
        total=int(units.rows.sum()),
        worst=averaged(units.worst, groups),
        best=averaged(units.best, groups),
    )


def _difference(table: _Items, a: _Units, b: _Units, metric: Metric) -> Difference:
    import numpy as np

    _, in_a, in_b = np.intersect1d(a.items, b.items, assume_unique=True, return_indices=True)
    both = int(a.weights[in_a].sum())
    only_a, only_b = int(a.weights.sum()) - both, int(b.weights.sum()) - both
    unlike = np.flatnonzero(a.rows[in_a] != b.rows[in_b])
    for place in unlike.tolist():
        if (told := _unequal(int(a.rows[in_a][place]), int(b.rows[in_b][place]), metric)) is not None:
            return Difference(metric.name, None, None, None, 0, 0, told, None, None, None, only_a, only_b)
    either = np.union1d(a.items, b.items)  # items of one run alone go along without a value: no group may vanish unsaid
    values, weights = [], np.ones(len(either), np.int64)
    for units in (a, b):
        column = np.full(len(either), np.nan)
        places = np.searchsorted(either, units.items)
        column[places], weights[places] = units.values, units.weights
        values.append(column)
    if (weights != 1).any():
        either, *values = (np.repeat(each, weights) for each in (either, *values))
    found = paired_difference(
        values[0],
        values[1],
        table.clusters[either],
        groups=table.groups(metric.mean_over, either),
        name=metric.name,
        bounds=metric.bounds,
    )
    return replace(found, only_a=only_a, only_b=only_b, unscored=found.unscored - only_a - only_b)


def _unequal(a: int, b: int, metric: Metric) -> str | None:
    """Why an item that was asked so often on either side is no pair; None if it is."""
    if metric.epochs == "mean" or a == b or (metric.attempts is not None and min(a, b) >= metric.attempts):
        return None
    return f"not compared: {metric.epochs} of {a} answers against {metric.epochs} of {b}"


def _reduced_by_item(column: _Column, metric: Metric) -> _Units:
    """Reduce the epochs of each item to one value."""
    import numpy as np

    items, values = _as_array(column.items), np.frombuffer(column.values) if column.values else np.empty(0)
    order = np.argsort(items, kind="stable")
    items, values = items[order], values[order]
    first = np.flatnonzero(np.diff(items, prepend=-1))
    counts = np.diff(np.append(first, len(items)))
    scored = np.add.reduceat(~np.isnan(values), first, dtype=np.int64) if len(first) else np.empty(0, np.int64)
    reduced, worst, best = np.empty((3, len(first)))
    if (counts == 1).all():
        reduced, missing = values, np.isnan(values)
        worst, best = (np.where(missing, edge, values) for edge in metric.bounds)
    else:
        for place, (start, count) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
            reduced[place], worst[place], best[place] = _of_epochs(values[start : start + count].tolist(), metric)
    weights = _as_array(column.weights)[order][first] if metric.per else np.ones(len(first), np.int64)
    return _Units(items[first], reduced, worst, best, scored, counts, weights)


def _of_epochs(values: Sequence[float], metric: Metric) -> tuple[float, float, float]:
    """Return an item's value, nan where it is open, and its value if all that is unscored were lowest, and highest."""
    if metric.ordered:
        values = values[: metric.attempts]
    worst, best = (_reduced([edge if math.isnan(v) else v for v in values], metric) for edge in metric.bounds)
    kept = [value for value in values if not math.isnan(value)]
    if len(kept) >= (1 if metric.epochs == "mean" else metric.attempts or len(values)):
        return _reduced(kept, metric), worst, best
    return worst if worst == best else math.nan, worst, best  # settled if the missing epochs could not change it


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


def _conditions(metric: Metric) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, (v,) if isinstance(v, str) else tuple(v)) for name, v in metric.where.items()]


def _fits(item: Item, conditions: Iterable[tuple[str, tuple[str, ...]]]) -> bool:
    return all(_field(item, name) in values for name, values in conditions)


def _as_array(numbers: array[int]) -> NDArray[np.int64]:
    import numpy as np

    return np.array(numbers, np.int64)


def _key(row: Row) -> _Key:
    return row.item.benchmark, row.item.id


def _field(item: Item, name: str) -> str:
    if name in ITEM_FIELDS:
        return str(getattr(item, name))
    if name.startswith("metadata."):
        return str(item.metadata.get(name.removeprefix("metadata."), ""))
    raise unknown_name("item field", name, (*ITEM_FIELDS, "metadata.KEY"))
