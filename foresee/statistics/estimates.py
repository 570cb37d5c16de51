"""Rates and means of rates over clustered items, each with an interval that can be defended.

A value is a number per item: 1.0 for correct, 0.0 for not, or a score within `bounds`. None is an item that has
no score; it never enters a rate, it lowers the coverage, and `worst` and `best` say how far it could move the
rate. Items with the same cluster label are resampled together.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from foresee.errors import UserError
from foresee.statistics.clustered_means import Groups, averaged, codes, grouped, interval, numbers, tabulate
from foresee.statistics.intervals import STANDARD, Interval, Resampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values: TypeAlias = "Sequence[float | None] | NDArray[np.float64]"
"""Numbers with None for a gap; or an array of numbers within their bounds, with nan for a gap."""

Labels: TypeAlias = "Sequence[Hashable] | NDArray[np.int64]"


@dataclass(frozen=True)
class Estimate:
    """One figure with its interval and everything that its reader must know.

    Attributes:
        name: the metric's or the group's name.
        value: the figure, None where nothing was scored.
        low: lower bound of the interval (95 % unless asked otherwise), None where the data give none.
        high: upper bound.
        n: rows that were scored.
        total: rows to which the measure applies, scored or not.
        clusters: independent groups among the scored rows; what the interval rests on.
        method: how the interval was made, or why there is none.
        worst: the value if every unscored row had scored the lowest possible.
        best: the value if every unscored row had scored the highest possible.
        bounds: lowest and highest possible value.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    clusters: int
    method: str
    worst: float | None = None
    best: float | None = None
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def coverage(self) -> float:
        """Scored rows / rows to which the measure applies; 0 where it applies to none."""
        return self.n / self.total if self.total else 0.0

    def _repr_html_(self) -> str:
        value, low, high = ("–" if x is None else f"{x:.3f}" for x in (self.value, self.low, self.high))
        span = "" if self.low is None else f" [{low}, {high}]"
        counted = f"{self.n} of {self.total} scored, {self.clusters} clusters"
        return f"<p><b>{escape(self.name)}</b> {value}{span}; {counted}; {escape(self.method)}</p>"


def rate(
    values: Values,
    clusters: Labels,
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
    resampling: Resampling = STANDARD,
) -> Estimate:
    """Estimate the mean of the scored values, every item with equal weight.

    The interval, by the first rule that fits:

    1. fewer than two clusters: none; one image says nothing of others.
    2. only 0s and 1s, and each cluster a single item (or items that all agree, equally many): Wilson, by clusters.
    3. fewer than 40 clusters, by Kish's effective number: Wilson on the effective size, with Student's t.
    4. fewer than 5 clusters hold anything but the most frequent value (0 %, 100 %, rare events): Wilson on Kish's
       effective number of clusters.
    5. otherwise: cluster bootstrap, BCa.

    Where all clusters have the same mean, 3 and 5 would claim certainty: then it is Wilson on the effective number
    of clusters too.

    Args:
        values: one number per item, within `bounds`; None where unscored.
        clusters: one label per item; a cluster is resampled as a whole.
        name: put into the result and into error messages.
        bounds: lowest and highest possible value.
        resampling: confidence, resamples, seed.

    Raises:
        UserError: a value outside `bounds` or not a number.
    """
    return mean_of_means(values, clusters, None, name=name, bounds=bounds, resampling=resampling)


def mean_of_means(
    values: Values,
    clusters: Labels,
    groups: Sequence[str] | Groups | None,
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
    resampling: Resampling = STANDARD,
) -> Estimate:
    """Estimate the unweighted mean of the groups' rates: balanced accuracy, or a published total over subsets.

    Whole clusters are resampled over all groups at once, since a cluster may have items in several. A group at
    0 % or 100 %, or nearly, would enter a bootstrap as certain; it is held fixed there and brings its own Wilson
    interval. The parts are then combined by their distances from the mean (Zou & Donner 2008, Statistics in
    Medicine 27:1693-1702; with correlation Zou 2007, Psychological Methods 12:399-413): those on the same clusters
    add up, those without a common cluster count as independent, and others lie between.

    The value is None when a group has items but no scored one: a mean over the others is another figure.

    Args:
        values: as for `rate`.
        clusters: as for `rate`.
        groups: one group name per item; None is one group.
        name: as for `rate`.
        bounds: as for `rate`.
        resampling: as for `rate`.

    Raises:
        UserError: a value outside `bounds` or not a number.
    """
    import numpy as np

    total = len(values)
    if total == 0:
        return Estimate(name, None, None, None, 0, 0, 0, "applies to no item", bounds=bounds)
    check(values, bounds, name)
    held, labels, whole = numbers(values), codes(clusters), grouped(groups, total)
    worst, best = (averaged(np.where(np.isnan(held), edge, held), whole) for edge in bounds)
    kept = ~np.isnan(held)
    scored, labels, of = held[kept], labels[kept], Groups(whole.names, whole.of[kept])
    n, count = len(scored), len(np.unique(labels))
    if empty := lacking(of):
        reason = "nothing scored" + (f" in {', '.join(empty)}" if any(empty) else "")
        return Estimate(name, None, None, None, n, total, count, reason, worst, best, bounds)
    data = tabulate(scored, labels, of)
    value = averaged(scored, of)
    low, high, method = around(value, interval(data, bounds, resampling))
    return Estimate(name, value, low, high, n, total, count, method, worst, best, bounds)


def mean(values: Sequence[float]) -> float:
    """Average the values; the same to the last bit in whatever order they come."""
    return math.fsum(values) / len(values)


def lacking(groups: Groups) -> list[str]:
    """List the groups without an item."""
    import numpy as np

    held = np.bincount(groups.of, minlength=len(groups.names))
    return [name for name, count in zip(groups.names, held.tolist(), strict=True) if not count]


def around(value: float, found: Interval) -> Interval:
    """Widen an interval to its value, which rounding must not leave outside."""
    if found.low is None or found.high is None:
        return found
    return Interval(min(found.low, value), max(found.high, value), found.method)


def check(values: Values, bounds: tuple[float, float], name: str) -> None:
    """Check the values. Raises UserError: one is outside `bounds` or not a number."""
    low, high = bounds
    for value in () if hasattr(values, "dtype") else values:  # an array was checked as it was filled, and nan is a gap
        if value is not None and not low <= value <= high:  # also true of nan
            raise UserError(
                f"{name or 'a measure'} has the value {value}, expected {low:g} to {high:g}; "
                "correct it, or declare the bounds of the measure in its Metric"
            )
