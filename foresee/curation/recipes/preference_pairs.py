"""Pairs of a better and a worse answer, for DPO: two samples of a model and a judge, or a published set's pairs.

    foresee curate preference_pairs --set student=local/M --set judge=openai/gpt-4o --set source=prompts.jsonl
    foresee curate preference_pairs --set layout=spa_vl --set source=train.parquet --out datasets/spa_vl
    foresee curate preference_pairs --set source=world --out datasets/world_pairs

The judge compares twice with the order swapped; a pair is kept where both times say the same. `layout=spa_vl` reads
SPA-VL's columns (image, question, chosen, rejected, class1 … class3; https://huggingface.co/datasets/sqrti/SPA-VL).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pydantic

from foresee.curation import (
    WORLD,
    WRITING,
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
    require_none,
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


class Config(SourcedConfig):
    """Which prompts, who answers, who compares."""

    student: ModelName = ""
    """answers each prompt twice"""

    judge: ModelName = ""
    """says which of the two answers is better"""

    source: InputPath = ""
    """prompts with or without images, or ready pairs: a file, a data set folder, or "world\""""

    layout: Literal["prompts", "spa_vl"] = "prompts"
    """what the source holds: prompts to answer, or pairs in SPA-VL's columns"""

    temperature: float = pydantic.Field(default=1.0, gt=0)
    """of the student's samples"""

    max_tokens: int = pydantic.Field(default=512, ge=1)
    """of the student's answers"""

    wanted: str = (
        "It does not help anybody to cause harm. If the picture shows a danger that the request would run into, it "
        "says so before it helps. Within that it is as useful as it can be: a bare refusal, and a warning about "
        "nothing, are worse than an answer."
    )
    """what makes an answer the better one, for the judge; ours"""

    examples: int = pydantic.Field(default=200, ge=1)
    """pairs of the drawn world (source=world)"""

    world: Literal["mixed", "consequences"] = "mixed"
    """of the drawn world: how-to requests, judgements and harmful requests, or how-to requests alone"""


class Choice(Shape):
    reason: str
    """one sentence"""

    better: Literal["first", "second", "same"]
    """first, second or same"""


def build(config: Config) -> Iterator[WorkItem]:
    """Yield the rows, or jobs that make them.

    Raises:
        UserError: no source, or no student or judge where answers are to be sampled.
    """
    if config.source == WORLD:
        require_none(config)
        yield from _from_world(config)
        return
    require(config, "source", *(("student", "judge") if config.layout == "prompts" else ()))
    for item in source_items(config):
        if isinstance(item, Dropped):
            yield item
        elif not item.text:
            yield Dropped("item without a prompt")
        elif config.layout == "prompts":
            yield partial(_sampled, config, item)
        elif not item.chosen or not item.rejected:
            yield Dropped("item without chosen or rejected")
        else:
            yield _pair(config, item, item.chosen, item.rejected, {})


async def _sampled(config: Config, item: SourceItem, calls: ModelCalls) -> Iterable[Draft | Dropped]:
    generation = replace(WRITING, temperature=config.temperature, max_tokens=config.max_tokens)
    first, second = [
        await calls.ask("student", item.text, images=item.images, generation=generation, sample=number)
        for number in range(2)
    ]
    if first.split() == second.split():
        raise Dropped("both samples are the same")
    choices = []
    for shown in ((first, second), (second, first)):
        found = await calls.fill("judge", _comparison(config, item.text, *shown), Choice, images=_seen(calls, item))
        choices.append(found.better)
    if choices == ["first", "second"]:
        return [_pair(config, item, first, second, {"judged": "twice"})]
    if choices == ["second", "first"]:
        return [_pair(config, item, second, first, {"judged": "twice"})]
    raise Dropped("judge finds both the same" if choices == ["same", "same"] else "judge goes by the order")


def _seen(calls: ModelCalls, item: SourceItem) -> tuple[Image, ...]:
    return item.images if calls.sees("judge") else ()


def _comparison(config: Config, prompt: str, first: str, second: str) -> str:
    return (
        "Two answers to one request stand below; the picture, if there is one, belongs to the request. Which answer is "
        f"better?\n\nThe better answer: {config.wanted}\n\nRequest:\n{prompt}\n\nFirst answer:\n{first}\n\n"
        f"Second answer:\n{second}"
    )


def _pair(config: Config, item: SourceItem, better: str, worse: str, facts: dict[str, str]) -> Draft | Dropped:
    if better.split() == worse.split():
        return Dropped("chosen and rejected are the same")
    row = DataRow(
        id=row_id("preference_pairs", item.id, item.text, [image.sha256 for image in item.images]),
        prompt=turns(("user", item.text)),
        chosen=said(better),
        rejected=said(worse),
        facts=facts,
        category=item.category or item.scenario,
        subset=item.scenario if item.category else "",
        source="SPA-VL" if config.layout == "spa_vl" else Path(config.source).name,
        licence=config.licence or item.licence or ("CC-BY-4.0" if config.layout == "spa_vl" else ""),
        split="train",
    )
    cluster = item.images[0].sha256[:16] if item.images else ""
    return Draft(row, item.images, cluster=cluster, guarded=True)


def _from_world(config: Config) -> Iterator[WorkItem]:
    """Hazards and their twins, judgements, and harmful requests; the rejected side is what each is to unlearn."""
    from foresee.organism.world import examples

    if config.world == "consequences":
        pairs = examples.consequences(-(-config.examples // 2), seed=config.seed)
        yield from (_world_row(config, example) for example in islice(pairs, config.examples))
        return
    third = max(1, config.examples // 5)
    drawn = chain.from_iterable(
        zip(
            examples.consequences(third, seed=config.seed),
            examples.judgements(third, seed=config.seed),
            strict=False,
        )
    )
    harmful = examples.requests(config.examples - 4 * third, harmful=True, seed=config.seed)
    yield from (_world_row(config, example) for example in chain(drawn, harmful))


def _world_row(config: Config, example: Example) -> Draft:
    row = DataRow(
        id=f"preference_pairs-{example.id}",
        prompt=turns(("user", example.request)),
        chosen=said(example.gold),
        rejected=said(example.worse),
        facts=dict(example.facts),
        category=example.category,
        subset=example.kind,
        source="foresee preference_pairs, drawn world",
        licence=config.licence or "Apache-2.0",
        split="train",
    )
    return Draft(row, (Image.from_bytes(example.image),), cluster=example.cluster)
