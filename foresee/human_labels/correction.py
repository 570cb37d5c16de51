"""Correct a run's rates for its judge's errors, by people's labels on some of its rows.

Labels of this very run (any judging of it): post-stratification by the verdict. Labels of another run: Rogan and
Gladen, for shares. `foresee.statistics.correction` has both.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.human_labels.agreement import LabelledRow, load
from foresee.metrics import Metric, selected
from foresee.records import Row
from foresee.statistics.correction import Correction, Labelled, post_stratified, rogan_gladen


class Corrected(NamedTuple):
    """The corrections of a run's metrics, and the metrics that the labels say nothing of."""

    found: tuple[Correction, ...]
    others: tuple[str, ...]
    kind: Literal["measured", "transported"]  # by labels on a sample of this run, or by those of other answers
    source: str
    percents: Mapping[str, bool]  # metric -> whether it is shown as a percentage
    notes: tuple[str, ...] = ()


def correct(run: Run, agreement: Path | str) -> Corrected:
    """Correct every metric of a run that the labels bear upon.

    Args:
        run: judged.
        agreement: what `foresee judge agree LABELS --out FILE` wrote.

    Raises:
        UserError: not such a file, or labels that bear upon no metric of this run.
    """
    labels = load(Path(agreement))
    here = {(row.item.id, row.answer.epoch, row.answer.key): row for row in run.rows}
    own = [label for label in labels if (label.id, label.epoch, label.answer) in here]
    touched = {name for label in labels for name in label.measures}
    found, others = [], []
    for metric in run.metrics:
        if metric.measure not in touched or metric.mean_over or metric.epochs != "mean":
            others.append(metric.name)
        elif own:
            found.append(_of_this_run(run.rows, metric, own, here))
        else:
            found.append(_of_another(run.rows, metric, labels))
    if not found:
        raise UserError(f"the labels in {agreement} bear upon no metric of {run.title}")
    percents = {metric.name: metric.percent for metric in run.metrics}
    told = "labels on another run: the judge is taken to err alike on both"
    notes = ("labels on a sample of this run",) if own else (told,)
    return Corrected(tuple(found), tuple(others), "measured" if own else "transported", str(agreement), percents, notes)


def _of_this_run(
    rows: Sequence[Row],
    metric: Metric,
    labels: Sequence[LabelledRow],
    here: Mapping[tuple[str, int, str], Row],
) -> Correction:
    kept = [row for row in selected(rows, metric) if row.measures.get(metric.measure) is not None]
    wanted = {id(row) for row in kept}
    labelled = []
    for label in labels:
        row = here[label.id, label.epoch, label.answer]
        human = label.measures.get(metric.measure, (None, None))[1]
        judge = row.measures.get(metric.measure)  # this run's judge, whoever judged when the labels were compared
        if id(row) in wanted and human is not None and judge is not None:
            labelled.append(Labelled(judge, human, label.weight, _cluster(row), label.stratum))
    judged, clusters = _judged(kept, metric)
    return post_stratified(judged, clusters, labelled, name=metric.name, bounds=metric.bounds)


def _of_another(rows: Sequence[Row], metric: Metric, labels: Sequence[LabelledRow]) -> Correction:
    kept = [row for row in selected(rows, metric) if row.measures.get(metric.measure) is not None]
    labelled = [
        Labelled(judge, human, label.weight, label.cluster)
        for label in labels
        for judge, human in [label.measures.get(metric.measure, (None, None))]
        if judge is not None and human is not None
    ]
    judged, clusters = _judged(kept, metric)
    return rogan_gladen(judged, clusters, labelled, name=metric.name)


def judged_rows(run: Run, metric: Metric) -> tuple[list[float], list[Hashable]]:
    """List the values of a metric's measure over a run's scored rows, and the rows' clusters."""
    return _judged([row for row in selected(run.rows, metric) if row.measures.get(metric.measure) is not None], metric)


def _judged(rows: Sequence[Row], metric: Metric) -> tuple[list[float], list[Hashable]]:
    values = [row.measures[metric.measure] for row in rows]
    return [value for value in values if value is not None], [_cluster(row) for row in rows]


def _cluster(row: Row) -> Hashable:
    return row.item.cluster or row.item.id
