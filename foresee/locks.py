"""One process at a time in a folder: a lock on an open file, which the system lets go of when the process ends."""

from __future__ import annotations

import sys
from pathlib import Path

from foresee.errors import UserError


def lock(descriptor: int, folder: Path) -> None:
    """Lock an open file for this process. Where the system or the file system has no locks, nothing happens.

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
