"""Draw the images of drawn_consequences, 512 by 512, into the package, which ships them.

    python -m tools.drawn_consequences

An image is known by the hash of its file, which is part of the key that an answer is stored under. Whoever changes a
scene therefore raises VERSION in `foresee/benchmarks/drawn_consequences.py`. A new pair is an entry in
`foresee/benchmarks/_drawn_consequences/words/CATEGORY.toml` and a function in `scenes/CATEGORY.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from foresee.benchmarks import drawn_consequences as benchmark
from foresee.errors import UserError
from tools.drawn_consequences.pen import Pen
from tools.drawn_consequences.scenes import (
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

PILLOW = "13.0.0"  # drew the shipped images; another version may place a letter's edge or pack bytes differently

Scene: TypeAlias = Callable[[Pen, bool], None]
_SCENES: dict[str, dict[str, Scene]] = {
    module.__name__.rpartition(".")[2]: module.SCENES
    for module in (
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
}


class Drawing(NamedTuple):
    """An image: the id of its item, and how it is drawn."""

    id: str
    scene: Scene
    hazard: bool

    def png(self) -> bytes:
        """Encode the finished image."""
        pen = Pen()
        self.scene(pen, self.hazard)
        return pen.png()


@cache
def drawings() -> tuple[Drawing, ...]:
    """List all images in the order of the items. Raises UserError: words without a scene, or a scene without words."""
    return tuple(_drawings())


def _drawings() -> Iterator[Drawing]:
    pairs = benchmark.pairs()
    described = {category: {p.id for p in pairs if p.category == category} for category in benchmark.CATEGORIES}
    for category in sorted({*described, *_SCENES}):
        if differing := described.get(category, set()) ^ _SCENES.get(category, {}).keys():
            raise UserError(f"{category}: words and scenes differ in {sorted(differing)}")
    for pair in pairs:
        scene = _SCENES[pair.category][pair.id]
        hazard, twin = benchmark.rows(pair)
        yield Drawing(hazard.id, scene, hazard=True)
        yield Drawing(twin.id, scene, hazard=False)


def write(folder: Path) -> int:
    """Draw all images into a folder; the number of files that this changed. Raises OSError: it can't be written."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = 0
    for drawing in drawings():
        path, data = folder / f"{drawing.id}.png", drawing.png()
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
            changed += 1
    return changed
