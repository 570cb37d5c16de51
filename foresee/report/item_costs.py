"""What an item costs: tokens, calls and seconds, on average over those that were asked."""

from __future__ import annotations

from array import array
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
    read = written = guards = calls = count = 0
    seconds: dict[str, float] = {}
    for told, run in runs.items():
        taken = array("d")
        for answer in (row.answer for row in run.rows if _paid(row.answer)):
            read, written = read + answer.usage.input_tokens, written + answer.usage.output_tokens
            guards += sum(usage.input_tokens + usage.output_tokens for usage in answer.helpers.values())
            calls += answer.calls
            taken.append(answer.seconds)
        count += len(taken)
        if taken:
            seconds[told] = sum(taken) / len(taken)
    return Cost(read / count, written / count, guards / count, calls / count, seconds) if count else None


def tokens_of(cost: Cost | None) -> str:
    """Write the tokens of an item: read + written, + those of guards; a dash for None."""
    if cost is None:
        return _DASH
    guards = f" + {cost.guards:.0f}" if cost.guards else ""
    return f"{cost.read:.0f} + {cost.written:.0f}{guards}"


def _paid(answer: Answer) -> bool:
    return answer.status == "ok" and answer.calls > 0
