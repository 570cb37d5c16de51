"""Apply a person's decisions on rows (keep, fix, drop) to the folder, and record them in its manifest.

Decisions come as JSON from the review page (`foresee.report.review`). Each names the hash of the row that it was made
for, so a decision on a row that has changed since is refused rather than applied to something else.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic

from foresee import manifest, plugins
from foresee.config import Settings
from foresee.curation import card
from foresee.dataset_format import ROWS, DataRow, Turn, census, file_hash, read, write_parquet
from foresee.errors import UserError
from foresee.files.appending import lock
from foresee.files.untrusted import parse_json, read_regular
from foresee.plugins import contracts

FORMAT = 1
FOLDER = "review"
_LARGEST = 64_000_000  # bytes of a decisions file


class Decision(Settings):
    """What is to become of one row."""

    action: Literal["keep", "fix", "drop"]
    row: str
    """hash of the row that the person saw, from `fingerprint`"""

    note: str = pydantic.Field(default="", max_length=2000)
    text: dict[Literal["request", "completion", "chosen", "rejected"], str] = pydantic.Field(default_factory=dict)
    """the new texts of a fix"""


class Decisions(Settings):
    """A decisions file."""

    review: Literal[1]
    data_set: str = ""
    decisions: dict[str, Decision]


class Applied(NamedTuple):
    """What `apply` did; `undecided` rows are still in the folder, unseen."""

    kept: int
    fixed: int
    dropped: int
    undecided: int


def fingerprint(row: DataRow) -> str:
    """Hash a row's line to the 64 bits that a decision names."""
    return hashlib.sha256(row.line().encode("utf-8", "backslashreplace")).hexdigest()[:16]


def apply(folder: Path, files: Iterable[Path]) -> Applied:
    """Carry out the decisions of one or more files.

    Dropped rows leave `rows.jsonl` for `review/dropped.jsonl`, fixed rows keep their former text in the manifest. The
    card, and whatever the recipe exports, are written anew; images that no row names stay in the folder.

    Raises:
        UserError: a file that is none of ours, a row that is not there or has changed since, a fix that does not fit,
            or a disk that refuses to be written. Then nothing is changed.
    """
    record = manifest.read(folder, "data set") if (folder / manifest.FILE).is_file() else {}
    taken: dict[str, Decision] = {}
    sources = []
    for path in files:
        taken.update(_read(path).decisions)
        sources.append({"file": path.name, "sha256": file_hash(path)})
    review: dict[str, Any] = {"dropped": [], "fixed": {}, "seen": [], "notes": {}, "applied": []}
    review |= record.get("review", {})
    counts = {"keep": 0, "fix": 0, "drop": 0}
    missing = set(taken) - set(review["dropped"])
    dropped: list[DataRow] = []

    def decided() -> Iterator[DataRow]:
        for row in read(folder):
            decision = taken.get(row.id)
            missing.discard(row.id)
            if decision is None:
                yield row
                continue
            if decision.row != fingerprint(row):
                raise UserError(f"row '{row.id}' has changed since it was reviewed; make a new review page")
            counts[decision.action] += 1
            if decision.note:
                review["notes"][row.id] = decision.note
            if decision.action == "drop":
                dropped.append(row)
                continue
            yield _fixed(row, decision, review["fixed"]) if decision.action == "fix" else row

    with _held(folder):
        written = _written_beside(folder, decided())
        _swap_in(folder, written, missing, dropped)
    review["dropped"] = [*review["dropped"], *(row.id for row in dropped)]
    review["seen"] = sorted({*review["seen"], *taken} - set(review["dropped"]))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    review["applied"] = [*review["applied"], {"when": now, "files": sources, **counts}]
    _finish(folder, record, review)
    undecided = census(folder).rows - len(review["seen"])
    return Applied(counts["keep"], counts["fix"], counts["drop"], undecided)


def _fixed(row: DataRow, decision: Decision, log: dict[str, Any]) -> DataRow:
    """Apply a fix to a row. Raises UserError: an empty text, or a part that the row does not have."""
    changes: dict[str, Any] = {}
    before: dict[str, str] = {}
    for part, text in decision.text.items():
        if not text.strip():
            raise UserError(f"row '{row.id}': the fix leaves no text in {part}; drop the row instead")
        if part == "request":
            before[part] = row.request
            changes["prompt"] = (*row.prompt[:-1], row.prompt[-1].model_copy(update={"content": text}))
            continue
        turns = getattr(row, part)
        if not turns:
            raise UserError(f"row '{row.id}' has no {part} to fix")
        before[part] = turns[0].content
        changes[part] = (Turn(role="assistant", content=text),)
    log[row.id] = {"before": before, "after": dict(decision.text), "note": decision.note}
    return row.model_copy(update=changes)


def _read(path: Path) -> Decisions:
    """Read a decisions file. Raises UserError: no such file, or not one of ours."""
    try:
        return Decisions.model_validate(parse_json(read_regular(path, _LARGEST)))
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    except ValueError as problem:
        first = problem.errors()[0] if isinstance(problem, pydantic.ValidationError) else None
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "not JSON"
        raise UserError(f"{path} is not a decisions file of the review page ({why})") from None


def _written_beside(folder: Path, rows: Iterator[DataRow]) -> Path:
    """Write the rows to a new file of the folder. Raises UserError as the rows do, or if the disk refuses it."""
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{ROWS}.")
    except OSError as problem:
        raise UserError(f"can't write {folder}: {problem.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            for row in rows:
                file.write(row.line().encode("utf-8", "backslashreplace") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
    except OSError as problem:
        Path(name).unlink(missing_ok=True)
        raise UserError(f"can't write {folder}: {problem.strerror}") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _swap_in(folder: Path, written: Path, missing: set[str], dropped: list[DataRow]) -> None:
    """Put the new rows in place. Raises UserError: a decision on a missing row, or the disk refuses it."""
    try:
        if missing:
            raise UserError(f"no row '{sorted(missing)[0]}' in {folder}: the decisions belong to another data set")
        _append(folder / FOLDER / "dropped.jsonl", dropped)
        written.replace(folder / ROWS)
    finally:
        written.unlink(missing_ok=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Nobody else writes rows meanwhile. Raises UserError: no rows there, or the folder is in use."""
    try:
        descriptor = os.open(folder / ROWS, os.O_RDWR)
    except OSError as problem:
        raise UserError(f"can't open {folder / ROWS}: {problem.strerror}") from None
    try:
        lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _append(path: Path, rows: list[DataRow]) -> None:
    if not rows:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(b"".join(row.line().encode("utf-8", "backslashreplace") + b"\n" for row in rows))
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror}") from None


def _finish(folder: Path, record: Mapping[str, Any], review: Mapping[str, Any]) -> None:
    """Write the manifest with the review in it, the recipe's exports, Parquet if there was one, and the card."""
    own = {key: value for key, value in record.items() if key not in ("kind", "written")}
    counts = {"counts": census(folder).record(), "rows_sha256": file_hash(folder / ROWS)}
    manifest.write(folder, "data set", {**own, **counts, "review": dict(review)})
    recipe = record.get("recipe")
    if isinstance(recipe, str) and recipe in plugins.names("curation"):
        export = contracts.recipe(recipe).export
        if export is not None:
            export(folder)
    if (folder / card.PARQUET).is_file():
        write_parquet(folder, folder / card.PARQUET)
    card.write(folder)
