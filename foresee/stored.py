"""Score answers that exist: `{"id", "response"}` lines from elsewhere, or those of a run folder, once more.

No model under test is asked. What judge models were asked before, by this or an earlier judging, is not asked again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from foresee import _discovery, manifest, planning
from foresee.errors import UserError, unknown_name
from foresee.evaluation import judging_usage, open_journal
from foresee.journal import Journal, read_records
from foresee.judges import JudgeChoice, seated
from foresee.planning import Plan, plan
from foresee.records import Answer, Item, Judge, Row, decode, encode
from foresee.redaction import without_secrets
from foresee.report import rows as run_folder
from foresee.report.rows import KeyedItem, Run
from foresee.runner import JudgeCalls, RunSettings, judge_answers

JUDGED = run_folder.JUDGED
_TEXT_FIELDS = ("response", "answer", "output", "prediction")


@dataclass(frozen=True)
class StoredAnswers:
    """Texts by item id and epoch; None where the file itself says that there is none."""

    texts: dict[tuple[str, int], str | None]
    epochs: int
    sha256: str

    def answer(self, item: Item, epoch: int) -> Answer:
        text = self.texts.get((item.id, epoch))
        key = hashlib.sha256(f"{self.sha256}:{item.id}:{epoch}".encode()).hexdigest()
        if text is None:
            why = "the file has no answer for it" if (item.id, epoch) not in self.texts else "the stored answer is null"
            return Answer(item.id, epoch, "", status="error", reason=why, calls=0, key=key)
        return Answer(item.id, epoch, text, calls=0, key=key)


def score(
    answers: Path | str,
    benchmark: str | Plan,
    *,
    out: Path | str,
    model: str | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
    **plan_options: Any,
) -> Run:
    """Judge stored answers with the same judges and statistics as an evaluation.

    Args:
        answers: JSONL, one `{"id": ..., "response": ...}` a line (optional "epoch"), the format of
            MMSafeAware's authors. An item without an answer is counted and lowers coverage.
        benchmark: a name (with `planning.plan`'s keyword arguments) or a finished Plan.
        out: the run folder to write.
        model: what to call the model; the file's name if left out.
        settings: retries and limits for judge models.
        progress: called with (done, total) after each answer.
        command: the command line, for the record.
        plan_options: what `planning.plan` takes, when `benchmark` is a name.

    Raises:
        UserError: a line that is not such an answer (file and line number), an id that the benchmark does
            not have, the same id twice, an unwritable folder.
    """
    planned = benchmark if isinstance(benchmark, Plan) else plan(benchmark, **plan_options)
    if not planned.is_seated:
        with planned.judging.opened() as members:
            planned = planned.seated(members)
            return score(answers, planned, out=out, model=model, settings=settings, progress=progress, command=command)
    stored = read_answers(Path(answers), planned)
    folder = Path(out)
    configuration = {**planning.configuration(planned), "epochs": stored.epochs, "model": {"stored": stored.sha256}}
    keyed, pairs = [], []
    for item in planned.items:
        mine = [stored.answer(item, epoch) for epoch in range(stored.epochs)]
        # The answer was given elsewhere, with the image; that this copy lacks it does not matter any more.
        present = replace(item, missing_image=None)
        keyed.append(KeyedItem(present, tuple(answer.key for answer in mine)))
        pairs += [(present, answer) for answer in mine]
    calls = _Calls(settings, _calls_below(folder), progress)
    with open_journal(folder, configuration) as journal:
        _copy(journal, (answer for _, answer in pairs))
        run_folder.write_items(folder, keyed)
        judged = calls.judge(pairs, planned.judges, journal)
    record = {
        **planning.record(planned),
        **calls.record(judged),
        "model": model or f"stored/{Path(answers).stem}",
        "epochs": stored.epochs,
        "configuration": configuration,
        "answers_file": str(Path(answers).absolute()),
        "command": list(command),
        "finished": True,
    }
    manifest.write(folder, "evaluation", record)
    return run_folder.assemble(folder, planned.module, judged, record)


def rescore(
    run: Path | str,
    judging: JudgeChoice | str | None = None,
    *,
    out: Path | str | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
) -> Run:
    """Judge the answers of a run folder, for the first time or by other judge models.

    Args:
        run: the folder. It is only read: the verdicts go into a run folder of their own.
        judging: the judge models, `A` or `A,B`, or a JudgeChoice.
        out: that folder; None for one below `RUN/judged/`, named after the judge models, the same one each time.
        settings: retries and limits for judge models.
        progress: called with (done, total) after each answer.
        command: the command line, for the record.

    Raises:
        UserError: not a run folder, a judge that needs a model where none is named, an unwritable folder.
    """
    source = Path(run)
    before = manifest.read(source, "evaluation")
    module = _discovery.load("benchmarks", before["benchmark"])
    choice = judging if isinstance(judging, JudgeChoice) else JudgeChoice.named(judging or "")
    judges = planning.judges_of(module, before["benchmark"], choice)
    choice.refuse_idle(module.JUDGES)
    with choice.opened() if choice.models else nullcontext(()) as members:
        judges = seated(judges, members)
        made = planning.judges_record(judges, module)
        folder = Path(out) if out is not None else source / JUDGED / _slug(judges, made)
        record = {**before, **made, "judged_from": str(source.absolute()), "command": list(command)}
        record["configuration"] = {**before.get("configuration", {}), "judges": without_secrets(made["judges"])}
        calls = _Calls(settings, _calls_below(source, folder), progress)
        return _rejudged(source, folder, module, judges, record, calls)


def _rejudged(
    source: Path,
    folder: Path,
    module: ModuleType,
    judges: Sequence[Judge],
    record: dict[str, Any],
    calls: _Calls,
) -> Run:
    keyed = list(run_folder.read_items(source))
    pairs, unfinished = run_folder.answered(source, keyed)
    with open_journal(folder, record["configuration"]) as journal:
        _copy(journal, (answer for _, answer in pairs if answer.key))
        run_folder.write_items(folder, keyed)
        manifest.write(folder, "evaluation", {**record, "finished": False})
        judged = calls.judge(pairs, judges, journal)
    record |= {**calls.record(judged), "finished": not unfinished}
    manifest.write(folder, "evaluation", record)
    return run_folder.assemble(folder, module, judged, record, unfinished)


class _Calls:
    """Calls of judge models with what earlier journals hold, and what they cost."""

    def __init__(
        self,
        settings: RunSettings | None,
        earlier: Mapping[str, Mapping[str, Any]],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._settings = settings or RunSettings()
        self._progress = progress
        self._earlier = earlier
        self._made: JudgeCalls | None = None

    def judge(self, pairs: Sequence[tuple[Item, Answer]], judges: Sequence[Judge], journal: Journal) -> tuple[Row, ...]:
        self._made = JudgeCalls(self._settings, journal, self._earlier)
        return judge_answers(pairs, judges, journal, self._settings, self._made, self._progress)

    def record(self, rows: Sequence[Row]) -> dict[str, Any]:
        spent = self._made.spent if self._made else {}
        return {
            "judging_usage": {name: asdict(usage) for name, usage in judging_usage(rows).items()},
            "judging_usage_of_this_call": {name: asdict(usage) for name, usage in spent.items()},
        }


def _calls_below(run: Path, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Every call of a judge model that a run's journal, or a judging of that run, holds: key -> reply."""
    found: dict[str, dict[str, Any]] = {}
    for path in (run / run_folder.JOURNAL, *sorted((run / JUDGED).glob(f"*/{run_folder.JOURNAL}"))):
        if path.exists() and (folder is None or path.parent != folder):
            found |= {line.key: line.record for line in read_records(path) if line.key.startswith("judge-")}
    return found


def _copy(journal: Journal, answers: Iterable[Answer]) -> None:
    """Answers into a journal, but those that it holds already word for word."""
    for answer in answers:
        record, held = encode(answer), journal.get("answer", answer.key)
        if held is None or decode(Answer, held) != decode(Answer, record):
            journal.append("answer", answer.key, record)


def _slug(judges: Sequence[Judge], made: Mapping[str, Any]) -> str:
    names = dict.fromkeys(name for judge in judges for name in planning.judge_models([judge]))
    text = re.sub(r"[^\w.-]+", "_", "+".join(names) or "rules").strip("_")[-60:]
    return f"{text}-{manifest.digest(made['judges'])[:8]}"


def read_answers(path: Path, planned: Plan) -> StoredAnswers:
    """Raises UserError with file and line number: not JSON, no id or text, an unknown id, an id twice."""
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8-sig").split("\n")  # not splitlines(): U+2028 is legal inside JSON
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not UTF-8 text: {problem.reason} at byte {problem.start}") from None
    # With --limit or -T subset=... the file may well hold more than is planned: only ids that the whole
    # benchmark lacks are mistakes, so they are looked for there.
    planned_ids = {item.id for item in planned.items}
    known = planned_ids
    texts: dict[tuple[str, int], str | None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        item_id, epoch, text = _parse(line, f"{path}:{number}")
        if item_id not in known:
            known = planned_ids | {item.id for item in planned.module.items(planned.data, planned.module.Options())}
        if item_id not in known:
            reason = unknown_name(f"item of {planned.benchmark}", item_id, known)
            raise UserError(f"{path}:{number}: {reason}")
        if (item_id, epoch) in texts:
            raise UserError(f"{path}:{number}: id '{item_id}' a second time; repeats need \"epoch\": 0, 1, ...")
        texts[item_id, epoch] = text
    if not any(item_id in planned_ids for item_id, _ in texts):
        raise UserError(f"{path} holds no answer to any of the {len(planned_ids)} items asked for")
    found = {epoch for _, epoch in texts}
    epochs = len(found)
    if found != set(range(epochs)):
        raise UserError(f"{path}: epochs must be 0, 1, 2, ... without a gap, got {sorted(found)[:5]}")
    return StoredAnswers(texts, epochs, hashlib.sha256(data).hexdigest())


def _parse(line: str, where: str) -> tuple[str, int, str | None]:
    expected = 'expected {"id": ..., "response": "..."}'
    try:
        record = json.loads(line)
    except ValueError as problem:
        raise UserError(f"{where}: not JSON ({problem}); {expected}") from None
    if isinstance(record, list):
        raise UserError(f"{where}: one answer a line, not a list; {expected}")
    if not isinstance(record, dict) or not isinstance(record.get("id"), str | int) or isinstance(record["id"], bool):
        raise UserError(f"{where}: no id; {expected}")
    found = [name for name in _TEXT_FIELDS if name in record]
    if not found:
        raise UserError(f"{where}: no response; {expected}, got the fields {', '.join(record)}")
    text, epoch = record[found[0]], record.get("epoch", 0)
    if not isinstance(text, str | None):
        raise UserError(f"{where}: the response is a {type(text).__name__}; {expected}")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch < 1000:
        raise UserError(f"{where}: epoch is {epoch!r}; expected 0, 1, 2, ...")
    return str(record["id"]), epoch, text
