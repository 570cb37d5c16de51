"""Check what a run folder says against itself: checksums, keys, images, verdicts and figures. Asks no model.

It finds accidents and careless edits. None of the checksums has a key, so whoever means to deceive computes them anew;
that the figures of a stranger are true is known by asking the model again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import run_folder
from foresee.evaluation.run_folder import ANEW, ITEMS, JOURNAL, KeyedItem
from foresee.files.redaction import HIDDEN_VALUE
from foresee.files.spool import Places, Spool
from foresee.judges import RuleJudge, open_judge
from foresee.notices import Finding
from foresee.plugins import contracts
from foresee.records import Answer, Generation, Image, Verdict
from foresee.runner import shared
from foresee.runner.async_bridge import complete
from foresee.runner.journal import Line, Lines, edited_lines, read_records, torn_tail
from foresee.runner.judging import read_answer
from foresee.runner.keys import answer_key, digest, request_for, settings_digest, verdict_key

_ASK_AGAIN = "run the same command again: it asks for that alone"
_SHOWN = 3


def check_run(folder: Path) -> Iterator[Finding]:
    """Yield what holds in a run folder and what does not, in the order in which one rests on the other.

    Raises:
        UserError: it is no run folder, or its manifest can't be read.
    """
    record = manifest.read(folder, "evaluation")
    yield _manifest(record)
    try:
        items = Spool(run_folder.read_items(folder))
        edited = run_folder.differences(folder, items, record)
    except UserError as problem:
        yield Finding("broken", ITEMS, str(problem), ANEW)
        return
    yield Finding("broken", ITEMS, edited, ANEW) if edited else Finding("ok", ITEMS, f"{len(items)} items, as written")
    yield _keys(items, record)
    yield _images(items)
    try:
        held = _Held(folder / JOURNAL)
        yield from _lines(held)
        yield from _strangers(items, held)
        for judge, made_by in record.get("made_by", {}).items():
            yield _verdicts(judge, items, held, made_by)
        yield from _figures(folder, record)
    except UserError as problem:
        yield Finding("broken", JOURNAL, str(problem), "restore the file, or choose another folder (--out)")


def _manifest(record: Mapping[str, Any]) -> Finding:
    check = manifest.check(record)
    if check == "ok":
        return Finding("ok", manifest.FILE, f"as written {record.get('written')}")
    if check == "unverified":
        return Finding("missing", manifest.FILE, "no checksum (of an older version): edits can't be seen", ANEW)
    return Finding("broken", manifest.FILE, "changed after being written: judges, options or figures may be", ANEW)


def _keys(items: Sequence[KeyedItem], record: Mapping[str, Any]) -> Finding:
    """Compare the keys with those of these items under the model and the settings of the manifest."""
    settings = record.get("configuration", {})
    if why := _unknown_keys(settings):
        return Finding("missing", "keys", f"not computed again: {why}")
    wrong = _Named()
    try:
        generation = Generation(**{**settings["generation"], "stop": tuple(settings["generation"].get("stop", ()))})
        shared_part, epochs = settings_digest(settings["model"], generation, None), range(int(settings["epochs"]))
        for item, keys in items:
            request = request_for(item, None, generation)
            found = tuple(answer_key(shared_part, request, epoch, item.turns) for epoch in epochs)
            wrong.add(item.id, unless=found == keys)
    except (TypeError, ValueError, KeyError, AttributeError) as problem:
        return Finding("broken", "keys", f"{manifest.FILE} holds other settings than a run's ({problem})", ANEW)
    if wrong.count:
        what = f"{wrong} of {len(items)} are not those of the item, the model and the settings"
        return Finding("broken", "keys", what, ANEW)
    return Finding("ok", "keys", f"{len(items)} of {len(items)} are those of the item, the model and the settings")


def _unknown_keys(settings: Mapping[str, Any]) -> str:
    """Say why keys can't be computed from the manifest alone; "" where they can."""
    if settings.get("attack"):
        return "an attack draws what is asked"
    if settings.get("defense"):
        return "a defense edits what is asked"
    model = settings.get("model")
    if not isinstance(model, Mapping) or "stored" in model:
        return "the answers came from elsewhere"
    return "a setting was a secret, and is not in the manifest" if HIDDEN_VALUE in str(model) else ""


def _images(items: Sequence[KeyedItem]) -> Finding:
    images = {(image.sha256, image.path): image for item, _ in items for image in item.images}
    changed, gone = _Named(), 0
    for image in images.values():
        state = _state(image)
        changed.add(image.path, unless=state != "changed")
        gone += state == "gone"
    if changed.count:
        what = f"{changed} of {len(images)} are others than were asked with"
        return Finding("broken", "images", what, "fetch the data again, or choose another folder (--out)")
    if gone:
        what = f"{gone} of {len(images)} are not where they were"
        return Finding("missing", "images", what, "figures need none; pages show them if they are put back")
    return Finding("ok", "images", f"{len(images)} of {len(images)} have the hash that was asked with")


def _state(image: Image) -> str:
    try:
        return "same" if hashlib.sha256(image.read()).hexdigest() == image.sha256 else "changed"
    except OSError:
        return "gone"


class _Held:
    """Where a journal's last line of each key lies, and what is to be said of its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[str, Places] = {"answer": Places(), "verdict": Places(), "call": Places()}
        self.edited: list[int] = []
        self.count = self.unverified = 0
        for number, line in enumerate(read_records(path), 2):
            self.count += 1
            self.unverified += line.check == "unverified"
            if line.check == "edited":
                self.edited.append(number)
            elif line.kind in self.places:
                self.places[line.kind][line.key] = line.offset

    def lines(self, kind: str) -> Iterator[Line]:
        """Read the last line of each key again, but those that were edited."""
        latest = self.places[kind]
        return (line for line in read_records(self.path) if line.kind == kind and latest.get(line.key) == line.offset)


def _lines(held: _Held) -> Iterator[Finding]:
    whole = f"{held.count} lines: {len(held.places['answer'])} answers, {len(held.places['verdict'])} verdicts"
    if held.edited:
        advice = f"{_ASK_AGAIN}; then delete those lines, which count nowhere any more"
        yield Finding("broken", JOURNAL, f"{edited_lines(held.edited)}, of {held.count}", advice)
    elif held.unverified:
        what = f"{whole}; {held.unverified} without checksum (of an older version): edits can't be seen"
        yield Finding("missing", JOURNAL, what)
    else:
        yield Finding("ok", JOURNAL, f"{whole}; all checksums fit")
    if torn_tail(held.path):
        yield Finding("missing", "last line", "half written, by a process that was killed", "the same command mends it")


def _strangers(items: Sequence[KeyedItem], held: _Held) -> Iterator[Finding]:
    """Look for answers and verdicts of what is not here; none of them counts in any figure."""
    keys = Places((key, place) for place, each in enumerate(items) for key in each.keys)
    ids = Places((each.item.id, place) for place, each in enumerate(items))
    answers, named, verdicts = _Named(), _Named(), _Named()
    for line in held.lines("answer"):
        said = line.record.get("item_id")
        (answers if line.key not in keys else named).add(said, unless=line.key in keys and said in ids)
    for line in held.lines("verdict"):
        said = line.record.get("item_id")
        verdicts.add(said, unless=said in ids and line.record.get("answer_key") in keys)
    for name, found in (("answers", answers), ("verdicts", verdicts)):
        if found.count:
            what = f"{found} of no item here, which count nowhere"
            yield Finding("missing", f"{name} of others", what, "of data that changed since, or put in: delete them")
    if named.count:
        what = f"{named} with an id that is not here; they count for the item of their key"
        yield Finding("missing", "ids of others", what, "renamed in the data since, or edited")
    wanted = [key for each in items if each.item.missing_image is None for key in each.keys]
    if lost := sum(key not in held.places["answer"] for key in wanted):
        yield Finding("missing", "answers", f"{lost} of {len(wanted)} are still to come", _ASK_AGAIN)


class _Named:
    """How many there are, and the names of the first."""

    def __init__(self) -> None:
        self.count, self._first = 0, list[str]()

    def add(self, name: object, *, unless: bool = False) -> None:
        if unless:
            return
        self.count += 1
        self._first += [str(name)] if len(self._first) < _SHOWN else []

    def __str__(self) -> str:
        more = f" and {self.count - _SHOWN} more" if self.count > _SHOWN else ""
        return f"{self.count} ({', '.join(self._first)}{more})"


def _verdicts(name: str, items: Sequence[KeyedItem], held: _Held, made_by: str) -> Finding:
    """Let a judge by rules read the answers again; of one that asks models, only who made the verdicts is looked at."""
    places = Places((each.item.id, place) for place, each in enumerate(items))
    judge, answers = _rule_judge(name, made_by), Lines(held.path)
    wrong, own, theirs = _Named(), 0, 0

    async def same(line: Line, place: int) -> bool:
        assert judge is not None
        item, verdict = items[place].item, line.decoded(Verdict)
        offset = held.places["answer"].get(verdict.answer_key)
        if offset is None or line.key != verdict_key(verdict.answer_key, made_by, item):
            return False
        answer = shared(answers.at(offset).decoded(Answer), item, verdict.epoch)
        return (await read_answer(judge, item, answer))[0].value == verdict.value

    async def read_all() -> None:
        nonlocal own, theirs
        for line in held.lines("verdict"):
            place = places.get(line.record.get("item_id"))
            if line.record.get("judge") != name or place is None:
                continue
            if line.record.get("made_by") != made_by:
                theirs += 1
                continue
            own += 1
            if judge is not None and not await same(line, place):
                wrong.add(line.record["item_id"])

    complete(read_all)
    what, aside = f"verdicts of {name}", f"; {theirs} by another version or model count nowhere" if theirs else ""
    if judge is None:
        return Finding("missing", what, f"{own}, not read again: it asks models, or is another version here{aside}")
    if wrong.count:
        found = f"{wrong} of {own} are not what {name} reads in these answers{aside}"
        return Finding("broken", what, found, "delete their lines in journal.jsonl, then run the same command again")
    return Finding("ok", what, f"{own} of {own} read again, all the same{aside}")


def _rule_judge(name: str, made_by: str) -> RuleJudge | None:
    try:
        if "rules" not in contracts.judge_file(name).forms:
            return None
        judge = open_judge(name, form="rules")
    except UserError:
        return None
    return judge if isinstance(judge, RuleJudge) and digest(judge.identity) == made_by else None


def _figures(folder: Path, record: Mapping[str, Any]) -> Iterator[Finding]:
    run = run_folder.read_run(folder, without_code=True)
    stored, now = record.get(run_folder.FIGURES), run_folder.figures(run.estimates)
    if not run.metrics:
        yield Finding("missing", "figures", "not computed: the benchmark's file is not here", "FORESEE_PLUGINS=FOLDER")
    elif stored is None:
        yield Finding("missing", "figures", "none were stored (of an older version, or not finished)", _ASK_AGAIN)
    elif stored == now:
        yield Finding("ok", "figures", f"{len(now)} computed again, equal to those stored")
    else:
        wrong = _Named()
        for name in {**stored, **now}:
            was, new = stored.get(name), now.get(name)
            wrong.add(f"{name} {_shown(was)}, now {_shown(new)}", unless=was == new)
        advice = "see the lines above; or the benchmark is another version now"
        yield Finding("broken", "figures", f"{wrong} of {len(now)} differ", advice)


def _shown(figure: Mapping[str, Any] | None) -> str:
    return "absent" if figure is None else f"{figure['value']} of {figure['n']}"
