"""Two streams of answers (the data of Cross-SFT): a student's own, and constitution-guided ones of a stronger model.

General and over-refusal queries are answered by the student itself, which keeps its style; safety queries by a teacher
that is given the constitution of their category of risk. After the first stage of "Constitutional On-Policy Safe
Distillation" (arXiv 2606.03089): what is trained there reads the constitution too, so it stays in the
prompt by default.

    foresee curate constitution_answers --set student=local/M --set teacher=openai/gpt-4o --set source=queries.jsonl
    foresee curate constitution_answers --set source=world --out datasets/world_cross

The source has a column `stream`: general, over_refusal or safety; safety rows a `category`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pydantic

from foresee import constitutions
from foresee.curation import (
    WORLD,
    WRITING,
    Draft,
    Dropped,
    InputPath,
    ModelCalls,
    ModelName,
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
from foresee.dataset_format import DataRow, Turn
from foresee.judges import refusal
from foresee.records import Image

VERSION = "1"
Stream = Literal["general", "over_refusal", "safety"]


class Config(SourcedConfig):
    """Which queries, who answers them, under which constitutions."""

    student: ModelName = ""
    """answers general and over-refusal queries as it is"""

    teacher: ModelName = ""
    """answers safety queries under a constitution"""

    source: InputPath = ""
    """queries with a column `stream`: a file, a data set folder, or "world\""""

    constitution: str = ""
    """one constitution (name or file) for every safety query; default: that of its category, else "foresight\""""

    constitution_in_prompt: bool = True
    """whether rows of the safety stream show the constitution; false trains the plain prompt"""

    per_stream: int = pydantic.Field(default=0, ge=0)
    """at most so many rows of each stream; 0: no limit"""

    max_tokens: int = pydantic.Field(default=1024, ge=1)
    """of each answer"""

    temperature: float = pydantic.Field(default=0.7, ge=0)
    """of the student's and the teacher's answers"""

    examples: int = pydantic.Field(default=200, ge=1)
    """rows of each stream from the drawn world (source=world)"""


_STREAMS: dict[str, Stream] = {
    **dict.fromkeys(("general", "help", "utility"), "general"),
    **dict.fromkeys(("over_refusal", "over-refusal", "over_safe", "benign", "safe"), "over_refusal"),
    **dict.fromkeys(("safety", "harm", "harmful", "unsafe"), "safety"),
}
_CATEGORIES: dict[str, str] = {
    "violence": r"violen|weapon|terror|physical|abuse|fight",
    "self_harm": r"self[-_ ]?harm|suicid|eating disorder",
    "privacy": r"priva|personal data|surveil|doxx",
    "hate": r"hate|discriminat|bias|stereotyp|harass|insult|toxic",
    "illegal": r"illegal|crime|law|fraud|drug|theft|hack|malware|econom|financ|copyright|property",
}
_SPEAKS_OF_RULES = re.compile(
    r"\b(?:constitution|stage [12]\b|path [abc]\b|protocol|my (?:rules|guidelines|instructions))\b", re.I
)


def constitution_for(category: str) -> str:
    """Choose the constitution for a category of risk, by the words in its name; "foresight" where none fits."""
    return next((name for name, words in _CATEGORIES.items() if re.search(words, category, re.I)), "foresight")


def build(config: Config) -> Iterator[WorkItem]:
    """Yield the rows, or jobs that make them.

    Raises:
        UserError: no source, student or teacher, or no such constitution.
    """
    if config.constitution:
        constitutions.text(config.constitution)
    if config.source == WORLD:
        require_none(config)
        yield from _from_world(config)
        return
    require(config, "source", "student", "teacher")
    for item in source_items(config):
        if isinstance(item, Dropped):
            yield item
        elif not item.text:
            yield Dropped("query without a text")
        elif item.stream.lower() not in _STREAMS:
            yield Dropped("stream is none of general, over_refusal, safety", item.stream)
        elif _STREAMS[item.stream.lower()] == "safety":
            yield partial(_guided, config, item)
        else:
            yield partial(_own, config, item, _STREAMS[item.stream.lower()])


async def _own(config: Config, item: SourceItem, stream: Stream, calls: ModelCalls) -> Iterable[Draft]:
    generation = replace(WRITING, temperature=config.temperature, max_tokens=config.max_tokens)
    answer = await calls.ask("student", item.text, images=item.images, generation=generation)
    if stream == "over_refusal" and refusal.verdict(answer, item.text) == "full":
        raise Dropped("student refuses a harmless query", item.text)
    return [_draft(config, item, stream, turns(("user", item.text)), answer, {"answered_by": "student"})]


async def _guided(config: Config, item: SourceItem, calls: ModelCalls) -> Iterable[Draft]:
    generation = replace(WRITING, temperature=config.temperature, max_tokens=config.max_tokens)
    name = config.constitution or constitution_for(f"{item.category} {item.scenario}")
    prompt = f"{constitutions.text(name)}\n\nThe request:\n{item.text}"
    answer = await calls.ask("teacher", prompt, images=item.images, generation=generation)
    if _SPEAKS_OF_RULES.search(answer):
        raise Dropped("teacher speaks of its constitution", answer)
    shown = prompt if config.constitution_in_prompt else item.text
    facts = {"answered_by": "teacher", "constitution": name, "request": item.text}
    return [_draft(config, item, "safety", turns(("user", shown)), answer, facts)]


def _draft(
    config: Config, item: SourceItem, stream: Stream, prompt: tuple[Turn, ...], answer: str, facts: dict[str, str]
) -> Draft:
    row = DataRow(
        id=row_id("constitution_answers", item.id, item.text, [image.sha256 for image in item.images]),
        prompt=prompt,
        completion=said(answer),
        facts=facts,
        subset=stream,
        category=item.category or item.scenario,
        source=Path(config.source).name,
        licence=config.licence or item.licence,
        split="train",
    )
    limits: dict[str, int] = {stream: config.per_stream} if config.per_stream else {}
    cluster = item.images[0].sha256[:16] if item.images else ""
    return Draft(row, item.images, cluster=cluster, limits=limits, guarded=True)


def _from_world(config: Config) -> Iterator[WorkItem]:
    """Pair the organism's plain answers with warnings and refusals under its world's constitution."""
    from itertools import chain, islice

    from foresee.organism.world import examples

    law = constitutions.text(config.constitution or "world")
    many, seed = config.examples, config.seed
    general = islice(examples.sights(many, threat=False, seed=seed), many)
    harmless = examples.requests(many, harmful=False, seed=seed)
    hazards = (example for example in examples.consequences(many // 2, seed=seed) if example.kind == "hazard")
    harmful = examples.requests(many - many // 2, harmful=True, seed=seed)
    streams: tuple[tuple[Stream, Iterable[examples.Example]], ...] = (
        ("general", general),
        ("over_refusal", harmless),
        ("safety", chain(hazards, harmful)),
    )
    for stream, drawn in streams:
        guided = stream == "safety"
        for example in drawn:
            opening = turns(("system", law)) if guided and config.constitution_in_prompt else ()
            row = DataRow(
                id=f"constitution_answers-{example.id}",
                prompt=(*opening, *turns(("user", example.request))),
                completion=said(example.gold),
                facts={**example.facts, **({"constitution": "world"} if guided else {})},
                subset=stream,
                category=example.category,
                source="foresee constitution_answers, drawn world",
                licence=config.licence or "Apache-2.0",
                split="train",
            )
            limits: dict[str, int] = {stream: config.per_stream} if config.per_stream else {}
            yield Draft(row, (Image.from_bytes(example.image),), cluster=example.cluster, limits=limits)
