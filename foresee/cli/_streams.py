"""Keep the terminal safe from what is printed, and the work safe from the terminal.

Texts of data sets, models and servers are printed in many places. One stream stands before each of standard output and
error, so that none of them is forgotten: control characters come out spelled (`report.escaping`), characters that the
encoding lacks as the nearest it has, and a closed pipe, a full disk or a missing stream ends no run.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from foresee.report.escaping import visible

_NEAREST = {"–": "-", "—": "-", "…": "...", "×": "x", "±": "+/-", "’": "'", "→": "->", "≥": ">=", "≤": "<=", "·": "."}


@contextmanager
def safe_streams() -> Iterator[tuple[SafeStream, SafeStream]]:
    """Make standard output and error safe, and put them back afterwards; a closed input is an empty one."""
    codecs.register_error("foresee_nearest", _nearest)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for as long as the process lasts
    before = sys.stdout, sys.stderr
    out, err = SafeStream(sys.stdout), SafeStream(sys.stderr)
    sys.stdout, sys.stderr = out, err  # they write and flush, which is all that is asked of them
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


class SafeStream:
    """A text stream that shows controls instead of sending them, and that nothing can be lost by writing to.

    Attributes:
        lost: why a part of what was written did not arrive; "" as long as all did. A reader who has seen enough
            (`| head`) is no reason.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._dead = stream is None
        self.lost = ""
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="foresee_nearest")
        if stream is not None and (stream.isatty() or os.environ.get("FORCE_COLOR")):
            self.rich_proxied_file = stream  # rich writes its colours there; the texts in its tables are made visible

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:
        return "foresee_nearest"

    def write(self, text: str) -> int:
        if not self._dead and self._stream is not None:
            back = "\r" if text.startswith("\r") and self.isatty() else ""  # how bars of libraries begin
            with self._guarded():
                self._stream.write(back + visible(text[len(back) :]))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if not self._dead and self._stream is not None:
            with self._guarded():
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError(errno.EBADF, "there is no such stream")
        return self._stream.fileno()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as problem:  # ValueError: closed
            self._dead = True
            if not isinstance(problem, BrokenPipeError):
                self.lost = getattr(problem, "strerror", None) or str(problem)
            self._divert()

    def _divert(self) -> None:
        """Let what is still buffered go nowhere, or Python would fail over it when it ends."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def _nearest(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    found = problem.object[problem.start : problem.end]
    return "".join(map(_in_ascii, found)), problem.end


def _in_ascii(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _NEAREST.get(character, plain) or "?"
