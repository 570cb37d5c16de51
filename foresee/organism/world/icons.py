"""Icons: fifty things drawn by code, crisp at 24 to 30 pixels, that a person can name as well as a model.

Each drawing is a function on a `Pen`, whose canvas runs from 0 to 100 both ways, y downwards. It is drawn
large, outlined, and scaled down once, so that edges are smooth at every size. The drawings themselves are in
`_icons_*.py`; this file holds the pen, the colours and the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias, get_args

from PIL import Image, ImageDraw, ImageFilter

from foresee.errors import unknown_name

Rgb: TypeAlias = "tuple[int, int, int]"
Point: TypeAlias = "tuple[float, float]"
Colour = Literal["red", "blue", "green", "yellow", "purple"]
COLOURS: tuple[Colour, ...] = get_args(Colour)

MASTER = 240
"""Side of the large drawing, in pixels; every sprite is scaled down from it."""

INK: Rgb = (38, 36, 44)
_TINTS: dict[Colour, Rgb] = {
    "red": (214, 48, 49),
    "blue": (52, 106, 214),
    "green": (52, 158, 78),
    "yellow": (246, 202, 50),
    "purple": (140, 78, 190),
}


class Pen:
    """Shapes on a 100 by 100 canvas."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (MASTER, MASTER), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def poly(self, points: Sequence[Point], fill: Rgb) -> None:
        self._draw.polygon([_scaled(p) for p in points], fill=fill)

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Rgb) -> None:
        self._draw.ellipse([*_scaled((x0, y0)), *_scaled((x1, y1))], fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: Rgb) -> None:
        self.oval(x - radius, y - radius, x + radius, y + radius, fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Rgb, round_by: float = 0) -> None:
        corners = [*_scaled((x0, y0)), *_scaled((x1, y1))]
        self._draw.rounded_rectangle(corners, radius=round_by * MASTER / 100, fill=fill)

    def line(self, points: Sequence[Point], fill: Rgb, width: float = 5) -> None:
        thick = width * MASTER / 100
        self._draw.line([_scaled(p) for p in points], fill=fill, width=round(thick), joint="curve")
        for point in (points[0], points[-1]):
            self.disc(*point, width / 2, fill)

    def arc(self, bounds: tuple[float, float, float, float], angles: Point, fill: Rgb, width: float = 5) -> None:
        """Part of an ellipse's outline; angles in degrees, clockwise from three o'clock."""
        corners = [*_scaled(bounds[:2]), *_scaled(bounds[2:])]
        self._draw.arc(corners, *angles, fill=fill, width=round(width * MASTER / 100))

    def wedge(self, bounds: tuple[float, float, float, float], angles: Point, fill: Rgb) -> None:
        corners = [*_scaled(bounds[:2]), *_scaled(bounds[2:])]
        self._draw.pieslice(corners, *angles, fill=fill)


Drawing: TypeAlias = Callable[[Pen, Rgb], None]


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darker below 1, lighter above it."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


def drawings() -> dict[str, Drawing]:
    """Name -> drawing of every icon, in a fixed order."""
    from foresee.organism.world import _icons_home, _icons_nature, _icons_tools

    found: dict[str, Drawing] = {}
    for module in (_icons_home, _icons_nature, _icons_tools):
        found.update(module.DRAWINGS)
    return found


def colourable(name: str) -> bool:
    """Whether the icon takes its main colour from outside (the others have a colour of their own)."""
    return name in _COLOURABLE


_COLOURABLE = frozenset(
    ("balloon", "ball", "book", "car", "chair", "cup", "curtain", "hat", "shoe", "tent", "umbrella", "vase")
)


@cache
def _master(name: str, colour: Colour) -> Image.Image:
    known = drawings()
    if name not in known:
        raise unknown_name("icon", name, known)
    pen = Pen()
    known[name](pen, _TINTS[colour])
    return _outlined(pen.image)


def sprite(name: str, colour: Colour = "red", size: int = 28, mirrored: bool = False, angle: int = 0) -> Image.Image:
    """Draw an icon as an RGBA image of `size` by `size` pixels with a soft edge. Do not draw on it: it is cached.

    Raises:
        UserError: no icon of that name.
    """
    return _sprite(name, colour if colourable(name) else "red", size, mirrored, angle)


@cache
def _sprite(name: str, colour: Colour, size: int, mirrored: bool, angle: int) -> Image.Image:
    image = _master(name, colour)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if angle:
        image = image.rotate(angle, Image.Resampling.BICUBIC)
    small: Any = image.resize((size, size), Image.Resampling.LANCZOS)
    return small  # type: ignore[no-any-return]


def _outlined(image: Image.Image) -> Image.Image:
    """Draw a dark rim round the shape, so that it stands out from any background."""
    room = 10
    canvas = Image.new("RGBA", (MASTER + 2 * room, MASTER + 2 * room), (0, 0, 0, 0))
    canvas.paste(image, (room, room))
    rim = canvas.getchannel("A").filter(ImageFilter.MaxFilter(11))
    dark = Image.new("RGBA", canvas.size, (*INK, 255))
    dark.putalpha(rim)
    return Image.alpha_composite(dark, canvas)


def _scaled(point: Point) -> Point:
    return point[0] * MASTER / 100, point[1] * MASTER / 100
