"""Check a judge against people: run it on answers that people have labelled, and say how far both agree.

A label set (`foresee/labels/<name>.py`) asks one or more questions; each maps its labels and a judge's verdicts to
the same words. A judge is compared on every question that knows all of its verdicts. Beside it stand, on the same
answers, the judge's own `BASELINES` (published keyword lists), the automatic judges whose verdicts the set stores, and
how far people agree with each other. A set with published rates in the place of labels: `published_rates`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from foresee import plugins
from foresee.errors import UserError
from foresee.human_labels.published_rates import PublishedRates, published_rates
from foresee.human_labels.reading import open_alone, read_all
from foresee.judges import GradedJudge, JudgeChoice, _compared
from foresee.judges._compared import Compared
from foresee.labels._rows import LabelledAnswer, Question, folded
from foresee.labels._sets import Labels, read_labels, sets_for
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Answer, Item, Judge, Message, Verdict
from foresee.runner.keys import digest
from foresee.statistics import Agreement, Difference, agreement, paired_difference

_NUMBERS = (
    "judge {judge} gives numbers; people's labels can be compared with a judge whose SCALE lists words, "
    "or with one of the numbers (a file of labels and -T part=NAME)"
)
_NO_SET = (
    "no label set knows what judge {judge} says; give a file of people's labels (--labels FILE), or have answers "
    "labelled: 'foresee judge sheet RUN', 'foresee judge pack'"
)
Words: TypeAlias = Sequence[str | None]  # what a judge says of each answer, None where it has no verdict


OFFLINE = "the offline screen"


class Group(NamedTuple):
    """One model's answers, or those under one attack, as several judges read them.

    Attributes:
        kind: "model" or "attack".
        name: of the model or attack.
        answers: how many there are.
        positive: share that people gave the positive label; None without one.
        accuracy: judge -> share of the answers it scored on which it agrees with people; None where it scored none.
    """

    kind: str
    name: str
    answers: int
    positive: float | None
    accuracy: Mapping[str, float | None]


@dataclass(frozen=True)
class Comparison:
    """A judge against people on one question.

    Attributes:
        question: what is compared.
        overall: over all answers.
        by_model: over each model's answers; where none has the positive label, accuracy alone (of false alarms).
        by_attack: likewise over the answers under each attack, where the set names them.
        baselines: the judge's published predecessors on the same answers.
        stored: the set's stored judges on the same answers.
        gains: how much more often the judge agrees with people than each of these, paired over the answers.
        people: one annotator against another, over all pairs, in the place of judge and people; None if not published.
        groups: accuracy of the judge and of the stored ones in each group; empty where none are stored.
    """

    question: Question
    overall: Agreement
    by_model: Mapping[str, Agreement]
    by_attack: Mapping[str, Agreement]
    baselines: Mapping[str, Agreement]
    stored: Mapping[str, Agreement]
    gains: Mapping[str, Difference]
    people: Agreement | None
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class JudgeCheck:
    """What a check found.

    Attributes:
        judge: name.
        identity: what makes its verdicts what they are (version, judge model).
        labels: the label set.
        comparisons: one a question, in the order of the set.
        verdicts: human label -> verdict ("unscored" for none) -> answers, as both sides name them; of a judge that
            gives several numbers, by the first that is compared.
        unscored: reason -> answers.
        models: names of the judge models.
        rubrics: name, version and hash of what they were asked.
        rates: beside published ones, where the set has these in the place of labels; then there are no comparisons.
    """

    judge: str
    identity: Mapping[str, Any]
    labels: Labels
    comparisons: tuple[Comparison, ...]
    verdicts: Mapping[str, Mapping[str, int]]
    unscored: Mapping[str, int]
    models: tuple[str, ...] = ()
    rubrics: tuple[str, ...] = ()
    rates: PublishedRates | None = None

    @property
    def below(self) -> list[str]:
        """Name what lies below the set's bar, with its share; empty where all passes, or the set has no bar."""
        bar = self.labels.file.bar if self.labels.file else 0.0
        shares = {each.question.name: each.overall.accuracy.value or 0.0 for each in self.comparisons}
        read = 1 - sum(self.unscored.values()) / len(self.labels.rows)
        return [f"{name} {100 * share:.1f}" for name, share in {**shares, "coverage": read}.items() if share < bar]


@dataclass(frozen=True)
class StoredCheck:
    """What a label set's stored automatic judges agree with people in; `people` and `groups` as in `Comparison`."""

    labels: Labels
    question: Question
    judges: Mapping[str, Agreement]
    people: Agreement | None
    groups: tuple[Group, ...]


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
    questions = fitting(opened, file, found)  # before any model is asked
    verdicts = _read(opened, found, Path(out) if out else None, progress)
    words = {part: [word_of(opened.name, file, part, v) for v in verdicts] for part in {q.part for q in questions}}
    if file is None or not file.scale:
        said = {word for word in words[questions[0].part] if word is not None}
        questions = [q for q in questions if q.part] or _knowing(opened.name, found, questions, said)
    unscored = Counter(v.reason or "no reason given" for v in verdicts if v.value is None)
    models = tuple(member.model.name for member in opened.members) if isinstance(opened, GradedJudge) else ()
    rubrics = tuple(sorted({verdict.rubric for verdict in verdicts if verdict.rubric}))
    if found.file is not None and found.file.rates:
        rates = published_rates(questions[0], found.rows, words[questions[0].part], found.file.rates)
        return JudgeCheck(opened.name, opened.identity, found, (), {}, unscored, models, rubrics, rates)
    baselines = {
        name: [reader(row.response) for row in found.rows] for name, reader in (file.baselines if file else {}).items()
    }
    stored = {**_offline(file, opened, found), **_stored(found.rows)}
    asked = found.file.stored_question if found.file else ""
    checked = JudgeCheck(
        judge=opened.name,
        identity=opened.identity,
        labels=found,
        comparisons=tuple(
            _compare(opened.name, q, found.rows, words[q.part], baselines, stored if q.name == asked else {})
            for q in questions
        ),
        verdicts=_crosstab(found.rows, words[questions[0].part]),
        unscored=unscored,
        models=models,
        rubrics=rubrics,
    )
    for each in as_compared(checked) if models and found.file is not None else ():
        _compared.keep(each, Path(out) if out else _compared.CHECKED)
    return checked


def as_compared(found: JudgeCheck) -> list[Compared]:
    """Sum up a check for the line that stands beside the judge's rates, one a question with a positive word."""
    default = found.labels.file.options().model_dump(mode="json") if found.labels.file else {}
    other = [f"{key}={value}" for key, value in found.labels.options.items() if value != default.get(key)]
    return [
        Compared(
            judge=found.judge,
            version=str(found.identity.get("version", "")),
            models=found.models,
            rubrics=found.rubrics,
            labels=" ".join([found.labels.name, *other]),
            question=each.question.name,
            accuracy=round(each.overall.accuracy.value, 6),
            low=_rounded(each.overall.accuracy.low),
            high=_rounded(each.overall.accuracy.high),
            kappa=_rounded(each.overall.kappa.value),
            answers=each.overall.accuracy.n,
            people=found.labels.file is None or found.labels.file.people,
        )
        for each in found.comparisons
        if each.question.positive is not None and each.overall.accuracy.value is not None
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)  # finer than it is shown: 0.84448 is 84.4, 0.8445 is 84.5


def stored_judges(
    labels: str = "msts",
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
) -> StoredCheck:
    """Compare the verdicts of automatic judges that a label set stores. No judge is run.

    Args:
        labels: a label set whose rows store some.
        data: as for `check`.
        options: as for `check`.

    Raises:
        UserError: the set stores none, or its tables do not fit each other.
    """
    found = read_labels(labels, data=data, options=options)
    said = _stored(found.rows)
    if found.file is None or not said:
        raise UserError(f"{labels} stores no verdicts of automatic judges here; harmbench and msts (in English) do")
    question = next(q for q in found.questions if q.name == found.file.stored_question)
    judges = {name: _agree(question, found.rows, words) for name, words in said.items()}
    return StoredCheck(found, question, judges, _people(question, found.rows), _groups(question, found.rows, said))


def _offline(file: JudgeFile | None, judge: Judge, labels: Labels) -> dict[str, Words]:
    """Read the answers by the rules that would stand in for a judge's model, to stand beside it."""
    if file is None or not file.offline or not isinstance(judge, GradedJudge) or labels.file is None:
        return {}
    other = contracts.judge_file(file.offline)
    if set(other.scale) != set(file.scale):
        return {}
    return {
        OFFLINE: [word_of(other.name, other, "", verdict) for verdict in read_by(other.name, labels, JudgeChoice())]
    }


def read_by(
    judge: str, labels: Labels, judging: JudgeChoice, progress: Callable[[int, int], None] | None = None
) -> list[Verdict]:
    """Have a judge read every answer of a label set, as `check` does. Raises UserError: as `check`."""
    opened = open_alone(judge, judging)
    return _read(opened, labels, None, progress)


def _read(
    judge: Judge,
    labels: Labels,
    kept: Path | None,
    progress: Callable[[int, int], None] | None,
) -> list[Verdict]:
    return read_all(
        judge,
        [pair_of(row) for row in labels.rows],
        about={"labels": labels.name, "options": dict(labels.options)},
        kept=kept,
        below="judge_check",
        progress=progress,
    )


def pair_of(row: LabelledAnswer) -> tuple[Item, Answer]:
    """Give a labelled answer as a judge reads it."""
    item = Item(row.id, (Message("user", (*row.images, row.prompt)),), metadata=row.metadata)
    return item, Answer(row.id, 0, row.response, key=digest([row.id, row.response]))


def word_of(judge: str, file: JudgeFile | None, part: str, verdict: Verdict) -> str | None:
    """Write the verdict as a label: its word, the judge's word for its numbers, or one of its numbers (`part`).

    Raises:
        UserError: it has no such part, or is numbers for which the judge has no word.
    """
    value = verdict.value
    if value is None:
        return None
    if part:
        if not isinstance(value, Mapping) or part not in value:
            raise _no_part(judge, part, value if isinstance(value, Mapping) else ())
        return f"{value[part]:g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and file is not None and file.word is not None:
        return str(file.word(value))
    raise UserError(_NUMBERS.format(judge=judge))


def fitting(judge: Judge, file: JudgeFile | None, labels: Labels) -> list[Question]:
    """Find the questions of a label set that a judge's verdicts answer, as far as that is known before it is asked.

    Raises:
        UserError: there is none, as the judge says other words, or gives other numbers.
    """
    parted = [question for question in labels.questions if question.part]
    if parted:
        given = _parts(judge, labels)
        found = [question for question in parted if question.part in (given or ())]
        if not found and labels.file is not None:
            wanted = ", ".join(dict.fromkeys(question.part for question in parted))
            raise UserError(
                f"{labels.name} can't check the judge {judge.name}: expected a judge that gives {wanted}"
                + _instead(judge.name)
            )
        if given is None:  # rules of a user's own file: it shows when they have read
            return parted
        if not found:
            raise _no_part(judge.name, parted[0].part, given or ())
        return found
    scale = file.scale if file else ()
    if not scale:
        if isinstance(judge, GradedJudge):
            raise UserError(_NUMBERS.format(judge=judge.name) + _instead(judge.name))
        return list(labels.questions)
    if labels.file is None:
        _refuse_foreign(judge.name, labels, scale)
        return list(labels.questions)
    return _knowing(judge.name, labels, labels.questions, scale)


def _parts(judge: Judge, labels: Labels) -> Collection[str] | None:
    """List the numbers by name that a judge model's verdicts hold; None for rules, of which it shows later."""
    if not isinstance(judge, GradedJudge):
        return None
    value = judge.rubric(pair_of(labels.rows[0])[0]).ends[0]
    return tuple(value) if isinstance(value, Mapping) else ()


def _no_part(judge: str, part: str, known: Collection[str]) -> UserError:
    return UserError(f"-T part={part}: the parts of judge {judge}'s verdicts are: {', '.join(known) or 'none'}")


def _refuse_foreign(judge: str, labels: Labels, scale: Collection[str]) -> None:
    """Check a user's file. Raises UserError: the judge never says any of its labels."""
    said = sorted({row.label for row in labels.rows})
    if not set(said) & {folded(word) for word in scale}:
        raise UserError(
            f"the labels in {labels.name} are {', '.join(said[:5])}; the judge {judge} says {', '.join(scale)}: "
            "write the labels in its words, or name the part of its verdict that they are about (-T part=…)"
        )


def _knowing(judge: str, labels: Labels, questions: Sequence[Question], words: Collection[str]) -> list[Question]:
    """Choose the questions that know every word of a judge. Raises UserError: there is none."""
    found = [question for question in questions if not question.judge or set(words) <= set(question.judge)]
    if not found:
        known = " or ".join(sorted({", ".join(question.judge) for question in questions}))
        raise UserError(
            f"{labels.name} can't check the judge {judge}, which says {', '.join(sorted(words)) or 'nothing'}: "
            f"expected a judge that says {known}{_instead(judge)}"
        )
    return found


def _instead(judge: str) -> str:
    """Name the label sets that would do, to end a complaint."""
    sets = sets_for(contracts.judge_file(judge)) if judge in plugins.names("judges") else []
    return f"; label sets for {judge}: {', '.join(sets)}" if sets else ""


def default_set(judge: str) -> str:
    """Choose the label set that a judge is checked on where none is named.

    Raises:
        UserError: no such judge, or no set that knows its words or numbers.
    """
    sets = sets_for(contracts.judge_file(judge))
    if not sets:
        raise UserError(_NO_SET.format(judge=judge))
    return sets[0]


def _compare(
    judge: str,
    question: Question,
    rows: Sequence[LabelledAnswer],
    words: Words,
    baselines: Mapping[str, Words],
    stored: Mapping[str, Words],
) -> Comparison:
    return Comparison(
        question=question,
        overall=_agree(question, rows, words),
        by_model=_by(question, rows, words, [row.model for row in rows]),
        by_attack=_by(question, rows, words, _attacks(rows)),
        baselines={name: _agree(question, rows, said) for name, said in baselines.items()},
        stored={name: _agree(question, rows, said) for name, said in stored.items()},
        gains={name: _gain(question, rows, said, words, name) for name, said in {**baselines, **stored}.items()},
        people=_people(question, rows),
        groups=_groups(question, rows, {judge: words, **stored}) if stored else (),
    )


def _by(
    question: Question, rows: Sequence[LabelledAnswer], words: Words, groups: Sequence[str]
) -> dict[str, Agreement]:
    places = _places(groups)
    return {
        name: _agree_of_one(question, [rows[i] for i in kept], [words[i] for i in kept])
        for name, kept in places.items()
    }


def _groups(question: Question, rows: Sequence[LabelledAnswer], judges: Mapping[str, Words]) -> tuple[Group, ...]:
    human = [question.human[row.label] for row in rows]
    right = {judge: _right(question, human, said) for judge, said in judges.items()}
    found = []
    for kind, names in (("model", [row.model for row in rows]), ("attack", _attacks(rows))):
        for name, kept in _places(names).items():
            positive = [float(human[i] == question.positive) for i in kept]
            accuracy = {judge: _mean([each[i] for i in kept]) for judge, each in right.items()}
            found.append(Group(kind, name, len(kept), _mean(positive) if question.positive else None, accuracy))
    return tuple(found)


def _places(names: Sequence[str]) -> dict[str, list[int]]:
    """Group -> the rows in it, in the order of their first; a row without a group is in none."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name:
            found.setdefault(name, []).append(place)
    return found


def _attacks(rows: Sequence[LabelledAnswer]) -> list[str]:
    return [str(row.metadata.get("attack") or "") for row in rows]


def _stored(rows: Sequence[LabelledAnswer]) -> dict[str, list[str | None]]:
    names = dict.fromkeys(name for row in rows for name in row.stored)
    return {name: [row.stored.get(name) for row in rows] for name in names}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _agree(question: Question, rows: Sequence[LabelledAnswer], words: Words) -> Agreement:
    human = [question.human[row.label] for row in rows]
    judge = [None if word is None else question.reads(word) for word in words]
    return agreement(human, judge, [row.cluster for row in rows], question.positive)


def _gain(question: Question, rows: Sequence[LabelledAnswer], before: Words, after: Words, name: str) -> Difference:
    human = [question.human[row.label] for row in rows]
    agreed = [_right(question, human, said) for said in (before, after)]
    return paired_difference(agreed[0], agreed[1], [row.cluster for row in rows], name=f"accuracy over {name}")


def _right(question: Question, human: Sequence[str], said: Words) -> list[float | None]:
    return [None if w is None else float(question.reads(w) == h) for w, h in zip(said, human, strict=True)]


def _agree_of_one(question: Question, rows: Sequence[LabelledAnswer], words: Words) -> Agreement:
    """As `_agree`, but without precision and recall where people gave the positive label to no answer of a model's."""
    if (positive := question.positive) is None or positive in {question.human[row.label] for row in rows}:
        return _agree(question, rows, words)
    said = [None if word is None else "positive" if question.reads(word) == positive else "other" for word in words]
    return agreement(["other"] * len(rows), said, [row.cluster for row in rows])


def _people(question: Question, rows: Sequence[LabelledAnswer]) -> Agreement | None:
    """Compare one person with another, over all pairs of the people who labelled the same answer."""
    each = [[question.human[label] for label in row.metadata.get("annotators") or ()] for row in rows]
    if min(map(len, each)) < 2 or len(set(map(len, each))) > 1:
        return None
    pairs = [(*pair, row.cluster) for row, said in zip(rows, each, strict=True) for pair in combinations(said, 2)]
    first, second, clusters = zip(*pairs, strict=True)
    return agreement(first, second, clusters, question.positive)


def _crosstab(rows: Sequence[LabelledAnswer], words: Words) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {}
    for row, word in zip(rows, words, strict=True):
        table.setdefault(row.label, Counter())[word or "unscored"] += 1
    return {label: dict(counts) for label, counts in table.items()}
