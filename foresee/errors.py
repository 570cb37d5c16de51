"""The errors that foresee raises on purpose, and what they mean to whoever catches them."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can fix. The command line prints it as one line and exits with 2.

    The message says what was expected, what was got and what to do next.
    """


class ModelError(Exception):
    """A model call that brought no answer.

    Args:
        message: one line, safe to show and to log (never a key).
        retryable: whether the same call may succeed later (429, 5xx, connection lost).
        retry_after: seconds the server asked to wait, if it did.
        status: the HTTP status, if there was one.
        shortage: whether this machine is short of something (file descriptors): neither server nor item is at fault.
        fatal: whether every other call would fail alike (wrong key, wrong model name), so that a run should stop.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        fatal: bool = False,
        shortage: bool = False,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
        self.fatal = fatal
        self.shortage = shortage


def missing_extra(what: str, extra: str) -> UserError:
    """Make the error for something that an optional part of the installation brings."""
    return UserError(f"{what} needs the extra [{extra}]: pip install 'foresee[{extra}]'")


def shortage(problem: BaseException) -> ModelError | None:
    """Make the error of a machine that has no file descriptor left; None for any other problem."""
    number = getattr(getattr(problem, "os_error", problem), "errno", None)
    if number not in (errno.EMFILE, errno.ENFILE):
        return None
    advice = "lower --concurrency, or raise the limit (ulimit -n)"
    return ModelError(f"this machine is short of file descriptors ({os.strerror(number)}): {advice}", shortage=True)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NUMBER = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]")  # as libraries in Rust and in C++ write it
_TORCH = re.compile(r"PytorchStreamWriter failed|unexpected pos \d+ vs \d+")  # its words where a write falls short


def lacking(problem: BaseException) -> str:
    """Say what this machine lacks, wherever a library says that it does; "" where that is not the problem.

    Returns:
        One line for the user: no room on the disk (libraries that write weights wrap it in errors of their own), or no
        file descriptor left.
    """
    cause: BaseException | None = problem
    while cause is not None:
        text = " ".join(str(cause).split())
        found = _NUMBER.search(text)
        number = getattr(cause, "errno", None) or (int(found[1] or found[2]) if found else 0)
        cut_short = isinstance(cause, RuntimeError) and _TORCH.search(text)
        if number in _FULL or cut_short:
            what = "a file of weights was cut short" if cut_short else text[:300]
            return f"the disk is full or limited ({what}): make room, and give the same command again to go on"
        if number in (errno.EMFILE, errno.ENFILE):
            return f"this machine is short of file descriptors ({text[:300]}): raise the limit (ulimit -n)"
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return ""


def unknown_name(what: str, name: str, known: Iterable[str]) -> UserError:
    """Make the error for a name that does not exist, with the nearest names that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif known:
        hint = f"known: {', '.join(known)}"
    else:
        hint = "there are none"
    return UserError(f"no {what} named '{name}'; {hint}")
