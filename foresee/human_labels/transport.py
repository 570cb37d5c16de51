"""Correct a run's rates by a published label set: what a judge is worth there, carried over to the run.

The judge reads the set's answers as well, so its sensitivity and specificity are known (Rogan and Gladen). That they
are the same on the run is an assumption, which is why such figures are marked *transported*, and none is given where
the run's answers do not resemble the set's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foresee import plugins
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run, resting_on
from foresee.evaluation.screening import screened
from foresee.human_labels import label_sets, resemblance
from foresee.human_labels.correction import Corrected, judged_rows
from foresee.judges import JudgeChoice
from foresee.labels._rows import Question
from foresee.labels._sets import Labels, read_labels
from foresee.metrics import Metric
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Row, Verdict
from foresee.statistics.correction import Correction, Labelled, rogan_gladen

_OTHER_RUBRIC = "the judge models read the labelled answers by the judge's own rubric, this run by another"


def is_label_set(source: str) -> bool:
    """Whether `--correct` names a published label set (NAME or NAME=FOLDER) and no file."""
    return source.partition("=")[0] in plugins.names("labels")


def correct(
    run: Run, source: str, judging: JudgeChoice, progress: Callable[[int, int], None] | None = None
) -> Corrected:
    """Correct every metric of a run that is a share of what a judge calls positive, by a label set.

    Args:
        run: judged.
        source: NAME of a label set, or NAME=FOLDER where its files lie.
        judging: the judge models of the run, which read the set's answers as well; what they said is kept.
        progress: called with (done, total) for each answer of the set.

    Raises:
        UserError: no such set, no judge of the run that it can check, or judge models that are not named.
    """
    name, _, folder = source.partition("=")
    labels = read_labels(name, data=Path(folder) if folder else None, flag=f"--correct {name}=")
    if name not in (sets := resemblance.correcting()):
        has = "published rates and no labels" if not labels.questions[0].human else "labels that nobody gave"
        raise UserError(f"{name} has {has}: it corrects nothing; {', '.join(sets)} do")
    fitting = [(metric, *asked) for metric in run.metrics if (asked := _asked(run, metric, labels)) is not None]
    if not fitting:
        shown = ", ".join(sorted({judge for row in run.rows for judge in row.verdicts}))
        raise UserError(
            f"{name} bears upon no metric of {run.title}: expected a 0/1 metric of a judge that it can check; "
            f"the judges are {shown or 'none'}"
        )
    share = resemblance.of_run(run, labels)
    found, other = [], False
    for metric, judge, question in fitting:
        values, clusters = judged_rows(run, metric)
        if share is None or share < resemblance.ENOUGH:
            raw = sum(values) / len(values) if values else None
            why = f"no corrected rate: {_share(share)} of the answers resemble those of {name}"
            found.append(Correction(metric.name, None, None, None, raw, 0, len(values), why))
            continue
        labelled, rubrics = _labelled(run, judge, question, labels, judging, progress)
        other |= bool({row.verdicts[judge].rubric for row in run.rows if judge in row.verdicts} - rubrics)
        found.append(rogan_gladen(values, clusters, labelled, name=metric.name))
    corrected = {metric.name for metric, _, _ in fitting}
    return Corrected(
        found=tuple(found),
        others=tuple(metric.name for metric in run.metrics if metric.name not in corrected),
        kind="transported",
        source=name,
        percents={metric.name: metric.percent for metric in run.metrics},
        notes=(*_notes(run, labels, share), *([_OTHER_RUBRIC] if other else ())),
    )


def _asked(run: Run, metric: Metric, labels: Labels) -> tuple[str, Question] | None:
    """Find the judge whose positive verdicts are what a metric counts, and the question that labels answer of it."""
    if metric.mean_over or metric.epochs not in ("mean", "any") or metric.percent is False:
        return None
    rows = [row for row in run.rows if row.measures.get(metric.measure) is not None]
    if metric.epochs == "any" and any(row.answer.epoch for row in rows):
        return None  # a success in several attempts is no verdict on an answer
    for judge in dict.fromkeys(name for row in rows for name in row.verdicts):
        scale = contracts.judge_file(judge).scale if judge in plugins.names("judges") else ()
        for question in labels.questions if scale else ():
            if (
                not question.part
                and set(scale) <= set(question.judge)
                and question.positive
                and _counts(rows, metric, judge, question)
            ):
                return judge, question
    return None


def _counts(rows: Sequence[Row], metric: Metric, judge: str, question: Question) -> bool:
    """Whether on every row the measure is 1 where the judge says the positive word, and 0 elsewhere."""
    file = contracts.judge_file(judge)
    same = (row.measures[metric.measure] == _positive(file, row.verdicts.get(judge), question) for row in rows)
    return bool(rows) and all(same) and _rests_on(rows[0], metric, judge)


def _rests_on(row: Row, metric: Metric, judge: str) -> bool:
    """Whether a row's measure comes from a judge: without its verdict there is none, or another."""
    file = screened(contracts.benchmark(row.item.benchmark), row.verdicts)
    return metric.measure in resting_on(file, row, judge)


def _positive(file: JudgeFile, verdict: Verdict | None, question: Question) -> float | None:
    word = None if verdict is None else label_sets.word_of(file.name, file, "", verdict)
    return None if word is None else float(question.judge[word] == question.positive)


def _labelled(
    run: Run,
    judge: str,
    question: Question,
    labels: Labels,
    judging: JudgeChoice,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Labelled], set[str]]:
    """Have the run's judge read the set; also name the rubrics by which it did.

    Raises:
        UserError: it asked models, and they are not named.
    """
    asked = [each for each in run.manifest.get("judges", []) if each.get("judge") == judge and each.get("models")]
    if asked and not judging.models:
        names = ",".join(run.manifest.get("judge_models", [])) or "PROVIDER/NAME"
        raise UserError(f"judge {judge} asked models, which are to read {labels.name} too: --judge-model {names}")
    choice = judging if asked else JudgeChoice()
    checked = label_sets.read_by(judge, labels, choice, progress)
    file = contracts.judge_file(judge)
    labelled = [
        Labelled(said, float(question.human[row.label] == question.positive), 1.0, row.cluster)
        for row, verdict in zip(labels.rows, checked, strict=True)
        if (said := _positive(file, verdict, question)) is not None
    ]
    return labelled, {verdict.rubric for verdict in checked}


def _notes(run: Run, labels: Labels, share: float | None) -> list[str]:
    told = [
        f"transported from {labels.name}: the judge is taken to err there as here; "
        f"{_share(share)} of the answers resemble those labelled ({100 * resemblance.ENOUGH:.0f} % are needed)"
    ]
    if share is None or share < resemblance.ENOUGH:
        others = resemblance.others(run, besides=labels.name)
        listed = ", ".join(f"{name} {_share(each)}" for name, each in others.items())
        told.append(f"other label sets at hand: {listed or 'none'}; your own labels: foresee judge sheet {run.folder}")
    return told


def _share(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f} %"
