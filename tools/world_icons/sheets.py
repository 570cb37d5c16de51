"""The sheets of sprites that the package ships."""

from __future__ import annotations

from functools import cache

from PIL import Image

from foresee.organism.world import icons
from foresee.organism.world.icons import Colour, Rgb
from tools.world_icons import home, nature, tools
from tools.world_icons.pen import Drawing, Pen, outlined

PILLOW = "13.0.0"
"""The version that drew the sheets; another may smooth an edge in its own way."""

DRAWINGS: dict[str, Drawing] = {**home.DRAWINGS, **nature.DRAWINGS, **tools.DRAWINGS}

_TINTS: dict[Colour, Rgb] = {
    "red": (214, 48, 49),
    "blue": (52, 106, 214),
    "green": (52, 158, 78),
    "yellow": (246, 202, 50),
    "purple": (140, 78, 190),
}


@cache
def _master(name: str, colour: Colour, angle: int) -> Image.Image:
    if angle:
        return _master(name, colour, 0).rotate(angle, Image.Resampling.BICUBIC)
    pen = Pen()
    DRAWINGS[name](pen, _TINTS[colour])
    return outlined(pen.image)


def sheet(size: int) -> Image.Image:
    """Draw the sheet of one size: a row for each look, a column for each angle."""
    looks, angles = icons.LOOKS, icons.ANGLES[size]
    made = Image.new("RGBA", (size * len(angles), size * len(looks)), (0, 0, 0, 0))
    for row, (name, colour) in enumerate(looks):
        for column, angle in enumerate(angles):
            small = _master(name, colour, angle).resize((size, size), Image.Resampling.LANCZOS)
            made.paste(small, (column * size, row * size))
    return made
