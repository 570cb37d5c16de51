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
    Resampling,
    curve_from_clusters,
    effective_clusters,
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
    of: NDArray[np.int64]


class Table(NamedTuple):
    """Values summed per cluster and group, with what the sums hide.

    "Usual" is a group's most frequent value, or the mean of those.
    """

    sums: Array  # [clusters x groups]
    sizes: Array  # [clusters x groups], items
    usual: Array  # [groups]
    above: Array  # [groups] mean excess over the usual value
    below: Array  # [groups] mean shortfall
    unusual: NDArray[np.int64]  # [groups] clusters with at least one other value
    pure: bool  # each cluster's items all have the same value


class Part(NamedTuple):
    """One summand of a mean of means: how far its interval reaches, and on which clusters it rests."""

    below: float
    above: float
    profile: Array  # [clusters], each cluster's weight in it


def numbers(values: Sequence[float | None] | Array) -> Array:
    """Return values as an array, nan where there is None."""
    import numpy as np

    return np.asarray(values, dtype=float)


def grouped(groups: Sequence[str] | Groups | None, count: int) -> Groups:
    """Give the groups of so many items numbers by the order of their names; None is a single group without a name."""
    import numpy as np

    if groups is None:
        return Groups(("",), np.zeros(count, np.int64))
    if not isinstance(groups, Groups):
        known = {name: place for place, name in enumerate(dict.fromkeys(groups))}
        groups = Groups(tuple(known), np.fromiter((known[name] for name in groups), np.int64, count))
    used = sorted(np.unique(groups.of).tolist(), key=groups.names.__getitem__)
    places = np.zeros(len(groups.names), np.int64)
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

    cluster_of, cluster = np.unique(clusters, return_inverse=True)
    shape = (len(cluster_of), len(groups.names))
    held, group = values, groups.of
    order = np.lexsort((held, group, cluster))  # no sum may depend on the order of the rows, not even in its last bit
    held, cluster, group = held[order], cluster[order], group[order]
    cell = cluster * shape[1] + group
    size = shape[0] * shape[1]
    sums = np.bincount(cell, weights=held, minlength=size).astype(float).reshape(shape)
    sizes = np.bincount(cell, minlength=size).reshape(shape).astype(float)
    usual, above, below = np.empty((3, shape[1]))
    unusual = np.empty(shape[1], dtype=np.int64)
    for g in range(shape[1]):
        mine = group == g
        kinds, counts = np.unique(held[mine], return_counts=True)
        usual[g] = kinds[counts == counts.max()].mean()  # a tie favours neither side
        excess = kinds - usual[g]
        above[g] = counts @ np.maximum(excess, 0) / counts.sum()
        below[g] = counts @ np.maximum(-excess, 0) / counts.sum()
        unusual[g] = len(np.unique(cluster[mine & (held != usual[g])]))
    pure = bool(((np.diff(held) == 0) | (np.diff(cluster) != 0)).all())
    order = np.lexsort([*sizes.T, *sums.T])  # nor on the order of the clusters
    sums = sums[order]  # one after the other: with many groups these are the largest of all
    sizes = sizes[order]
    return Table(sums, sizes, usual, above, below, unusual, pure)


def interval(data: Table, bounds: tuple[float, float], resampling: Resampling) -> Interval:
    """Compute the interval of the mean over groups of their means; `mean_of_means` says by which rules."""
    return curve(data, bounds, resampling)(resampling.alpha)


def curve(data: Table, bounds: tuple[float, float], resampling: Resampling | None) -> Curve:
    """Compute that interval for every confidence; without resampling, by Student's rule for any number of clusters."""
    import numpy as np

    clusters, groups = data.sums.shape
    if clusters < 2:
        return lambda alpha: Interval(None, None, "no interval: one cluster")
    means = data.sums.sum(axis=0) / data.sizes.sum(axis=0)
    if groups == 1 and _is_one_draw_per_cluster(data, bounds):
        return lambda alpha: scaled_wilson(float(means[0]), clusters, bounds, alpha, "Wilson")
    weights = data.sizes / data.sizes.sum(axis=0) / groups
    varying = _varying(data, means, bounds)
    drawn = _drawn(data, varying, bounds, resampling) if len(varying) else None
    if drawn is None:  # also when groups vary but cancel out within each cluster, as one answer per image does
        varying = varying[:0]
    steady = np.setdiff1d(np.arange(groups), varying)

    def at(alpha: float) -> Interval:
        parts, methods = [], []
        if drawn is not None:
            found, share = drawn(alpha), len(varying) / groups
            parts.append(_part(found, means[varying].mean(), share, weights[:, varying].sum(axis=1)))
            methods.append(found.method)
        for g in steady:
            found = _steady(data, g, bounds, alpha)
            parts.append(_part(found, means[g], 1 / groups, weights[:, g]))
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

    sizes = data.sizes[:, groups]
    effective = effective_clusters((sizes / sizes.sum(axis=0)).sum(axis=1))
    held = np.flatnonzero((sizes > 0).any(axis=1))
    table = np.empty((len(held), 2 * len(groups)))
    for place, group in enumerate(groups.tolist()):
        table[:, place], table[:, len(groups) + place] = data.sums[held, group], data.sizes[held, group]
    return curve_from_clusters(table, _mean_of_ratios, bounds, resampling, effective)


def _varying(data: Table, means: Array, bounds: tuple[float, float]) -> NDArray[np.int64]:
    """Find the groups that can be resampled: their clusters differ, and more than a few of them do."""
    import numpy as np

    held = (data.sizes > 0).sum(axis=0)
    few = np.array([effective_clusters(sizes) < FEW_CLUSTERS for sizes in data.sizes.T])
    columns = zip(data.sums.T, means, data.sizes.T, strict=True)
    spread = np.array([np.abs(sums - mean * sizes).max() for sums, mean, sizes in columns])
    differs = (spread > SAME * (bounds[1] - bounds[0])) & (held > 1)
    return np.flatnonzero(differs & (few | (data.unusual >= RARE)))


def _steady(data: Table, group: int, bounds: tuple[float, float], alpha: float) -> Interval:
    """Compute the interval of one group that can't be resampled."""
    sizes = data.sizes[data.sizes[:, group] > 0, group]
    effective = effective_clusters(sizes)
    if data.unusual[group] < RARE:
        deviations = float(data.above[group]), float(data.below[group])
        return mostly_constant(float(data.usual[group]), deviations, effective, bounds, alpha)
    value = float(data.sums[:, group].sum() / sizes.sum())
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
