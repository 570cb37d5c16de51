"""How far a judge agrees with people: accuracy, precision, recall, F1 and Cohen's kappa, each with an interval.

An answer that the judge left unscored is never counted as a label: it lowers the coverage, and `worst` and `best`
say what the figures would be if all such answers had been judged wrong or right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from foresee.errors import UserError, unknown_name
from foresee.statistics.estimates import Estimate, rate
from foresee.statistics.intervals import STANDARD, Interval, effective_clusters, from_clusters, scaled_wilson

if TYPE_CHECKING:
    from foresee.statistics.intervals import Array

Labels = Sequence[str | None]
Clusters = Sequence[Hashable]
Figure: TypeAlias = "Callable[[Array], Array]"  # [... x 4] counts in the order of _CELLS -> [...], nan where undefined

_YES, _NO = "positive", "other"
_CELLS = ((_YES, _YES), (_NO, _YES), (_YES, _NO), (_NO, _NO))  # (human, judge): TP, FP, FN, TN
_FEW = Interval(None, None, "no interval: one cluster")


@dataclass(frozen=True)
class Agreement:
    """A judge against human labels.

    Attributes:
        accuracy: share of scored answers on which both agree (on "positive or not" where `positive` was given).
        kappa: Cohen's kappa, agreement beyond chance: 1 perfect, 0 what the label frequencies alone would give.
        precision: of the answers that the judge called positive, the share that people did; None without `positive`.
        recall: of the answers that people called positive, the share that the judge did; None without `positive`.
        f1: harmonic mean of precision and recall; None without `positive`.
        confusion: human label -> judge label -> answers, with the labels as given.
        unscored: human label -> answers that the judge left unscored.
    """

    accuracy: Estimate
    kappa: Estimate
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    confusion: Mapping[str, Mapping[str, int]]
    unscored: Mapping[str, int]


def agreement(
    human: Sequence[str], judge: Labels, clusters: Clusters, positive: str | Collection[str] | None = None
) -> Agreement:
    """Compare a judge's labels with people's.

    Args:
        human: one label per answer.
        judge: the judge's label for each, None where it left the answer unscored.
        clusters: one label per answer (its prompt, for example); a cluster is resampled as a whole.
        positive: the label, or labels, that precision, recall and F1 are about; every figure then asks "positive
            or not". None compares all labels as they are, by accuracy and kappa.

    Raises:
        UserError: lengths differ, there is nothing to compare, or `positive` is no human label.
    """
    if not len(human) == len(judge) == len(clusters):
        lengths = f"{len(human)}, {len(judge)} and {len(clusters)}"
        raise UserError(f"expected as many human labels as judge labels and clusters, got {lengths}")
    if not human:
        raise UserError("no labelled answers: there is nothing to compare a judge with")
    pairs = Counter(zip(human, judge, strict=True))
    labels = sorted({label for pair in pairs for label in pair if label is not None})
    confusion = {h: {j: pairs[h, j] for j in labels} for h in labels}
    unscored = {h: pairs[h, None] for h in labels}
    if positive is None:
        accuracy = rate(_matches(human, judge), clusters, name="accuracy")
        return Agreement(accuracy, _kappa(human, judge, clusters, labels), None, None, None, confusion, unscored)
    wanted = {positive} if isinstance(positive, str) else set(positive)
    for label in sorted(wanted - set(human)):
        raise unknown_name("human label", label, set(human))
    truth = [_YES if h in wanted else _NO for h in human]
    said = [None if j is None else _YES if j in wanted else _NO for j in judge]
    called_by_judge = [i for i, s in enumerate(said) if s != _NO]  # an unscored one might have been called positive
    called_by_people = [i for i, t in enumerate(truth) if t == _YES]
    return Agreement(
        accuracy=rate(_matches(truth, said), clusters, name="accuracy"),
        kappa=_kappa(truth, said, clusters, (_YES, _NO)),
        precision=_share(called_by_judge, truth, said, clusters, "precision"),
        recall=_share(called_by_people, truth, said, clusters, "recall"),
        f1=_f1(truth, said, clusters),
        confusion=confusion,
        unscored=unscored,
    )


def cohens_kappa(counts: Array) -> Array:
    """Cohen's kappa of confusion tables; nan where both sides know a single label.

    Cohen (1960), Educational and Psychological Measurement 20:37-46. statsmodels' inter_rater.cohens_kappa takes
    one table at a time; this takes all resamples at once.

    Args:
        counts: [... x labels x labels] answers.

    Returns:
        [...] (observed - expected agreement) / (1 - expected agreement).
    """
    import numpy as np

    total = counts.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(counts, axis1=-2, axis2=-1) / total
        expected = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / total**2
        return np.asarray(np.where(1 - expected > 1e-12, (observed - expected) / (1 - expected), np.nan))


def _matches(human: Sequence[str], judge: Labels) -> list[float | None]:
    return [None if j is None else float(h == j) for h, j in zip(human, judge, strict=True)]


def _share(kept: Sequence[int], truth: Sequence[str], said: Labels, clusters: Clusters, name: str) -> Estimate:
    """Precision or recall: the share of matches among the kept answers, by the rules of `rate`."""
    found = rate(_matches([truth[i] for i in kept], [said[i] for i in kept]), [clusters[i] for i in kept], name=name)
    worst, best = _edges(_FIGURES[name], truth, said)
    method = found.method if kept else f"undefined: no answer is {_YES} for the judge"  # people call at least one so
    return replace(found, worst=worst, best=best, method=method)


def _f1(truth: Sequence[str], said: Labels, clusters: Clusters) -> Estimate:
    """F1 by bootstrap; where it does not vary, Wilson on the effective number of clusters with positives."""
    table = _tables(truth, said, clusters, _CELLS)
    n, held = int(table.sum()), len(table)
    worst, best = _edges(_FIGURES["f1"], truth, said)
    value = _defined(_FIGURES["f1"], table)
    if value is None:
        reason = "nothing scored" if n == 0 else "undefined: nothing called positive by anyone"
        return Estimate("f1", None, None, None, n, len(truth), held, reason, worst, best)
    table = table[table[:, :3].any(axis=1)]
    found: Interval | None = _FEW
    effective = effective_clusters(table[:, :3].sum(axis=1))
    if len(table) > 1:
        found = from_clusters(table, _FIGURES["f1"], (0.0, 1.0), STANDARD, effective)
    if found is None:
        found = scaled_wilson(value, effective, (0.0, 1.0), STANDARD.alpha, "Wilson on effective clusters")
    return Estimate("f1", value, found.low, found.high, n, len(truth), held, found.method, worst, best)


def _kappa(human: Sequence[str], judge: Labels, clusters: Clusters, labels: Sequence[str]) -> Estimate:
    """Kappa by bootstrap of whole confusion tables; see `_kappa_at` for where it does not vary."""

    def figure(sums: Array) -> Array:
        return cohens_kappa(sums.reshape(*sums.shape[:-1], len(labels), len(labels)))

    bounds = (-1.0, 1.0)
    table = _tables(human, judge, clusters, [(h, j) for h in labels for j in labels])
    n, held = int(table.sum()), len(table)
    worst, best = _edges(_FIGURES["kappa"], human, judge) if set(labels) == {_YES, _NO} else (None, None)
    value = _defined(figure, table)
    if value is None:
        reason = "nothing scored" if n == 0 else "undefined: both used one and the same label throughout"
        return Estimate("kappa", None, None, None, n, len(human), held, reason, worst, best, bounds)
    found: Interval | None = _FEW
    if held > 1:
        found = from_clusters(table, figure, bounds, STANDARD, effective_clusters(table.sum(axis=1)))
    found = found or _kappa_at(table, len(labels))
    return Estimate("kappa", value, found.low, found.high, n, len(human), held, found.method, worst, best, bounds)


def _kappa_at(table: Array, labels: int) -> Interval:
    """Kappa at Wilson's bounds for the observed agreement, chance agreement held: for kappa that does not vary."""
    import numpy as np

    counts = table.sum(axis=0).reshape(labels, labels)
    total = counts.sum()
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1) / total**2)
    method = "Wilson on effective clusters"
    observed = float(np.trace(counts) / total)
    found = scaled_wilson(observed, effective_clusters(table.sum(axis=1)), (0.0, 1.0), STANDARD.alpha, method)
    assert found.low is not None
    assert found.high is not None
    low, high = ((edge - expected) / (1 - expected) for edge in (found.low, found.high))
    return Interval(max(-1.0, low), min(1.0, high), method)


def _tables(human: Sequence[str], judge: Labels, clusters: Clusters, cells: Sequence[tuple[str, str]]) -> Array:
    """[clusters x cells] scored answers of each (human, judge) pair."""
    import numpy as np

    scored = [(c, h, j) for c, h, j in zip(clusters, human, judge, strict=True) if j is not None]
    row = {label: i for i, label in enumerate(dict.fromkeys(c for c, _, _ in scored))}
    column = {cell: i for i, cell in enumerate(cells)}
    where = np.array([row[c] * len(cells) + column[h, j] for c, h, j in scored], dtype=int)
    counted = np.bincount(where, minlength=len(row) * len(cells))
    return counted.reshape(len(row), len(cells)).astype(float)


def _edges(figure: Figure, truth: Sequence[str], said: Labels) -> tuple[float | None, float | None]:
    """Compute the figure with every unscored answer judged wrong, and with every one judged right."""
    other = {_YES: _NO, _NO: _YES}
    wrong = [other[t] if s is None else s for t, s in zip(truth, said, strict=True)]
    right = [t if s is None else s for t, s in zip(truth, said, strict=True)]
    one = [0] * len(truth)
    return _defined(figure, _tables(truth, wrong, one, _CELLS)), _defined(figure, _tables(truth, right, one, _CELLS))


def _defined(figure: Figure, table: Array) -> float | None:
    value = float(figure(table.sum(axis=0)))
    return None if value != value else value


def _ratio(over: Array, under: Array) -> Array:
    import numpy as np

    return np.asarray(np.divide(over, under, out=np.full(np.shape(under), np.nan), where=under > 0))


_FIGURES: Mapping[str, Figure] = {
    "precision": lambda c: _ratio(c[..., 0], c[..., 0] + c[..., 1]),
    "recall": lambda c: _ratio(c[..., 0], c[..., 0] + c[..., 2]),
    "f1": lambda c: _ratio(2 * c[..., 0], 2 * c[..., 0] + c[..., 1] + c[..., 2]),
    "kappa": lambda c: cohens_kappa(c[..., [[0, 2], [1, 3]]]),
}
