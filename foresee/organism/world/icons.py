"""Icons: sprites of fifty things, crisp at 24 to 30 pixels, that a person can name as well as a model.

The sheets below `sprites/` hold them, one sheet a size; `tools/world_icons` draws them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from PIL import Image

from foresee.errors import unknown_name

Rgb: TypeAlias = "tuple[int, int, int]"
Colour = Literal["red", "blue", "green", "yellow", "purple"]
COLOURS: tuple[Colour, ...] = get_args(Colour)

NAMES = (
    "apple", "axe", "baby", "ball", "balloon", "banana", "barrel", "bleach", "bomb", "book", "bow", "brush", "cake",
    "camera", "car", "card", "cat", "chair", "chocolate", "clock", "cup", "curtain", "dice", "fish", "hammer", "hat",
    "hay", "hive", "house", "key", "knife", "lemon", "lily", "pawn", "poison", "pumpkin", "pylon", "shark", "shoe",
    "skate", "snake", "socket", "storm", "sun", "sword", "tent", "tree", "tub", "umbrella", "vase",
)  # fmt: skip

COLOURABLE = frozenset(
    ("balloon", "ball", "book", "car", "chair", "cup", "curtain", "hat", "shoe", "tent", "umbrella", "vase")
)
"""Icons that take their main colour from outside; the others have a colour of their own."""

LOOKS = tuple((name, colour) for name in NAMES for colour in (COLOURS if name in COLOURABLE else COLOURS[:1]))
"""Rows of a sheet."""

ANGLES = {**dict.fromkeys((24, 26, 28, 30), (-8, 0, 8)), 84: (0,)}
"""Side of a sprite in pixels -> columns of its sheet: how far the sprite is turned, in degrees."""

SHEETS = Path(__file__).parent / "sprites"


def sprite(name: str, colour: Colour = "red", size: int = 28, mirrored: bool = False, angle: int = 0) -> Image.Image:
    """Cut an icon out of its sheet: RGBA, `size` by `size` pixels with a soft edge. It is cached: do not draw on it.

    Args:
        name: one of `NAMES`.
        colour: its main colour, where it is in `COLOURABLE`.
        size: one of `ANGLES`.
        mirrored: left and right exchanged, before it is turned.
        angle: degrees counter-clockwise, one of the angles of that size.

    Raises:
        UserError: no icon of that name.
    """
    if name not in NAMES:
        raise unknown_name("icon", name, NAMES)
    return _sprite(name, colour if name in COLOURABLE else "red", size, mirrored, angle)


@cache
def _sprite(name: str, colour: Colour, size: int, mirrored: bool, angle: int) -> Image.Image:
    if mirrored:
        return _sprite(name, colour, size, False, -angle).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    x, y = size * ANGLES[size].index(angle), size * LOOKS.index((name, colour))
    return _sheet(size).crop((x, y, x + size, y + size))


@cache
def _sheet(size: int) -> Image.Image:
    with Image.open(SHEETS / f"{size}.png") as image:
        return image.convert("RGBA")


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darken a colour (below 1) or lighten it (above 1)."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue
