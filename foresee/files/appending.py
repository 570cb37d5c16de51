"""Write files and folders one process at a time, and append-only files in whole lines or none."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from foresee.errors import UserError


def lock(descriptor: int, folder: Path) -> None:
    """Lock an open file for this process.

    The lock ends with the process. Where the system or the file system has no locks, nothing happens.

    Raises:
        UserError: another process has it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{folder} is in use by another process; wait for it, or choose another folder") from None
    except OSError:
        return


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make a folder if it is not there, and hold it against other processes.

    Raises:
        UserError: another process holds it, or it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    except OSError as problem:
        raise UserError(f"can't write {folder}: {problem.strerror}") from None
    try:
        if descriptor is not None:
            lock(descriptor, folder)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def append(descriptor: int, data: bytes, size: int) -> None:
    """Write data to the end of a file of `size` bytes, all of it or nothing. Raises OSError: the disk refuses it."""
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
