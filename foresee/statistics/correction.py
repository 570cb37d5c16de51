"""A rate as people would have found it, from a judge's verdicts on all rows and people's labels on some.

Where the labelled rows are a sample of the run itself: prediction-powered inference, the judge's mean plus the weighted
mean of what people's labels differ by (Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, Science 382:669-674), with
the judge's share tuned as in PPI++ (Angelopoulos, Duchi & Zrnic, arXiv 2311.01453). Where they come from another run:
Rogan & Gladen's estimator from the judge's sensitivity and specificity (1978, American Journal of Epidemiology
107:71-76), which assumes that the judge errs alike on both; its interval by draws as in Lang & Reiczigel (2014,
Preventive Veterinary Medicine 113:13-22).

The package ppi-python has the first of these; it knows no clusters and no sampling weights, and brings numba,
scikit-learn and gdown along. So the formula stands here, on the cluster bootstrap that all our intervals use.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from foresee.statistics.clustered_means import RARE
from foresee.statistics.estimates import rate
from foresee.statistics.intervals import (
    STANDARD,
    Interval,
    effective_clusters,
    from_clusters,
    mostly_constant,
)

if TYPE_CHECKING:
    from foresee.statistics.intervals import Array

_DRAWS = 20_000
_FEW_LABELS = 20  # labelled clusters below which nothing is said of how far people may differ from the judge
_WORTHLESS = 0.05  # sensitivity + specificity - 1 below which a judge tells nothing


class Labelled(NamedTuple):
    """A labelled row: what the judge's verdict and the person's label make of it, and how many rows it stands for."""

    judge: float
    human: float
    weight: float
    cluster: Hashable


@dataclass(frozen=True)
class Correction:
    """A corrected figure beside the raw one.

    Attributes:
        name: the metric's.
        value: as people would have found it, None where it can't be said; within the measure's bounds.
        low: lower bound of its 95 % interval, None where there is none.
        high: upper bound.
        raw: the judge's own figure.
        labelled: rows with a person's label.
        rows: rows with the judge's verdict, on which the figure rests.
        method: how it was made, or why it could not be.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    raw: float | None
    labelled: int
    rows: int
    method: str


def prediction_powered(
    judged: Sequence[float],
    clusters: Sequence[Hashable],
    labelled: Sequence[Labelled],
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Correction:
    """Correct a mean by the labels of a weighted sample of the very rows.

    With fewer than five clusters on which judge and people differ, a bootstrap of the differences would claim too
    much: both kinds of error then get Wilson's interval, combined with the interval of the judge's mean. With fewer
    than 20 labelled clusters there is no interval.

    Args:
        judged: what the judge's verdicts make of every row.
        clusters: one label per row; whole clusters are resampled.
        labelled: the sample.
        name: the metric's.
        bounds: the measure's lowest and highest possible value.
    """
    raw = sum(judged) / len(judged) if judged else None
    if raw is None or not labelled:
        return Correction(name, None, None, None, raw, len(labelled), len(judged), "no labelled row")
    differing = {row.cluster for row in labelled if row.judge != row.human}
    share = _tuned(labelled, len(judged)) if len(differing) >= RARE else 1.0
    value = _powered(judged, labelled, share)
    found: Interval | None = Interval(None, None, f"no interval: fewer than {_FEW_LABELS} labelled clusters")
    if _clusters(labelled) >= _FEW_LABELS:
        found = _resampled(judged, clusters, labelled, share, bounds) if len(differing) >= RARE else None
        found = found or _few_errors(judged, clusters, labelled, bounds)
    assert found is not None
    kept = min(max(value, bounds[0]), bounds[1])
    method = f"prediction-powered, judge's share {share:.2f}; {found.method}"
    return Correction(name, kept, found.low, found.high, raw, len(labelled), len(judged), method)


def rogan_gladen(
    judged: Sequence[float], clusters: Sequence[Hashable], labelled: Sequence[Labelled], *, name: str = ""
) -> Correction:
    """Correct a share of a run by the judge's sensitivity and specificity on labelled rows of another.

    Args:
        judged: 1 or 0 for every row of this run, by the judge's verdict.
        clusters: one label per row.
        labelled: rows of the other run, of 1 and 0 alike.
        name: the metric's.
    """
    raw = sum(judged) / len(judged) if judged else None
    rows, count = len(judged), len(labelled)
    binary = {0.0, 1.0} >= {*judged, *(value for row in labelled for value in (row.judge, row.human))}
    if raw is None or not binary:
        why = "no row" if raw is None else "only shares can be corrected by labels of another run"
        return Correction(name, None, None, None, raw, count, rows, why)
    hits = [row for row in labelled if row.human == 1]
    passes = [row for row in labelled if row.human == 0]
    if not hits or not passes:
        return Correction(name, None, None, None, raw, count, rows, "the labels hold one kind of row alone")
    sensitivity, specificity = _weighted(hits, 1.0), _weighted(passes, 0.0)
    power = sensitivity + specificity - 1
    told = f"Rogan-Gladen, sensitivity {sensitivity:.2f}, specificity {specificity:.2f}"
    if power < _WORTHLESS:
        return Correction(name, None, None, None, raw, count, rows, f"{told}: the judge tells nothing")
    value = min(max((raw + specificity - 1) / power, 0.0), 1.0)
    found = _drawn(judged, clusters, hits, passes)
    return Correction(name, value, found.low, found.high, raw, count, rows, f"{told}; {found.method}")


def _tuned(labelled: Sequence[Labelled], rows: int) -> float:
    """PPI++'s share of the judge, from 0 (people's labels alone) to 1: what makes the variance smallest."""
    import numpy as np

    judge, human, weight = (np.array([row[i] for row in labelled], dtype=float) for i in (0, 1, 2))
    spread = np.average((judge - np.average(judge, weights=weight)) ** 2, weights=weight)
    if spread <= 0:
        return 0.0
    centred = (judge - np.average(judge, weights=weight)) * (human - np.average(human, weights=weight))
    share = np.average(centred, weights=weight) / spread / (1 + len(labelled) / rows)
    return float(min(max(share, 0.0), 1.0))


def _powered(judged: Sequence[float], labelled: Sequence[Labelled], share: float) -> float:
    total = sum(row.weight for row in labelled)
    rest = sum(row.weight * (row.human - share * row.judge) for row in labelled) / total
    return share * sum(judged) / len(judged) + rest


def _resampled(
    judged: Sequence[float],
    clusters: Sequence[Hashable],
    labelled: Sequence[Labelled],
    share: float,
    bounds: tuple[float, float],
) -> Interval | None:
    """Resample whole clusters, each with its judged and its labelled rows."""
    import numpy as np

    place = {label: i for i, label in enumerate(dict.fromkeys((*clusters, *(row.cluster for row in labelled))))}
    table = np.zeros((len(place), 4))  # judged sum, rows, weighted rest, weights
    for value, cluster in zip(judged, clusters, strict=True):
        table[place[cluster], :2] += (value, 1)
    for row in labelled:
        table[place[row.cluster], 2:] += (row.weight * (row.human - share * row.judge), row.weight)

    def figure(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(share * sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3])

    return from_clusters(table, figure, bounds, STANDARD, effective_clusters(table[:, 1]))


def _few_errors(
    judged: Sequence[float], clusters: Sequence[Hashable], labelled: Sequence[Labelled], bounds: tuple[float, float]
) -> Interval:
    import math

    low, high = bounds
    total = sum(row.weight for row in labelled)
    missed = sum(row.weight * max(row.human - row.judge, 0.0) for row in labelled) / total
    invented = sum(row.weight * max(row.judge - row.human, 0.0) for row in labelled) / total
    errors = mostly_constant(0.0, (missed, invented), _effective(labelled), (low - high, high - low), STANDARD.alpha)
    mean = rate(list(judged), clusters, bounds=bounds)
    if mean.low is None or mean.high is None or mean.value is None or errors.low is None or errors.high is None:
        return Interval(None, None, mean.method)
    value = mean.value + missed - invented
    below = math.hypot(mean.value - mean.low, missed - invented - errors.low)
    above = math.hypot(mean.high - mean.value, errors.high - missed + invented)
    return Interval(max(low, value - below), min(high, value + above), "Wilson for errors that were hardly seen")


def _drawn(
    judged: Sequence[float], clusters: Sequence[Hashable], hits: Sequence[Labelled], passes: Sequence[Labelled]
) -> Interval:
    """Bounds by drawing the share, the sensitivity and the specificity from what each is known to."""
    import numpy as np

    if _clusters((*hits, *passes)) < _FEW_LABELS:
        return Interval(None, None, f"no interval: fewer than {_FEW_LABELS} labelled clusters")
    share = rate(list(judged), clusters)
    if share.low is None or share.high is None or share.value is None:
        return Interval(None, None, share.method)
    rng = np.random.default_rng(STANDARD.seed)

    def draws(value: float, size: float) -> Array:
        return np.asarray(rng.beta(value * size + 0.5, (1 - value) * size + 0.5, _DRAWS))

    p = draws(share.value, _observations(share.value, share.low, share.high, len(set(clusters))))
    sensitivity, specificity = (
        draws(_weighted(hits, 1.0), _effective(hits)),
        draws(_weighted(passes, 0.0), _effective(passes)),
    )
    power = sensitivity + specificity - 1
    if (power <= 0).mean() > STANDARD.alpha / 2:
        return Interval(None, None, "no interval: by the labels the judge may tell nothing")
    found = np.clip((p + specificity - 1) / np.where(power > 0, power, np.nan), 0, 1)
    low, high = np.nanquantile(found, [STANDARD.alpha / 2, 1 - STANDARD.alpha / 2])
    return Interval(float(low), float(high), "draws")


def _observations(value: float, low: float, high: float, clusters: int) -> float:
    """How many independent rows would give an interval as wide."""
    half = (high - low) / 2 / 1.96
    return value * (1 - value) / half**2 if 0 < value < 1 and half > 0 else float(clusters)


def _weighted(rows: Sequence[Labelled], wanted: float) -> float:
    return sum(row.weight for row in rows if row.judge == wanted) / sum(row.weight for row in rows)


def _clusters(rows: Sequence[Labelled]) -> float:
    """Kish's effective number of labelled clusters."""
    return _effective([row._replace(weight=1.0) for row in rows]) if rows else 0.0


def _effective(rows: Sequence[Labelled]) -> float:
    """Kish's effective number of clusters, each counted by the weight of its labelled rows."""
    import numpy as np

    sizes: dict[Hashable, float] = {}
    for row in rows:
        sizes[row.cluster] = sizes.get(row.cluster, 0.0) + row.weight
    return effective_clusters(np.array(list(sizes.values())))
