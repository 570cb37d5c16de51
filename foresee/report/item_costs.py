"""What an item costs: tokens, calls and seconds, on average over those that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from foresee.evaluation.run_folder import Run
from foresee.records import Answer

_DASH = "–"


class Cost(NamedTuple):
    """Per item that was asked: tokens read, written and of guards, calls, and seconds by benchmark."""

    read: float
    written: float
    guards: float
    calls: float
    seconds: Mapping[str, float]


def cost_of(runs: Mapping[str, Run]) -> Cost | None:
    """Add up what one defense costs on these benchmarks; None where nothing was asked.

    An identical item's answer and one that failed cost nothing of their own.
    """
    paid = {told: [row.answer for row in run.rows if _paid(row.answer)] for told, run in runs.items()}
    every = [answer for answers in paid.values() for answer in answers]
    if not every:
        return None
    guards = sum(usage.input_tokens + usage.output_tokens for answer in every for usage in answer.helpers.values())
    return Cost(
        sum(answer.usage.input_tokens for answer in every) / len(every),
        sum(answer.usage.output_tokens for answer in every) / len(every),
        guards / len(every),
        sum(answer.calls for answer in every) / len(every),
        {told: sum(a.seconds for a in answers) / len(answers) for told, answers in paid.items() if answers},
    )


def tokens_of(cost: Cost | None) -> str:
    """Write the tokens of an item: read + written, + those of guards; a dash for None."""
    if cost is None:
        return _DASH
    guards = f" + {cost.guards:.0f}" if cost.guards else ""
    return f"{cost.read:.0f} + {cost.written:.0f}{guards}"


def _paid(answer: Answer) -> bool:
    return answer.status == "ok" and answer.calls > 0
