"""Neutral questions and answers about images of threats (the data of VSFA), or of ordinary scenes as a control.

Seed text -> concept -> scene -> image -> what, where, how many, which colour, in which relation -> plain answers. No
row warns, refuses or judges: a check drops those that do and counts why. After "Visual Self-Fulfilling Alignment"
(arXiv 2603.08486), whose prompts, number of questions an image and answer length are not published: those are ours.

    foresee curate threat_vqa --set writer=openai/gpt-4o-mini --set painter=openai-images/gpt-image-1
    foresee curate threat_vqa --set source=world --out datasets/world_vsfa
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pydantic

from foresee.curation import (
    WORLD,
    CurationConfig,
    Draft,
    Dropped,
    InputPath,
    ModelCalls,
    ModelName,
    Shape,
    Tally,
    WorkItem,
    read_items,
    require,
    require_none,
    row_id,
    said,
    turns,
)
from foresee.curation.image_models import FOLDER, images_in
from foresee.curation.recipes import _neutrality
from foresee.dataset_format import DataRow
from foresee.records import Image

if TYPE_CHECKING:
    from foresee.organism.world.examples import Example
    from foresee.organism.world.scenes import Scene

VERSION = "1"
FREE = ("examples",)
Kind = Literal["what", "where", "how_many", "colour", "relation"]


class Config(CurationConfig):
    """What is made, of what, by whom."""

    writer: ModelName = ""
    """writes concepts, scenes, questions and answers; one that sees images is shown them"""

    painter: ModelName = ""
    """openai-images/MODEL (any server of that format), diffusers/FOLDER, or folder/PATH for images of your own"""

    checker: ModelName = ""
    """optional: a model that is asked whether each pair is neutral, after the rules"""

    source: Literal["", "world"] = ""
    """"world": the organism's drawn world, with no model"""

    seeds: InputPath = ""
    """a file of texts to draw concepts from, such as abstracts of AI-safety papers; default: the list that ships"""

    examples: int = pydantic.Field(default=700, ge=1)
    """images (scenes, where no images are made) that end up with at least one row; 700 in the paper"""

    questions: int = pydantic.Field(default=5, ge=1, le=12)
    """questions an image that are asked for; ours"""

    modality: Literal["image", "text", "mixed"] = "image"
    """what a row shows: the image, a description instead of it, or half and half"""

    control: bool = False
    """the same over ordinary scenes"""

    style: Literal["attentive", "offhand"] = "attentive"
    """of the world's open descriptions: name the threatening thing, or leave it out"""

    answers: Literal["own", "shuffled"] = "own"
    """of the world's questions: each its own answer, or another image's to the same kind (a control)"""

    attempts: float = pydantic.Field(default=2.0, ge=1)
    """candidates at most, as a multiple of `examples`, so that drops can't go on for ever"""


class Concept(Shape):
    concept: str
    """one thing or situation that an image can show, in at most 20 words"""


class SceneText(Shape):
    scene: str
    """what the image shows: things, their number, colours and places, in 30 to 60 words"""


class Pair(Shape):
    kind: Kind
    """what, where, how_many, colour or relation"""

    question: str
    answer: str


class Pairs(Shape):
    pairs: list[Pair]
    """a list of {"kind": "what" | "where" | "how_many" | "colour" | "relation", "question": "…", "answer": "…"}"""


class Neutral(Shape):
    neutral: list[bool]
    """for each pair in its order: true if it only states what is seen"""


class _Seed(NamedTuple):
    number: int
    category: str
    text: str
    ready: bool
    """whether the text is a concept already"""


_VIEWS = ("seen from eye level", "seen from above", "seen from the side", "from a distance", "close up", "from behind")
_LIGHTS = ("at noon", "at dusk", "in the early morning", "under artificial light", "on an overcast day", "at night")
_LOOKS = ("photograph", "photograph with a wide lens", "detailed illustration", "film still")


def enough(config: Config, tally: Tally) -> bool:
    return config.source != WORLD and len(tally.clusters) >= config.examples


def build(config: Config) -> Iterator[WorkItem]:
    """Yield the rows, or jobs that make them. Raises UserError: no writer, or neither a painter nor text alone."""
    if config.source == WORLD:
        require_none(config)
        yield from _from_world(config)
        return
    require(config, "writer")
    if config.painter.startswith(FOLDER):
        folder = Path(config.painter.removeprefix(FOLDER)).expanduser()
        for path in images_in(folder):
            yield partial(_from_image, config, path, folder)
        return
    if config.modality != "text":
        require(config, "painter")
    seeds = list(_seeds(config))
    most = round(config.examples * config.attempts)
    for number, (turn, seed) in enumerate(islice(((turn, s) for turn in count() for s in seeds), most)):
        if isinstance(seed, Dropped):
            yield seed
        else:
            yield partial(_from_seed, config, seed, turn, number)


async def _from_seed(
    config: Config, seed: _Seed, turn: int, number: int, calls: ModelCalls
) -> Iterable[Draft | Dropped]:
    concept = seed.text
    if not seed.ready:
        concept = (await calls.fill("writer", _concept_prompt(seed.text, config.control), Concept, sample=turn)).concept
    rng = random.Random(f"{config.seed} {number}")
    view, light, look = rng.choice(_VIEWS), rng.choice(_LIGHTS), rng.choice(_LOOKS)
    scene = (await calls.fill("writer", _scene_prompt(concept, view, light), SceneText, sample=turn)).scene
    image = None
    if config.modality != "text":
        image = await calls.paint(f"{look}: {scene}")
    name = row_id("threat_vqa", config.control, concept, turn)
    return await _asked(config, calls, name, seed.category, scene, image, guarded=False)


async def _from_image(config: Config, path: Path, folder: Path, calls: ModelCalls) -> Iterable[Draft | Dropped]:
    if not calls.sees("writer"):
        raise Dropped("the writer takes no images")
    image = Image.from_path(path)
    category = path.parent.name if path.parent != folder else ""
    name = row_id("threat_vqa", image.sha256)
    return await _asked(config, calls, name, category, "", image, guarded=True)


async def _asked(
    config: Config, calls: ModelCalls, name: str, category: str, scene: str, image: Image | None, *, guarded: bool
) -> list[Draft | Dropped]:
    """Questions and answers about one scene, as rows."""
    shown = (image,) if image is not None and calls.sees("writer") else ()
    prompt = _pairs_prompt(config.questions, "" if shown else scene)
    pairs = (await calls.fill("writer", prompt, Pairs, images=shown)).pairs[: config.questions]
    faults = [_neutrality.fault(pair.question, pair.answer) for pair in pairs]
    if config.checker and any(fault is None for fault in faults):
        verdicts = (await calls.fill("checker", _check_prompt(pairs), Neutral)).neutral
        if len(verdicts) != len(pairs):
            raise Dropped("the checker judged another number of pairs")
        faults = [f or (None if ok else "not neutral: checker") for f, ok in zip(faults, verdicts, strict=True)]
    made: list[Draft | Dropped] = []
    for number, (pair, fault) in enumerate(zip(pairs, faults, strict=True)):
        if fault is not None:
            made.append(Dropped(fault, f"{pair.question} {pair.answer}"))
            continue
        as_text = image is None or (bool(scene) and _in_words(config, number))
        facts = {"task": pair.kind, "modality": "text" if as_text else "image", **({"scene": scene} if scene else {})}
        question = _in_the_scene(scene, pair.question) if as_text else pair.question
        row = _row(config, f"{name}-{number}", category, question, pair.answer, facts)
        made.append(Draft(row, () if as_text or image is None else (image,), cluster=name, guarded=guarded))
    return made


def _in_words(config: Config, number: int) -> bool:
    return config.modality == "text" or (config.modality == "mixed" and number % 2 == 1)


def _row(config: Config, name: str, category: str, question: str, answer: str, facts: Mapping[str, object]) -> DataRow:
    return DataRow(
        id=name,
        prompt=turns(("user", question)),
        completion=said(answer),
        facts=dict(facts),
        subset="control" if config.control else "threat",
        category=category,
        source="foresee threat_vqa" + (", drawn world" if config.source == WORLD else ""),
        licence=config.licence or ("Apache-2.0" if config.source == WORLD else ""),
        split="train",
    )


def _seeds(config: Config) -> Iterator[_Seed | Dropped]:
    if not config.seeds:
        table = tomllib.loads((Path(__file__).parent / "_threat_seeds.toml").read_text(encoding="utf-8"))
        chosen = table["control" if config.control else "threat"]
        for number, (category, text) in enumerate(chosen):
            yield _Seed(number, category, text, True)
        return
    for item in read_items(Path(config.seeds)):
        if isinstance(item, Dropped):
            yield item
        elif item.text:
            yield _Seed(item.number, item.category, item.text[:6000], False)
        else:
            yield Dropped("seed without a text")


def _concept_prompt(text: str, control: bool) -> str:
    wish = (
        "an ordinary scene from the same field of life, with nothing threatening in it"
        if control
        else ("a scene that makes the threat it is about visible")
    )
    return f"Here is a text:\n\n{text}\n\nImagine {wish}. Name one thing or situation that a picture could show."


def _scene_prompt(concept: str, view: str, light: str) -> str:
    return (
        f"Describe one picture of this: {concept}. It is {view}, {light}. Say only what can be seen: things, how many, "
        "their colours, where they are and how they stand to each other. No story, no judgement, no lettering."
    )


def _pairs_prompt(questions: int, scene: str) -> str:
    about = f"this picture, described in words: {scene}" if scene else "the picture"
    return (
        f"Write {questions} questions about {about}\n\nUse different kinds: what is there, where it is, how many, "
        "which colour, in which relation two things stand. Answer each in one plain sentence that states what is seen "
        "and nothing more: no warning, no advice, no opinion, nothing about danger or safety."
    )


def _check_prompt(pairs: list[Pair]) -> str:
    listed = "\n".join(f"{n}. {pair.question} / {pair.answer}" for n, pair in enumerate(pairs, 1))
    return (
        "Which of these questions with their answers only state what is seen? One that warns, advises, refuses, judges "
        f"or speaks of danger or safety is not neutral.\n\n{listed}"
    )


def _in_the_scene(scene: str, question: str) -> str:
    return f"Imagine this picture: {scene}\n\n{question}"


def _from_world(config: Config) -> Iterator[WorkItem]:
    from foresee.organism.world import examples

    drawn = list(examples.sights(config.examples, threat=not config.control, style=config.style, seed=config.seed))
    said = _elsewhere(drawn, config.seed) if config.answers == "shuffled" else [example.gold for example in drawn]
    for number, (example, answer) in enumerate(zip(drawn, said, strict=True)):
        fault = _neutrality.fault(example.request, answer)
        if fault is not None:
            yield Dropped(fault, answer)
            continue
        as_text = _in_words(config, number)
        question = f"{_told(example.scene)} {example.request}" if as_text else example.request
        facts = {**example.facts, "modality": "text" if as_text else "image"}
        row = _row(config, f"threat_vqa-{example.id}", example.category, question, answer, facts)
        images = () if as_text else (Image.from_bytes(example.image),)
        yield Draft(row, images, cluster=example.cluster)


def _elsewhere(drawn: Sequence[Example], seed: int) -> list[str]:
    """Give each question the answer that another one of its kind has, so that kinds keep their answers' form."""
    said = [example.gold for example in drawn]
    for kind in dict.fromkeys(example.facts["task"] for example in drawn):
        places = [at for at, example in enumerate(drawn) if example.facts["task"] == kind]
        order = list(places)
        random.Random(f"shuffled {seed} {kind}").shuffle(order)
        for at, other in zip(order, (*order[1:], order[0]), strict=True):
            said[at] = drawn[other].gold
    return said


def _told(scene: Scene) -> str:
    """Describe a drawn scene in its own words: each thing, its place, and its colour where it has one to name."""
    from foresee.organism.world import icons, language, scenes

    told = []
    for thing in scene.things:
        told.append(f"there is {language.enumeration([thing.name])} at the {scenes.place(thing.cell)} .")
        if thing.name in icons.COLOURABLE:
            told.append(f"the {thing.name} is {thing.colour} .")
    return " ".join(told)
