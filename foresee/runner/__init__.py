"""Run a benchmark: items in, judged rows out, every finished step in the journal at once.

Each item is edited by the defense, asked (with retries, waiting its turn), journalled, judged, journalled.
A run that was killed goes on from its journal; nothing finished is done twice. What fails stays in the
totals as an error with its reason, and is tried again by the next run of the same command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypedDict, Unpack

from foresee.errors import UserError
from foresee.files.spool import Spool
from foresee.records import (
    Answer,
    Attack,
    Defense,
    Generation,
    Item,
    Judge,
    Model,
    Row,
    Usage,
    distinct,
    encode,
)
from foresee.runner import ask as asking
from foresee.runner.async_bridge import complete, each
from foresee.runner.budget import Budget, BudgetSpent
from foresee.runner.calls import InFlight, JournalledCalls
from foresee.runner.journal import Journal
from foresee.runner.judging import JudgeCalls, Judging, check_judges, judge_answers
from foresee.runner.keys import Keyed, Prepared, answer_keys, keyed, request_for, under_attack
from foresee.runner.retries import Caller, CircuitBreaker, RunSettings
from foresee.runner.rounds import Rounds, Unfollowed, streams_of

__all__ = [
    "Budget",
    "BudgetSpent",
    "Caller",
    "JudgeCalls",
    "Keyed",
    "Progress",
    "Results",
    "RunSettings",
    "answer_keys",
    "judge_answers",
    "keyed",
    "run",
    "run_sync",
    "shared",
]

_YIELD_EVERY = 100  # rows taken from the journal before other tasks get their turn


class Progress(NamedTuple):
    """Where a run stands; rows are items times epochs."""

    done: int
    total: int
    failed: int
    reused: int
    concurrency: int


@dataclass(frozen=True)
class Results:
    """What a run brought: rows item by item, each item's epochs side by side, measures left empty.

    `asked` rows were answered by the model now, `reused` rows had their answer in the journal or share it
    with an identical item; `usage` is what this run alone cost, `judging` what its judge models did, by name.
    """

    rows: Sequence[Row]
    asked: int
    reused: int
    seconds: float
    usage: Usage
    judging: Mapping[str, Usage] = field(default_factory=dict)


class RunOptions(TypedDict, total=False):
    """The keyword arguments of `run`."""

    attack: Attack | None
    defense: Defense | None
    generation: Generation
    epochs: int
    settings: RunSettings
    progress: Callable[[Progress], None] | None
    budget: Budget | None


async def run(
    items: Iterable[Item | Keyed],
    model: Model,
    judges: Sequence[Judge],
    journal: Journal,
    *,
    attack: Attack | None = None,
    defense: Defense | None = None,
    generation: Generation = Generation(),  # noqa: B008  (frozen)
    epochs: int = 1,
    settings: RunSettings = RunSettings(),  # noqa: B008  (frozen)
    progress: Callable[[Progress], None] | None = None,
    budget: Budget | None = None,
) -> Results:
    """Ask every item `epochs` times, judge the answers, and return the rows.

    Args:
        items: the questions; ids are unique. Those from `keyed`, with the same model, defense, generation and epochs,
            are neither edited nor hashed again.
        model: what is asked.
        judges: each reads every answer that has a text.
        journal: open; what it holds already is not asked again.
        attack: makes a try of an item for each epoch; judges read the answers to the items as they are given here.
        defense: edits the items (or the tries), decodes, or owns the asking.
        generation: how answers are sampled; a seed is raised by one with each epoch.
        epochs: repeats of every item.
        settings: concurrency, retries and limits.
        progress: called after each finished row.
        budget: what the calls may cost; once it is spent, what is under way arrives and nothing new is asked.

    Raises:
        UserError: the model can't do what the items need (before anything is sent), the same failure came
            too often in a row, the budget is spent, or the journal can't be written. Finished work is in the journal.
    """
    began = time.monotonic()
    given = Spool.of(items)
    check(given, model, defense, epochs, attack, generation)
    check_judges(judges, _Plain(given))
    asked = Spool.of(keyed(given, model, defense=defense, generation=generation, epochs=epochs, attack=attack))
    work = _Run(asked, model, judges, journal, attack, defense, generation, epochs, settings, progress, budget)
    # Twice as many workers as calls: while some wait for a judge or a retry, others use the model.
    jobs = ((epoch, index) for epoch in range(epochs) for index in range(len(asked)))
    await each(jobs, work.row, min(len(asked) * epochs, 2 * settings.concurrency))
    if work.stopped is not None:
        raise work.stopped
    work.breaker.finish()
    work.judging.finish()
    seconds = time.monotonic() - began
    return Results(work.rows, work.asked, work.reused, seconds, work.usage, dict(work.judging.spent))


def run_sync(
    items: Iterable[Item | Keyed],
    model: Model,
    judges: Sequence[Judge],
    journal: Journal,
    *,
    close: bool = False,
    **options: Unpack[RunOptions],
) -> Results:
    """`run` for callers without an event loop, and for callers inside one: then it has a thread of its own.

    Args:
        items: as for `run`, and so are the others.
        model: may be used again later, in another loop, unless it is closed.
        judges: each reads every answer that has a text.
        journal: open.
        close: close the model in the end, whatever happened.
        options: the keyword arguments of `run`.

    Raises:
        UserError: as `run`.
        KeyboardInterrupt: the user stopped the run; the journal is whole.
        SystemExit: 143, after SIGTERM; the journal is whole.
    """

    async def work() -> Results:
        try:
            return await run(items, model, judges, journal, **options)
        finally:
            await model.close()

    return complete(work if close else lambda: run(items, model, judges, journal, **options))


def check(
    items: Iterable[Item | Keyed],
    model: Model,
    defense: Defense | None,
    epochs: int = 1,
    attack: Attack | None = None,
    generation: Generation = Generation(),  # noqa: B008  (frozen)
) -> None:
    """Check a run before it starts. Raises UserError: an id twice, or something that this model can't do."""
    if epochs < 1:
        raise UserError(f"epochs: expected 1 or more, got {epochs}")
    able = model.capabilities
    if generation.repetition_penalty != 1.0 and "repetition_penalty" not in able:
        raise UserError(
            f"{model.name} takes no repetition penalty, got {generation.repetition_penalty:g}; local models, vLLM, "
            "SGLang and llama.cpp do"
        )
    if (
        attack is not None
        and not streams_of(attack)
        and "images" not in able
        and any(item.images for item in _first_try(_Plain(items), attack))
    ):
        raise UserError(f"{model.name} takes no images, and attack {attack.name} draws some; choose another of either")
    for item in distinct(_Plain(items)):
        if "images" not in able and item.images:
            raise UserError(f"{model.name} takes no images, and these items have some; choose a vision-language model")
        if "first_token" not in able and item.choices:
            raise UserError(
                f"{model.name} gives no probability of the first word, which these items ask for; let the benchmark "
                "ask for text instead, or choose a local model or a server with log probabilities"
            )
    if getattr(defense, "hidden", None) is not None and "hidden_states" not in able:
        raise UserError(
            f"defense {defense.name if defense else ''} works on hidden states, which {model.name} does not show; "
            "local/FOLDER_OR_HUB_ID and organism/NAME do"
        )
    if defense is not None and defense.decoding is not None and "logits" not in able:
        raise UserError(
            f"defense {defense.name} works on logits, which {model.name} does not show; "
            "local/FOLDER_OR_HUB_ID and organism/NAME do"
        )


def _first_try(items: Iterable[Item], attack: Attack) -> list[Item]:
    """One try of the first item that can be attacked: an attack draws images for all of them or for none."""
    for item in items:
        with suppress(Exception):
            return [attack.attempt(item, 0)]
    return []


class _Plain:
    """The items themselves, as often as they are asked for."""

    def __init__(self, items: Iterable[Item | Keyed]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Item]:
        return (each.item if isinstance(each, Keyed) else each for each in self._items)


@dataclass
class _Run:
    """One run's state."""

    items: Sequence[Keyed]
    model: Model
    judges: Sequence[Judge]
    journal: Journal
    attack: Attack | None
    defense: Defense | None
    generation: Generation
    epochs: int
    settings: RunSettings
    progress: Callable[[Progress], None] | None
    budget: Budget | None

    def __post_init__(self) -> None:
        self.caller = Caller(self.model, self.settings, self.budget)
        self.calls = JournalledCalls(self.journal)
        self.other_calls = JudgeCalls(self.settings, self.journal, budget=self.budget)
        self.judging = Judging(self.judges, self.journal, self.settings, self.other_calls)
        self.stopped: BudgetSpent | None = None
        self.breaker = CircuitBreaker(self.settings.stop_after, "answers")
        self.rows: Spool[Row] = Spool(size=len(self.items) * self.epochs)
        self.done = self.failed = self.asked = self.reused = 0
        self.usage = Usage()
        self._asking: InFlight[Answer] = InFlight()
        self._rounds = Rounds(self.attack, self.other_calls, self.epochs) if streams_of(self.attack) else None
        self._failed: dict[str, Answer] = {}  # an identical item is not asked again in the same run

    async def row(self, job: tuple[int, int]) -> None:
        epoch, index = job
        asked = self.items[index]
        answer: Answer | None = None
        try:
            answer = self._known(asked, epoch) or await self._answer(asked, epoch)
            if self._rounds is not None:  # the next round need not wait for the judges
                self._rounds.settle(asked.item, epoch, answer)
            row = Row(asked.item, answer, await self.judging.verdicts(asked.item, answer))
        except BudgetSpent as spent:  # what others have under way still arrives
            self.stopped = spent
            return
        finally:
            if self._rounds is not None:
                self._rounds.settle(asked.item, epoch, answer)
        self.rows.put(index * self.epochs + epoch, row)
        self.done += 1
        self.failed += answer.status == "error"
        if self.progress is not None:
            limit = int(self.caller.gate.limit)
            self.progress(Progress(self.done, len(self.rows), self.failed, self.reused, limit))
        if self.done % _YIELD_EVERY == 0:
            await asyncio.sleep(0)

    def _known(self, asked: Keyed, epoch: int) -> Answer | None:
        """Return the answer that needs no call: of an item without its image, in the journal, or failed just now."""
        item, key = asked.item, asked.keys[epoch]
        if item.missing_image is not None:
            return Answer(item.id, epoch, "", "missing_image", f"no image {item.missing_image}", calls=0)
        found = self.journal.decoded(Answer, "answer", key)
        if found is not None:
            self.breaker.mark_ok()
        else:
            found = self._failed.get(key)
        return None if found is None else self._reused(found, item, epoch)

    def _reused(self, answer: Answer, item: Item, epoch: int) -> Answer:
        self.reused += 1
        return shared(answer, item, epoch)

    async def _answer(self, asked: Keyed, epoch: int) -> Answer:
        item, key = asked.item, asked.keys[epoch]
        if key in self._asking:
            return self._reused(await self._asking.result(key), item, epoch)
        with self._asking.claim(key) as promise:
            ask = asking.Ask(self.caller, self.calls, key, self.defense, self.other_calls)
            prepare = partial(self._prepared, asked, epoch, ask)
            answer, failure = await asking.answer(item, prepare, ask, self.defense, epoch, key)
            if self._rounds is not None:
                answer = replace(answer, attacker=self._rounds.said(item, epoch))
            self.journal.append("answer", key, encode(answer), final=failure is None)
            self.asked += 1
            self.usage += ask.spent
            if failure is None:
                self.breaker.success()
            else:
                self._failed[key] = answer
                if not isinstance(failure, Unfollowed):
                    self.breaker.failure(str(failure), fatal=failure.fatal, retryable=failure.retryable)
            promise.set_result(answer)
        return answer

    async def _prepared(self, asked: Keyed, epoch: int, ask: asking.Ask) -> Prepared:
        """Make what is asked: as it was keyed, or a try, drawn beside the event loop as that takes time."""
        generation = self.generation if epoch == 0 else _for_epoch(self.generation, epoch)
        if asked.request is None:
            assert self.attack is not None
            if self._rounds is not None:
                attacked = await self._rounds.made(asked.item, epoch, ask.other)
                return Prepared(attacked, request_for(attacked, self.defense, generation))
            return await asyncio.to_thread(under_attack, asked.item, epoch, self.attack, self.defense, generation)
        if self.defense is None:
            same = generation is self.generation
            return Prepared(asked.item, asked.request if same else replace(asked.request, generation=generation))
        decoding, hidden = self.defense.decoding, getattr(self.defense, "hidden", None)
        return Prepared(asked.item, replace(asked.request, generation=generation, decoding=decoding, hidden=hidden))


def shared(answer: Answer, item: Item, epoch: int) -> Answer:
    """Return an answer as this item's: an identical item's call is paid for there."""
    if (answer.item_id, answer.epoch) == (item.id, epoch):
        return answer
    return replace(answer, item_id=item.id, epoch=epoch, calls=0, usage=Usage(), helpers={})


def _for_epoch(generation: Generation, epoch: int) -> Generation:
    return generation if generation.seed is None else replace(generation, seed=generation.seed + epoch)
