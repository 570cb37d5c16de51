"""Combine seeds and items: the interval of a figure that was measured again from several random seeds.

Two things may have come out otherwise: which items were asked, and how the seeds fell. Items have their own interval
(of the mean over seeds, item by item, clusters together); seeds have Student's, from the figures of each. Their bounds
are put together by the squares of their distances (MOVER: Zou & Donner 2008, Statistics in Medicine 27:1693-1702),
which keeps the asymmetry of the items' interval near 0 and 1. What is common to a seed and an item is counted twice, so
the interval errs on the wide side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from foresee.statistics.intervals import STANDARD, Resampling


class Seeded(NamedTuple):
    """A mean over seeds with its interval; `low` and `high` None where the items' interval is missing.

    Attributes:
        value: mean of the seeds' figures; None where one of them has none.
        low: lower bound, over seeds and items.
        high: upper bound.
        each: the seeds' figures, in order.
        between: standard deviation between seeds; None for a single one.
    """

    value: float | None
    low: float | None
    high: float | None
    each: tuple[float | None, ...]
    between: float | None

    @property
    def p_value(self) -> float | None:
        """Two-sided p value of "the true figure is zero", by the normal curve whose 95 % interval ends where ours does.

        Below 0.05 exactly where the interval leaves out zero; meant for differences.
        """
        if self.value is None or self.low is None or self.high is None:
            return None
        reach = self.value - self.low if self.value > 0 else self.high - self.value
        if reach <= 0:
            return 1.0 if self.value == 0 else 0.0
        return math.erfc(abs(self.value) / reach * 1.959964 / math.sqrt(2))


def over_seeds(
    each: Sequence[float | None],
    items: tuple[float | None, float | None, float | None],
    bounds: tuple[float, float],
    resampling: Resampling = STANDARD,
) -> Seeded:
    """Combine the figures of several seeds with the interval over items.

    Args:
        each: one figure a seed, over the same items.
        items: the figure of the items' means over seeds, and the bounds of its interval over items alone.
        bounds: lowest and highest possible value; the interval is cut there.
        resampling: how sure the interval is.

    Returns:
        The mean; with a single seed the items' interval as it is.

    Raises:
        ValueError: no seed.
    """
    if not each:
        raise ValueError("expected the figure of one seed at least, got none")
    known = [value for value in each if value is not None]
    if len(known) < len(each):
        return Seeded(None, None, None, tuple(each), None)
    count = len(known)
    mean = math.fsum(known) / count
    if count == 1:
        return Seeded(mean, items[1], items[2], tuple(each), None)
    between = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (count - 1))
    centre, low, high = items
    if centre is None or low is None or high is None:
        return Seeded(mean, None, None, tuple(each), between)
    from scipy.special import stdtrit

    reach = float(stdtrit(count - 1, 1 - resampling.alpha / 2)) * between / math.sqrt(count)
    lower = max(bounds[0], mean - math.hypot(centre - low, reach))
    upper = min(bounds[1], mean + math.hypot(high - centre, reach))
    return Seeded(mean, lower, upper, tuple(each), between)
