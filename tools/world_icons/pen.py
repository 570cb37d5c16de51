"""A pen for icons: fifty things that a person can name as well as a model, crisp at 24 to 30 pixels.

Each drawing is a function on a `Pen`, whose canvas runs from 0 to 100 both ways, y downwards. It is drawn
large, outlined, and scaled down once, so that edges are smooth at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageDraw

from foresee.organism.world.icons import Rgb, shade

__all__ = ["INK", "Drawing", "Pen", "Rgb", "outlined", "shade"]

Point: TypeAlias = "tuple[float, float]"

MASTER = 240
"""Side of the large drawing, in pixels; every sprite is scaled down from it."""

INK: Rgb = (38, 36, 44)


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


def outlined(image: Image.Image) -> Image.Image:
    """Draw a dark rim round the shape, so that it stands out from any background."""
    room = 10
    canvas = Image.new("RGBA", (MASTER + 2 * room, MASTER + 2 * room), (0, 0, 0, 0))
    canvas.paste(image, (room, room))
    rim = np.asarray(canvas.getchannel("A"))
    for axis in (0, 1):  # what Pillow's MaxFilter(11) gives, in a fifth of its time
        rim = np.pad(rim, [(5, 5) if each == axis else (0, 0) for each in (0, 1)])
        rim = sliding_window_view(rim, 11, axis).max(-1)
    dark = Image.new("RGBA", canvas.size, (*INK, 255))
    dark.putalpha(Image.fromarray(rim))
    return Image.alpha_composite(dark, canvas)


def _scaled(point: Point) -> Point:
    return point[0] * MASTER / 100, point[1] * MASTER / 100
