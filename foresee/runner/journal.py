"""Keep the journal: an append-only JSONL file with one line per finished answer and verdict.

A line is written with one system call as soon as its work is done, so killing the process loses nothing
but what was in flight. Opening a journal again finds what is finished; nothing finished is done twice.

Each line ends with a checksum of itself (CRC-32), so that a line that was edited or damaged is known as such and never
taken for finished. It has no key: whoever means to deceive computes it anew. Older journals have none, and are read.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeVar

from foresee import records
from foresee.errors import UserError
from foresee.files.appending import append, lock
from foresee.files.redaction import without_secrets
from foresee.files.spool import Places
from foresee.files.untrusted import open_regular
from foresee.notices import say_once

FORMAT = 1
LineKind = Literal["answer", "verdict", "call"]
Check = Literal["ok", "edited", "unverified"]  # its checksum fits, it does not, there is none
_MISFIT = "expected a record of {what}, the line holds something else; delete that line to have it done again"
_HEADER = b'{"journal":'
_CHECKSUM = b',"sum":"%08x"}'
_CHECKSUM_LENGTH = len(_CHECKSUM % 0)
_SYNC_SECONDS = 5.0  # a power cut may cost this much; a killed process costs nothing


T = TypeVar("T")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Line(NamedTuple):
    """One finished piece of work.

    `final` False: a failure, kept for the count, to be tried again next time. `check` "edited": nothing it says holds.
    """

    kind: str
    key: str
    record: dict[str, Any]
    final: bool = True
    place: str | Callable[[int], str] = ""  # file and line number, or what finds them
    offset: int = 0  # where the line begins, in bytes
    check: Check = "unverified"

    def decoded(self, cls: type[T], part: str = "") -> T:
        """Decode the record, or the part of it of this name. Raises UserError: it is none (file and line number)."""
        place = self.place
        return _decoded(cls, self.record, part, place if isinstance(place, str) else lambda: place(self.offset))


class Journal:
    """What is finished, by kind and key; on disk at once. Open it with `Journal.open`, use it as a context."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._size = 0
        self._places = Places()  # (kind, key) -> offset of the last line
        self._failed: set[tuple[str, str]] = set()
        self._reader: BinaryIO = path.open("rb")
        self._mutex = threading.Lock()
        self._synced = time.monotonic()

    @classmethod
    def open(cls, path: Path, configuration: Mapping[str, Any], *, free: Iterable[str] = ("limit",)) -> Journal:
        """Open or create the journal of one configuration, for this process alone.

        Args:
            path: the file; its folder is created.
            configuration: what makes two runs the same run (JSON values); kept without keys and passwords.
            free: top-level keys of the configuration that may differ from one call to the next.

        Raises:
            UserError: not writable, in use by another process, of another configuration (the differing keys
                are named), or damaged before its last line (file and line number).
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                open_regular(path).close()  # a pipe would wait for ever
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as problem:
            raise UserError(f"can't write {path}: {problem.strerror}") from None
        try:
            lock(descriptor, path.parent)
            journal = cls(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            journal._load(_plain(without_secrets(configuration)), frozenset(free))
        except BaseException:
            journal.close()
            raise
        return journal

    def get(self, kind: LineKind, key: str) -> dict[str, Any] | None:
        """Get the record finished under this key; None if there is none, or only a failure."""
        place = self._places.get((kind, key))
        if place is None:
            return None
        with self._mutex:
            self._reader.seek(place)
            text = self._reader.readline()
        line: dict[str, Any] = json.loads(text)
        record: dict[str, Any] = line["record"]
        return record if (line["kind"], line["key"]) == (kind, key) else None

    def decoded(self, cls: type[T], kind: LineKind, key: str, part: str = "") -> T | None:
        """Decode what is finished under this key, or the part of it of this name; None as `get`.

        Raises:
            UserError: the line holds something else (file and line number).
        """
        record = self.get(kind, key)
        return None if record is None else _decoded(cls, record, part, lambda: self._place(kind, key))

    def _place(self, kind: LineKind, key: str) -> str:
        with self._mutex:
            self._reader.seek(0)
            number = self._reader.read(self._places.get((kind, key)) or 0).count(b"\n") + 1
        return f"{self.path}, line {number}"

    def append(self, kind: LineKind, key: str, record: Mapping[str, Any], *, final: bool = True) -> None:
        """Write one line through to the operating system.

        Raises:
            UserError: the disk refuses it (full, gone); the file keeps its whole lines.
        """
        line: dict[str, Any] = {"kind": kind, "key": key, "record": record}
        if not final:
            line["final"] = False
        data = _encode(line)
        with self._mutex:
            offset = self._size
            self._write(data)
            self._note(kind, key, offset, final=final)
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()

    @property
    def settled(self) -> bool:
        """Whether nothing in it failed or was edited without having been done again."""
        return not self._failed

    def close(self) -> None:
        """Flush to the disk and let other processes in. Closing twice is allowed."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):  # some file systems have no fsync; the lines are written anyway
            os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._reader.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _load(self, configuration: dict[str, Any], free: frozenset[str]) -> None:
        offset, first = 0, True
        edited: list[int] = []
        for number, (data, content, check) in enumerate(_lines(self.path), 1):
            if content is None:  # torn by a kill; cut it off so that the next line starts afresh
                os.ftruncate(self._descriptor, offset)
                break
            if check == "edited":
                edited.append(number)
            if first:
                self._failed |= {("header", "")} if edited else set()
                _compare(without_secrets(content["configuration"]), configuration, free, self.path)
                first = False
            else:
                final = check != "edited" and content.get("final", True)
                self._note(content["kind"], content["key"], offset, final=final)
            offset += len(data)
            if not data.endswith(b"\n"):
                self._size = offset
                self._write(b"\n")
                offset += 1
        self._size = offset
        if edited:
            say_once(
                f"WARNING: {self.path}: {edited_lines(edited)}; what they held is done again where it is asked for"
            )
        if first:
            self._write(_encode({"journal": FORMAT, "configuration": configuration}))

    def _note(self, kind: str, key: str, offset: int, *, final: bool) -> None:
        if final:
            self._places[kind, key] = offset
            self._failed.discard((kind, key))
        else:
            self._places.discard((kind, key))
            self._failed.add((kind, key))

    def _write(self, data: bytes) -> None:
        try:
            append(self._descriptor, data, self._size)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise UserError(
                f"can't write {self.path}: {reason}; what is finished is kept, run it again later"
            ) from None
        self._size += len(data)


def read_records(path: Path) -> Iterator[Line]:
    """Read the lines of a journal in the order in which they were written; a torn last line is left out.

    It needs no lock, so a run that is still going can be read.

    Raises:
        UserError: no such file, not a journal, or damaged before its last line (file and line number).
    """
    offset = 0
    for number, (data, content, check) in enumerate(_lines(path)):
        if number > 0 and content is not None:
            yield _line(content, f"{path}, line {number + 1}", offset, check)
        offset += len(data)


def torn_tail(path: Path) -> bool:
    """Whether the last line is half written, as a killed process leaves it. Raises UserError: as `read_records`."""
    return any(content is None for _, content, _ in _lines(path))


def edited_lines(numbers: Sequence[int]) -> str:
    """Name the lines of a journal that were edited, the first of them by number."""
    shown = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
    return f"{'lines' if len(numbers) > 1 else 'line'} {shown} changed after being written"


class Lines:
    """Single lines of a journal, read again by where they begin."""

    def __init__(self, path: Path) -> None:
        """Open the journal. Raises UserError: it can't be read."""
        self._path = path
        try:
            self._file = open_regular(path)
        except OSError as problem:
            raise UserError(f"can't read {path}: {problem.strerror}") from None

    def at(self, offset: int) -> Line:
        self._file.seek(offset)
        return _line(json.loads(self._file.readline()), self._place, offset, "unverified")

    def _place(self, offset: int) -> str:
        self._file.seek(0)
        number = self._file.read(offset).count(b"\n") + 1
        return f"{self._path}, line {number}"


def _line(content: dict[str, Any], place: str | Callable[[int], str], offset: int, check: Check) -> Line:
    final = content.get("final", True)
    return Line(content["kind"], content["key"], content["record"], final, place, offset, check)


def _decoded(cls: type[T], record: Mapping[str, Any], part: str, place: str | Callable[[], str]) -> T:
    try:
        return records.decode(cls, record[part] if part else record)
    except (ValueError, KeyError, RecursionError):
        where = place if isinstance(place, str) else place()
        raise UserError(f"{where}: {_MISFIT.format(what=cls.__name__.lower())}") from None


def _plain(configuration: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(configuration), default=str))
    return plain


def _encode(line: Mapping[str, Any]) -> bytes:
    try:
        data = _ENCODER.encode(line).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which some models do produce
        data = json.dumps(line, separators=(",", ":")).encode()
    return data[:-1] + _CHECKSUM % zlib.crc32(data[:-1]) + b"\n"


def _check(data: bytes, content: Mapping[str, Any], *, expected: bool) -> Check:
    if "sum" not in content:
        return "edited" if expected else "unverified"
    text = data.rstrip()
    body, end = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    return "ok" if end == _CHECKSUM % zlib.crc32(body) else "edited"


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None, Check]]:
    """Each line's bytes, content and whether its checksum fits; None as content for a last line that is torn.

    Where the header has a checksum, every line must have one.
    """
    try:
        file = open_regular(path)
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    with file:
        following = file.readline()
        number, summed = 0, False
        while following:
            data, following, number = following, file.readline(), number + 1
            content = _parse(data, header=number == 1)
            torn = content is None and not following and (number > 1 or _HEADER.startswith(data[: len(_HEADER)]))
            if content is None and not torn:
                what = "the header of a journal" if number == 1 else "a line of a journal"
                raise UserError(
                    f"{path}, line {number}: expected {what}, got {data[:40]!r}; "
                    "fix or delete that line, or choose another folder"
                )
            if content is None:
                yield data, None, "unverified"
                continue
            yield data, content, _check(data, content, expected=summed)
            summed = summed or (number == 1 and "sum" in content)


def _parse(data: bytes, *, header: bool) -> dict[str, Any] | None:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if header:
        return content if content.get("journal") == FORMAT and isinstance(content.get("configuration"), dict) else None
    fits = isinstance(content.get("kind"), str) and isinstance(content.get("key"), str)
    return content if fits and isinstance(content.get("record"), dict) else None


def _compare(there: dict[str, Any], now: dict[str, Any], free: frozenset[str], path: Path) -> None:
    if shown := difference(there, now, free):
        raise UserError(f"{path.parent} holds a run of another configuration: {shown}; choose another folder (--out)")


def difference(
    there: Mapping[str, Any], now: Mapping[str, Any], free: Iterable[str] = (), words: tuple[str, str] = ("was", "now")
) -> str:
    """Say on one line in what two configurations differ, but for the top-level keys in `free`; "" if they don't."""
    was = {k: v for k, v in _flat(there).items() if k.split(".")[0] not in free}
    new = {k: v for k, v in _flat(now).items() if k.split(".")[0] not in free}
    found = [key for key in {**was, **new} if was.get(key) != new.get(key)]
    shown = [f"{key} {words[0]} {_short(was.get(key))}, {words[1]} {_short(new.get(key))}" for key in found[:3]]
    return "; ".join(shown) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
