"""Rates, means of rates and paired differences over clustered items, each with an interval that can be defended.

A value is a number per item: 1.0 for correct, 0.0 for not, or a score within `bounds`. None is an item that has
no score; it never enters a rate, it lowers the coverage, and `worst` and `best` say how far it could move the
rate. Items with the same cluster label are resampled together.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foresee.errors import UserError
from foresee.statistics.clustered_means import SAME, Table, interval, tabulate
from foresee.statistics.intervals import STANDARD, Interval, Resampling

if TYPE_CHECKING:
    from foresee.statistics.intervals import Array

Values = Sequence[float | None]
_EXACT_FLIPS = 2000  # moved clusters up to which sign flips are drawn; beyond, their sum is normal for any purpose


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


@dataclass(frozen=True)
class Difference:
    """How far B lies from A on the items that both scored; positive where B is higher.

    Attributes:
        name: the metric's name.
        delta: value_b - value_a, None where no item was scored on both sides.
        low: lower bound of its interval.
        high: upper bound.
        n: items scored on both sides.
        clusters: independent groups among them.
        method: how the interval was made, or why there is none.
        p_value: two-sided, for "A and B could be swapped within any cluster".
        value_a: A's figure on these items alone.
        value_b: B's figure on these items alone.
        only_a: items to which the measure applies that B does not have.
        only_b: items to which the measure applies that A does not have.
        unscored: items of both that at least one side left unscored.
    """

    name: str
    delta: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str
    p_value: float | None
    value_a: float | None
    value_b: float | None
    only_a: int = 0
    only_b: int = 0
    unscored: int = 0


def rate(
    values: Values,
    clusters: Sequence[Hashable],
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
    resampling: Resampling = STANDARD,
) -> Estimate:
    """The mean of the scored values, every item with equal weight.

    The interval, by the first rule that fits:

    1. fewer than two clusters: none; one picture says nothing of others.
    2. only 0s and 1s, and each cluster a single item (or items that all agree, equally many): Wilson, by clusters.
    3. fewer than 20 clusters: Wilson on the effective size, with Student's t.
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
    return mean_of_means(values, clusters, [""] * len(values), name=name, bounds=bounds, resampling=resampling)


def mean_of_means(
    values: Values,
    clusters: Sequence[Hashable],
    groups: Sequence[str],
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
    resampling: Resampling = STANDARD,
) -> Estimate:
    """The unweighted mean of the groups' rates: balanced accuracy, or a published total over subsets.

    Whole clusters are resampled over all groups at once, since a cluster may have items in several. A group at
    0 % or 100 %, or nearly, would enter a bootstrap as certain; it is held fixed there and brings its own Wilson
    interval. The parts are then combined by their distances from the mean (Zou & Donner 2008, Statistics in
    Medicine 27:1693-1702; with correlation Zou 2007, Psychological Methods 12:399-413): those on the same clusters
    add up, those without a common cluster count as independent, and others lie between.

    The value is None when a group has items but no scored one: a mean over the others is another figure.

    Args:
        values: as for `rate`.
        clusters: as for `rate`.
        groups: one group name per item.
        name: as for `rate`.
        bounds: as for `rate`.
        resampling: as for `rate`.

    Raises:
        UserError: a value outside `bounds` or not a number.
    """
    total = len(values)
    if total == 0:
        return Estimate(name, None, None, None, 0, 0, 0, "applies to no item", bounds=bounds)
    _check(values, bounds, name)
    worst, best = (mean([edge if v is None else v for v in values], groups) for edge in bounds)
    kept = [i for i, v in enumerate(values) if v is not None]
    n = len(kept)
    held = len({clusters[i] for i in kept})
    empty = sorted(set(groups) - {groups[i] for i in kept})
    if empty:
        reason = "nothing scored" + (f" in {', '.join(empty)}" if any(empty) else "")
        return Estimate(name, None, None, None, n, total, held, reason, worst, best, bounds)
    scored = [v for v in values if v is not None]
    data = tabulate(scored, [clusters[i] for i in kept], [groups[i] for i in kept])
    value = mean(scored, [groups[i] for i in kept])
    low, high, method = _around(value, interval(data, bounds, resampling))
    return Estimate(name, value, low, high, n, total, held, method, worst, best, bounds)


def mean(values: Sequence[float], groups: Sequence[str] | None = None) -> float:
    """The mean of the values, or of the groups' means; the same to the last bit in whatever order they come."""
    if groups is None:
        return math.fsum(values) / len(values)
    by_group: dict[str, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        by_group.setdefault(group, []).append(value)
    return math.fsum(math.fsum(held) / len(held) for held in by_group.values()) / len(by_group)


def paired_difference(
    a: Values,
    b: Values,
    clusters: Sequence[Hashable],
    *,
    groups: Sequence[str] | None = None,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Difference:
    """B minus A over the items that both scored.

    Pairing removes from the comparison how hard the items are (Miller 2024, arXiv 2411.00640).

    Interval: the rules of `rate` on the differences. Where all differences are zero, a bootstrap would say
    [0, 0]; here Tango's score interval on the effective number of clusters says how much difference may have
    gone unseen. p value: all items of a cluster swap A and B together, at random (a cluster sign-flip test,
    Winkler et al. 2014, NeuroImage 92:381-397; for several groups see `_p_value`); where every moved cluster
    moved equally far, as with 0/1 values and single-item clusters, it is McNemar's exact test
    (1947, Psychometrika 12:153-157). 1.0 if nothing moved.

    Args:
        a: one number per item, None where unscored.
        b: the same items in the same order.
        clusters: one label per item.
        groups: where given, the difference of the unweighted means of the groups' rates; without a value if one
            of the groups has no item that was scored on both sides.
        name: put into the result and into error messages.
        bounds: lowest and highest possible value of A and of B.

    Raises:
        UserError: a value outside `bounds` or not a number.
    """
    _check(a, bounds, name)
    _check(b, bounds, name)
    groups = groups or [""] * len(a)
    both = [(x, y, c, g) for x, y, c, g in zip(a, b, clusters, groups, strict=True) if x is not None and y is not None]
    unscored = len(a) - len(both)
    empty = sorted(set(groups) - {g for *_, g in both})
    if empty or not both:
        method = "nothing scored on both sides" + (f" in {', '.join(empty)}" if any(empty) else "")
        held = len({c for _, _, c, _ in both})
        return Difference(name, None, None, None, len(both), held, method, None, None, None, 0, 0, unscored)
    left, right, labels, kept_groups = (list(column) for column in zip(*both, strict=True))
    data = tabulate([y - x for x, y in zip(left, right, strict=True)], labels, kept_groups)
    width = bounds[1] - bounds[0]
    value_a, value_b = mean(left, kept_groups), mean(right, kept_groups)
    low, high, method = _around(value_b - value_a, interval(data, (-width, width), STANDARD))
    p_value = _p_value(data, width)
    return Difference(
        name, value_b - value_a, low, high, len(both), len(data.sums), method, p_value, value_a, value_b, 0, 0, unscored
    )


def _around(value: float, found: Interval) -> Interval:
    """Rounding must not leave a value outside its own interval."""
    if found.low is None or found.high is None:
        return found
    return Interval(min(found.low, value), max(found.high, value), found.method)


def _p_value(data: Table, width: float) -> float:
    """Of one group by sign flips. A mean of several groups' means may be zero although every group moved (one up,
    one down); "A and B could be swapped" would then be the wrong question, so its distance from zero is measured in
    cluster-robust standard errors (Cameron and Miller 2015, J. Human Resources 50:317-372) against Student's t."""
    import numpy as np

    weights = 1 / (data.sizes.sum(axis=0) * data.sizes.shape[1])
    clusters, groups = data.sizes.shape
    if groups > 1 and clusters > 1:
        means = data.sums.sum(axis=0) / data.sizes.sum(axis=0)
        residuals = (data.sums - data.sizes * means) @ weights
        error = float(np.sqrt(clusters / (clusters - 1) * (residuals**2).sum()))
        if error > SAME * width:
            from scipy.stats import t

            return float(2 * t.sf(abs(means.mean()) / error, clusters - 1))
    return _sign_flip_p(data.sums @ weights, width)


def _sign_flip_p(moves: Array, width: float) -> float:
    """The share of all sign patterns of the clusters' moves whose sum is at least as far from zero."""
    import numpy as np

    moved = moves[np.abs(moves) > SAME * width / len(moves) ** 2]
    if len(moved) == 0:
        return 1.0
    scale = np.abs(moved).max()
    moved = np.sort(moved * np.sign(moved.sum()) / scale)  # the same numbers for A against B as for B against A
    total = float(moved.sum())
    if total <= SAME:  # rounding must not turn a tie with zero into a distance from it
        return 1.0
    if np.abs(moved).min() >= 1 - SAME:
        from scipy.stats import binomtest

        return float(binomtest(int((moved > 0).sum()), len(moved)).pvalue)
    if len(moved) > _EXACT_FLIPS:
        from scipy.special import ndtr

        return float(2 * ndtr(-total / np.sqrt((moved**2).sum())))
    from scipy.stats import permutation_test

    found = permutation_test(
        (moved,), np.sum, permutation_type="samples", vectorized=True, n_resamples=9999, batch=1000, random_state=0
    )
    return float(found.pvalue)


def _check(values: Values, bounds: tuple[float, float], name: str) -> None:
    low, high = bounds
    for value in values:
        if value is not None and not low <= value <= high:  # also true of nan
            raise UserError(
                f"{name or 'a measure'} has the value {value}, expected {low:g} to {high:g}; "
                "correct it, or declare the bounds of the measure in its Metric"
            )
