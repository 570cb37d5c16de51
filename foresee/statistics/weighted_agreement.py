"""Agreement on a sample in which rows stand for different numbers of rows: consistency and kappa of the whole run."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foresee.statistics.intervals import STANDARD, Interval, effective_clusters, from_clusters, scaled_wilson
from foresee.statistics.judge_agreement import cohens_kappa

if TYPE_CHECKING:
    from foresee.statistics.intervals import Array


@dataclass(frozen=True)
class Weighted:
    """Consistency and kappa with their intervals; None where the rows give none."""

    consistency: float | None
    consistency_low: float | None
    consistency_high: float | None
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    method: str


def weighted_agreement(
    human: Sequence[str], judge: Sequence[str | None], clusters: Sequence[Hashable], weights: Sequence[float]
) -> Weighted:
    """Agreement with every row counted by its weight, by a bootstrap of whole clusters.

    Args:
        human: one label per row.
        judge: the judge's label, None where it gave none; such rows are left out.
        clusters: one label per row.
        weights: how many rows each stands for.
    """
    import numpy as np

    rows = [(h, j, c, w) for h, j, c, w in zip(human, judge, clusters, weights, strict=True) if j is not None]
    if not rows:
        return Weighted(None, None, None, None, None, None, "nothing scored")
    labels = sorted({label for h, j, _, _ in rows for label in (h, j)})
    place = {label: i for i, label in enumerate(labels)}
    held = {cluster: i for i, cluster in enumerate(dict.fromkeys(c for _, _, c, _ in rows))}
    size = len(labels)
    table = np.zeros((len(held), size * size))
    for h, j, cluster, weight in rows:
        table[held[cluster], place[h] * size + place[j]] += weight
    agreeing = np.eye(size).ravel()

    def consistency(sums: Array) -> Array:
        return np.asarray(sums @ agreeing / sums.sum(axis=-1))

    def kappa(sums: Array) -> Array:
        return cohens_kappa(sums.reshape(*sums.shape[:-1], size, size))

    total = table.sum(axis=0)
    value, beyond = float(consistency(total)), float(kappa(total))
    none = Interval(None, None, "no interval: one cluster")
    effective = effective_clusters(table.sum(axis=1))
    first = from_clusters(table, consistency, (0.0, 1.0), STANDARD, effective) if len(held) > 1 else none
    if first is None:
        first = scaled_wilson(value, effective, (0.0, 1.0), STANDARD.alpha, "Wilson on effective clusters")
    second = (
        from_clusters(table, kappa, (-1.0, 1.0), STANDARD, effective) if len(held) > 1 and beyond == beyond else None
    ) or none
    return Weighted(
        value, first.low, first.high, beyond if beyond == beyond else None, second.low, second.high, first.method
    )
