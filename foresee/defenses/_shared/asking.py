"""Ask for several answers at once, so that a run that is ended keeps each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from foresee.records import Ask, Reply, Request


async def every(ask: Ask, requests: Iterable[Request]) -> list[Reply]:
    """Ask all, and wait for each: where one fails, the others are still finished, and kept by the run's journal.

    Raises:
        ModelError: one has no answer; the first of these.
    """
    found = await asyncio.gather(*map(ask, requests), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if isinstance(each, Reply)]
