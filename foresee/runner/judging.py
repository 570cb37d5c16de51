"""Judge answers: each verdict is journalled at once, and taken from the journal when it is there.

Calls of judge models are journalled one by one as well, by their content: what has been asked once is not asked again,
in this judging or in a later one with other companions on the panel.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from foresee.errors import ModelError, UserError
from foresee.records import Answer, Item, Json, Judge, Model, Reply, Request, Row, Usage, Verdict, decode, encode
from foresee.runner.async_bridge import complete, each
from foresee.runner.budget import Budget, BudgetSpent
from foresee.runner.journal import Journal
from foresee.runner.keys import answer_key, digest, settings_digest, verdict_key
from foresee.runner.retries import Caller, CircuitBreaker, RunSettings, as_model_error


class JudgeCalls:
    """Calls of judge models, with retries and a turn for each; with a journal, from there if they were made before.

    Args:
        settings: how hard to push; a local model's own limit on concurrency holds as well.
        journal: where the replies go.
        earlier: replies by key that other journals hold.
        budget: what the calls may cost.
    """

    def __init__(
        self,
        settings: RunSettings | None = None,
        journal: Journal | None = None,
        earlier: Mapping[str, Mapping[str, Any]] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget
        self.spent: dict[str, Usage] = {}  # what was asked now, by judge model
        self._settings = settings or RunSettings()
        self._journal = journal
        self._earlier = earlier or {}
        self._callers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Caller]]
        self._callers = weakref.WeakKeyDictionary()

    async def __call__(self, model: Model, request: Request) -> Reply:
        """Ask the judge model. Raises ModelError: refused for good, or still failing after all retries."""
        key = f"judge-{answer_key(settings_digest(model.identity, request.generation, None), request, 0)}"
        own = self._journal.decoded(Reply, "call", key) if self._journal is not None else None
        if own is not None:
            return own
        if key in self._earlier:
            return decode(Reply, self._earlier[key])
        reply = await self._caller(model)(request)
        self.spent[model.name] = self.spent.get(model.name, Usage()) + reply.usage
        if self._journal is not None:
            self._journal.append("call", key, encode(reply))
        return reply

    def _caller(self, model: Model) -> Caller:
        mine = self._callers.setdefault(asyncio.get_running_loop(), {})
        if id(model) not in mine:
            most = min(self._settings.concurrency, model.suggested_concurrency or self._settings.concurrency)
            mine[id(model)] = Caller(
                model, self._settings.model_copy(update={"concurrency": most}), self._budget, judge=True
            )
        return mine[id(model)]


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


class Judging:
    """Verdicts, from the journal or from the judges."""

    def __init__(self, judges: Sequence[Judge], journal: Journal, settings: RunSettings, calls: JudgeCalls) -> None:
        self._calls = calls
        self._judges = [(_attached(judge, calls), digest(judge.identity)) for judge in judges]
        self._journal = journal
        self._breakers = {
            judge.name: CircuitBreaker(settings.stop_after, "verdicts") for judge in judges
        }  # rules never fail

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
        return {judge.name: await self._verdict(judge, identity, item, answer) for judge, identity in self._judges}

    async def _verdict(self, judge: Judge | AsksModels, identity: str, item: Item, answer: Answer) -> Verdict:
        key = verdict_key(answer.key, identity, item)
        if isinstance(judge, AsksModels):
            key = digest([key, judge.key_part(item)])
        stored = self._journal.decoded(Verdict, "verdict", key)
        if stored is not None:
            self._breakers[judge.name].mark_ok()
            return stored
        verdict, failure = await read_answer(judge, item, answer)
        verdict = replace(verdict, item_id=item.id, epoch=answer.epoch, judge=judge.name)
        verdict = replace(verdict, key=key, answer_key=answer.key, made_by=identity)
        self._journal.append("verdict", key, encode(verdict), final=failure is None)
        if failure is None:
            self._breakers[judge.name].success()
        else:
            why = f"the judge failed: {failure}"
            self._breakers[judge.name].failure(why, fatal=failure.fatal, retryable=failure.retryable)
        return verdict

    def finish(self) -> None:
        """Raise UserError if nothing could be judged, for one and the same fatal reason."""
        for breaker in self._breakers.values():
            breaker.finish()


def check_judges(judges: Iterable[Judge], items: Sequence[Item]) -> None:
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
) -> tuple[Row, ...]:
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
    calls = calls or JudgeCalls(settings, journal)
    pairs = list(pairs)
    check_judges(judges, [item for item, _ in pairs])
    rows: list[Row | None] = [None] * len(pairs)

    async def work() -> None:
        judging = Judging(judges, journal, settings, calls)
        done = 0
        stopped: list[BudgetSpent] = []

        async def judge(index: int) -> None:
            nonlocal done
            item, answer = pairs[index]
            try:
                rows[index] = Row(item, answer, await judging.verdicts(item, answer))
            except BudgetSpent as spent:
                stopped.append(spent)
                return
            done += 1
            if progress is not None:
                progress(done, len(pairs))

        await each(iter(range(len(pairs))), judge, min(len(pairs), 2 * settings.concurrency))
        if stopped:
            raise stopped[0]
        judging.finish()

    complete(work)
    return tuple(row for row in rows if row is not None)


async def read_answer(judge: Judge | AsksModels, item: Item, answer: Answer) -> tuple[Verdict, ModelError | None]:
    """Read an answer: the verdict, and the failure if the judge broke on this answer: then it is None with that reason.

    Raises:
        UserError: something that concerns every answer.
    """
    shares = answer.choice_probabilities
    if shares is not None and not any(share > 0 for share in shares.values()):  # the text beside them is no choice
        why = f"none of {', '.join(shares)} is among the likeliest first words (probability 0)"
        return Verdict(item.id, answer.epoch, judge.name, None, reason=why), None
    try:
        if isinstance(judge, AsksModels):
            return await judge.read(item, answer)
        return await judge.judge(item, answer), None
    except UserError:
        raise
    except Exception as problem:  # a judge that breaks on one answer must not end the run
        failure = as_model_error(problem)
        return Verdict(item.id, answer.epoch, judge.name, None, reason=f"the judge failed: {failure}"), failure


def _attached(judge: Judge, calls: JudgeCalls) -> Judge | AsksModels:
    return judge.attached(calls) if isinstance(judge, AsksModels) else judge
