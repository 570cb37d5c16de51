"""Say once what a user should know and nothing stops for."""

from __future__ import annotations

import functools
import logging


@functools.cache
def say_once(message: str) -> None:
    """Log a warning; in a process the same words once, however often a file is read."""
    logging.getLogger("foresee").warning("%s", message)
