"""Ask one item: the plain call, or a defense's procedure whose every call is journalled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from foresee.data.images import ImageError
from foresee.errors import ModelError, UserError
from foresee.records import Answer, Defense, Item, Reply, Request, Usage, encode
from foresee.runner.journal import Journal
from foresee.runner.keys import answer_key, settings_digest
from foresee.runner.retries import KEPT, Caller, as_model_error


class Ask:
    """What a procedure calls for one item: retried, waiting its turn; finished calls are in the journal."""

    def __init__(self, caller: Caller, journal: Journal, key: str, defense: Defense | None) -> None:
        self._caller = caller
        self._journal = journal
        self._key = key
        self._decoding = defense.decoding if defense is not None else None
        self._seen: Counter[str] = Counter()
        self.calls = 0
        self.seconds = 0.0  # in calls, without waiting for a turn
        self.usage = Usage()  # of all calls that led to the answer
        self.spent = Usage()  # of those made now

    async def __call__(self, request: Request) -> Reply:
        """Ask the model. Raises ModelError when there is no answer."""
        if request.decoding is None:
            request = replace(request, decoding=self._decoding)
        same = answer_key(settings_digest({"answer": self._key}, request.generation, None), request, 0)
        self._seen[same] += 1  # the same call twice within one item asks for a second sample
        key = f"{same}-{self._seen[same]}"
        stored = self._journal.decoded(Reply, "call", key)
        if stored is None:
            reply = await self.plainly(request)
            self._journal.append("call", key, encode(reply))
            return reply
        self.calls += 1
        self._count(stored)
        return stored

    async def plainly(self, request: Request) -> Reply:
        """Make the call without a journal line of its own. Raises ModelError when there is no answer."""
        self.calls += 1
        reply = await self._caller(request)
        self._count(reply)
        self.spent += reply.usage
        return reply

    def _count(self, reply: Reply) -> None:
        self.usage += reply.usage
        self.seconds += reply.seconds


async def answer(item: Item, request: Request, ask: Ask, defense: Defense | None) -> tuple[Answer, ModelError | None]:
    """Get the model's answer to an item, or why there is none. Epoch and key are the caller's to fill in.

    Raises:
        UserError: something that concerns the whole run.
    """
    procedure = defense.procedure if defense is not None else None
    failure: ModelError | None = None
    try:
        if procedure is None:
            reply = await ask.plainly(request)
        else:
            edited = replace(item, messages=request.messages, choices=request.choices)
            reply = await procedure(edited, request.generation, ask)
        filled = _filled(item, reply)
    except ImageError as problem:  # a UserError by kind, yet this item's alone
        failure = ModelError(str(problem))
        filled = _failed(item, failure)
    except UserError:
        raise
    except Exception as problem:  # whatever breaks on one item must not end the run
        failure = as_model_error(problem)
        if failure.shortage:
            raise UserError(f"{failure}; {KEPT}") from None
        filled = _failed(item, failure)
    return replace(filled, usage=ask.usage, calls=ask.calls, seconds=round(ask.seconds, 4)), failure


def _failed(item: Item, failure: ModelError) -> Answer:
    return Answer(item.id, 0, "", status="error", reason=str(failure), finish_reason="error")


def _filled(item: Item, reply: Reply) -> Answer:
    return Answer(
        item.id,
        0,
        reply.text,
        status=reply.status,
        reason="" if reply.status == "ok" else f"the provider withheld the answer ({reply.finish_reason})",
        finish_reason=reply.finish_reason,
        reasoning=reply.reasoning,
        served_by=reply.served_by,
        choice_probabilities=reply.choice_probabilities,
        logprobs=reply.logprobs,
    )
