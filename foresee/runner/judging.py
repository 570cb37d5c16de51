"""Judge answers: each verdict is journalled at once, and taken from the journal when it is there.

Calls of judge models are journalled one by one as well, by their content: what has been asked once is not asked again,
in this judging or in a later one with other companions on the panel.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from foresee.errors import ModelError, UserError
from foresee.files.spool import Spool
from foresee.records import Answer, Item, Json, Judge, Model, Reply, Request, Row, Usage, Verdict, changed, encode
from foresee.runner.async_bridge import complete, each
from foresee.runner.budget import Budget, BudgetSpent
from foresee.runner.calls import JournalledCalls
from foresee.runner.journal import Journal
from foresee.runner.keys import answer_key, digest, settings_digest, verdict_key
from foresee.runner.retries import Caller, CircuitBreaker, RunSettings, as_model_error

_MOST_KEPT = 200_000  # characters of a judge model's reply, twice what forms are read from; some servers heed no limit


class JudgeCalls:
    """Calls of judge models, with retries and a turn for each; with a journal, from there if they were made before.

    Args:
        settings: how hard to push; a local model's own limit on concurrency holds as well.
        journal: where the replies go.
        earlier: finds by key the reply that another journal holds.
        budget: what the calls may cost.
    """

    def __init__(
        self,
        settings: RunSettings | None = None,
        journal: Journal | None = None,
        earlier: Callable[[str], Mapping[str, Any] | None] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget
        self.spent: dict[str, Usage] = {}  # what was asked now, by judge model
        self._settings = settings or RunSettings()
        self._journal, self._earlier = journal, earlier
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[JournalledCalls, dict[int, Caller]]]
        self._by_loop = weakref.WeakKeyDictionary()

    async def __call__(self, model: Model, request: Request) -> Reply:
        """Ask the judge model. Raises ModelError: refused for good, or still failing after all retries."""
        key = f"judge-{answer_key(settings_digest(model.identity, request.generation, None), request, 0)}"
        calls, callers = self._by_loop.setdefault(
            asyncio.get_running_loop(), (JournalledCalls(self._journal, self._earlier), {})
        )
        return await calls(key, request, partial(_asked, self._caller(model, callers)), partial(self._made, model))

    def _made(self, model: Model, reply: Reply) -> None:
        self.spent[model.name] = self.spent.get(model.name, Usage()) + reply.usage

    def _caller(self, model: Model, mine: dict[int, Caller]) -> Caller:
        if id(model) not in mine:
            most = min(self._settings.concurrency, model.suggested_concurrency or self._settings.concurrency)
            mine[id(model)] = Caller(
                model, self._settings.model_copy(update={"concurrency": most}), self._budget, judge=True
            )
        return mine[id(model)]


async def _asked(caller: Caller, request: Request) -> Reply:
    """Ask, and keep no more of the reply than anybody reads. Raises ModelError: there is no reply."""
    reply = await caller(request)
    return changed(reply, text=_shortened(reply.text), reasoning=_shortened(reply.reasoning))


def _shortened(text: str) -> str:
    half, left = _MOST_KEPT // 2, len(text) - _MOST_KEPT
    return text if left <= 0 else f"{text[:half]}\n[… {left} characters left out …]\n{text[-half:]}"


@runtime_checkable
class AsksModels(Protocol):
    """What a judge that asks models has beyond `Judge`."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def attached(self, ask: Any) -> AsksModels: ...

    def check(self, items: Iterable[Item]) -> None: ...

    def key_part(self, item: Item) -> str: ...

    async def read(self, item: Item, answer: Answer) -> tuple[Verdict, ModelError | None]: ...


class _Bound(NamedTuple):
    """A judge at work."""

    judge: Judge
    models: AsksModels | None  # the judge again, if it asks models
    identity: str  # its digest
    breaker: CircuitBreaker


class Judging:
    """Verdicts, from the journal or from the judges."""

    def __init__(self, judges: Sequence[Judge], journal: Journal, settings: RunSettings, calls: JudgeCalls) -> None:
        self._calls = calls
        self._judges = [_bound(judge, calls, settings) for judge in judges]
        self._journal = journal

    @property
    def spent(self) -> Mapping[str, Usage]:
        """What was asked of judge models now, by name."""
        return self._calls.spent

    async def verdicts(self, item: Item, answer: Answer) -> dict[str, Verdict]:
        """By judge; empty for an answer without a text to judge.

        Raises:
            UserError: the same failure came too often in a row, or the journal can't be written.
        """
        if answer.status != "ok":
            return {}
        return {bound.judge.name: await self._verdict(bound, item, answer) for bound in self._judges}

    async def _verdict(self, bound: _Bound, item: Item, answer: Answer) -> Verdict:
        judge, models, identity, breaker = bound
        key = verdict_key(answer.key, identity, item)
        if models is not None:
            key = digest([key, models.key_part(item)])
        stored = self._journal.decoded(Verdict, "verdict", key)
        if stored is not None:
            breaker.mark_ok()
            return stored
        verdict, failure = await _read(judge, models, item, answer)
        verdict = changed(
            verdict,
            item_id=item.id,
            epoch=answer.epoch,
            judge=judge.name,
            key=key,
            answer_key=answer.key,
            made_by=identity,
        )
        self._journal.append("verdict", key, encode(verdict), final=failure is None)
        if failure is None:
            breaker.success()
        else:
            why = f"the judge failed: {failure}"
            breaker.failure(why, fatal=failure.fatal, retryable=failure.retryable)
        return verdict

    def finish(self) -> None:
        """Raise UserError if nothing could be judged, for one and the same fatal reason."""
        for bound in self._judges:
            bound.breaker.finish()


def _bound(judge: Judge, calls: JudgeCalls, settings: RunSettings) -> _Bound:
    breaker, identity = CircuitBreaker(settings.stop_after, "verdicts"), digest(judge.identity)  # rules never fail
    models = judge.attached(calls) if isinstance(judge, AsksModels) else None
    return _Bound(judge, models, identity, breaker)


def check_judges(judges: Iterable[Judge], items: Iterable[Item]) -> None:
    """Check judges before anything is asked. Raises UserError: one can't read answers to these items."""
    for judge in judges:
        if isinstance(judge, AsksModels):
            judge.check(items)


def judge_answers(
    pairs: Iterable[tuple[Item, Answer]],
    judges: Sequence[Judge],
    journal: Journal,
    settings: RunSettings | None = None,
    calls: JudgeCalls | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sequence[Row]:
    """Judge answers that exist already, in this order; measures stay empty.

    Args:
        pairs: items and their answers.
        judges: each reads every answer that has a text.
        journal: open; verdicts that it holds are not made again.
        settings: retries and limits.
        calls: how judge models are called; by default through the journal.
        progress: called with (done, total) after each answer.

    Raises:
        UserError: a judge failed too often in a row, the budget is spent, or the journal can't be written.
    """
    settings = settings or RunSettings()
    work = _Judged(
        Spool.of(pairs), Judging(judges, journal, settings, calls or JudgeCalls(settings, journal)), progress
    )
    check_judges(judges, _Firsts(work.pairs))
    complete(lambda: each(iter(range(len(work.pairs))), work.judge, min(len(work.pairs), 2 * settings.concurrency)))
    if work.stopped is not None:
        raise work.stopped
    work.judging.finish()
    return work.rows


class _Firsts:
    """The items of pairs, as often as they are asked for."""

    def __init__(self, pairs: Sequence[tuple[Item, Answer]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[Item]:
        return (item for item, _ in self._pairs)


class _Judged:
    """One judging's state."""

    def __init__(
        self,
        pairs: Sequence[tuple[Item, Answer]],
        judging: Judging,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.pairs, self.judging, self._progress = pairs, judging, progress
        self.rows: Spool[Row] = Spool(size=len(pairs))
        self.stopped: BudgetSpent | None = None
        self._done = 0

    async def judge(self, place: int) -> None:
        item, answer = self.pairs[place]
        try:
            self.rows.put(place, Row(item, answer, await self.judging.verdicts(item, answer)))
        except BudgetSpent as spent:
            self.stopped = spent
            return
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, len(self.pairs))


async def read_answer(judge: Judge | AsksModels, item: Item, answer: Answer) -> tuple[Verdict, ModelError | None]:
    """Read an answer: the verdict, and the failure if the judge broke on this answer: then it is None with that reason.

    Raises:
        UserError: something that concerns every answer.
    """
    return await _read(judge, judge if isinstance(judge, AsksModels) else None, item, answer)


async def _read(
    judge: Judge | AsksModels, models: AsksModels | None, item: Item, answer: Answer
) -> tuple[Verdict, ModelError | None]:
    shares = answer.choice_probabilities
    if shares is not None and not any(share > 0 for share in shares.values()):  # the text beside them is no choice
        why = f"none of {', '.join(shares)} is among the likeliest first words (probability 0)"
        return Verdict(item.id, answer.epoch, judge.name, None, reason=why), None
    try:
        if models is not None:
            return await models.read(item, answer)
        return await cast(Judge, judge).judge(item, answer), None
    except UserError:
        raise
    except Exception as problem:  # a judge that breaks on one answer must not end the run
        failure = as_model_error(problem)
        return Verdict(item.id, answer.epoch, judge.name, None, reason=f"the judge failed: {failure}"), failure
