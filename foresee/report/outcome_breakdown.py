"""Break rows down by outcome: how each judge read them, how sure the first token was."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple, get_args

from foresee.metrics import Metric
from foresee.records import Row, Verdict
from foresee.report.escaping import label

Outcome = Literal["wrong", "refusal", "unparsed", "failed", "correct", "scored"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
PartKind = Literal["value", "unparsed", "refused_by_api", "error", "missing_image"]
LOW_MASS = 0.5
_STATUS_LABELS: Mapping[PartKind, str] = {
    "unparsed": "no verdict",
    "refused_by_api": "API refused",
    "error": "call failed",
    "missing_image": "image missing",
}
_MOST_VALUES = 8
_BINS = 5


class Part(NamedTuple):
    """One way in which a judge read some rows (or why it could not), and how many."""

    kind: PartKind
    label: str
    rows: int
    share: float


class SplitBar(NamedTuple):
    """How one run's rows of one subset split."""

    run: int
    total: int
    parts: tuple[Part, ...]


class Split(NamedTuple):
    """How one judge read every run; all bars have the same parts in the same order."""

    judge: str
    subsets: tuple[tuple[str, tuple[SplitBar, ...]], ...]

    @property
    def legend(self) -> tuple[Part, ...]:
        return self.subsets[0][1][0].parts


class FirstToken(NamedTuple):
    """Probability that fell on the offered first words: over how many rows, its median, how many were low."""

    rows: int
    median: float
    low: int


def outcome(row: Row, metrics: Sequence[Metric]) -> Outcome:
    """Whether the answer was right by the first measure with a direction that applies to it.

    "refusal" is a refusal where that was not right; "scored" has no right or wrong. A measure between its
    worst and its best counts as wrong.
    """
    if row.answer.status != "ok":
        return "failed"
    for metric in metrics:
        decides = metric.percent and not metric.published and metric.higher_is_better is not None
        if not decides or metric.measure not in row.measures:
            continue
        value = row.measures[metric.measure]
        if value is None:
            return "refusal" if _refused(row) else "unparsed"
        if value == (1.0 if metric.higher_is_better else 0.0):
            return "correct"
        return "refusal" if _refused(row) else "wrong"
    return "scored" if any(verdict.value is not None for verdict in row.verdicts.values()) else "unparsed"


def splits(runs: Sequence[Sequence[Row]]) -> list[Split]:
    """How every judge's verdicts split in each subset of each run, in the order of the data.

    A judge whose verdicts hold several values (such as R, S and E) is split once for each.
    """
    seen = _values_given(row for rows in runs for row in rows)
    counted: list[dict[str, dict[int, Counter[tuple[PartKind, str]]]]] = [{} for _ in seen]
    for run, rows in enumerate(runs):
        for row in rows:
            for (judge, part), values, by_subset in zip(seen, seen.values(), counted, strict=True):
                counter = by_subset.setdefault(row.item.subset, {}).setdefault(run, Counter())
                counter[_kind(row, judge, part, values)] += 1
    return [_split(judge, part, by_subset) for (judge, part), by_subset in zip(seen, counted, strict=True)]


def verdict_text(verdict: Verdict) -> str:
    """Write a verdict in a few words; a dash where there is none."""
    value = verdict.value
    if value is None:
        return "no verdict"
    if isinstance(value, Mapping):
        return ", ".join(f"{label(name, 20)} {score:g}" for name, score in value.items())
    return label(value, 40) if isinstance(value, str) else f"{value:g}"


def first_token(rows: Iterable[Row]) -> FirstToken | None:
    """Sum the probabilities of the offered first words; None where no row has them."""
    shares = (row.answer.choice_probabilities for row in rows)
    masses = array("d", (sum(each.values()) for each in shares if each))
    if not masses:
        return None
    return FirstToken(len(masses), median(masses), sum(not mass >= LOW_MASS for mass in masses))  # NaN is low


def _split(judge: str, part: str | None, counted: Mapping[str, Mapping[int, Counter[tuple[PartKind, str]]]]) -> Split:
    order = _ordered(key for by_run in counted.values() for counter in by_run.values() for key in counter)
    subsets = []
    for subset, by_run in counted.items():
        bars = []
        for run, counter in sorted(by_run.items()):
            total = counter.total()
            parts = tuple(Part(kind, name, counter[kind, name], counter[kind, name] / total) for kind, name in order)
            bars.append(SplitBar(run, total, parts))
        subsets.append((label(subset) or "all items", tuple(bars)))
    return Split(label(judge if part is None else f"{judge} · {part}", 60), tuple(subsets))


class _Values:
    """The values that a judge gave, and a label for each; of numbers no more is kept than tells how to bin them."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._few: dict[float, str] = {}  # the first ones, one more than are shown as they are
        self._low, self._high = math.inf, -math.inf

    def add(self, value: str | float) -> None:
        if isinstance(value, str):
            if value not in self._words:
                self._words[value] = label(value, 30)
            return
        self._low, self._high = min(self._low, value), max(self._high, value)
        if len(self._few) <= _MOST_VALUES and value not in self._few:
            self._few[value] = f"{value:g}"

    def name(self, value: str | float) -> str:
        """Label a value: words as they are, numbers as they are or, when they are many, in five equal bins."""
        if isinstance(value, str):
            return self._words.get(value) or label(value, 30)
        if len(self._few) <= _MOST_VALUES:
            return self._few.get(value) or f"{value:g}"
        width = (self._high - self._low) / _BINS
        step = min(_BINS - 1, int((value - self._low) / width))
        return f"{self._low + step * width:.3g} to {self._low + (step + 1) * width:.3g}"


def _values_given(rows: Iterable[Row]) -> dict[tuple[str, str | None], _Values]:
    """Collect the values of every judge of these rows, by part where its verdicts hold several."""
    found: dict[tuple[str, str | None], _Values] = {}
    for row in rows:
        for judge, verdict in row.verdicts.items():
            parts: Iterable[str | None] = verdict.value if isinstance(verdict.value, Mapping) else (None,)
            for part in parts if verdict.value is not None else ():
                values = found.setdefault((judge, part), _Values())
                if (value := _value(verdict, part)) is not None:
                    values.add(value)
    return found


def _refused(row: Row) -> bool:
    values = (verdict.value for verdict in row.verdicts.values())
    return any(isinstance(value, str) and "refus" in value.lower() for value in values)


def _value(verdict: Verdict | None, part: str | None) -> str | float | None:
    value = verdict.value if verdict is not None else None
    if isinstance(value, Mapping):
        value = value.get(part) if part is not None else None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _kind(row: Row, judge: str, part: str | None, values: _Values) -> tuple[PartKind, str]:
    status = row.answer.status
    if status != "ok":
        return status, _STATUS_LABELS[status]
    value = _value(row.verdicts.get(judge), part)
    return ("unparsed", _STATUS_LABELS["unparsed"]) if value is None else ("value", values.name(value))


_FIRST = ("safe", "unsafe")


def _ordered(keys: Iterable[tuple[PartKind, str]]) -> list[tuple[PartKind, str]]:
    """Verdicts first (safe, unsafe, other words, numbers ascending, refusals), then why there is none."""
    kinds = get_args(PartKind)

    def place(key: tuple[PartKind, str]) -> tuple[int, int, float, str]:
        kind, name = key
        known = _FIRST.index(name) if name in _FIRST else 3 if "refus" in name.lower() else 2
        try:
            number = float(name.split()[0])
        except (ValueError, IndexError):
            number = 0.0
        return kinds.index(kind), known, number, name

    return sorted(set(keys), key=place)
