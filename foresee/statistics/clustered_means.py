"""The interval of a mean, or of a mean of groups' means, when items come in clusters that may span the groups.

Used for rates, macro averages and paired differences alike; `rate` and `mean_of_means` state the rules.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from foresee.statistics.intervals import (
    FEW_CLUSTERS,
    Interval,
    Kinds,
    Resampling,
    curve_from_clusters,
    kinds_of,
    mostly_constant,
    scaled_wilson,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from foresee.statistics.intervals import Array, Curve

SAME = 1e-9
"""Of the range: means closer than this differ by rounding only."""

RARE = 5
"""With fewer clusters than this that hold anything unusual, a bootstrap puts the far bound too near."""


_AT_ONCE = 1 << 16  # numbers that are Python's at a time


class Groups(NamedTuple):
    """The group of each item: the names in their order, each of which has an item, and each item's place among them."""

    names: tuple[str, ...]
    of: NDArray[np.int32]


class Table(NamedTuple):
    """Values summed per cluster and group, with what the sums hide; clusters with the same sums are one kind.

    "Usual" is a group's most frequent value, or the mean of those.
    """

    kinds: Kinds  # rows: the sums of the groups, then their items
    usual: Array  # [groups]
    above: Array  # [groups] mean excess over the usual value
    below: Array  # [groups] mean shortfall
    unusual: NDArray[np.int64]  # [groups] clusters with at least one other value
    pure: bool  # each cluster's items all have the same value

    @property
    def sums(self) -> Array:
        """[kinds x groups]."""
        return self.kinds.rows[:, : len(self.usual)]

    @property
    def sizes(self) -> Array:
        """[kinds x groups], items."""
        return self.kinds.rows[:, len(self.usual) :]

    @property
    def clusters(self) -> int:
        """How many there are of all kinds."""
        return int(self.kinds.counts.sum())


class Part(NamedTuple):
    """One summand of a mean of means: how far its interval reaches, and on which clusters it rests."""

    below: float
    above: float
    profile: Array  # [clusters], each cluster's weight in it; or [kinds], times the root of their number


def numbers(values: Sequence[float | None] | Array) -> Array:
    """Return values as an array, nan where there is None."""
    import numpy as np

    return np.asarray(values, dtype=float)


def grouped(groups: Sequence[str] | Groups | None, count: int) -> Groups:
    """Give the groups of so many items numbers by the order of their names; None is a single group without a name."""
    import numpy as np

    if groups is None:
        return Groups(("",), np.zeros(count, np.int32))
    if not isinstance(groups, Groups):
        known = {name: place for place, name in enumerate(dict.fromkeys(groups))}
        groups = Groups(tuple(known), np.fromiter((known[name] for name in groups), np.int32, count))
    held = np.flatnonzero(np.bincount(groups.of, minlength=len(groups.names)))
    used = sorted(held.tolist(), key=groups.names.__getitem__)
    places = np.zeros(len(groups.names), np.int32)
    places[used] = np.arange(len(used))
    return Groups(tuple(groups.names[place] for place in used), places[groups.of])


def averaged(values: Array, groups: Groups) -> float:
    """Average the groups' means; the same to the last bit in whatever order the values come, and without copies."""
    parts = [values] if len(groups.names) == 1 else [values[groups.of == code] for code in range(len(groups.names))]
    return math.fsum(_sum(part) / len(part) for part in parts) / len(parts)


def _sum(values: Array) -> float:
    parts = (values[at : at + _AT_ONCE].tolist() for at in range(0, len(values), _AT_ONCE))
    return math.fsum(chain.from_iterable(parts))


def codes(labels: Sequence[Hashable] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Give labels numbers so that equal ones have equal numbers; numbers stay what they are."""
    import numpy as np

    if isinstance(labels, np.ndarray):
        return labels
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], dtype=np.int64)


def tabulate(values: Array, clusters: NDArray[np.int64], groups: Groups) -> Table:
    import numpy as np

    order = np.lexsort((values, groups.of, clusters))  # no sum may depend on the order of the rows, in no last bit
    held, group, cluster = values[order], groups.of[order], clusters[order]
    del order
    new = np.ones(len(cluster), bool)
    new[1:] = cluster[1:] != cluster[:-1]
    pure = bool(((held[1:] == held[:-1]) | new[1:]).all())
    del cluster
    count = len(groups.names)
    usual, above, below = np.empty((3, count))
    unusual = np.empty(count, dtype=np.int64)
    for g in range(count):
        mine = group == g
        kinds, counts = np.unique(held[mine], return_counts=True)
        usual[g] = kinds[counts == counts.max()].mean()  # a tie favours neither side
        excess = kinds - usual[g]
        above[g] = counts @ np.maximum(excess, 0) / counts.sum()
        below[g] = counts @ np.maximum(-excess, 0) / counts.sum()
        unusual[g] = np.logical_or.reduceat(mine & (held != usual[g]), np.flatnonzero(new)).sum()
    return Table(_summed(held, group, new, count), usual, above, below, unusual, pure)


def _summed(held: Array, group: NDArray[np.int32], new: NDArray[np.bool_], count: int) -> Kinds:
    """Sum values per cluster and group, so many clusters at a time: the table of all is larger than all else.

    Args:
        held: sorted by cluster.
        group: of each.
        new: where a cluster begins.
        count: of groups.
    """
    import numpy as np

    found = []
    starts = np.append(np.flatnonzero(new), len(new))
    step = max(1, 4 * _AT_ONCE // count)
    for first in range(0, len(starts) - 1, step):
        last = min(first + step, len(starts) - 1)
        part = slice(starts[first], starts[last])
        cell = (np.cumsum(new[part]) - 1) * count + group[part]
        size = (last - first) * count
        sums = np.bincount(cell, weights=held[part], minlength=size).reshape(-1, count)
        found.append(kinds_of(np.hstack([sums, np.bincount(cell, minlength=size).reshape(-1, count)])))
    if len(found) == 1:
        return found[0]
    return kinds_of(np.concatenate([each.rows for each in found]), np.concatenate([each.counts for each in found]))


def interval(data: Table, bounds: tuple[float, float], resampling: Resampling) -> Interval:
    """Compute the interval of the mean over groups of their means; `mean_of_means` says by which rules."""
    return curve(data, bounds, resampling)(resampling.alpha)


def curve(data: Table, bounds: tuple[float, float], resampling: Resampling | None) -> Curve:
    """Compute that interval for every confidence; without resampling, by Student's rule for any number of clusters."""
    import numpy as np

    clusters, groups, counts = data.clusters, len(data.usual), data.kinds.counts
    if clusters < 2:
        return lambda alpha: Interval(None, None, "no interval: one cluster")
    items = counts @ data.sizes
    means = (counts @ data.sums) / items
    if groups == 1 and _is_one_draw_per_cluster(data, bounds):
        return lambda alpha: scaled_wilson(float(means[0]), clusters, bounds, alpha, "Wilson")
    varying = _varying(data, means, bounds)
    drawn = _drawn(data, varying, bounds, resampling) if len(varying) else None
    if drawn is None:  # also when groups vary but cancel out within each cluster, as one answer per image does
        varying = varying[:0]
    steady = np.setdiff1d(np.arange(groups), varying)

    def profile(which: NDArray[np.int64]) -> Array:
        return np.asarray((data.sizes[:, which] / items[which] / groups).sum(axis=1) * np.sqrt(counts))

    def at(alpha: float) -> Interval:
        parts, methods = [], []
        if drawn is not None:
            found, share = drawn(alpha), len(varying) / groups
            parts.append(_part(found, means[varying].mean(), share, profile(varying)))
            methods.append(found.method)
        for g in steady:
            found = _steady(data, g, bounds, alpha)
            parts.append(_part(found, means[g], 1 / groups, profile(np.array([g]))))
            methods.append(found.method)
        below, above = combined(parts)
        value, method = float(means.mean()), " + ".join(dict.fromkeys(methods))
        return Interval(max(bounds[0], value - below), min(bounds[1], value + above), method)

    return at


def _drawn(
    data: Table, groups: NDArray[np.int64], bounds: tuple[float, float], resampling: Resampling | None
) -> Curve | None:
    """Resample clusters for the mean of these groups; few are counted by Kish's number, each group alike heavy."""
    import numpy as np

    effective = _effective((data.sizes[:, groups] / (data.kinds.counts @ data.sizes)[groups]).sum(axis=1), data)
    kinds = data.kinds
    if len(groups) < len(data.usual):
        held = np.flatnonzero((data.sizes[:, groups] > 0).any(axis=1))
        columns = np.concatenate([groups, groups + len(data.usual)])
        kinds = kinds_of(kinds.rows[np.ix_(held, columns)], kinds.counts[held])
    return curve_from_clusters(kinds, _mean_of_ratios, bounds, resampling, effective)


def _effective(sizes: Array, data: Table) -> float:
    """Compute Kish's effective number of clusters, given a size of each kind; those of size 0 are none."""
    return float((data.kinds.counts @ sizes) ** 2 / (data.kinds.counts @ sizes**2))


def _varying(data: Table, means: Array, bounds: tuple[float, float]) -> NDArray[np.int64]:
    """Find the groups that can be resampled: their clusters differ, and more than a few of them do."""
    import numpy as np

    held = data.kinds.counts @ (data.sizes > 0)
    few = np.array([_effective(sizes, data) < FEW_CLUSTERS for sizes in data.sizes.T])
    columns = zip(data.sums.T, means, data.sizes.T, strict=True)
    spread = np.array([np.abs(sums - mean * sizes).max() for sums, mean, sizes in columns])
    differs = (spread > SAME * (bounds[1] - bounds[0])) & (held > 1)
    return np.flatnonzero(differs & (few | (data.unusual >= RARE)))


def _steady(data: Table, group: int, bounds: tuple[float, float], alpha: float) -> Interval:
    """Compute the interval of one group that can't be resampled."""
    sizes = data.sizes[:, group]
    effective = _effective(sizes, data)
    if data.unusual[group] < RARE:
        deviations = float(data.above[group]), float(data.below[group])
        return mostly_constant(float(data.usual[group]), deviations, effective, bounds, alpha)
    counts = data.kinds.counts
    value = float(counts @ data.sums[:, group] / (counts @ sizes))
    return scaled_wilson(value, effective, bounds, alpha, "Wilson on effective clusters")


def combined(parts: Sequence[Part]) -> tuple[float, float]:
    """How far a sum reaches below and above, from its parts (the MOVER: Zou & Donner 2008, Zou 2007).

    Two parts are taken to be correlated as they would be if items of a cluster always agreed: the cosine of their
    cluster weights. Parts without a common cluster are independent (squared, added, rooted), parts on the same
    clusters err together (added).
    """
    import numpy as np

    profiles = np.array([part.profile / np.linalg.norm(part.profile) for part in parts])
    correlation = profiles @ profiles.T
    reaches = np.array([(part.below, part.above) for part in parts])
    below, above = np.sqrt(np.einsum("is,ij,js->s", reaches, correlation, reaches))
    return float(below), float(above)


def _part(found: Interval, value: float, weight: float, profile: Array) -> Part:
    assert found.low is not None
    assert found.high is not None
    return Part(max(0.0, value - found.low) * weight, max(0.0, found.high - value) * weight, profile)


def _is_one_draw_per_cluster(data: Table, bounds: tuple[float, float]) -> bool:
    """Whether the clusters are so many tosses of one coin: 0/1 values, agreeing within clusters of equal size."""
    means = data.sums / data.sizes
    ends = (means == bounds[0]) | (means == bounds[1])
    return data.pure and bool(ends.all() and (data.sizes == data.sizes[0]).all())


def _mean_of_ratios(sums: Array) -> Array:
    """[... x (values, sizes)] -> [...]; a resample that holds nothing of a group averages the other groups."""
    import numpy as np

    half = sums.shape[-1] // 2
    values, sizes = sums[..., :half], sums[..., half:]
    present = sizes > 0
    ratios = np.divide(values, sizes, out=np.zeros_like(values), where=present)
    count = present.sum(axis=-1)
    return np.asarray(np.divide(ratios.sum(axis=-1), count, out=np.full(count.shape, np.nan), where=count > 0))
