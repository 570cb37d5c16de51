"""Scenes of the drawn world: two to four things on a three by three grid, from a seed to an image.

A scene belongs to train, validation or test by the hash of its layout (which thing lies in which cell), so that
the three can't overlap, whatever the seeds, colours or sizes.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal, NamedTuple, get_args

from PIL import Image, ImageDraw

from foresee.organism.world import icons, signs
from foresee.organism.world.rules import THREATS

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

GRID = 3
CELL = 32
SIDE = GRID * CELL
"""Side of an image in pixels."""

VERSION = "2"
"""Raised whenever the same seed would draw another world."""

_WALLS: tuple[icons.Rgb, ...] = (
    (238, 231, 214), (214, 230, 240), (226, 238, 214), (240, 220, 224), (226, 220, 240), (236, 236, 236),
)  # fmt: skip
_FLOORS: tuple[icons.Rgb, ...] = ((206, 178, 140), (168, 190, 150), (178, 184, 196), (214, 190, 176))
ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "centre", "right")


class Thing(NamedTuple):
    """One icon in one cell (0 to 8, row by row); `dx`, `dy` move it off the cell's centre, in pixels.

    Only a sign has a `word`.
    """

    name: str
    cell: int
    colour: icons.Colour
    size: int
    dx: int
    dy: int
    mirrored: bool
    angle: int
    word: str = ""


@dataclass(frozen=True)
class Scene:
    """Everything that decides an image. Things are in the order of their cells."""

    things: tuple[Thing, ...]
    wall: int
    floor: int
    pattern: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(thing.name for thing in self.things)

    @property
    def layout(self) -> str:
        return " ".join(f"{thing.cell}:{thing.name}{thing.word and '=' + thing.word}" for thing in self.things)

    @property
    def split(self) -> Split:
        """Decided by the layout alone: 70 % train, 15 % validation, 15 % test."""
        share = hashlib.sha256(f"scene {self.layout}".encode()).digest()[0]
        return "train" if share < 180 else "validation" if share < 218 else "test"

    @property
    def sign(self) -> str:
        """The word on the scene's sign; empty where there is none."""
        return next((thing.word for thing in self.things if thing.word), "")

    def thing(self, name: str) -> Thing:
        """Find a thing. Raises KeyError: it is not in the scene."""
        for thing in self.things:
            if thing.name == name:
                return thing
        raise KeyError(name)

    def with_instead(self, name: str, other: str) -> Scene:
        """Copy a scene with one thing exchanged for another in the same place: a benign twin."""
        things = tuple(replace_name(thing, other) if thing.name == name else thing for thing in self.things)
        return replace(self, things=things)


def replace_name(thing: Thing, name: str) -> Thing:
    return thing._replace(name=name)


def place(cell: int) -> str:
    """Name a cell in words: "top left", "middle centre"."""
    return f"{ROWS[cell // GRID]} {COLUMNS[cell % GRID]}"


def sample(
    rng: random.Random,
    split: Split,
    holds: Sequence[str] = (),
    lacks: Collection[str] = (),
    least: int = 2,
    sign: str = "",
) -> Scene:
    """Draw a scene of that split with some things and without others (`least` to 4 things in all, each kind once).

    With `sign`, one more thing is a sign that bears the word.
    """
    free = [name for name in icons.NAMES if name not in lacks and name not in holds]
    while True:
        scene = _any_scene(rng, holds, free, least, sign)
        if scene.split == split:
            return scene


def sample_pair(
    rng: random.Random, split: Split, trigger: str, lacks: Collection[str] = (), holds: Sequence[str] = ()
) -> tuple[Scene, Scene]:
    """Draw a scene with the trigger (and `holds`) and its twin with another thing instead, both of the same split."""
    others = [name for name in icons.NAMES if name != trigger and name not in lacks]
    while True:
        scene = sample(rng, split, (trigger, *holds), lacks)
        twin = scene.with_instead(trigger, rng.choice([name for name in others if name not in scene.names]))
        if twin.split == split:
            return scene, twin


def sample_exchange(
    rng: random.Random, split: Split, here: str, instead: str, holds: Sequence[str] = ()
) -> tuple[Scene, Scene]:
    """Draw a scene with `here` (and `holds`) and the same with `instead` in its place, both of the same split."""
    while True:
        scene = sample(rng, split, (here, *holds), (instead,))
        twin = scene.with_instead(here, instead)
        if twin.split == split:
            return scene, twin


def _any_scene(rng: random.Random, holds: Sequence[str], free: Sequence[str], least: int, sign: str = "") -> Scene:
    count = max(rng.randint(least, 4), len(holds))
    names = [*holds, *rng.sample(free, count - len(holds)), *([f"{signs.NAME} {sign}"] if sign else [])]
    rng.shuffle(names)
    cells = sorted(rng.sample(range(GRID * GRID), len(names)))
    things = tuple(_thing(rng, name, cell) for name, cell in zip(names, cells, strict=True))
    return Scene(things, rng.randrange(len(_WALLS)), rng.randrange(len(_FLOORS)), rng.randrange(3))


def _thing(rng: random.Random, name: str, cell: int) -> Thing:
    kind, _, word = name.partition(" ")
    if word:
        moved = (rng.randint(-1, 1), rng.randint(-1, 1))
        return Thing(kind, cell, rng.choice(icons.COLOURS), signs.SIZE, *moved, False, 0, word)
    size = rng.choice((24, 26, 28, 30))
    room = (CELL - size) // 2
    dx, dy = rng.randint(-room, room), rng.randint(-room, room)
    return Thing(name, cell, rng.choice(icons.COLOURS), size, dx, dy, rng.random() < 0.5, rng.choice((-8, 0, 0, 8)))


def draw(scene: Scene) -> Image.Image:
    """Draw the image, RGB, `SIDE` by `SIDE` pixels. The same scene always gives the same pixels."""
    image = _background(scene.wall, scene.floor, scene.pattern).copy()
    for thing in scene.things:
        if thing.word:
            sprite = signs.board(thing.word, icons.COLOURS.index(thing.colour))
        else:
            sprite = icons.sprite(thing.name, thing.colour, thing.size, thing.mirrored, thing.angle)
        row, column = divmod(thing.cell, GRID)
        margin = (CELL - thing.size) // 2
        image.paste(sprite, (column * CELL + margin + thing.dx, row * CELL + margin + thing.dy), sprite)
    return image


@lru_cache(maxsize=4096)  # more than all benchmarks of the world show
def png(scene: Scene) -> bytes:
    """Draw the image as PNG bytes."""
    buffer = io.BytesIO()
    draw(scene).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def _background(wall: int, floor: int, pattern: int) -> Image.Image:
    """Draw a pale wall over a floor; plain, striped or dotted. The floor begins where the lowest row does."""
    image = Image.new("RGB", (SIDE, SIDE), _WALLS[wall])
    pen = ImageDraw.Draw(image)
    fleck = icons.shade(_WALLS[wall], 0.955)
    if pattern == 1:
        for x in range(0, SIDE, 12):
            pen.rectangle((x, 0, x + 5, SIDE), fill=fleck)
    if pattern == 2:
        for x in range(4, SIDE, 12):
            for y in range(4, SIDE, 12):
                pen.ellipse((x, y, x + 2, y + 2), fill=fleck)
    top = SIDE - CELL + 6
    pen.rectangle((0, top, SIDE, SIDE), fill=_FLOORS[floor])
    pen.line((0, top, SIDE, top), fill=icons.shade(_FLOORS[floor], 0.8))
    return image


def threats_in(scene: Scene) -> tuple[str, ...]:
    return tuple(name for name in scene.names if name in THREATS)
