"""A model server's bad days: busy, broken, slow, cut off in the middle, gone; which of them, a seed decides."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web import BaseRequest

from tests.support.rule_server import Question, Reaction

FAULTS = {"busy": 3, "broken": 4, "page": 1, "cut": 2, "empty": 1, "dropped": 2, "late": 1}
"""How often each comes, beside the others."""


class Dropped(web.Response):
    """An answer of which nothing arrives: the connection breaks."""

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        if request.transport is not None:
            request.transport.abort()
        return await super().prepare(request)


@dataclass
class Faulty:
    """A reaction of the rule server: this share of questions meets a fault, the others what `then` says.

    A pace makes the server give so many answers a second, and no more; in a burst it is busy for everyone.
    """

    rng: random.Random
    share: float
    late: float  # seconds; longer than the caller waits
    then: Callable[[Question], Reaction] | None = None
    pace: float | None = None  # answers a second
    burst: tuple[float, float] | None = None  # every so many seconds, for so many
    met: dict[str, int] = field(default_factory=dict)
    _free: float = 0.0

    async def __call__(self, question: Question) -> Reaction | None:
        kind = ""
        if self.burst and time.monotonic() % self.burst[0] < self.burst[1]:
            kind = "busy"
        elif self.rng.random() < self.share:
            kind = self.rng.choices(list(FAULTS), list(FAULTS.values()))[0]
        if kind:
            self.met[kind] = self.met.get(kind, 0) + 1
            return await self._fault(kind)
        if self.pace:
            self._free = max(self._free, time.monotonic()) + 1 / self.pace
            await asyncio.sleep(self._free - time.monotonic())
        return self.then(question) if self.then else None

    async def _fault(self, kind: str) -> web.StreamResponse:
        if kind == "busy":
            wait = {"Retry-After": self.rng.choice(("0.1", "1"))} if self.rng.random() < 0.7 else {}
            return web.json_response({"error": {"message": "too many requests"}}, status=429, headers=wait)
        if kind == "broken":
            return web.json_response({"error": {"message": "it broke"}}, status=self.rng.choice((500, 502, 504)))
        if kind == "page":
            return web.Response(text="<html>Bad gateway</html>", status=502, content_type="text/html")
        if kind == "late":
            await asyncio.sleep(self.late)
        if kind == "dropped":
            return Dropped(text="{}")
        text = "" if kind == "empty" else '{"choices": [{"message": {"role": "assistant", "content": "Sure, fi'
        return web.Response(text=text, content_type="application/json")
