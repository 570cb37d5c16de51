"""Ask one item: the plain call, or a defense's procedure whose every call is journalled; filters before and behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from foresee.data.images import ImageError
from foresee.errors import ModelError, UserError
from foresee.records import (
    Answer,
    AskModel,
    Defense,
    Filter,
    Item,
    Message,
    Model,
    Reply,
    Request,
    Screened,
    Screening,
    Usage,
    changed,
)
from foresee.runner.calls import JournalledCalls
from foresee.runner.keys import Prepared, answer_key, request_for, settings_digest
from foresee.runner.retries import KEPT, Caller, as_model_error


class Ask:
    """What a procedure calls for one item: retried, waiting its turn; finished calls are in the journal.

    Args:
        caller: makes the calls.
        calls: keeps them.
        key: of the item's answer.
        defense: whose decoding requests get that have none.
        others: calls other models.
    """

    def __init__(
        self,
        caller: Caller,
        calls: JournalledCalls,
        key: str,
        defense: Defense | None,
        others: AskModel | None = None,
    ) -> None:
        self.caller = caller
        self._others = others
        self._calls = calls
        self._key = key
        self._decoding = defense.decoding if defense is not None else None
        self._hidden = getattr(defense, "hidden", None)
        self._seen: Counter[str] = Counter()
        self.helpers: dict[str, Usage] = {}
        self.unjudged: list[str] = []  # why guards had no verdict
        self.calls = 0
        self.seconds = 0.0  # in calls, without waiting for a turn
        self.usage = Usage()  # of all calls that led to the answer
        self.spent = Usage()  # of those made now

    async def __call__(self, request: Request) -> Reply:
        """Ask the model. Raises ModelError when there is no answer."""
        if request.decoding is None:
            request = replace(request, decoding=self._decoding)
        if request.hidden is None:
            request = replace(request, hidden=self._hidden)
        same = answer_key(settings_digest({"answer": self._key}, request.generation, None), request, 0)
        self._seen[same] += 1  # the same call twice within one item asks for a second sample
        self.calls += 1
        reply = await self._calls(f"{same}-{self._seen[same]}", request, self.caller, self.note_spent)
        self.note(reply)
        return reply

    async def other(self, model: Model, request: Request) -> Reply:
        """Ask another model, as a filter's guard; its tokens are counted apart. Raises ModelError."""
        assert self._others is not None
        reply = await self._others(model, request)
        self.helpers[model.name] = self.helpers.get(model.name, Usage()) + reply.usage
        self.calls += 1
        self.seconds += reply.seconds
        return reply

    def note(self, reply: Reply) -> None:
        """Count a call that led to the answer."""
        self.usage += reply.usage
        self.seconds += reply.seconds

    def note_spent(self, reply: Reply) -> None:
        """Count a call that was made now."""
        self.spent += reply.usage


async def answer(
    item: Item,
    prepare: Callable[[], Awaitable[Prepared]],
    ask: Ask,
    defense: Defense | None,
    epoch: int,
    key: str,
) -> tuple[Answer, ModelError | None]:
    """Get the model's answer to an item, or why there is none.

    The failure may be that of a filter's guard beside an answer: such an answer is asked for again by the next run.

    Args:
        item: the question.
        prepare: makes what is asked (the item, or an attack's try of it) and what is sent for that.
        ask: makes the calls.
        defense: which may own the asking.
        epoch: which repeat.
        key: of the answer.

    Raises:
        UserError: something that concerns the whole run.
    """
    failure: ModelError | None = None
    earlier: list[str] = []
    try:
        asked, request = await prepare()
        filters: tuple[Filter, ...] = getattr(defense, "filters", ())
        filled, failure = await _screened(asked, None, filters, ask) if filters else (None, None)
        if filled is None:
            if asked.turns:
                reply = await _last_turn(asked, request, ask, defense, earlier)
            elif defense is not None and defense.procedure is not None:
                reply = await _turn(item, request, ask, defense)
            else:  # its answer is the journal's line
                ask.calls += 1
                reply = await ask.caller(request)
                ask.note(reply)
                ask.note_spent(reply)
            filled = _filled(item, reply)
            if filled.status == "ok" and filters:
                blocked, behind = await _screened(asked, filled, filters, ask)
                failure = failure or behind
                filled = blocked or _passed(filled, ask.unjudged)
            elif filled.status == "ok" and ask.unjudged:  # a procedure's guard
                filled = _passed(filled, ask.unjudged)
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
    found = changed(
        filled,
        epoch=epoch,
        key=key,
        usage=ask.usage,
        calls=ask.calls,
        seconds=round(ask.seconds, 4),
        helpers=ask.helpers,
        earlier=tuple(earlier),
    )
    return found, failure


async def _screened(
    item: Item, said: Answer | None, filters: Sequence[Filter], ask: Ask
) -> tuple[Answer | None, ModelError | None]:
    """Refuse in place of an answer that one of the filters blocks (None if none does); and tell a guard's failure."""
    failure: ModelError | None = None
    for each in filters:
        if not each.reads("request" if said is None else "answer"):
            continue
        try:
            found = await each.screen(item, said, ask.other)
        except ModelError as problem:
            failure = problem
            found = Screening(each.blocks_unjudged, judged=False, reason=f"the guard failed: {problem}")
        if not found.judged:
            ask.unjudged.append(found.reason)
        if found.blocked:
            screened: Screened = "blocked_request" if said is None else "blocked_answer"
            text = each.refusal(item)
            return Answer(item.id, 0, text, reason=found.reason, finish_reason=screened, screened=screened), failure
    return None, failure


def _passed(said: Answer, unjudged: Sequence[str]) -> Answer:
    if unjudged:
        return replace(said, screened="unguarded", reason="; ".join(dict.fromkeys(unjudged)))
    return replace(said, screened="passed")


async def _last_turn(item: Item, request: Request, ask: Ask, defense: Defense | None, earlier: list[str]) -> Reply:
    """Ask turn after turn, each after the answer to the one before; a turn that is withheld ends the conversation.

    A defense stands between user and model: it edits every request, and the conversation so far goes on unedited.

    Args:
        item: with its turns.
        request: of the first.
        ask: makes the calls.
        defense: of the run.
        earlier: gets the answers to all but the last turn.
    """
    generation, so_far = request.generation, replace(item, turns=())
    reply = await _turn(so_far, request, ask, defense)
    for place, turn in enumerate(item.turns):
        if reply.status != "ok":
            break
        earlier.append(reply.text)
        messages = (*so_far.messages, Message("assistant", (reply.text,)), turn)
        so_far = replace(so_far, messages=messages, turns=item.turns[place + 1 :])
        reply = await _turn(so_far, request_for(so_far, defense, generation), ask, defense)
    return reply


async def _turn(item: Item, request: Request, ask: Ask, defense: Defense | None) -> Reply:
    """Get one reply: by the defense's procedure where it has one. Every call is journalled by itself."""
    if defense is None or defense.procedure is None:
        return await ask(request)
    edited = replace(item, messages=request.messages, choices=request.choices, turns=())
    return await defense.procedure(edited, request.generation, ask)


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
        address=reply.address,
        choice_probabilities=reply.choice_probabilities,
        logprobs=reply.logprobs,
    )
