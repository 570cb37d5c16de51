"""Check a judge against people: run it on answers that people have labelled, and say how far both agree.

A label set (`foresee/labels/<name>.py`) asks one or more questions; each maps its labels and a judge's verdicts to
the same words. A judge is compared on every question that knows all of its verdicts. Beside it stand the
judge's own `BASELINES` (published keyword lists), and how far two people agree with each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foresee import plugins
from foresee.errors import UserError
from foresee.human_labels.reading import open_alone, read_all
from foresee.judges import GradedJudge, JudgeChoice
from foresee.labels._rows import LabelledAnswer, Question
from foresee.labels._sets import Labels, read_labels
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Answer, Item, Judge, Message, Verdict
from foresee.runner.keys import digest
from foresee.statistics import Agreement, Difference, agreement, paired_difference

_NUMBERS = (
    "judge {judge} gives numbers; people's labels can be compared with a judge whose SCALE lists words, "
    "or with one of the numbers (a file of labels and -T part=NAME)"
)


@dataclass(frozen=True)
class Comparison:
    """A judge against people on one question.

    Attributes:
        question: what is compared.
        overall: over all answers.
        by_model: over each model's answers; where none has the positive label, accuracy alone (of false alarms).
        baselines: the judge's published predecessors on the same answers.
        gains: how much more often the judge agrees with people than each of them, paired over the answers.
        people: the first annotator against the second, in the place of judge and people; None if not published.
    """

    question: Question
    overall: Agreement
    by_model: Mapping[str, Agreement]
    baselines: Mapping[str, Agreement]
    gains: Mapping[str, Difference]
    people: Agreement | None


@dataclass(frozen=True)
class JudgeCheck:
    """What a check found.

    Attributes:
        judge: name.
        identity: what makes its verdicts what they are (version, judge model).
        labels: the label set.
        comparisons: one a question, in the order of the set.
        verdicts: human label -> verdict ("unscored" for none) -> answers, as both sides name them.
        unscored: reason -> answers.
    """

    judge: str
    identity: Mapping[str, Any]
    labels: Labels
    comparisons: tuple[Comparison, ...]
    verdicts: Mapping[str, Mapping[str, int]]
    unscored: Mapping[str, int]


@dataclass(frozen=True)
class StoredCheck:
    """What the verdicts of automatic judges that a label set stores agree with people in."""

    labels: Labels
    question: Question
    judges: Mapping[str, Agreement]


def check(
    judge: str | Judge,
    labels: str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    judging: JudgeChoice | None = None,
    out: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> JudgeCheck:
    """Run a judge on labelled answers and compare.

    Args:
        judge: a name, as in `foresee list judges`, or an open judge.
        labels: a name, as in `foresee list labels`, or a JSONL file of {"prompt", "response", "label", "model"?}.
        data: the folder with its published files; None looks in $FORESEE_DATA and the cache.
        options: `key=value` strings or a mapping (`-T` on the command line).
        judging: the judge models, for a judge that asks some; a judge that could go by rules then asks them.
        out: folder for what judge models said; None for one under `runs/judge_check/`, the same one each time.
        progress: called with (done, total) after each answer.

    Raises:
        UserError: a name, file, column or option that does not exist, or a judge whose verdicts no question knows.
    """
    opened = open_alone(judge, judging or JudgeChoice())
    found = read_labels(labels, data=data, options=options)
    file = contracts.judge_file(opened.name) if opened.name in plugins.names("judges") else None
    scale = None if found.part or file is None else file.scale or None
    if scale is not None:  # before any model is asked
        _refuse_foreign(opened.name, found, scale)
        _fitting(opened.name, found, scale)
    elif isinstance(opened, GradedJudge) and not found.part:
        raise UserError(_NUMBERS.format(judge=opened.name))
    opened, verdicts = read_all(
        opened,
        [pair_of(row) for row in found.rows],
        judging or JudgeChoice(),
        about={"labels": found.name, "options": dict(found.options)},
        kept=Path(out) if out else None,
        below="judge_check",
        progress=progress,
    )
    words = [_word(opened.name, file, found.part, verdict) for verdict in verdicts]
    questions = _fitting(opened.name, found, scale or {word for word in words if word is not None})
    baselines = {
        name: [reader(row.response) for row in found.rows] for name, reader in (file.baselines if file else {}).items()
    }
    return JudgeCheck(
        judge=opened.name,
        identity=opened.identity,
        labels=found,
        comparisons=tuple(_compare(question, found.rows, words, baselines) for question in questions),
        verdicts=_crosstab(found.rows, words),
        unscored=Counter(v.reason or "no reason given" for v in verdicts if v.value is None),
    )


def stored_judges(
    labels: str = "msts",
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
) -> StoredCheck:
    """Compare the verdicts of automatic judges that a label set stores. No judge is run.

    Args:
        labels: a label set with `stored_verdicts` and `STORED_QUESTION`.
        data: as for `check`.
        options: as for `check`.

    Raises:
        UserError: the set stores none, or its tables do not fit each other.
    """
    found = read_labels(labels, data=data, options=options)
    if found.file is None or found.file.stored_verdicts is None:
        raise UserError(f"{labels} stores no verdicts of automatic judges; msts does")
    verdicts: Mapping[str, list[str | None]] = found.file.stored_verdicts(found.folder)
    question = next(q for q in found.questions if q.name == found.file.stored_question)
    for name, said in verdicts.items():
        if len(said) != len(found.rows):
            raise UserError(
                f"{labels}: {len(said)} stored verdicts of {name} for {len(found.rows)} answers can't be matched; "
                f"they belong to the set's default options; run 'foresee data check {labels}'"
            )
    return StoredCheck(found, question, {name: _agree(question, found.rows, said) for name, said in verdicts.items()})


def pair_of(row: LabelledAnswer) -> tuple[Item, Answer]:
    """Give a labelled answer as a judge reads it."""
    item = Item(row.id, (Message("user", (*row.images, row.prompt)),), metadata=row.metadata)
    return item, Answer(row.id, 0, row.response, key=digest([row.id, row.response]))


def _word(judge: str, file: JudgeFile | None, part: str, verdict: Verdict) -> str | None:
    """Write the verdict as a label: its word, the judge's word for its numbers, or one of its numbers."""
    value = verdict.value
    if value is None:
        return None
    if part:
        if not isinstance(value, Mapping) or part not in value:
            known = ", ".join(value) if isinstance(value, Mapping) else "none"
            raise UserError(f"-T part={part}: the parts of judge {judge}'s verdicts are: {known}")
        return f"{value[part]:g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and file is not None and file.word is not None:
        return str(file.word(value))
    raise UserError(_NUMBERS.format(judge=judge))


def _refuse_foreign(judge: str, labels: Labels, scale: Collection[str]) -> None:
    """Check a user's file. Raises UserError: the judge never says any of its labels."""
    said = sorted({row.label for row in labels.rows})
    if labels.file is None and not set(said) & set(scale):
        raise UserError(
            f"the labels in {labels.name} are {', '.join(said[:5])}; the judge {judge} says {', '.join(scale)}: "
            "write the labels in its words, or name the part of its verdict that they are about (-T part=…)"
        )


def _fitting(judge: str, labels: Labels, scale: Collection[str]) -> list[Question]:
    """Find the questions that know every word of a judge. Raises UserError: there is none."""
    if labels.file is None:  # a file of the user's own: its labels are the judge's words, or there is no agreement
        return [replace(q, judge={w: w for w in (*q.human, *scale)}) for q in labels.questions]
    fitting = [question for question in labels.questions if set(scale) <= set(question.judge)]
    if not fitting:
        known = " or ".join(sorted({", ".join(question.judge) for question in labels.questions}))
        raise UserError(
            f"{labels.name} can't check the judge {judge}, which says {', '.join(sorted(scale)) or 'nothing'}: "
            f"expected a judge that says {known}"
        )
    return fitting


def _compare(
    question: Question,
    rows: Sequence[LabelledAnswer],
    words: Sequence[str | None],
    baselines: Mapping[str, Sequence[str | None]],
) -> Comparison:
    by_model: dict[str, Agreement] = {}
    for model in dict.fromkeys(row.model for row in rows):
        kept = [i for i, row in enumerate(rows) if row.model == model]
        by_model[model] = _agree_of_one(question, [rows[i] for i in kept], [words[i] for i in kept])
    return Comparison(
        question=question,
        overall=_agree(question, rows, words),
        by_model=by_model,
        baselines={name: _agree(question, rows, said) for name, said in baselines.items()},
        gains={name: _gain(question, rows, said, words, name) for name, said in baselines.items()},
        people=_people(question, rows),
    )


def _agree(question: Question, rows: Sequence[LabelledAnswer], words: Sequence[str | None]) -> Agreement:
    human = [question.human[row.label] for row in rows]
    judge = [None if word is None else question.judge[word] for word in words]
    return agreement(human, judge, [row.cluster for row in rows], question.positive)


def _gain(
    question: Question,
    rows: Sequence[LabelledAnswer],
    before: Sequence[str | None],
    after: Sequence[str | None],
    name: str,
) -> Difference:
    human = [question.human[row.label] for row in rows]
    agreed = [
        [
            None if word is None else float(question.judge[word] == label)
            for word, label in zip(said, human, strict=True)
        ]
        for said in (before, after)
    ]
    clusters = [row.cluster for row in rows]
    return paired_difference(agreed[0], agreed[1], clusters, name=f"accuracy over {name}")


def _agree_of_one(question: Question, rows: Sequence[LabelledAnswer], words: Sequence[str | None]) -> Agreement:
    """As `_agree`, but without precision and recall where people gave the positive label to no answer of a model's."""
    if (positive := question.positive) is None or positive in {question.human[row.label] for row in rows}:
        return _agree(question, rows, words)
    said = [None if word is None else "positive" if question.judge[word] == positive else "other" for word in words]
    return agreement(["other"] * len(rows), said, [row.cluster for row in rows])


def _people(question: Question, rows: Sequence[LabelledAnswer]) -> Agreement | None:
    pairs = [row.metadata.get("annotators") or () for row in rows]
    if any(len(pair) != 2 for pair in pairs):
        return None
    first, second = ([question.human[pair[n]] for pair in pairs] for n in (0, 1))
    return agreement(first, second, [row.cluster for row in rows], question.positive)


def _crosstab(rows: Sequence[LabelledAnswer], words: Sequence[str | None]) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {}
    for row, word in zip(rows, words, strict=True):
        table.setdefault(row.label, Counter())[word or "unscored"] += 1
    return {label: dict(counts) for label, counts in table.items()}
