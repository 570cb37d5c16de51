"""Press a judge: read labelled answers again with text in them that should change nothing, and count what it changes.

The presses stand in `pressures.PRESSURES`. Each pushes away from the verdict that the judge gave without it: a word of
another end of its scale, or numbers of another. A number counts as another verdict where it moved by half of its scale.

Judges also change verdicts by themselves. The baseline says how often: every answer is read a second time as it is, and
once with a line drawn below it, which shows chance and touchiness together. What a pressure flips beyond that is its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from foresee import plugins
from foresee.errors import UserError
from foresee.evaluation.sampling import sample
from foresee.human_labels.label_sets import fitting, pair_of, word_of
from foresee.human_labels.pressures import BASELINE, PRESSURES, Aim, Pressure, drawn
from foresee.human_labels.reading import open_alone, read_all
from foresee.judges import GradedJudge, JudgeChoice
from foresee.labels._rows import LabelledAnswer, Question
from foresee.labels._sets import Labels, read_labels
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Answer, Image, Item, Judge, Message, Verdict
from foresee.statistics import Difference, Estimate, paired_difference, rate

ANY = "any of these"
AGAIN = Pressure("the same again", BASELINE, lambda text, aim: text)


@dataclass(frozen=True)
class Pressed:
    """What one kind of pressure did.

    Attributes:
        name: of the pressure; `ANY` for all of them together.
        kind: what it is an example of.
        flips: share of the answers with a verdict before and after that have another one after.
        vanished: share of the answers with a verdict before that have none after.
        appeared: answers without a verdict before that have one after.
        broken: answers whose verdict agreed with people before, and does not after.
        mended: the other way round.
        beyond: flips minus those with a line drawn below, over the same answers; None of the baseline and of `ANY`.
    """

    name: str
    kind: str
    flips: Estimate
    vanished: Estimate
    appeared: int
    broken: int
    mended: int
    beyond: Difference | None = None


@dataclass(frozen=True)
class Stress:
    """What a judge bore.

    Attributes:
        judge: name.
        identity: what makes its verdicts what they are (version, judge model).
        labels: the answers.
        question: how `broken` and `mended` compare with people.
        pressed: a line for each pressure, then one for all.
        unscored: answers that had no verdict before.
        left_out: why some pressures were not tried.
        models: names of the judge models.
    """

    judge: str
    identity: Mapping[str, Any]
    labels: Labels
    question: Question
    pressed: tuple[Pressed, ...]
    unscored: int
    left_out: tuple[str, ...]
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Case:
    """An answer, how it was judged, and what would be another verdict."""

    row: LabelledAnswer
    pair: tuple[Item, Answer]
    before: Verdict
    aim: Aim


def stress(
    judge: str | Judge,
    labels: str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    judging: JudgeChoice | None = None,
    limit: int | None = None,
    out: Path | str | None = None,
    pressures: Sequence[Pressure] = PRESSURES,
    progress: Callable[[int, int], None] | None = None,
) -> Stress:
    """Read labelled answers plainly and under each pressure, and compare the verdicts.

    Args:
        judge: a name, as in `foresee list judges`, or an open judge.
        labels: a label set or a file, as for `label_sets.check`.
        data: as for `check`.
        options: as for `check`.
        judging: as for `check`.
        limit: how many answers, drawn at random with their clusters whole and stratified by label; None for all.
        out: folder for what judge models said; None for one under `runs/judge_stress/`, the same one each time.
        pressures: what to try.
        progress: called with (done, total) after each reading.

    Raises:
        UserError: as `check`, or no answer has a verdict to begin with.
    """
    choice = judging or JudgeChoice()
    opened = open_alone(judge, choice)
    found = read_labels(labels, data=data, options=options)
    file = contracts.judge_file(opened.name) if opened.name in plugins.names("judges") else None
    question = fitting(opened, file, found)[0]
    rows = sample(found.rows, limit, subset=lambda row: row.label, cluster=lambda row: row.cluster)
    told = {"labels": found.name, "options": dict(found.options), "pressed": True}
    seen = _Counter(progress, len(rows) * (2 + len(pressures)))

    def read(pairs: Sequence[tuple[Item, Answer]], again: bool = False) -> list[Verdict]:
        """Read; `again` in a journal of its own, so that the judge model is asked a second time."""
        about = {**told, "again": True} if again else told
        kept = Path(out, "again" if again else "") if out else None
        with seen:
            return read_all(opened, pairs, about=about, kept=kept, below="judge_stress", progress=seen.tell)

    pairs = [pair_of(row) for row in rows]
    verdicts = read(pairs)
    cases = [
        _Case(row, pair, verdict, _aim(opened, file, pair[0], verdict))
        for row, pair, verdict in zip(rows, pairs, verdicts, strict=True)
    ]
    if not any(case.before.value is not None for case in cases):
        reason = next((verdict.reason for verdict in verdicts), "")
        raise UserError(f"judge {opened.name} has a verdict on none of the {len(rows)} answers: {reason}")
    used, left_out = _usable(opened, pressures, cases)
    made = [[_pressed(case, pressure) for case in cases] for pressure in used]
    if isinstance(opened, GradedJudge):  # one opening of its models for all
        flat = read([pair for pairs in made for pair in pairs])
        after = [flat[start : start + len(cases)] for start in range(0, len(flat), len(cases))]
    else:
        after = [read(pairs) for pairs in made]
    after = [read(pairs, again=True), *after]
    lines = _lines((AGAIN, *used), cases, after, _Reading(opened, file, question))
    unscored = sum(case.before.value is None for case in cases)
    kept = replace(found, rows=tuple(rows))
    models = tuple(member.model.name for member in opened.members) if isinstance(opened, GradedJudge) else ()
    return Stress(opened.name, opened.identity, kept, question, lines, unscored, left_out, models)


class _Counter:
    """Progress over several readings."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self._progress, self._total, self._before, self._now = progress, total, 0, 0

    def __enter__(self) -> None:
        self._before, self._now = self._before + self._now, 0

    def __exit__(self, *raised: object) -> None:
        """Nothing to undo."""

    def tell(self, done: int, total: int) -> None:
        self._now = done
        if self._progress is not None:
            self._progress(self._before + done, self._total)


def _aim(judge: Judge, file: JudgeFile | None, item: Item, before: Verdict) -> Aim:
    """Fill in the judge's form with another verdict than the one that it gave."""
    rubric_of = judge.rubric if isinstance(judge, GradedJudge) else file.rubric if file else None
    if rubric_of is not None:
        rubric = rubric_of(item)

        def away(end: tuple[Mapping[str, Any], Any]) -> tuple[bool, float]:
            other = _spelled(file, replace(before, value=end[1])) != _spelled(file, before)
            return other, _distance(end[1], before.value)

        return Aim(max(zip(rubric.extremes, rubric.ends, strict=True), key=away)[0])
    scale = file.scale if file else ()
    if not scale:
        raise UserError(f"judge {judge.name} has no SCALE of words, so there is no other verdict to press it to")
    name = file.sheet[0].name if file and file.sheet else judge.name
    return Aim({name: scale[-1] if _spelled(file, before) == scale[0] else scale[0]})


def _distance(one: Any, other: Any) -> float:
    """Add up how far two verdicts lie apart; words are one apart."""
    if isinstance(one, str) or isinstance(other, str | None):
        return float(one != other)
    held, told = _numbers(one), _numbers(other)
    return sum(abs(held[name] - told[name]) for name in held.keys() & told.keys())


def _numbers(value: Any) -> dict[str, float]:
    """Name the numbers of a verdict; one that is a single number has no name."""
    return {name: float(v) for name, v in value.items()} if isinstance(value, Mapping) else {"": float(value)}


def _usable(
    judge: Judge, pressures: Sequence[Pressure], cases: Sequence[_Case]
) -> tuple[list[Pressure], tuple[str, ...]]:
    """Choose the pressures that this judge can meet: writing in images only where it and its models see some."""
    if not any(pressure.draw for pressure in pressures):
        return list(pressures), ()
    why = ""
    item = replace(cases[0].pair[0], messages=(Message("user", (_page("?"),)),))
    if not isinstance(judge, GradedJudge) or "image" not in judge.rubric(item).shows:
        why = f"{judge.name} sees no image"
    else:
        try:
            judge.check([item])
        except UserError:
            why = "the judge model takes no image"
    if not why:
        return list(pressures), ()
    return [pressure for pressure in pressures if pressure.draw is None], (f"nothing is drawn into images: {why}",)


@cache
def _page(words: str) -> Image:
    return drawn(None, words)


def _pressed(case: _Case, pressure: Pressure) -> tuple[Item, Answer]:
    item, answer = case.pair
    if pressure.edit is not None:
        text = pressure.edit(answer.text, case.aim)
        return item, replace(answer, text=text, key=f"{answer.key} {pressure.name} {case.aim.words}")
    assert pressure.draw is not None
    words = pressure.draw(case.aim)
    first = item.images[0] if item.images else None
    image = drawn(first, words) if first else _page(words)
    kept: tuple[str | Image, ...] = tuple(
        part for message in item.messages for part in message.content if part != first
    )
    return replace(item, messages=(Message("user", (image, *kept)),)), replace(
        answer, key=f"{answer.key} {pressure.name} {case.aim.words}"
    )


@dataclass(frozen=True)
class _Reading:
    """How verdicts of a judge are told apart, and compared with people's labels."""

    judge: Judge
    file: JudgeFile | None
    question: Question

    def right(self, case: _Case, verdict: Verdict) -> bool:
        word = word_of(self.judge.name, self.file, self.question.part, verdict)
        return word is not None and self.question.reads(word) == self.question.human.get(case.row.label)

    def moved(self, case: _Case, after: Verdict) -> float | None:
        """1 if the verdict is another one, 0 if not; None where there is none before or after."""
        one, other = case.before.value, after.value
        if one is None or other is None:
            return None
        if (self.file is not None and self.file.word is not None) or isinstance(one, str):
            return float(_spelled(self.file, case.before) != _spelled(self.file, after))
        spans, held, told = self._spans(case.pair[0]), _numbers(one), _numbers(other)
        moved = (2 * abs(held[name] - told[name]) >= spans.get(name, 1.0) for name in held.keys() & told.keys())
        return float(any(moved))

    def _spans(self, item: Item) -> Mapping[str, float]:
        """How long the scale of each number is."""
        if not isinstance(self.judge, GradedJudge):
            return {name: high - low for name, (low, high) in (self.file.bounds if self.file else {}).items()}
        low, high = map(_numbers, self.judge.rubric(item).ends)
        return {name: abs(high[name] - low[name]) or 1.0 for name in low}


def _spelled(file: JudgeFile | None, verdict: Verdict) -> Any:
    """Write the verdict as the word of its scale where it has one."""
    value = verdict.value
    return file.word(value) if file is not None and file.word is not None and isinstance(value, Mapping) else value


def _lines(
    pressures: Sequence[Pressure], cases: Sequence[_Case], after: Sequence[Sequence[Verdict]], reading: _Reading
) -> tuple[Pressed, ...]:
    moves = [[reading.moved(*each) for each in zip(cases, verdicts, strict=True)] for verdicts in after]
    read = list(zip(pressures, after, moves, strict=True))
    by_itself = [moved for pressure, _, moved in read if pressure.kind == BASELINE][-1]  # a reading that is new, too
    clusters = [case.row.cluster for case in cases]
    lines = []
    for pressure, verdicts, moved in read:
        line = _line(pressure.name, pressure.kind, cases, [verdicts], moved, reading)
        if pressure.kind != BASELINE:
            beyond = paired_difference(by_itself, moved, clusters, name=f"{pressure.name}: flips beyond the baseline")
            line = replace(line, beyond=beyond)
        lines.append(line)
    pressed = [each for each in read if each[0].kind != BASELINE]
    together = [_worst([moved[place] for _, _, moved in pressed]) for place in range(len(cases))]
    return (*lines, _line(ANY, "", cases, [verdicts for _, verdicts, _ in pressed], together, reading))


def _worst(moved: Sequence[float | None]) -> float | None:
    known = [each for each in moved if each is not None]
    return max(known) if known else None


def _line(
    name: str,
    kind: str,
    cases: Sequence[_Case],
    after: Sequence[Sequence[Verdict]],
    moved: Sequence[float | None],
    reading: _Reading,
) -> Pressed:
    """Count; of several pressures together, an answer counts where one of them did it."""
    kept = [place for place, case in enumerate(cases) if case.before.value is not None]
    clusters = [cases[place].row.cluster for place in kept]
    gone = [float(any(verdicts[place].value is None for verdicts in after)) for place in kept]
    right = {place: reading.right(cases[place], cases[place].before) for place in kept}
    both = [place for place in kept if moved[place]]
    agrees = {
        place: [reading.right(cases[place], v[place]) for v in after if v[place].value is not None] for place in both
    }
    return Pressed(
        name,
        kind,
        rate([moved[place] for place in kept], clusters, name=f"{name}: flips"),
        rate(gone, clusters, name=f"{name}: vanished"),
        appeared=sum(
            cases[place].before.value is None and any(v[place].value is not None for v in after)
            for place in range(len(cases))
        ),
        broken=sum(right[place] and not all(agrees[place]) for place in both),
        mended=sum(not right[place] and any(agrees[place]) for place in both),
    )
