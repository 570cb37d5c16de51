"""Read answers that were given elsewhere, with what their file says of how each call ended.

A text is an answer only where the file does not say otherwise: `status`, `finish_reason` and `error` are honoured, a
stored error message is no answer, and neither is what pandas writes for an empty cell. A table of `foresee export`
gives back the answers that it was made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foresee.data.tables import Line, is_missing, read_rows, text_lines
from foresee.errors import UserError, unknown_name
from foresee.evaluation.plan import Plan
from foresee.evaluation.run_folder import KeyedItem
from foresee.files.spool import Places, Spool
from foresee.files.spreadsheets import as_written
from foresee.files.untrusted import parse_json
from foresee.judges.capability import GOLD
from foresee.models import _refusals
from foresee.models.error_texts import is_error, is_gap
from foresee.records import Answer, AnswerStatus, Item

_TEXT_FIELDS = ("response", "answer", "output", "prediction")
_FINISH_FIELDS = ("finish_reason", "stop_reason", "finishReason")
_STATUS: Mapping[str, AnswerStatus] = {
    **dict.fromkeys(("ok", "success", "succeeded", "successful", "complete", "completed", "done", "finished"), "ok"),
    **dict.fromkeys(("refused_by_api", "refused", "blocked", "filtered", "content_filter"), "refused_by_api"),
    **dict.fromkeys(
        ("error", "errored", "fail", "failed", "failure", "exception", "timeout", "timed_out", "cancelled", "canceled",
         "aborted", "incomplete", "pending", "skipped"),
        "error",
    ),
    "missing_image": "missing_image",
}  # fmt: skip
_EXPORTED = {"run", "benchmark", "id", "epoch", "status", "answer"}  # columns that tell a table of `foresee export`
_SHORT_GOLD = 5  # words of a gold answer to a question that one word may answer


@dataclass(frozen=True)
class Stored:
    """What a line says of one answer.

    `text` is None where the file itself says that there is none, `finish` is in the words of `_refusals.finish`, and
    `probabilities` are the columns `p_yes`, `p_no` of an export.
    """

    text: str | None
    status: AnswerStatus = "ok"
    finish: str = "stop"
    reason: str = ""
    probabilities: Mapping[str, float] | None = None


class StoredAnswers:
    """What a file holds, by item id and epoch.

    Attributes:
        epochs: how many.
        sha256: of the file's lines, and of how they are read.
    """

    def __init__(self) -> None:
        self.epochs = 0
        self.sha256 = ""
        self._lines: Spool[tuple[str, int, Stored]] = Spool()
        self._places = Places()

    def add(self, item_id: str, epoch: int, stored: Stored) -> bool:
        """Add a line; False if there is one of this item and epoch."""
        if self._line(item_id, epoch) is not None:
            return False
        self._places[item_id, epoch] = len(self._lines)
        self._lines.append((item_id, epoch, stored))
        return True

    def _line(self, item_id: str, epoch: int) -> Stored | None:
        place = self._places.get((item_id, epoch))
        line = None if place is None else self._lines[place]
        return line[2] if line is not None and line[:2] == (item_id, epoch) else None

    def answers(self, item: Item) -> tuple[KeyedItem, list[Answer]]:
        """Its answers. They were given elsewhere, with the image: that this copy lacks it matters no more."""
        found = [self.answer(item, epoch) for epoch in range(self.epochs)]
        return KeyedItem(replace(item, missing_image=None), tuple(answer.key for answer in found)), found

    def answer(self, item: Item, epoch: int) -> Answer:
        """Return the item's answer in an epoch; with the status "error" and a reason where there is none."""
        stored = self._line(item.id, epoch) or Stored(None, "error", "error", "the file has no answer for it")
        key = hashlib.sha256(f"{self.sha256}:{item.id}:{epoch}".encode()).hexdigest()
        stored = _checked(stored, item)
        shares = {choice: (stored.probabilities or {}).get(choice.lower()) for choice in item.choices}
        given = {choice: share for choice, share in shares.items() if share is not None}
        return Answer(
            item.id, epoch, stored.text or "", status=stored.status, reason=stored.reason, finish_reason=stored.finish,
            calls=0, key=key, choice_probabilities=given if given and len(given) == len(shares) else None,
        )  # fmt: skip


def _checked(stored: Stored, item: Item) -> Stored:
    """Leave out texts that are no answer; what an item's gold answer says is one in any case."""
    if stored.status != "ok":
        return stored
    if stored.text is None:
        return replace(stored, status="error", reason="the stored answer is null")
    golds = [str(item.metadata[key]) for key in GOLD if item.metadata.get(key)]
    if stored.text.strip() and any(stored.text.strip(" .").casefold() in gold.casefold() for gold in golds):
        return stored
    one_word = any(len(gold.split()) <= _SHORT_GOLD for gold in golds)
    if is_gap(stored.text, words_count=not one_word):
        return replace(stored, status="error", reason=f"the stored answer is an empty cell ({stored.text.strip()})")
    if is_error(stored.text):
        said = " ".join(stored.text.split())[:200]
        return replace(stored, status="error", reason=f"the stored answer is an error message: {said}")
    return stored


def read_answers(path: Path, planned: Plan, field: str | None = None, id_field: str = "id") -> StoredAnswers:
    """Read a file of answers.

    Args:
        path: a JSONL file, or a table.
        planned: whose items they answer.
        field: the field of each line that holds the text; None for `response`, or the one that is there of
            `answer`, `output` and `prediction`.
        id_field: the field that holds the item's id.

    Raises:
        UserError: with file and line number: not JSON, no id or text, several fields that may be the text (a result
            file often holds the gold answer too), an unknown status, an unknown id, an id twice.
    """
    # With --limit or -T subset=... the file may well hold more than is planned: only ids that the whole
    # benchmark lacks are mistakes, so they are looked for there.
    planned_ids, known = Places((item.id, 0) for item in planned.whole), Places()
    found, content = StoredAnswers(), hashlib.sha256()
    epochs: set[int] = set()
    fits = False
    for record, where, raw in _records(path):
        content.update(raw)
        item_id, epoch, stored = _parse(record, where, field, id_field)
        if item_id not in planned_ids and item_id not in known:
            ids = [item.id for item in planned.file.items(planned.data, planned.file.options())]
            known = Places((known_id, 0) for known_id in ids)
            if item_id not in known:
                raise UserError(f"{where}: {unknown_name(f'item of {planned.benchmark}', item_id, ids)}")
        fits = fits or item_id in planned_ids
        if not found.add(item_id, epoch, stored):
            raise UserError(f"{where}: id '{item_id}' a second time; repeats need \"epoch\": 0, 1, ...")
        epochs.add(epoch)
    if not fits:
        raise UserError(f"{path} holds no answer to any of the {len(planned_ids)} items asked for")
    if epochs != set(range(len(epochs))):
        raise UserError(f"{path}: epochs must be 0, 1, 2, ... without a gap, got {sorted(epochs)[:5]}")
    if field is not None:
        content.update(b"field " + field.encode())
    if id_field != "id":
        content.update(b"id " + id_field.encode())
    found.epochs, found.sha256 = len(epochs), content.hexdigest()
    return found


_EXPECTED = 'expected {"id": ..., "response": "..."}'


def _records(path: Path) -> Iterator[tuple[Mapping[str, Any], str, bytes]]:
    """Each line or row, where it stands, and what tells it from another. Raises UserError: a line is no JSON object."""
    if path.suffix.lower() in (".csv", ".parquet", ".arrow", ".json"):
        for line in read_rows(path):
            values = {key: _whole(value) if key == "epoch" else value for key, value in line.values.items()}
            if path.suffix.lower() == ".csv" and set(values) >= _EXPORTED:
                values = {key: as_written(value) if isinstance(value, str) else value for key, value in values.items()}
            yield values, line.where, json.dumps(values, sort_keys=True, default=str).encode()
        return
    for text, where in text_lines(path):
        try:
            record = parse_json(text)
        except ValueError as problem:
            raise UserError(f"{where}: not JSON ({problem}); {_EXPECTED}") from None
        if isinstance(record, list):
            raise UserError(f"{where}: one answer a line, not a list; {_EXPECTED}")
        yield record if isinstance(record, dict) else {}, where, text.encode()


def _whole(value: Any) -> Any:
    """Read a number of a table's cell, which CSV gives as text and a column with gaps as a float."""
    text = str(value).removesuffix(".0")
    return int(text) if text.isdecimal() else value


def _parse(record: Mapping[str, Any], where: str, field: str | None, id_field: str) -> tuple[str, int, Stored]:
    expected = _EXPECTED
    if is_missing(record.get(id_field)) or not isinstance(record[id_field], str | int | float):
        got = f"; got the fields {', '.join(record)[:300]}" if record else ""
        raise UserError(f"{where}: no {id_field}; {expected}{got}; --id-field names another field")
    name = field or _text_field(record, f"{where}: ", expected)
    if name not in record:
        raise UserError(f"{where}: no field '{name}' (--field); got {', '.join(record)[:300]}")
    text, epoch = record[name], record.get("epoch", 0)
    if not isinstance(text, str) and not is_missing(text):
        raise UserError(f"{where}: the {name} is a {type(text).__name__}; {expected}")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch < 1000:
        raise UserError(f"{where}: epoch is {epoch!r}; expected 0, 1, 2, ...")
    return Line(record, where).text(id_field), epoch, _ended(None if is_missing(text) else text, record, where)


def _ended(text: str | None, record: Mapping[str, Any], where: str) -> Stored:
    """Pair the text with how its call ended: by `status`, by the finish reason, by an `error` beside it.

    Raises:
        UserError: a status that says neither that there is an answer nor that there is none.
    """
    said = _said(record.get("status"))
    status = _status(said, where)
    end = _refusals.finish(next((value for name in _FINISH_FIELDS if _said(value := record.get(name))), ""))
    reason, problem = _said(record.get("reason")), _said(record.get("error"))
    if status is None and problem and problem.lower() not in ("false", "0", "none", "null", "nan", "{}", "[]"):
        status, reason = "error", f"the file says: {problem}"
    if status in ("ok", None) and _refusals.broke_off(end):
        status, reason = "error", f"the generation broke off ({end[:60]})"
    if status is None and _refusals.withheld(end):
        status, reason = "refused_by_api", f"the provider withheld the answer ({end[:60]})"
    if status not in ("ok", None):
        reason = reason or f"the file gives it the status {said[:60]}"
    shares = {
        name[2:].lower(): float(value)
        for name, value in record.items()
        if str(name).startswith("p_") and _is_share(value)
    }
    return Stored(text, status or "ok", end, reason, shares or None)


def _status(said: str, where: str) -> AnswerStatus | None:
    """Read a status, None where it says nothing; 200 says no more than that there was a reply."""
    word = said.lower().replace(" ", "_").replace("-", "_")
    if word.isdecimal() and len(word) == 3:
        return None if word.startswith("2") else "error"
    if not word:
        return None
    if word not in _STATUS:
        raise UserError(
            f"{where}: the status is {said[:60]!r}; expected one of {', '.join(dict.fromkeys(_STATUS.values()))}; "
            "where the column means something else, rename it"
        )
    return _STATUS[word]


def _said(value: Any) -> str:
    """Write a field as one line of text, "" where it holds nothing."""
    if is_missing(value) or value is False:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}"
    return " ".join((value if isinstance(value, str) else json.dumps(value, default=str)).split())[:500]


def _is_share(value: Any) -> bool:
    try:
        return 0 <= float(value) <= 1
    except (TypeError, ValueError, OverflowError):
        return False


def _text_field(record: Mapping[str, Any], where: str, expected: str) -> str:
    """Find the field with the model's answer. Raises UserError: none, or one of several may be the gold answer."""
    found = [name for name in _TEXT_FIELDS if name in record]
    if not found:
        got = ", ".join(record)[:300]
        raise UserError(f"{where}no response; {expected}, or --field with the one of its fields that is: {got}")
    if len(found) > 1 and found[0] != "response":
        raise UserError(f"{where}{' and '.join(found)} are there: which is the model's answer? Name it with --field")
    return found[0]
