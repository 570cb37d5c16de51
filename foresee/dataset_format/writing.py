"""Write a data set folder: rows appended one by one, images stored once, a manifest that accounts for it all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.data.images import MAX_FILE_BYTES, inspect_bytes
from foresee.dataset_format.rows import IMAGES, ROWS, DataRow, image_path, numbered_rows, read
from foresee.errors import UserError
from foresee.files.appending import append, lock
from foresee.files.untrusted import read_regular

_SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}


class RowWriter:
    """Appends rows to a folder; each is on disk when `add` returns. Open it with `RowWriter.open`.

    A folder that was left by a kill is taken up again: a torn last line is cut off, rows that are there are known
    by their ids and not written twice.
    """

    def __init__(self, folder: Path, descriptor: int, ids: set[str], size: int) -> None:
        self.folder = folder
        self.ids = ids
        self._descriptor = descriptor
        self._size = size

    @classmethod
    def open(cls, folder: Path) -> RowWriter:
        """Open a folder. Raises UserError: it can't be written, is in use, or holds rows that do not fit."""
        path = folder / ROWS
        try:
            (folder / IMAGES).mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as problem:
            raise UserError(f"can't write {path}: {problem.strerror}") from None
        try:
            lock(descriptor, folder)
            _mend_tail(path, descriptor)
            ids: set[str] = set()
            for number, row in numbered_rows(path):
                if row.id in ids:
                    raise UserError(f"{path}, line {number}: id '{row.id}' comes twice; fix the file first")
                ids.add(row.id)
            return cls(folder, descriptor, ids, os.fstat(descriptor).st_size)
        except BaseException:
            os.close(descriptor)
            raise

    def add(self, row: DataRow) -> bool:
        """Append a row; False if its id is there already.

        Raises:
            UserError: an image that is not in the folder, or the disk refuses it (the file keeps its whole lines).
        """
        if row.id in self.ids:
            return False
        for name in row.images:
            image_path(self.folder, name)
        self._write(row.line().encode("utf-8", "backslashreplace") + b"\n")
        self.ids.add(row.id)
        return True

    def store(self, image: bytes | Path, *, name: str = "picture", decoded: bool = False) -> str:
        """Keep an image under the hash of its bytes; the name by which rows refer to it.

        Args:
            image: the encoded bytes, or their file.
            name: what error messages call bytes.
            decoded: whether the caller has seen every pixel; else they are looked at here.

        Raises:
            ImageError: not an image that can be opened safely.
            UserError: the disk refuses it.
        """
        data = read_regular(image, MAX_FILE_BYTES) if isinstance(image, Path) else image
        name = str(image) if isinstance(image, Path) else name
        suffix = _SUFFIXES[inspect_bytes(data, name=name, decode=not decoded).format]
        kept = f"{IMAGES}/{hashlib.sha256(data).hexdigest()}.{suffix}"
        path = self.folder / kept
        if not path.is_file() or path.stat().st_size != len(data):
            write_bytes(path, data)
        return kept

    def close(self) -> None:
        """Flush to the disk. Closing twice is allowed."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):  # some file systems have no fsync; the lines are written anyway
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        try:
            append(self._descriptor, data, self._size)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise UserError(f"can't write {self.folder / ROWS}: {reason}; rows so far are kept") from None
        self._size += len(data)


@dataclass
class Census:
    """What a folder holds: rows, distinct images, and rows by each of the fields that describe them."""

    rows: int = 0
    images: int = 0
    by: dict[str, Counter[str]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        counts = {name: dict(counter.most_common()) for name, counter in self.by.items() if set(counter) != {""}}
        return {"rows": self.rows, "pictures": self.images, "by": counts}


def census(folder: Path) -> Census:
    """Count a folder's rows. Raises UserError as `read`."""
    fields = ("kind", "split", "subset", "category", "source", "licence", "expected")
    found = Census(by={name: Counter() for name in fields})
    images: set[str] = set()
    for row in read(folder, images=False):
        found.rows += 1
        images.update(row.images)
        for name in fields:
            found.by[name][getattr(row, name)] += 1
    found.images = len(images)
    return found


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `manifest.json` of kind "data set": the given content, the folder's counts and the hash of its rows.

    Raises:
        UserError: the rows do not fit, or the disk refuses it.
    """
    counts = census(folder).record()
    manifest.write(folder, "data set", {**content, "counts": counts, "rows_sha256": file_hash(folder / ROWS)})


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises UserError: it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step, so that a kill leaves it whole or absent. Raises UserError: the disk refuses it."""
    try:
        manifest.replace_file(path, data)
    except OSError as problem:
        free = shutil.disk_usage(path.parent).free if path.parent.is_dir() else None
        left = f" ({free // 2**20:,} MiB free)" if free is not None else ""
        raise UserError(f"can't write {path}: {problem.strerror or problem}{left}; rows so far are kept") from None


def _mend_tail(path: Path, descriptor: int) -> None:
    """Cut off a last line that a kill tore; end a whole one that lacks its line break."""
    import json

    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start, step = size, 1 << 16
    tail = b""
    while start > 0 and b"\n" not in tail:
        start = max(0, start - step)
        tail = os.pread(descriptor, size - start, start)
    last = tail.rpartition(b"\n")[2]
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        os.ftruncate(descriptor, size - len(last))
    else:
        os.write(descriptor, b"\n")
