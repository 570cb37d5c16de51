"""Open a judge and have it read answers that are at hand: by rules at once, by judge models into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.errors import UserError
from foresee.judges import GradedJudge, JudgeChoice, judge_models_open
from foresee.notices import say_once
from foresee.plugins import contracts
from foresee.records import Answer, Item, Judge, Verdict
from foresee.runner import judge_answers
from foresee.runner.async_bridge import complete, each
from foresee.runner.journal import Journal
from foresee.runner.judging import read_answer
from foresee.runner.keys import digest

Pairs = Sequence[tuple[Item, Answer]]
Told = Callable[[int, int], None]
_AT_ONCE = 16  # calls of a judge that asks a model


def open_alone(judge: str | Judge, choice: JudgeChoice) -> Judge:
    """Open one judge: by model where judge models are named, or where the judge knows no other way.

    Raises:
        UserError: no such judge, one that needs a judge model, or rules that take none.
    """
    if not isinstance(judge, str):
        return judge
    known = contracts.judge_file(judge).forms
    by_model = choice.by_model or ((judge,) if choice.models and "model" in known else ())
    (opened,) = replace(choice, by_model=by_model).judges((judge,))
    if choice.models and not isinstance(opened, GradedJudge):
        raise UserError(f"judge {judge} goes by rules and asks no model; leave --judge-model out")
    return opened


def read_all(
    judge: Judge,
    pairs: Pairs,
    *,
    about: Mapping[str, Any],
    kept: Path | None = None,
    below: str,
    progress: Told | None = None,
) -> list[Verdict]:
    """Read every answer. What judge models said is kept, so that a stopped reading goes on and a done one is free.

    Args:
        judge: from `open_alone`.
        pairs: items and their answers, each with a key of its own.
        about: what the answers are, for the folder's record: "labels" (a name) and whatever else chooses them.
        kept: the folder for what judge models said; None for one below `runs/` of that record's own.
        below: the folder in `runs/` for it.
        progress: called with (done, total) after each answer.

    Returns:
        A verdict for each pair.

    Raises:
        UserError: the judge models can't be opened, or something that concerns every answer.
    """
    if not isinstance(judge, GradedJudge):
        return complete(lambda: _by_rules(judge, pairs, progress))
    with judge_models_open((judge,)):
        configuration = {"judge": dict(judge.identity), **about}
        folder = kept or Path("runs") / below / f"{judge.name}-{about['labels']}-{digest(configuration)[:8]}"
        manifest.refuse_other(folder, None)
        with Journal.open(folder / "journal.jsonl", configuration) as journal:
            before = journal.path.stat().st_size
            rows = judge_answers(pairs, (judge,), journal, progress=progress)
            if pairs and journal.path.stat().st_size == before:
                say_once(
                    f"nothing was asked: these are the judge model's replies kept in {folder}; delete it, or name "
                    "another --out, to ask anew"
                )
    return [row.verdicts[judge.name] for row in rows]


async def _by_rules(judge: Judge, pairs: Pairs, progress: Told | None) -> list[Verdict]:
    verdicts: list[Verdict | None] = [None] * len(pairs)
    done = 0

    async def read(place: int) -> None:
        nonlocal done
        verdicts[place], _ = await read_answer(judge, *pairs[place])
        done += 1
        if progress is not None:
            progress(done, len(pairs))

    await each(iter(range(len(pairs))), read, _AT_ONCE)
    return [verdict for verdict in verdicts if verdict is not None]
