"""Ask one model at several servers: each call goes where it waits least, and around those that fail.

A server's load is its calls in flight times the seconds that its answers took lately; one with nothing in flight is
asked first, so that what is known of it stays fresh. How many calls it bears is learnt from what it says (`gate`).
One that is dead, or fails three times in a row, is left out and tried again after a second, then two, up to a minute,
with one call at first; what it owed is asked at another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from foresee.errors import ModelError
from foresee.models.gate import ASKED_TO_WAIT, LONGEST_WAIT, Gate, is_overload
from foresee.records import Reply, Request

if TYPE_CHECKING:
    from foresee.models.openai_compatible import ApiModel

T = TypeVar("T")

_MOST = 4096  # calls at once at one server, as long as it says nothing
_A_SERVER = 32  # calls in flight for each, unless the user says how many
_FAILURES = 3  # in a row, after which a server is left out
_SHORTEST_PAUSE = 1.0  # seconds
_LATE = 0.2  # weight of the latest answer in the seconds that a server takes
_log = logging.getLogger("foresee")


class ServerPool:
    """A model behind several servers, used as if it were one."""

    def __init__(self, models: Sequence[ApiModel]) -> None:
        first = models[0]
        self.name = first.name
        self.identity = first.identity
        self.capabilities = first.capabilities
        self.base_url = ",".join(model.base_url for model in models)
        self.suggested_concurrency = min(_A_SERVER * len(models), _MOST)
        self._servers = [_Server(model) for model in models]

    def __repr__(self) -> str:
        return f"<{self.name} at {self.base_url}>"

    async def generate(self, request: Request) -> Reply:
        """Ask at one server, and where that fails at another. Raises ModelError: none answered; see `ApiModel`."""
        return await self._somewhere(lambda model: model.generate(request))

    async def call(self, path: str, body: Mapping[str, Any], read: Callable[[int, Mapping[str, str], str], T]) -> T:
        """One call of another endpoint; see `ApiModel.call`. Raises ModelError."""
        return await self._somewhere(lambda model: model.call(path, body, read))

    async def close(self) -> None:
        """Close the connections of this event loop."""
        for server in self._servers:
            await server.model.close()

    async def _somewhere(self, ask: Callable[[ApiModel], Awaitable[T]]) -> T:
        """Make a call. Raises ModelError: no server could, or the call itself is at fault."""
        failed: dict[_Server, ModelError] = {}
        while True:
            server = self._chosen(failed)
            try:
                return await server.answered(ask)
            except ModelError as error:
                if not (error.retryable or error.fatal):
                    raise
                failed[server] = error

    def _chosen(self, failed: Mapping[_Server, ModelError]) -> _Server:
        """Choose the server to ask. Raises ModelError: all have failed this call, or have as many as they bear."""
        self._tell()
        left = [server for server in self._servers if server not in failed]
        living = [server for server in left if server.is_due()]
        if free := [server for server in living if server.gate.has_room()]:
            known = [server.seconds for server in self._servers if server.seconds]
            usual = min(known, default=1.0)  # until it has answered
            return min(free, key=lambda server: (server.gate.in_flight * (server.seconds or usual), server.asked))
        if living:
            raise ModelError(f"{self.name}: every server has as many calls as it bears", retryable=True, status=429)
        if not failed:  # all are left out: what one server alone would be asked, too
            return min(left, key=lambda server: server.due)
        raise _mildest(failed.values())

    def _tell(self) -> None:
        for server in self._servers:
            if server.news:
                living = sum(not each.left_out for each in self._servers)
                _log.warning(
                    "%s at %s %s; %d of %d servers go on",
                    self.name, server.model.base_url, server.news, living, len(self._servers),
                )  # fmt: skip
                server.news = ""


class _Server:
    """One server of a pool: how it does."""

    def __init__(self, model: ApiModel) -> None:
        self.model = model
        self.gate = Gate(_MOST)
        self.seconds = 0.0  # that an answer takes, lately
        self.asked = 0
        self.left_out = False
        self.due = float("-inf")  # loop time from which it is tried again
        self.news = ""
        self._failures = 0  # in a row
        self._pause = _SHORTEST_PAUSE
        self._left_at = float("-inf")

    def is_due(self) -> bool:
        return asyncio.get_running_loop().time() >= self.due

    async def answered(self, ask: Callable[[ApiModel], Awaitable[T]]) -> T:
        """Make a call here. Raises ModelError: it failed."""
        began = asyncio.get_running_loop().time()
        self.gate.in_flight += 1
        self.asked += 1
        try:
            found = await ask(self.model)
        except ModelError as error:
            if error.retryable or error.fatal:
                self._failed(error, began)
            raise
        except asyncio.CancelledError:  # a time limit of the caller's, for all that can be known here
            self._failed(ModelError("no answer in time", retryable=True, status=408), began)
            raise
        finally:
            self.gate.leave()
        self._succeeded(began)
        return found

    def _succeeded(self, began: float) -> None:
        if began < self._left_at:  # the last words of a server that ends
            return
        seconds = asyncio.get_running_loop().time() - began
        self.seconds += (seconds - self.seconds) * (_LATE if self.seconds else 1.0)
        self.gate.succeeded()
        self._failures = 0
        self._pause = max(_SHORTEST_PAUSE, 0.95 * self._pause)
        if self.left_out:
            self.left_out, self.due = False, float("-inf")
            self.news = "answers again"

    def _failed(self, error: ModelError, began: float) -> None:
        if began < self._left_at:  # it was under way when the server was left out
            return
        if is_overload(error):
            self.gate.limit = min(self.gate.limit, self.gate.in_flight)
            self.gate.overloaded(began, error.retry_after)
        if error.status not in ASKED_TO_WAIT or self.gate.limit < 2:  # else it is fine and busy
            self._failures += 1
        if error.fatal or self.left_out or self._failures >= _FAILURES:
            self._leave(error)

    def _leave(self, error: ModelError) -> None:
        self._left_at = asyncio.get_running_loop().time()
        self.due = self._left_at + self._pause
        self._pause = min(LONGEST_WAIT, 2 * self._pause)
        self._failures = 0
        self.gate.limit = 1.0  # with one call it is tried again
        if not self.left_out:
            self.left_out = True
            reason = str(error).removeprefix(f"{self.model.name}: ")
            self.news = f"is left out until it answers again ({reason})"


def _mildest(errors: Iterable[ModelError]) -> ModelError:
    """Choose the failure that may pass soonest: that of a server that lives before that of one that is dead."""
    return min(errors, key=lambda error: (not error.retryable, error.fatal))
