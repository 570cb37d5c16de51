"""Read files and JSON of unknown origin: regular files of bounded size, no half characters, no endless nesting."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

MAX_IMAGE_BYTES = 64_000_000
MAX_TEXT_BYTES = 4_000_000_000
MAX_DEPTH = 100
"""Levels of lists and objects in JSON; what writes it again (pydantic, pyarrow, browsers) gives up not far above."""

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, never waiting for a pipe's writer.

    Raises:
        OSError: it can't be opened, or is a device, pipe, socket or folder; `strerror` says so.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError:  # NUL or half a character in the path
        raise OSError(errno.EINVAL, "no file can have this name") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"expected a regular file, it is a {_kind(mode)}")


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a file named below a folder lies elsewhere, by way of links. The folder itself may be a link.

    A snapshot in a cache of the Hugging Face hub is made of links to `blobs` beside it, which belong to it.

    Raises:
        OSError: links that lead in a circle, or a name that no file can have.
    """
    try:
        inside, target = folder.resolve(), path.resolve()
    except (ValueError, RuntimeError) as problem:  # NUL in the name; a circle, before Python 3.13
        raise OSError(errno.EINVAL, str(problem)) from None
    snapshot = next((each for each in (inside, *inside.parents) if each.parent.name == "snapshots"), None)
    cache = () if snapshot is None else (snapshot, snapshot.parent.parent / "blobs")
    return not any(target.is_relative_to(each) for each in (inside, *cache))


def read_regular(path: Path, at_most: int = MAX_TEXT_BYTES) -> bytes:
    """Read the bytes of a regular file.

    Raises:
        OSError: as `open_regular`, or more than `at_most` bytes (no more are read, whatever its size is said to be).
    """
    with open_regular(path) as file:
        wanted = min(os.fstat(file.fileno()).st_size, at_most) + 1
        data = file.read(wanted)
        if len(data) == wanted:  # it grew, or its file system does not say its size
            while len(data) <= at_most and (more := file.read(1 << 20)):
                data += more
    if len(data) > at_most:
        raise OSError(errno.EFBIG, f"expected at most {at_most:,} bytes")
    return data


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text; half a surrogate pair in it becomes U+FFFD.

    Raises:
        ValueError: not JSON, a key twice in one object, a number of thousands of digits, or nested more than MAX_DEPTH
            deep. For what is not JSON it is json's own kind.
    """
    try:
        value = json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as problem:
        if "digits" in str(problem):
            raise ValueError("a number of thousands of digits") from None
        raise
    shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if shown.count("[") + shown.count("{") > MAX_DEPTH or _ESCAPED_HALF.search(shown):
        return _whole(value, MAX_DEPTH)
    return value


def whole(text: str) -> str:
    """Replace by U+FFFD each half of a surrogate pair, which no file or server takes."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Check that keys differ. Raises ValueError: a key twice, of which readers keep the last silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{whole(twin)[:80]}' is there twice")
    return found


_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def _whole(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return whole(value)
    if not isinstance(value, list | dict):
        return value
    if depth == 0:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, list):
        return [_whole(each, depth - 1) for each in value]
    return {whole(key): _whole(each, depth - 1) for key, each in value.items()}


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    return next((name for fits, name in kinds.items() if fits(mode)), "device")
