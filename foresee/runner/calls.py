"""Make each model call once: from the journal, from the same call under way, or now.

One caller for everything that asks models: the turns and procedures of an evaluation, judges, builders of data sets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from foresee.records import Reply, Request, decode, encode
from foresee.runner.journal import Journal

T = TypeVar("T")


class InFlight(Generic[T]):
    """What is being made now, by key, so that nothing is made twice at the same time."""

    def __init__(self) -> None:
        self._promises: dict[str, asyncio.Future[T]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._promises

    async def result(self, key: str) -> T:
        """Wait for what another is making. Raises whatever ended that."""
        return await asyncio.shield(self._promises[key])

    @contextmanager
    def claim(self, key: str) -> Iterator[asyncio.Future[T]]:
        """Make what belongs to a key, and set it as the promise's result; others wait for it."""
        promise = self._promises[key] = asyncio.get_running_loop().create_future()
        try:
            yield promise
        except BaseException as problem:
            promise.set_exception(problem) if isinstance(problem, Exception) else promise.cancel()
            raise
        finally:
            del self._promises[key]
            if promise.done() and not promise.cancelled():
                promise.exception()  # seen, whether or not somebody waits for it


class JournalledCalls:
    """Model calls by key.

    Args:
        journal: where replies go; None keeps none.
        earlier: finds by key the reply that another journal holds.
        part: the field of a journal line's record that holds the reply, where it is not the record itself.
    """

    def __init__(
        self,
        journal: Journal | None,
        earlier: Callable[[str], Mapping[str, Any] | None] | None = None,
        part: str = "",
    ) -> None:
        self._journal = journal
        self._earlier = earlier
        self._part = part
        self.in_flight: InFlight[Reply] = InFlight()

    def stored(self, key: str) -> Reply | None:
        """Return the reply that a journal holds. Raises UserError: the line holds something else."""
        found = self._journal.decoded(Reply, "call", key, self._part) if self._journal is not None else None
        if found is None and self._earlier is not None and (record := self._earlier(key)) is not None:
            found = decode(Reply, record)
        return found

    async def __call__(
        self,
        key: str,
        request: Request,
        call: Callable[[Request], Awaitable[Reply]],
        made: Callable[[Reply], None],
        note: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Return the reply to a request.

        Args:
            key: equal for equal calls.
            request: what is asked.
            call: asks it.
            made: told of the reply if it was asked for now.
            note: what else the journal line says, beside the part that holds the reply.

        Raises:
            ModelError: there is no reply; so for whatever else `call` raises.
            UserError: the journal can't be written.
        """
        if (found := self.stored(key)) is not None:
            return found
        if key in self.in_flight:
            return await self.in_flight.result(key)
        with self.in_flight.claim(key) as promise:
            reply = await call(request)
            if self._journal is not None:
                record = {**(note or {}), self._part: encode(reply)} if self._part else encode(reply)
                self._journal.append("call", key, record)
            made(reply)
            promise.set_result(reply)
        return reply
