"""Guard filter: a guard model reads the request before the model and the answer behind it, and blocks what is harmful.

The guard is any that can judge (`docs/judges.md`), shown the request as it came (with its images, attacked or not, but
without what other defenses add). It blocks from a probability of harm of `threshold` on; what is blocked becomes one
fixed refusal, costs no call of the model if it was the request, and is counted as blocked. A guard that fails or says
nothing readable blocks nothing, and the answer is counted as unguarded, unless `-S unjudged=block`. The guard's tokens
are counted apart, as those of judge models are. Where the benchmark asks for a first word, the refusal has no such
probability and is read as text. Usual practice with guard models; the refusal's words and the defaults are ours.

    foresee eval figstep --model M --data P --defense none,guard_filter -S guard=guard:llama_guard=vllm/G
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foresee.defenses._shared import guarding, wording
from foresee.defenses._shared.guarding import GuardOptions, OwnGuard, Stage
from foresee.records import Answer, AskModel, Item, Screening

VERSION = "1"


class Options(GuardOptions):
    """Options of the guard filter (`-S key=value`)."""

    on: Literal["request", "answer", "both"] = "both"
    """what it reads: the request with its images before the model, the answer behind it, or both"""

    unjudged: Literal["pass", "block"] = "pass"
    """what happens where the guard fails or gives no verdict"""

    refusal: str = "auto"
    """auto for our refusal, or a file with another"""


@dataclass
class GuardFilter:
    """A `records.Filter`; its model is opened by the first call and closed with the run."""

    options: Options
    guard: OwnGuard

    @property
    def blocks_unjudged(self) -> bool:
        return self.options.unjudged == "block"

    def refusal(self, item: Item) -> str:
        """Refuse in fixed words; in the drawn world in some of its own."""
        return wording.refusal(self.options.refusal, item)

    def reads(self, stage: Stage) -> bool:
        return self.options.on in (stage, "both")

    async def screen(self, item: Item, answer: Answer | None, ask: AskModel) -> Screening:
        """Ask the guard. Raises ModelError: it could not be asked. UserError: its model can't be opened."""
        found = await self.guard.examine(item, answer, ask)
        if found.harm is None:
            return Screening(self.blocks_unjudged, judged=False, reason=found.reason)
        blocked = found.harm >= self.options.threshold
        return Screening(blocked, judged=True, reason=found.reason if blocked else "")

    async def close(self) -> None:
        await self.guard.close()


def filter(options: Options) -> GuardFilter:
    """Make the filter. Raises UserError: no guard is named, it can't judge what it is to read, or no such model."""
    stages: tuple[Stage, ...] = ("request", "answer")
    guard = guarding.named(options, (stage for stage in stages if options.on in (stage, "both")), "guard_filter")
    wording.words(options.refusal, wording.REFUSAL, "refusal")
    return GuardFilter(options, guard)
