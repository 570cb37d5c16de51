"""Confidence intervals for figures computed from clustered items: Wilson's, and a bootstrap of whole clusters.

Items that share an image or a parent are not independent: 855 attack items rewritten from 171 parents carry
little more information than 171 items, and an interval that counts 855 is too narrow by half. So clusters, not
items, are the unit here: Cameron, Gelbach & Miller, "Bootstrap-based improvements for inference with clustered
errors" (2008), and for model evaluations Miller, "Adding error bars to evals" (arXiv 2411.00640).

A figure is any function of the sums of a few columns over clusters (a rate: correct and all; F1: three counts),
so one bootstrap serves them all. Which rule applies when, and how well each one covers: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:  # numpy is imported where it is used: the command line must start fast
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Curve: TypeAlias = Callable[[float], "Interval"]  # how often an interval may miss -> that interval

FEW_CLUSTERS = 40
"""Below this many effective clusters a bootstrap covers too rarely (with 5, 86 %, not 95 %): docs/statistics.md."""

BOOTSTRAP = "cluster bootstrap (BCa)"

_AT_ONCE = 1 << 16  # rows that a figure is computed of
_MANY_ROWS = 200  # up to here one multinomial call is faster than counting drawn indices one resample at a time
_TIE = 1e-12  # figures closer than this are the same number, summed in another order


class Interval(NamedTuple):
    """A confidence interval and how it came about; without bounds where the data can't give any."""

    low: float | None
    high: float | None
    method: str


class Kinds(NamedTuple):
    """The distinct rows of a table [kinds x columns], sorted, and how many clusters have each."""

    rows: Array
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Resampling:
    """How sure an interval is and how a bootstrap draws; the same data and seed give the same interval."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0

    @property
    def alpha(self) -> float:
        """How often the interval may miss: 1 - confidence."""
        return 1 - self.confidence


STANDARD = Resampling()


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a share; sensible where the simple one fails (few items, 0 %, 100 %).

    Wilson (1927), JASA 22:209-212; recommended by Agresti & Coull (1998), The American Statistician 52:119-126,
    and Brown, Cai & DasGupta (2001). `n` may be an effective number of items.

    Returns:
        Bounds in 0..1; none for n = 0.
    """
    if n <= 0:
        return Interval(None, None, "nothing scored")
    low, high = _wilson(successes / n, n, 1 - confidence)
    return Interval(low, high, "Wilson")


def _wilson(share: float, n: float, alpha: float) -> tuple[float, float]:
    """Find the shares p at which |share - p| is z standard errors, sqrt(p (1 - p) / n): Wilson (1927), p. 210."""
    z = -NormalDist().inv_cdf(alpha / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(centre - reach, share)), min(1.0, max(centre + reach, share))  # rounding may miss 0 or 1


def effective_clusters(sizes: Array) -> float:
    """Kish's effective number of clusters, (sum of sizes)^2 / sum of squared sizes; their count if all are equal.

    It is the number of independent observations if items of a cluster always agree: the cautious case.
    Kish (1965), Survey Sampling, section 8.2.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def mostly_constant(
    usual: float,
    deviations: tuple[float, float],
    observations: float,
    bounds: tuple[float, float],
    alpha: float,
) -> Interval:
    """Compute the interval of a mean when all or nearly all items score the same `usual` value.

    The mean is usual + above - below; each deviation gets Wilson's interval, and they are combined as independent
    (Newcombe 1998, Statistics in Medicine 17:873-890). At 0 % and 100 % this is Wilson's interval. For paired
    differences that are all zero it is Tango's score interval, plus or minus z^2 / (n + z^2): what was not seen may
    still exist (Tango 1998, Statistics in Medicine 17:891-908).

    Args:
        usual: the most frequent value.
        deviations: mean excess over it, mean shortfall; both 0 or more.
        observations: effective number of independent observations.
        bounds: lowest and highest possible value.
        alpha: how often it may miss, such as 0.05.
    """
    (above, below), (low, high) = deviations, bounds
    up = _scaled(above, observations, (0.0, high - usual), alpha)
    down = _scaled(below, observations, (0.0, usual - low), alpha)
    value = usual + above - below
    reach_below = math.hypot(above - up[0], down[1] - below)
    reach_above = math.hypot(up[1] - above, below - down[0])
    return Interval(max(low, value - reach_below), min(high, value + reach_above), "Wilson on effective clusters")


def scaled_wilson(
    value: float, observations: float, bounds: tuple[float, float], alpha: float, method: str
) -> Interval:
    """Wilson's interval for the mean of any score within `bounds`, moved to 0..1 and back.

    Cautious for scores between the ends: no distribution on 0..1 with mean p varies more than p (1 - p)
    (Bhatia & Davis 2000, American Mathematical Monthly 107:353-357).
    """
    low, high = _scaled(value, observations, bounds, alpha)
    return Interval(low, high, method)


def _scaled(value: float, observations: float, bounds: tuple[float, float], alpha: float) -> tuple[float, float]:
    low, high = bounds
    if high == low:
        return low, high
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    below, above = _wilson(share, observations, alpha)
    return low + (high - low) * below, low + (high - low) * above


def from_clusters(
    table: Array,
    figure: Callable[[Array], Array],
    bounds: tuple[float, float],
    resampling: Resampling,
    effective: float | None = None,
) -> Interval | None:
    """Compute the interval of a figure by resampling whole clusters: `curve_from_clusters` at one confidence."""
    found = curve_from_clusters(table, figure, bounds, resampling, effective)
    return found and found(resampling.alpha)


def curve_from_clusters(
    table: Array | Kinds,
    figure: Callable[[Array], Array],
    bounds: tuple[float, float],
    resampling: Resampling | None,
    effective: float | None = None,
) -> Curve | None:
    """Compute the intervals of a figure, for every confidence, by resampling whole clusters.

    From `FEW_CLUSTERS` effective clusters on it is the bias-corrected and accelerated bootstrap, BCa: Efron (1987),
    JASA 82:171-185. Below, Wilson's interval at the number of items that would vary as much, with Student's t for
    clusters - 1: Korn & Graubard (1998), Survey Methodology 24:193-201, with Wilson's form as Franco, Little,
    Louis & Slud (2019), J. Survey Statistics and Methodology 7:334-364, advise. There the variance is the jackknife's.

    Args:
        table: [clusters x columns] sums of the columns within each cluster, or their kinds.
        figure: [... x columns] sums -> [...] figures; nan where undefined.
        bounds: the figure's lowest and highest possible value.
        resampling: number of resamples, seed; None for Student's rule whatever the number of clusters.
        effective: Kish's effective number of clusters; None where all are equally large.

    Returns:
        None when the figure does not vary between clusters: resampling would claim certainty, and the caller
        knows better what to say.
    """
    import numpy as np

    kinds, counts = table if isinstance(table, Kinds) else kinds_of(table)
    clusters = int(counts.sum())
    total = counts @ kinds
    value = float(figure(total))
    parts = [figure(total - kinds[at : at + _AT_ONCE]) for at in range(0, len(kinds), _AT_ONCE)]  # no copy as a whole
    without_one = np.concatenate(parts)
    defined = np.isfinite(without_one)
    without_one, weights = without_one[defined], counts[defined]
    if clusters < 2 or weights.sum() < 2:
        return None
    shifts = weights @ without_one / weights.sum() - without_one
    squares = float(weights @ shifts**2)
    variance = (clusters - 1) / clusters * squares
    if variance <= (_TIE * (bounds[1] - bounds[0])) ** 2 or not bounds[0] < value < bounds[1]:
        return None
    if resampling is None or (clusters if effective is None else effective) < FEW_CLUSTERS:
        return partial(_student_wilson, value, variance, clusters, bounds)
    acceleration = float(weights @ shifts**3) / (6 * squares**1.5)
    replicates = figure(_resampled_sums(kinds, counts, resampling))
    return partial(_bca, value, replicates[np.isfinite(replicates)], acceleration, bounds)


def kinds_of(table: Array, counts: NDArray[np.int64] | None = None) -> Kinds:
    """Return the distinct rows in their order, and how often each is there; no copy of the table is made on the way.

    Clusters with equal sums are interchangeable; sorted like this, the order of the rows can't matter.

    Args:
        table: [rows x columns].
        counts: how often each row is there; None for once.
    """
    import numpy as np

    order = np.lexsort(table.T[::-1])  # by the first column, then by the second
    new = np.ones(len(order), bool)
    new[1:] = False
    for column in table.T:
        held = column[order]
        new[1:] |= held[1:] != held[:-1]
    first = np.flatnonzero(new)
    if counts is None:
        return Kinds(table[order[first]], np.diff(first, append=len(order)))
    return Kinds(table[order[first]], np.add.reduceat(counts[order], first) if len(first) else counts)


def _resampled_sums(kinds: Array, counts: NDArray[np.int64], resampling: Resampling) -> Array:
    """[resamples x columns] sums over clusters drawn with replacement; memory does not grow with the clusters."""
    import numpy as np

    rng = np.random.default_rng(resampling.seed)
    clusters = int(counts.sum())
    if len(kinds) <= _MANY_ROWS:
        drawn = rng.multinomial(clusters, counts / clusters, size=resampling.resamples)
        return np.asarray(drawn @ kinds, dtype=float)
    rows = np.repeat(np.arange(len(kinds)), counts)
    sums = np.empty((resampling.resamples, kinds.shape[1]))
    for i in range(resampling.resamples):
        sums[i] = np.bincount(rows[rng.integers(0, clusters, clusters)], minlength=len(kinds)) @ kinds
    return sums


def _bca(value: float, replicates: Array, acceleration: float, bounds: tuple[float, float], alpha: float) -> Interval:
    """Efron's BCa bounds; replicates equal to the value count half, as figures of counts have many ties."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    ties = np.abs(replicates - value) <= _TIE
    below = ((replicates < value) & ~ties).mean() + ties.mean() / 2
    edge = 0.5 / len(replicates)
    bias = float(ndtri(np.clip(below, edge, 1 - edge)))
    z = bias + ndtri(np.array([alpha / 2, 1 - alpha / 2]))
    low, high = np.quantile(replicates, ndtr(bias + z / (1 - acceleration * z)))
    return Interval(max(bounds[0], min(float(low), value)), min(bounds[1], max(float(high), value)), BOOTSTRAP)


def _student_wilson(
    value: float, variance: float, clusters: int, bounds: tuple[float, float], alpha: float
) -> Interval:
    from scipy.special import ndtr, stdtrit

    low, high = bounds
    share = (value - low) / (high - low)
    observations = share * (1 - share) * (high - low) ** 2 / variance
    t = float(stdtrit(clusters - 1, 1 - alpha / 2))
    as_normal = max(2 * float(ndtr(-t)), 1e-300)  # the alpha for which the normal quantile is Student's
    return scaled_wilson(value, observations, bounds, as_normal, "Wilson on effective size (t)")
