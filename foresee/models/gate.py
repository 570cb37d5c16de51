"""Let in as many calls as a server bears: a limit on calls at once that adapts to what the server says."""

from __future__ import annotations

import asyncio
from collections import deque

from foresee.errors import ModelError

ASKED_TO_WAIT = frozenset({429, 503, 529})
"""The server is fine and busy: time alone limits how often these are tried again."""

LONGEST_WAIT = 60.0
_OVERLOADED = ASKED_TO_WAIT | {None, 408, 504}  # None: the connection broke


def is_overload(error: ModelError) -> bool:
    """Tell whether a failure means that the server has too much to do."""
    return error.retryable and not error.fatal and error.status in _OVERLOADED


class Gate:
    """Lets in at most `limit` calls at once. The limit halves under overload and grows back with success.

    Additive increase by one per round of calls (a tenth of the limit once that is more), halved at most
    once per round: calls that were already under way when it was cut do not cut it again.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self._cut_at = float("-inf")
        self._held_until = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.has_room():
            turn = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn was given to a call that is gone; pass it on
                raise
        self.in_flight += 1

    def has_room(self) -> bool:
        """Tell whether one more may go in now."""
        return self.in_flight < int(self.limit) and asyncio.get_running_loop().time() >= self._held_until

    def leave(self) -> None:
        self.in_flight -= 1
        self._wake()

    def succeeded(self) -> None:
        self.limit = min(float(self.most), self.limit + max(1.0 / self.limit, 0.1))

    def overloaded(self, started: float, wait: float | None) -> None:
        """Record that the server was overloaded for a call begun at loop time `started`; it asked to wait so long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if started >= self._cut_at:
            self.limit = max(1.0, self.limit / 2)
            self._cut_at = now
        if wait and now + wait > self._held_until:
            self._held_until = now + min(wait, LONGEST_WAIT)
            loop.call_at(self._held_until, self._release, self._held_until)

    def _release(self, held_until: float) -> None:
        if self._held_until <= held_until:  # else a later answer asked for a longer wait
            self._held_until = float("-inf")  # timers may fire a tick early, so the clock is not asked again
            self._wake()

    def _wake(self) -> None:
        if asyncio.get_running_loop().time() < self._held_until:
            return
        free = int(self.limit) - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
