"""Check a judge against people: run it on answers that people have labelled, and say how far both agree.

A label set (`foresee/labels/<name>.py`) asks one or more questions; each maps its labels and a judge's verdicts to
the same words. A judge is compared on every question that knows all of its verdicts. Beside it stand the
judge's own `BASELINES` (published keyword lists), and how far two people agree with each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from foresee import _discovery, sources
from foresee.config import Settings, from_pairs
from foresee.errors import UserError
from foresee.judges import open_judge
from foresee.labels._rows import LabelledAnswer, Question, count_notes
from foresee.records import Answer, Item, Judge, Message, Verdict
from foresee.runner.loops import complete, each
from foresee.statistics import Agreement, Difference, agreement, paired_difference

_AT_ONCE = 16  # calls of a judge that asks a model


@dataclass(frozen=True)
class Labels:
    """A label set, read.

    Attributes:
        name: of the set.
        options: as given, for the record.
        rows: the labelled answers.
        questions: how judges can be compared with them.
        notes: where this copy differs from the published counts, one line each.
        folder: where the files lie.
    """

    name: str
    options: Mapping[str, Any]
    rows: tuple[LabelledAnswer, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]
    folder: Path
    module: ModuleType = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """A judge against people on one question.

    Attributes:
        question: what is compared.
        overall: over all answers.
        by_model: over the answers of each model; None where that model's labels leave nothing to measure.
        baselines: the judge's published predecessors on the same answers.
        gains: how much more often the judge agrees with people than each of them, paired over the answers.
        people: the first annotator against the second, in the place of judge and people; None if not published.
    """

    question: Question
    overall: Agreement
    by_model: Mapping[str, Agreement | None]
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
    progress: Callable[[int, int], None] | None = None,
) -> JudgeCheck:
    """Run a judge on labelled answers and compare.

    Args:
        judge: a name, as in `foresee list judges`, or an open judge.
        labels: a name, as in `foresee list labels`.
        data: the folder with its published files; None looks in $FORESEE_DATA and the cache.
        options: `key=value` strings or a mapping (`-T` on the command line).
        progress: called with (done, total) after each answer.

    Raises:
        UserError: a name, file, column or option that does not exist, or a judge whose verdicts no question knows.
    """
    opened = open_judge(judge) if isinstance(judge, str) else judge
    module = _discovery.load("judges", opened.name) if opened.name in _discovery.names("judges") else None
    scale = getattr(module, "SCALE", None)
    found = read_labels(labels, data=data, options=options)
    if scale is not None:
        _fitting(opened.name, found, scale)  # before any model is asked
    verdicts = complete(lambda: _verdicts(opened, found.rows, progress))
    words = [_word(opened.name, verdict) for verdict in verdicts]
    questions = _fitting(opened.name, found, scale or {word for word in words if word is not None})
    baselines = {
        name: [reader(row.response) for row in found.rows] for name, reader in getattr(module, "BASELINES", {}).items()
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
    if not hasattr(found.module, "stored_verdicts"):
        raise UserError(f"{labels} stores no verdicts of automatic judges; msts does")
    verdicts: Mapping[str, list[str | None]] = found.module.stored_verdicts(found.folder)
    question = next(q for q in found.questions if q.name == found.module.STORED_QUESTION)
    for name, said in verdicts.items():
        if len(said) != len(found.rows):
            raise UserError(
                f"{labels}: {len(said)} stored verdicts of {name} for {len(found.rows)} answers can't be matched; "
                f"they belong to the set's default options; run 'foresee data check {labels}'"
            )
    return StoredCheck(found, question, {name: _agree(question, found.rows, said) for name, said in verdicts.items()})


def read_labels(
    name: str, *, data: Path | str | None = None, options: Iterable[str] | Mapping[str, Any] = ()
) -> Labels:
    """Read a label set and count it against what was published.

    Raises:
        UserError: a name, file, column or option that does not exist, or no answer that fits the options.
    """
    module = _discovery.load("labels", name)
    absent = [attribute for attribute in ("SOURCE", "QUESTIONS", "Options", "rows") if not hasattr(module, attribute)]
    if absent:
        raise UserError(f"label file {module.__file__} lacks {', '.join(absent)}; see foresee/labels/xstest.py")
    chosen: Settings = from_pairs(
        module.Options,
        () if isinstance(options, Mapping) else options,
        what=f"{name} (-T)",
        base=options if isinstance(options, Mapping) else None,
    )
    folder = sources.locate(name, Path(data) if data is not None else None)
    rows = tuple(module.rows(folder, chosen))
    if not rows:
        raise UserError(f"{name}: no labelled answer in {folder}; run 'foresee data check {name}'")
    expected = module.expected(chosen) if hasattr(module, "expected") else module.SOURCE.get("expected", {})
    notes = tuple(count_notes(rows, expected))
    return Labels(name, chosen.model_dump(mode="json"), rows, tuple(module.QUESTIONS), notes, folder, module)


async def _verdicts(
    judge: Judge, rows: Sequence[LabelledAnswer], progress: Callable[[int, int], None] | None
) -> list[Verdict]:
    verdicts: list[Verdict | None] = [None] * len(rows)
    done = 0

    async def read(place: int) -> None:
        nonlocal done
        row = rows[place]
        item = Item(row.id, (Message("user", (row.prompt,)),))
        verdicts[place] = await judge.judge(item, Answer(row.id, 0, row.response))
        done += 1
        if progress is not None:
            progress(done, len(rows))

    await each(iter(range(len(rows))), read, _AT_ONCE)
    return [verdict for verdict in verdicts if verdict is not None]


def _word(judge: str, verdict: Verdict) -> str | None:
    if verdict.value is None or isinstance(verdict.value, str):
        return verdict.value
    raise UserError(f"judge {judge} gives numbers; people's labels can be compared with a judge that gives words")


def _fitting(judge: str, labels: Labels, scale: Collection[str]) -> list[Question]:
    """The questions that know every word of a judge. Raises UserError: there is none."""
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
    by_model: dict[str, Agreement | None] = {}
    for model in dict.fromkeys(row.model for row in rows):
        kept = [i for i, row in enumerate(rows) if row.model == model]
        by_model[model] = _agree_if_any(question, [rows[i] for i in kept], [words[i] for i in kept])
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


def _agree_if_any(question: Question, rows: Sequence[LabelledAnswer], words: Sequence[str | None]) -> Agreement | None:
    """As `_agree`, but None where people gave the positive label to no answer, so that there is nothing to find."""
    if question.positive is not None and question.positive not in {question.human[row.label] for row in rows}:
        return None
    return _agree(question, rows, words)


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
