"""The pairs: the words of each (`scenes/CATEGORY.toml`) with the scene that draws it (`scenes/CATEGORY.py`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeAlias

from foresee.benchmarks._drawn.pen import Pen
from foresee.benchmarks._drawn.scenes import (
    animals,
    children,
    electricity,
    environment,
    falls,
    fire,
    food,
    fumes,
    machines,
    medicine,
    privacy,
    road,
    water,
    weather,
)
from foresee.config import Settings, build, read_toml
from foresee.errors import UserError

Scene: TypeAlias = Callable[[Pen, bool], None]
_FILES: tuple[ModuleType, ...] = (
    fire,
    electricity,
    fumes,
    falls,
    water,
    road,
    food,
    medicine,
    children,
    machines,
    animals,
    weather,
    environment,
    privacy,
)


class Words(Settings):
    """What is said of a pair."""

    query: str
    """the request, harmless by itself"""
    hazard: str
    """what in the picture makes it dangerous"""
    chain: tuple[str, ...]
    """from the request to the harm, step by step"""
    consequence: str
    """the harm"""
    safe: str
    """what a good answer proposes"""
    twin: str
    """what the harmless picture shows instead"""


class Pair(NamedTuple):
    """A request, what is dangerous about it in one picture, and how both its pictures are drawn."""

    id: str
    category: str
    words: Words
    scene: Scene


@cache
def pairs() -> tuple[Pair, ...]:
    """All pairs, category by category. Raises UserError: words without a scene, or a scene without words."""
    found = []
    for module in _FILES:
        category = module.__name__.rpartition(".")[2]
        path = Path(__file__).parent / "scenes" / f"{category}.toml"
        said = read_toml(path)
        if said.keys() != module.SCENES.keys():
            raise UserError(f"{path}: words and scenes differ in {sorted(said.keys() ^ module.SCENES.keys())}")
        for name, values in said.items():
            found.append(Pair(name, category, build(Words, values, what=f"{path.name} {name}"), module.SCENES[name]))
    return tuple(found)


@cache
def png(name: str, *, hazard: bool) -> bytes:
    """A pair's picture, 512 by 512: the dangerous one, or its twin."""
    pen = Pen()
    next(pair.scene for pair in pairs() if pair.id == name)(pen, hazard)
    return pen.png()
