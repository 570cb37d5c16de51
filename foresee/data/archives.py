"""Unpack zip and tar archives from the network: nothing leaves the folder, no links, no bombs."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from foresee.errors import UserError
from foresee.files.untrusted import open_regular

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
_CHUNK = 1 << 20
_MAX_HEADER = 4_000_000  # bytes of a tar member's headers, which are read whole; a name takes a few hundred


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to. `ratio` (unpacked over packed) counts only above `ratio_from` bytes."""

    total_bytes: int = 40_000_000_000
    files: int = 500_000
    ratio: float = 200.0
    ratio_from: int = 100_000_000


class ArchiveError(UserError):
    """An archive that was refused or is damaged, and why. What it had written so far is the caller's to remove."""


def unpack(archive: Path, to: Path, *, strip: int = 0, limits: Limits | None = None) -> int:
    """Write an archive's files below a folder.

    Only regular files and folders are written, never over an existing file and never outside `to`; permissions,
    owners and times of the archive are ignored.

    Args:
        archive: a .zip, .tar or .tar.gz, recognised by its content.
        to: the folder to write below; made if it is not there.
        strip: how many leading folders of each name to drop (1 for GitHub's archives).
        limits: what it may unpack to; None for `Limits()`.

    Returns:
        The number of files written.

    Raises:
        ArchiveError: not such an archive, damaged, larger than the limits, or a member that is a link, a device,
            encrypted, named twice or placed outside the folder.
    """
    with open_regular(archive) as file:  # never a pipe, which would wait
        start = file.read(512)
    to.mkdir(parents=True, exist_ok=True)
    writer = _Writer(to, strip, limits or Limits(), archive)
    try:
        if start.startswith(b"PK"):
            _unzip(archive, writer)
        elif start.startswith(b"\x1f\x8b"):
            with gzip.open(archive) as plain:
                _untar(plain, writer)
        elif start[257:262] == b"ustar":
            with archive.open("rb") as plain:
                _untar(plain, writer)
        else:
            raise ArchiveError(f"{archive.name}: expected a zip or tar archive, its first bytes are {start[:16]!r}")
    except ArchiveError:
        raise
    except _DAMAGE as problem:
        raise ArchiveError(f"{archive.name} is damaged or cut off ({problem}); fetch it again") from None
    return writer.files


def unpack_once(archive: Path, below: Path) -> Path:
    """Unpack an archive at most once into a folder that is complete or not there.

    Args:
        archive: the file; another size or time of change makes it another archive.
        below: the folder in which such folders are made.

    Raises:
        UserError: a damaged or refused archive (see `unpack`), or no room.
    """
    state = archive.stat()
    identity = hashlib.sha256(f"{archive.absolute()}:{state.st_size}:{state.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = below / f"archive-{identity}"
    if folder.is_dir():
        return folder
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        unpack(archive, staging)
        staging.rename(folder)
    except OSError as problem:
        if not folder.is_dir():  # another process may have been faster
            raise UserError(f"can't unpack {archive}: {problem.strerror or problem}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,  # a zip that says it needs a version that there is not
    OSError,  # an offset before the file's start; what can't be written is told apart where it is written
)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Writer:
    """Writes members below one folder and keeps count of what the limits bound."""

    def __init__(self, to: Path, strip: int, limits: Limits, archive: Path) -> None:
        self.to = to
        self.strip = strip
        self.limits = limits
        self.archive = archive.name
        self.packed = archive.stat().st_size
        self.files = 0
        self.written = 0

    def refuse(self, member: str, why: str) -> ArchiveError:
        return ArchiveError(f"{self.archive}: refused, member {member!r} {why}; nothing of it was kept")

    def write(self, name: str, source: _Readable) -> None:
        path = self.place(name)
        if path is None:
            return
        self.files += 1
        if self.files > self.limits.files:
            raise ArchiveError(f"{self.archive}: refused, it holds more than {self.limits.files:,} files")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                while chunk := source.read(_CHUNK):
                    self.count(len(chunk))
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise self.refuse(name, "is there twice") from None
        except gzip.BadGzipFile:  # an OSError, but not of writing
            raise
        except OSError as problem:
            raise ArchiveError(f"can't write {path}: {problem.strerror or problem}") from None

    def place(self, name: str) -> Path | None:
        """Where a member belongs; None if stripping leaves nothing of its name."""
        for path in (PurePosixPath(name), PureWindowsPath(name)):  # what one system takes for a name, another follows
            if path.anchor or ".." in path.parts or "\0" in name:
                raise self.refuse(name, "would be placed outside the folder")
        kept = PurePosixPath(name).parts[self.strip :]
        return self.to.joinpath(*kept) if kept else None

    def count(self, size: int) -> None:
        self.written += size
        check_size(self.written, self.packed, self.limits, self.archive)


def check_size(unpacked: int, packed: int, limits: Limits, archive: str) -> None:
    """Check the bytes unpacked so far, as headers may lie. Raises ArchiveError: they exceed a limit."""
    if unpacked > limits.total_bytes:
        raise ArchiveError(f"{archive}: refused, it unpacks to more than {limits.total_bytes:,} bytes")
    if unpacked > limits.ratio_from and unpacked > limits.ratio * packed:
        raise ArchiveError(f"{archive}: refused, it unpacks to more than {limits.ratio:g} times its size")


def _unzip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if not member.filename:
                raise writer.refuse(member.filename, "has no name")
            kind = member.external_attr >> 16 & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise writer.refuse(member.filename, "is a link or a device")
            if member.flag_bits & 0x1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise writer.refuse(member.filename, "is encrypted or packed in an unusual way")
            if member.is_dir():
                writer.place(member.filename)
                continue
            with packed.open(member) as source:
                writer.write(member.filename, source)


def _untar(plain: _Readable, writer: _Writer) -> None:
    name = writer.archive
    counted = _Counted(plain, name, lambda size: check_size(size, writer.packed, writer.limits, name))
    counted.bound(_MAX_HEADER)
    stream = io.BufferedReader(counted)
    with tarfile.open(fileobj=stream, mode="r|") as packed:
        while member := packed.next():
            counted.bound(None)  # of a member's content the limits take care
            if member.isdir():
                writer.place(member.name)
            elif source := packed.extractfile(member) if member.isreg() else None:
                writer.write(member.name, source)
            else:
                raise writer.refuse(member.name, "is a link or a device")
            counted.bound(_MAX_HEADER)
    counted.bound(None)
    while stream.read(_CHUNK):  # to the end, where gzip keeps its checksum; tarfile stops before
        pass


class _Counted(io.RawIOBase):
    """A stream that reports how much was read: a tar header can itself be a bomb, before any file is written."""

    def __init__(self, source: _Readable, name: str, seen: Callable[[int], None]) -> None:
        self.source = source
        self.name = name
        self.seen = seen
        self.total = 0
        self.last: int | None = None

    def bound(self, more: int | None) -> None:
        """Refuse to read more than so many further bytes; None lifts that."""
        self.last = None if more is None else self.total + more

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self.source.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self.total += len(chunk)
        self.seen(self.total)
        if self.last is not None and self.total > self.last:
            raise ArchiveError(f"{self.name}: refused, a member's header has over {_MAX_HEADER:,} bytes")
        return len(chunk)
