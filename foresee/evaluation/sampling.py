"""Draw a part of a benchmark's items, or of a run's rows, that stands for the whole.

Every sample is the beginning of one fixed order of the whole, so that a sample of 20 lies within the one of 200.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from foresee.files.spool import Spool

T = TypeVar("T")


class _Cluster(NamedTuple):
    """What is drawn together: the places of its rows, and the subsets that they belong to."""

    rank: bytes  # at random, by the seed and the cluster's name: the order of the rows in a file does not matter
    places: tuple[int, ...]
    stratum: tuple[str, ...]


def sample(
    rows: Sequence[T],
    limit: int | None,
    *,
    subset: Callable[[T], str],
    cluster: Callable[[T], Hashable],
    seed: int = 0,
    equal: bool = False,
) -> Sequence[T]:
    """Draw at most `limit` of the rows, in their own order; all of them, as they are given, for None.

    Clusters are drawn at random within strata, those with rows of the same subsets, and kept whole: so the sample may
    be smaller than `limit` by less than a cluster. Only a cluster with more than half of `limit` rows may be cut. First
    one cluster for every subset, as far as `limit` reaches; then each stratum its share, by Webster's divisor method:
    shares by largest remainder would not always grow with `limit` (Balinski & Young 1982, Fair Representation).

    Args:
        rows: the whole.
        limit: how many at most.
        subset: a row's subset.
        cluster: what a row must stay together with.
        seed: another seed, another sample.
        equal: as many of every stratum as of any other, as far as it reaches, instead of its share.
    """
    if limit is None or limit >= len(rows):
        return rows
    taken: list[int] = []
    for each in _ordered(_clusters(rows, subset, cluster, seed), equal=equal):
        places, room = each.places, limit - len(taken)
        if len(places) > room:
            if len(taken) * 2 < limit:
                taken += _mixed(places, [subset(rows[place]) for place in places])[:room]
            break
        taken += places
    return Spool(rows[place] for place in sorted(taken))


def in_drawing_order(
    rows: Sequence[T], *, subset: Callable[[T], str], cluster: Callable[[T], Hashable], seed: int = 0
) -> tuple[T, ...]:
    """All of the rows, in the order in which `sample` takes them: any beginning stands for the whole."""
    ordered = _ordered(_clusters(rows, subset, cluster, seed), equal=False)
    return tuple(rows[place] for each in ordered for place in each.places)


def _clusters(
    rows: Sequence[T], subset: Callable[[T], str], cluster: Callable[[T], Hashable], seed: int
) -> list[_Cluster]:
    held: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        held.setdefault(cluster(row), []).append(place)
    return [
        _Cluster(
            hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest(),
            tuple(places),
            tuple(sorted({subset(rows[place]) for place in places})),
        )
        for name, places in held.items()
    ]


def _ordered(clusters: Sequence[_Cluster], *, equal: bool) -> list[_Cluster]:
    """Order the clusters as they are taken, of which every sample is a beginning."""
    strata: dict[tuple[str, ...], list[_Cluster]] = {}
    for each in sorted(clusters):
        strata.setdefault(each.stratum, []).append(each)
    sizes = {name: sum(len(each.places) for each in held) for name, held in strata.items()}
    due: list[tuple[float, _Cluster]] = []
    for name, held in strata.items():
        before = 0
        for each in held:
            due.append(((before + len(each.places) / 2) / (1 if equal else sizes[name]), each))
            before += len(each.places)
    first = dict.fromkeys(_one_of_each(strata, sizes))
    rest = sorted((pair for pair in due if pair[1] not in first), key=lambda pair: (pair[0], pair[1].rank))
    return [*first, *(each for _, each in rest)]


def _one_of_each(
    strata: Mapping[tuple[str, ...], Sequence[_Cluster]], sizes: Mapping[tuple[str, ...], int]
) -> list[_Cluster]:
    """Choose a cluster for every subset: from strata of small clusters first, so that many fit, then the largest."""
    found: list[_Cluster] = []
    met: set[str] = set()
    for name in sorted(strata, key=lambda name: (sizes[name] / len(strata[name]), -sizes[name], name)):
        if not met.issuperset(name):
            found.append(strata[name][0])
            met.update(name)
    return found


def _mixed(places: Sequence[int], subsets: Sequence[str]) -> list[int]:
    """Order a cluster's rows with its subsets taking turns, so that a part of it meets as many as it can."""
    turns: dict[str, int] = {}
    order = []
    for place, name in zip(places, subsets, strict=True):
        turns[name] = turns.get(name, 0) + 1
        order.append((turns[name], place))
    return [place for _, place in sorted(order)]
