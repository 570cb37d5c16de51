"""What a user should know and nothing stops for: warnings, and findings of `foresee doctor`."""

from __future__ import annotations

import functools
import logging
from typing import Literal, NamedTuple

State = Literal["ok", "missing", "broken"]


class Finding(NamedTuple):
    """One thing looked at; `advice` is what to do when it is not ok."""

    state: State
    name: str
    detail: str
    advice: str = ""


@functools.cache
def say_once(message: str) -> None:
    """Log a warning; in a process the same words once, however often a file is read."""
    logging.getLogger("foresee").warning("%s", message)
