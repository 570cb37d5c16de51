"""Score answers that were produced elsewhere: `{"id", "response"}` lines, judged and counted as if asked here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foresee import manifest, planning
from foresee.errors import UserError, unknown_name
from foresee.evaluation import open_journal
from foresee.planning import Plan, plan
from foresee.records import Answer, Item, encode
from foresee.report import rows as run_folder
from foresee.report.rows import KeyedItem, Run
from foresee.runner import judge_answers

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
        command: the command line, for the record.
        plan_options: what `planning.plan` takes, when `benchmark` is a name.

    Raises:
        UserError: a line that is not such an answer (file and line number), an id that the benchmark does
            not have, the same id twice, an unwritable folder.
    """
    planned = benchmark if isinstance(benchmark, Plan) else plan(benchmark, **plan_options)
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
    with open_journal(folder, configuration) as journal:
        for _, answer in pairs:
            if journal.get("answer", answer.key) is None:
                journal.append("answer", answer.key, encode(answer))
        run_folder.write_items(folder, keyed)
        judged = judge_answers(pairs, planned.judges, journal)
    record = {
        **planning.record(planned),
        "model": model or f"stored/{Path(answers).stem}",
        "epochs": stored.epochs,
        "configuration": configuration,
        "answers_file": str(Path(answers).absolute()),
        "command": list(command),
        "finished": True,
    }
    manifest.write(folder, "evaluation", record)
    return run_folder.assemble(folder, planned.module, judged, record)


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
