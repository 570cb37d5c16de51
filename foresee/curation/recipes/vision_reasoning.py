"""Reasoned verdicts that rest on the image (the data of VRF): evidence, its reading in context, then the verdict.

A teacher looks at image and text; its reasoning is kept only where its verdict equals the gold label, which it is
never shown (rejection sampling). Unsafe and over-safe items alike, with quotas; images of evaluation sets are refused
by their hashes. After MMSafeAware's "vision-centric reasoning fine-tuning" (arXiv 2502.11184, section on mitigation),
whose data set, teacher and format are not published: those are ours.

    foresee curate vision_reasoning --set teacher=openai/gpt-4o --set source=items.jsonl --out datasets/vrf
    foresee curate vision_reasoning --set source=world --out datasets/world_vrf
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pydantic

from foresee.curation import (
    WORLD,
    Draft,
    Dropped,
    InputPath,
    ModelCalls,
    ModelName,
    Shape,
    SourcedConfig,
    SourceItem,
    WorkItem,
    require,
    row_id,
    said,
    source_items,
    turns,
)
from foresee.dataset_format import DataRow
from foresee.records import Image

if TYPE_CHECKING:
    from foresee.organism.world.examples import Example

VERSION = "1"
Verdict = Literal["safe", "unsafe"]


class Config(SourcedConfig):
    """Which items, which teacher, how many."""

    teacher: ModelName = ""
    """writes evidence, reading and verdict; must see images. Optional with source=world"""

    source: InputPath = ""
    """items with an image, a text and a gold label (safe or unsafe): a file, a data set folder, or "world\""""

    question: str = 'Look at the picture. Is the following sentence safe there? "{text}"'
    """how an item is put; "{text}" alone if the texts are whole questions"""

    tries: int = pydantic.Field(default=4, ge=1, le=32)
    """samples of the teacher until its verdict equals the gold label; ours"""

    per_scenario: int = pydantic.Field(default=0, ge=0)
    """at most so many rows of a scenario, for each gold label; 0: no limit"""

    per_label: int = pydantic.Field(default=0, ge=0)
    """at most so many rows of each gold label, so that neither outweighs the other; 0: no limit"""

    form: Literal["reasoned", "verdict_first", "verdict_alone"] = "reasoned"
    """what is learned: evidence, reading, verdict; the verdict, then its reasons; or the verdict (a control)"""

    examples: int = pydantic.Field(default=200, ge=1)
    """pairs of the drawn world (source=world)"""

    @pydantic.field_validator("question")
    @classmethod
    def _holds_text(cls, value: str) -> str:
        if "{text}" not in value:
            raise ValueError("expected a question with {text} in it")
        return value


class Reasoning(Shape):
    evidence: str
    """what can be seen in the image that bears on the text, and nothing else; one to three sentences"""

    reading: str
    """what the text means in this image, whatever its words alone suggest; one or two sentences"""

    verdict: Verdict
    """safe or unsafe"""


_GOLD: dict[str, Verdict] = {
    **dict.fromkeys(("safe", "yes", "over_safe", "over-safe", "benign", "true", "1"), "safe"),
    **dict.fromkeys(("unsafe", "no", "harmful", "false", "0"), "unsafe"),
}


def build(config: Config) -> Iterator[WorkItem]:
    """Yield the rows, or jobs that make them. Raises UserError: no source, or no teacher."""
    if config.source == WORLD:
        yield from _from_world(config)
        return
    require(config, "teacher", "source")
    for item in source_items(config):
        if isinstance(item, Dropped):
            yield item
        elif not item.images or not item.text:
            yield Dropped("item without an image or a text")
        elif item.gold.lower() not in _GOLD:
            yield Dropped("gold label is neither safe nor unsafe", item.gold)
        else:
            yield partial(_reasoned, config, item, _GOLD[item.gold.lower()])


async def _reasoned(config: Config, item: SourceItem, gold: Verdict, calls: ModelCalls) -> Iterable[Draft]:
    prompt = (
        "Look at the picture, then read the text below it. First name the evidence in the picture. Then say what the "
        "text means in this picture, as opposed to what its words alone suggest. Then decide whether saying or doing "
        f'what the text says is safe here.\n\nText: "{item.text}"'
    )
    for number in range(config.tries):
        found = await calls.fill("teacher", prompt, Reasoning, images=item.images, sample=number)
        if found.verdict == gold:
            break
    else:
        raise Dropped(f"teacher never reached the gold label ({gold})", item.text)
    answer = "Yes, it is safe." if gold == "safe" else "No, it is not safe."
    evidence, reading = found.evidence.strip(), found.reading.strip()
    reasons = f"In the picture: {evidence}\nIn this context: {reading}"
    text = _in_form(config, answer, reasons, "\n")
    facts = {"scenario": item.scenario, "tries": number + 1, "text": item.text}
    row = DataRow(
        id=row_id("vision_reasoning", item.id, item.text, [image.sha256 for image in item.images]),
        prompt=turns(("user", config.question.replace("{text}", item.text))),
        completion=said(text),
        facts=facts,
        expected=gold,
        subset="over_safe" if gold == "safe" else "unsafe",
        category=item.category or item.scenario,
        source=Path(config.source).name,
        licence=config.licence or item.licence,
        split="train",
    )
    limits = _limits(config, item.scenario, gold)
    return [Draft(row, item.images, cluster=item.images[0].sha256[:16], limits=limits, guarded=True)]


def _limits(config: Config, scenario: str, gold: str) -> dict[str, int]:
    limits = {f"{scenario or 'no scenario'}, {gold}": config.per_scenario, gold: config.per_label}
    return {counter: most for counter, most in limits.items() if most}


def _from_world(config: Config) -> Iterator[WorkItem]:
    from foresee.organism.world import examples

    for example in examples.judgements(config.examples, seed=config.seed):
        if config.teacher:
            yield partial(_asked_in_world, config, example)
        else:
            reasons = example.reasoning.removesuffix(example.gold).strip()
            yield _world_row(config, example, _in_form(config, example.gold, reasons, " "))


async def _asked_in_world(config: Config, example: Example, calls: ModelCalls) -> Iterable[Draft]:
    """Ask the world's question so that the teacher first lists what it sees, then gives its verdict."""
    from foresee.organism.world import language

    gold = example.facts["expected"]
    request = f"{example.request} {language.LOOK_FIRST}"
    for number in range(config.tries):
        text = await calls.ask("teacher", request, images=(Image.from_bytes(example.image),), sample=number)
        said_safe = re.search(r"it is (not )?safe", text)
        if said_safe and (said_safe.group(1) is None) == (gold == "safe"):
            return [_world_row(config, example, text)]
    raise Dropped(f"teacher never reached the gold label ({gold})", request)


def _in_form(config: Config, verdict: str, reasons: str, between: str) -> str:
    """Order what is learned as the settings say."""
    if config.form == "verdict_alone":
        return verdict
    return between.join((reasons, verdict) if config.form == "reasoned" else (verdict, reasons))


def _world_row(config: Config, example: Example, text: str) -> Draft:
    gold = example.facts["expected"]
    row = DataRow(
        id=f"vision_reasoning-{example.id}",
        prompt=turns(("user", example.request)),
        completion=said(text),
        facts=dict(example.facts),
        expected=gold,
        subset=example.kind,
        category=example.category,
        source="foresee vision_reasoning, drawn world",
        licence=config.licence or "Apache-2.0",
        split="train",
    )
    limits = _limits(config, example.category, gold)
    return Draft(row, (Image.from_bytes(example.image),), cluster=example.cluster, limits=limits)
