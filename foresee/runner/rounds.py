"""Tries of an adaptive attack: each is made of the answers to those before it, in its own stream of the item's tries.

Nothing is stored: what the attacker said is in the journal like every other call, so that a run that was killed makes
the same tries again and asks nothing twice.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from foresee.errors import ModelError
from foresee.records import Answer, AskModel, Attack, Item, Round


class Unfollowed(ModelError):
    """A try that was never asked, as one before it in its stream has no answer: it says nothing of the server."""


class _Adaptive(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def streams(self) -> int: ...

    async def follow(self, item: Item, number: int, rounds: list[Round], ask: AskModel) -> Item: ...


def streams_of(attack: Attack | None) -> int:
    """How many streams an adaptive attack's tries run in; 0 for any other."""
    return int(getattr(attack, "streams", 0))


class Rounds:
    """What has come of the tries so far, as long as another may follow on them.

    Args:
        attack: an adaptive one.
        ask: calls the attacker, from the journal where it has been called.
        epochs: of the run.
    """

    def __init__(self, attack: Attack | None, ask: AskModel, epochs: int) -> None:
        self._attack, self._ask, self._epochs = cast(_Adaptive, attack), ask, epochs
        self._answers: dict[tuple[str, int], asyncio.Future[Answer | None]] = {}
        self._made: dict[tuple[str, int], Item] = {}

    def settle(self, item: Item, epoch: int, answer: Answer | None) -> None:
        """Say what came of a try, None for nothing. A stream's last one lets go of the others."""
        promise = self._promise(item, epoch)
        if not promise.done():
            promise.set_result(answer)
        if epoch + self._attack.streams >= self._epochs:
            for earlier in range(epoch % self._attack.streams, self._epochs, self._attack.streams):
                self._made.pop((item.id, earlier), None)

    def said(self, item: Item, epoch: int) -> str:
        """Tell what the attacker said when it wrote a try that was made just now; "" if it was not."""
        made = self._made.get((item.id, epoch))
        return str(made.metadata.get("attacker", "")) if made is not None else ""

    async def made(self, item: Item, epoch: int, ask: AskModel) -> Item:
        """Make a try once those before it in its stream have their answers; `ask` calls the attacker.

        Raises:
            Unfollowed: one of them has none.
            ModelError: the attacker brought nothing.
        """
        rounds: list[Round] = []
        for earlier in range(epoch % self._attack.streams, epoch, self._attack.streams):
            answer = await self._promise(item, earlier)
            if answer is None or answer.status in ("error", "missing_image"):
                why = f": {answer.reason}" if answer is not None and answer.reason else ""
                raise Unfollowed(f"{self._attack.name}: try {earlier + 1}, on which this follows, has no answer{why}")
            key = (item.id, earlier)
            if key not in self._made:  # answered in an earlier call of this run
                self._made[key] = await self._attack.follow(item, earlier, rounds, self._ask)
            rounds.append(Round(self._made[key], answer))
        self._made[item.id, epoch] = await self._attack.follow(item, epoch, rounds, ask)
        return self._made[item.id, epoch]

    def _promise(self, item: Item, epoch: int) -> asyncio.Future[Answer | None]:
        key = (item.id, epoch)
        if key not in self._answers:
            self._answers[key] = asyncio.get_running_loop().create_future()
        return self._answers[key]
