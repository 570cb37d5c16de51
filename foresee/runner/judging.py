"""Judges at work: each verdict is journalled at once, and taken from the journal when it is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from foresee.errors import ModelError, UserError
from foresee.journal import Journal
from foresee.records import Answer, Item, Judge, Row, Verdict, decode, encode
from foresee.runner.keys import digest, verdict_key
from foresee.runner.loops import complete, each
from foresee.runner.pacing import RunSettings, Streak, as_model_error


class Judging:
    """Verdicts, from the journal or from the judges."""

    def __init__(self, judges: Sequence[Judge], journal: Journal, stop_after: int) -> None:
        self._judges = [(judge, digest(judge.identity)) for judge in judges]
        self._journal = journal
        self._streak = Streak(stop_after, "verdicts")

    async def verdicts(self, item: Item, answer: Answer) -> dict[str, Verdict]:
        """By judge; empty for an answer without a text to judge.

        Raises:
            UserError: the same failure came too often in a row, or the journal can't be written.
        """
        if answer.status != "ok":
            return {}
        return {judge.name: await self._verdict(judge, identity, item, answer) for judge, identity in self._judges}

    async def _verdict(self, judge: Judge, identity: str, item: Item, answer: Answer) -> Verdict:
        key = verdict_key(answer.key, identity, item)
        stored = self._journal.get("verdict", key)
        if stored is not None:
            self._streak.prove()
            return decode(Verdict, stored)
        failure: ModelError | None = None
        try:
            verdict = await judge.judge(item, answer)
        except UserError:
            raise
        except Exception as problem:  # a judge that breaks on one answer must not end the run
            failure = as_model_error(problem)
            verdict = Verdict(item.id, answer.epoch, judge.name, None, reason=f"the judge failed: {failure}")
        verdict = replace(
            verdict, item_id=item.id, epoch=answer.epoch, judge=judge.name, key=key, answer_key=answer.key
        )
        self._journal.append("verdict", key, encode(verdict), final=failure is None)
        if failure is None:
            self._streak.success()
        else:
            self._streak.failure(verdict.reason, fatal=failure.fatal, retryable=failure.retryable)
        return verdict

    def finish(self) -> None:
        """Raises UserError if nothing could be judged, for one and the same fatal reason."""
        self._streak.finish()


def judge_answers(
    pairs: Iterable[tuple[Item, Answer]], judges: Sequence[Judge], journal: Journal, settings: RunSettings | None = None
) -> tuple[Row, ...]:
    """Judge answers that exist already, in this order; measures stay empty.

    Raises:
        UserError: a judge failed too often in a row, or the journal can't be written.
    """
    settings = settings or RunSettings()
    pairs = list(pairs)
    rows: list[Row | None] = [None] * len(pairs)

    async def work() -> None:
        judging = Judging(judges, journal, settings.stop_after)

        async def judge(index: int) -> None:
            item, answer = pairs[index]
            rows[index] = Row(item, answer, await judging.verdicts(item, answer))

        await each(iter(range(len(pairs))), judge, min(len(pairs), settings.concurrency))
        judging.finish()

    complete(work)
    return tuple(row for row in rows if row is not None)
