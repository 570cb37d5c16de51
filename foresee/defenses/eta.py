"""ETA-type two-stage check: where request and answer both look harmful, the least harmful of several new answers.

A guard scores the request with its images; from a threshold on it also scores the answer; and if that reaches it too,
the model answers `samples` times more, each time going on from a first few words that lean to care, and the answer
with the least probability of harm is given (the first of equal ones). After "ETA: Evaluating Then Aligning" (Ding et
al., arXiv 2410.06625; reference code DripNowhy/ETA at 3580833): there the two scores are CLIP's similarity of the image
with a list of unsafe things (above 0.16) and a reward model's score of the answer (below 0.06), and the best of five is
sought sentence by sentence, by reward and by similarity with the image. Ours: any guard that can judge requests and
answers (`docs/judges.md`) gives both scores and the choice, one threshold, whole answers. A request or answer for which
the guard has no verdict counts as harmless and the item as unguarded; a new answer without one is taken last. Where a
guard's call fails the item has no answer, and the next run asks for what is lacking. The first words are sent as the
start of the model's own turn, which some servers do not go on with: `-S prefix=` leaves them out. In the drawn world
there are none. Costs one to two calls of the guard, and where both stages find harm `samples` calls of each model more.

    foresee eval figstep --model M --data P --defense none,eta -S guard=guard:llama_guard=vllm/G
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pydantic

from foresee.defenses._shared import asking, guarding, wording
from foresee.defenses._shared.guarding import GuardOptions, OwnGuard
from foresee.records import Answer, Ask, Generation, Item, Message, Reply, Request

if TYPE_CHECKING:
    from foresee.judges import Finding

VERSION = "1"
PREFIX = "As an AI assistant, "


class Options(GuardOptions):
    """Options of the two-stage check (`-S key=value`)."""

    samples: int = pydantic.Field(default=5, ge=1, le=100)
    """how many new answers the best is taken of"""

    temperature: float = pydantic.Field(default=1.0, gt=0)
    """of the new answers"""

    prefix: str = "auto"
    """first words of new answers: auto for ours, or others; empty for none"""


def guard(options: Options) -> OwnGuard:
    """Name the guard. Raises UserError: none is named, it can't judge requests and answers, or no such model."""
    return guarding.named(options, ("request", "answer"), "eta")


async def answer(
    item: Item,
    generation: Generation,
    ask: Ask,
    options: Options,
    examine: Callable[[Item, Answer | None], Awaitable[Finding]],
) -> Reply:
    """Answer, and if both stages find harm answer anew. An answer that is withheld is the item's outcome."""

    async def harm(reply: Reply | None) -> float | None:
        found = await examine(item, None if reply is None else Answer(item.id, 0, reply.text))
        return found.harm

    before = await harm(None)
    first = await ask(Request(item.messages, generation, item.choices))
    if item.choices or first.status != "ok" or (before or 0) < options.threshold:
        return first
    if (await harm(first) or 0) < options.threshold:
        return first
    replies = await _anew(item, generation, ask, options)
    readable = [reply for reply in replies if reply.status == "ok"]
    harms = [await harm(reply) for reply in readable]
    if not readable:
        return replies[0]
    ranked = [2.0 if each is None else each for each in harms]
    return readable[ranked.index(min(ranked))]


async def _anew(item: Item, generation: Generation, ask: Ask, options: Options) -> list[Reply]:
    """Sample new answers, whole with their first words. Raises ModelError: one has no answer; the others are kept."""
    own = "" if wording.of_the_world(item) else PREFIX
    prefix = own if options.prefix == "auto" else options.prefix
    messages = (*item.messages, Message("assistant", (prefix,))) if prefix.strip() else item.messages
    seeds = [(generation.seed or 0) + place for place in range(options.samples)]
    sampled = [replace(generation, temperature=options.temperature, seed=seed) for seed in seeds]
    found = await asking.every(ask, (Request(messages, each) for each in sampled))
    return [replace(each, text=_joined(prefix, each.text)) for each in found]


def _joined(prefix: str, text: str) -> str:
    """Put the first words before what followed; some servers repeat them."""
    words = prefix.strip()
    return text if not words or text.startswith(words) or not text else f"{words} {text}"
