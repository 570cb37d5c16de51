"""A rate as people would have found it, from a judge's verdicts on all rows and people's labels on some.

Where the labelled rows are a sample of the run itself: post-stratification by the judge's verdict. In each cell, the
rows of one verdict drawn from one stratum, people's labels say what share of it is what; the cells' shares of the run
are known (Holt & Smith 1979, Journal of the Royal Statistical Society A 142:33-46; for a 0/1 judge the estimate of
prediction-powered inference with its best tuning, Angelopoulos et al., arXiv 2311.01453). Each cell has an interval of
its own by the rules of `rate`, so misses and false alarms that were hardly seen get Wilson's each, and the cells are
put together by their distances from the estimate (the MOVER, as in `mean_of_means`).

Where the labels come from another run or set: Rogan & Gladen's estimator from the judge's sensitivity and specificity
(1978, American Journal of Epidemiology 107:71-76), which assumes that the judge errs alike on both; its interval by
draws as in Lang & Reiczigel (2014, Preventive Veterinary Medicine 113:13-22).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from foresee.statistics.clustered_means import Part, combined
from foresee.statistics.estimates import Estimate, rate
from foresee.statistics.intervals import STANDARD, Interval, effective_clusters, scaled_wilson

if TYPE_CHECKING:
    from foresee.statistics.intervals import Array

_DRAWS = 20_000
_FEW_LABELS = 20  # labelled clusters below which nothing is said of how far people may differ from the judge
_MOST_LEVELS = 5  # of a judge's values that are told apart
_WORTHLESS = 0.05  # sensitivity + specificity - 1 below which a judge tells nothing


class Labelled(NamedTuple):
    """A labelled row.

    Attributes:
        judge: what the judge's verdict makes of it.
        human: what the person's label makes of it.
        weight: how many rows it stands for.
        cluster: what is resampled together.
        stratum: what it was drawn from.
    """

    judge: float
    human: float
    weight: float
    cluster: Hashable
    stratum: str = ""


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


class _Cell(NamedTuple):
    """The rows of one verdict that were drawn from one stratum: their share of the run, and the labelled ones."""

    share: float
    rows: Sequence[Labelled]
    verdict: float  # mean of the judge's values in it


def post_stratified(
    judged: Sequence[float],
    clusters: Sequence[Hashable],
    labelled: Sequence[Labelled],
    *,
    name: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Correction:
    """Correct a mean by the labels of a sample of the very rows, however it was stratified.

    With fewer than 20 labelled clusters there is no interval. Rows of a verdict of which none is labelled keep the
    judge's value, and could be anything.

    Args:
        judged: what the judge's verdicts make of every row.
        clusters: one label per row.
        labelled: the sample; those of one stratum were drawn alike.
        name: the metric's.
        bounds: the measure's lowest and highest possible value.
    """
    raw = sum(judged) / len(judged) if judged else None
    if raw is None or not labelled:
        return Correction(name, None, None, None, raw, len(labelled), len(judged), "no labelled row")
    level = _levels(judged)
    cells = _cells(judged, labelled, level)
    means = {cell: _mean(each) for cell, each in cells.items()}
    value = sum(each.share * means[cell] for cell, each in cells.items())
    found = Interval(None, None, f"no interval: fewer than {_FEW_LABELS} labelled clusters")
    if _clusters(labelled) >= _FEW_LABELS:
        expected = _by_level(cells, means)
        spread = rate([expected[level(each)] for each in judged], clusters, bounds=bounds)
        found = _put_together(value, cells, spread, bounds)
    kept = min(max(value, bounds[0]), bounds[1])
    method = f"post-stratified by verdict, {len(cells)} cells; {found.method}"
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


def _levels(judged: Sequence[float]) -> Callable[[float], int]:
    """Tell the judge's values apart, or as many ranges of them as are wanted."""
    import numpy as np

    kinds = sorted(set(judged))
    if len(kinds) > _MOST_LEVELS:
        kinds = sorted(set(np.quantile(judged, np.linspace(0, 1, _MOST_LEVELS + 1)[:-1]).tolist()))
    return lambda value: bisect_right(kinds, value)


def _cells(
    judged: Sequence[float], labelled: Sequence[Labelled], level: Callable[[float], int]
) -> dict[tuple[int, str], _Cell]:
    """Find the cells; of a verdict drawn from several strata, each has the share that its rows stand for."""
    counts = Counter(map(level, judged))
    found = {}
    for place, count in counts.items():
        mine = [row for row in labelled if level(row.judge) == place]
        share, verdict = count / len(judged), sum(each for each in judged if level(each) == place) / count
        if not mine:
            found[place, ""] = _Cell(share, (), verdict)
        total = sum(row.weight for row in mine)
        for stratum in dict.fromkeys(row.stratum for row in mine):
            rows = [row for row in mine if row.stratum == stratum]
            found[place, stratum] = _Cell(share * sum(row.weight for row in rows) / total, rows, verdict)
    return found


def _mean(cell: _Cell) -> float:
    total = sum(row.weight for row in cell.rows)
    return sum(row.weight * row.human for row in cell.rows) / total if cell.rows else cell.verdict


def _by_level(cells: Mapping[tuple[int, str], _Cell], means: Mapping[tuple[int, str], float]) -> dict[int, float]:
    """Average what people would say of a row by the judge's verdict alone."""
    shares: dict[int, float] = {}
    sums: dict[int, float] = {}
    for (place, stratum), cell in cells.items():
        shares[place] = shares.get(place, 0.0) + cell.share
        sums[place] = sums.get(place, 0.0) + cell.share * means[place, stratum]
    return {place: sums[place] / share for place, share in shares.items()}


def _put_together(
    value: float, cells: Mapping[tuple[int, str], _Cell], spread: Estimate, bounds: tuple[float, float]
) -> Interval:
    """Combine what is not known of each cell with what a run of so many rows does not tell of the cells' shares."""
    import numpy as np

    place = {label: i for i, label in enumerate(dict.fromkeys(row.cluster for c in cells.values() for row in c.rows))}
    parts = []
    below = above = 0.0
    for cell in cells.values():
        low, high = _within(cell, bounds)
        mean = _mean(cell)
        profile = np.zeros(len(place))
        for row in cell.rows:
            profile[place[row.cluster]] += row.weight
        if cell.rows:
            parts.append(Part(cell.share * (mean - low), cell.share * (high - mean), profile))
        else:  # nobody looked: it could all be otherwise
            below, above = below + cell.share * (mean - low), above + cell.share * (high - mean)
    if spread.low is None or spread.high is None or spread.value is None:
        return Interval(None, None, spread.method)
    known = combined(parts)
    reach = [
        np.hypot(part, edge) + unseen
        for part, edge, unseen in (
            (known[0], spread.value - spread.low, below),
            (known[1], spread.high - spread.value, above),
        )
    ]
    return Interval(max(bounds[0], value - float(reach[0])), min(bounds[1], value + float(reach[1])), "MOVER")


def _within(cell: _Cell, bounds: tuple[float, float]) -> tuple[float, float]:
    """Bound what people would say of a cell's rows, on average."""
    if not cell.rows:
        return bounds
    found = rate([row.human for row in cell.rows], [row.cluster for row in cell.rows], bounds=bounds)
    if found.low is not None and found.high is not None:
        return min(found.low, _mean(cell)), max(found.high, _mean(cell))
    one = scaled_wilson(_mean(cell), 1.0, bounds, STANDARD.alpha, "one cluster")
    assert one.low is not None
    assert one.high is not None
    return one.low, one.high


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
