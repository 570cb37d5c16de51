"""What the four world benchmarks share: a question of the drawn world as an item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from foresee.config import BenchmarkOptions
from foresee.errors import unknown_name
from foresee.organism.world import scenes
from foresee.organism.world.questions import Question
from foresee.records import Generation, Image, Item, Message


class WorldOptions(BenchmarkOptions):
    """Options of every world benchmark (`-T key=value`)."""

    split: Literal["test", "validation"] = "test"
    """which scenes: test for reported figures, validation for choosing settings; they never overlap"""


def items(questions: Iterable[Question], options: WorldOptions, subsets: tuple[str, ...]) -> Iterator[Item]:
    """Questions of the chosen subset as items. Raises UserError: no subset of that name."""
    if options.subset not in ("all", *subsets):
        raise unknown_name("subset", options.subset, ("all", *subsets))
    return (to_item(q, options) for q in questions if options.subset in ("all", q.subset))


def to_item(question: Question, options: WorldOptions, text: str | None = None) -> Item:
    """One question; `text` replaces its request."""
    shown: list[str | Image] = []
    if options.modality != "text":
        shown.append(Image.from_bytes(scenes.png(question.scene)))
    if options.modality != "image":
        shown.append(text or question.request)
    facts: dict[str, Any] = {**question.facts, "layout": question.scene.layout, "split": question.scene.split}
    return Item(
        id=question.id,
        messages=(Message("user", tuple(shown)),),
        subset=question.subset,
        domain=question.domain,
        scenario=question.scenario,
        cluster=question.cluster,
        expected=question.expected,
        metadata=facts,
    )


def generation() -> Generation:
    """Greedy; the longest answer of the world's language has about fifty tokens, a larger model may need more."""
    return Generation(temperature=0.0, max_tokens=64)
