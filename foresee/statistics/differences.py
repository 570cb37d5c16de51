"""Paired differences of two runs over the same clustered items: one method for the interval and its p value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING

from foresee.statistics.clustered_means import (
    SAME,
    Groups,
    Table,
    averaged,
    codes,
    curve,
    grouped,
    numbers,
    tabulate,
)
from foresee.statistics.estimates import Labels, Values, around, check, lacking
from foresee.statistics.intervals import STANDARD, Interval

if TYPE_CHECKING:
    from foresee.statistics.intervals import Curve

_SMALLEST = 1e-15  # below this a p value is as good as zero


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

    @property
    def detectable(self) -> float | None:
        """The least true difference that 80 of 100 such samples would tell from zero at 95 %; None without an interval.

        (1.96 + 0.84) standard errors (Miller 2024, arXiv 2411.00640, section 5), by the width of the interval.
        """
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2 * (1 + NormalDist().inv_cdf(0.8) / NormalDist().inv_cdf(0.975))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p values for several questions at once: none below alpha is a false alarm, but for a share of alpha.

    Holm (1979), Scandinavian Journal of Statistics 6:65-70: the smallest times their number, the next times one less.
    """
    found, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = least
    return found


def paired_difference(
    a: Values,
    b: Values,
    clusters: Labels,
    *,
    groups: Sequence[str] | Groups | None = None,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Difference:
    """B minus A over the items that both scored.

    Pairing removes from the comparison how hard the items are (Miller 2024, arXiv 2411.00640).

    Interval: for 0/1 values on single items Tango's score interval (1998, Statistics in Medicine 17:891-908), otherwise
    the rules of `rate` on the differences, with Student's t however many clusters there are: a bootstrap of 60 clusters
    held the difference in 93 % of samples, this in 95 %. Where all differences are zero it is Tango's on the effective
    number of clusters: how much difference may have gone unseen.

    p value: how often the interval must be allowed to miss for zero to fall out of it, so that p < 0.05 exactly if the
    95 % interval leaves out zero. On single items that is McNemar's score test (1947, Psychometrika 12:153-157), (gains
    - losses)^2 / (gains + losses). 1.0 if nothing moved, or with one cluster.

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
    import numpy as np

    check(a, bounds, name)
    check(b, bounds, name)
    left, right, labels, whole = numbers(a), numbers(b), codes(clusters), grouped(groups, len(a))
    both = ~(np.isnan(left) | np.isnan(right))
    left, right, labels, of = left[both], right[both], labels[both], Groups(whole.names, whole.of[both])
    unscored, n = len(both) - len(left), len(left)
    empty = lacking(of)
    if empty or not n:
        method = "nothing scored on both sides" + (f" in {', '.join(empty)}" if any(empty) else "")
        count = len(np.unique(labels))
        return Difference(name, None, None, None, n, count, method, None, None, None, 0, 0, unscored)
    data = tabulate(right - left, labels, of)
    width = bounds[1] - bounds[0]
    value_a, value_b = averaged(left, of), averaged(right, of)
    delta = value_b - value_a
    found = _curve(data, width)
    low, high, method = around(delta, found(STANDARD.alpha))
    p_value = _p_value(found, delta)
    return Difference(name, delta, low, high, n, data.clusters, method, p_value, value_a, value_b, 0, 0, unscored)


def _curve(data: Table, width: float) -> Curve:
    """Compute the intervals of a difference of values that lie within a range of `width`."""
    import numpy as np

    moves, counts = data.sums[:, 0] / width, data.kinds.counts
    single = len(data.usual) == 1 and bool((data.sizes == 1).all())
    if single and data.clusters > 1 and bool(np.isin(moves, (-1.0, 0.0, 1.0)).all()):
        return partial(_tango, int(counts[moves > 0].sum()), int(counts[moves < 0].sum()), data.clusters, width)
    return curve(data, (-width, width), None)


def _tango(gains: int, losses: int, pairs: int, width: float, alpha: float) -> Interval:
    """Tango's score interval: the differences that a score test, with the other rates as they fit best, allows."""
    from math import sqrt

    from scipy.optimize import brentq
    from scipy.special import ndtri

    z = -float(ndtri(alpha / 2))
    share = (gains - losses) / pairs

    def excess(delta: float) -> float:
        middle = (2 * pairs - gains + losses) * delta - gains - losses
        lost = (sqrt(max(middle**2 + 8 * pairs * losses * delta * (1 - delta), 0.0)) - middle) / (4 * pairs)
        return abs(gains - losses - pairs * delta) - z * sqrt(max(pairs * (2 * lost + delta * (1 - delta)), 0.0))

    def bound(end: float) -> float:
        near = share + (1e-9 if end > share else -1e-9)  # at the share itself both sides may be zero
        if excess(near) >= 0 or abs(end - share) < 1e-9:
            return share
        return float(brentq(excess, near, end, xtol=1e-12)) if excess(end) > 0 else end

    return Interval(width * bound(-1.0), width * bound(1.0), "Tango's score interval")


def _p_value(found: Curve, delta: float) -> float:
    """Find the smallest share of misses for which the interval leaves out zero."""

    def holds_zero(alpha: float) -> bool:
        low, high, _ = around(delta, found(alpha))
        return low is None or high is None or low <= 0 <= high

    if abs(delta) <= SAME or holds_zero(1 - 1e-9):
        return 1.0
    inside, outside = (STANDARD.alpha, 1.0) if holds_zero(STANDARD.alpha) else (_SMALLEST, STANDARD.alpha)
    if inside == _SMALLEST and not holds_zero(inside):
        return _SMALLEST
    while outside - inside > 1e-6 * outside:
        middle = (inside * outside) ** 0.5
        inside, outside = (middle, outside) if holds_zero(middle) else (inside, middle)
    return outside
