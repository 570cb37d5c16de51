"""Write append-only files: one process at a time, whole lines or none."""

from __future__ import annotations

import contextlib
import os
import sys
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
