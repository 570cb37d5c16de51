"""A pen for flat, shaded images: 512 by 512 units, drawn three times as large and scaled down once.

Coordinates run from 0 to 512, y downwards. Every shape passes through the current transform, so that a part drawn
round its own origin can be placed, scaled, turned and mirrored (`placed`). A fill is a colour, a colour with opacity,
or a `Fade` from one colour to another.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFont

SIZE = 512
_LARGE = 3

Rgb: TypeAlias = "tuple[int, int, int]"
Rgba: TypeAlias = "tuple[int, int, int, int]"
Point: TypeAlias = "tuple[float, float]"


class Fade(NamedTuple):
    """From one colour to another over the shape's box: downwards, or to the right."""

    start: Rgb | Rgba
    end: Rgb | Rgba
    sideways: bool = False


Fill: TypeAlias = "Rgb | Rgba | Fade"

INK: Rgb = (44, 44, 52)
WHITE: Rgb = (250, 250, 248)
WOOD: Rgb = (166, 112, 64)
STEEL: Rgb = (168, 176, 186)
RED: Rgb = (206, 44, 40)
GREEN: Rgb = (52, 146, 74)
YELLOW: Rgb = (248, 204, 52)
BLUE: Rgb = (48, 104, 190)


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darker below 1, lighter above it."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in colour)
    return red, green, blue


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`share` of b in a."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


def clear(colour: Rgb, opacity: float) -> Rgba:
    """Give the colour an opacity of 0 to 1."""
    return (*colour, round(255 * opacity))


def upright(colour: Rgb, depth: float = 0.16) -> Fade:
    """Draw a surface lit from above."""
    return Fade(shade(colour, 1 + depth / 2), shade(colour, 1 - depth))


def round_(colour: Rgb, depth: float = 0.3) -> Fade:
    """Draw a rounded body lit from the left."""
    return Fade(shade(colour, 1 + depth / 2), shade(colour, 1 - depth), sideways=True)


class Pen:
    """Shapes on a sheet of 512 by 512 units."""

    def __init__(self, paper: Rgb = WHITE) -> None:
        self.image = Image.new("RGB", (SIZE * _LARGE, SIZE * _LARGE), paper)
        self._draw = ImageDraw.Draw(self.image)
        self._at = (float(_LARGE), 0.0, 0.0, float(_LARGE), 0.0, 0.0)  # x' = a x + c y + e, y' = b x + d y + f

    @contextmanager
    def placed(self, x: float, y: float, scale: float = 1, *, flip: bool = False, angle: float = 0) -> Iterator[Pen]:
        """Draw with the origin at (x, y); `angle` in degrees, clockwise; `flip` mirrors left and right."""
        before = self._at
        turn = math.radians(angle)
        sx = -scale if flip else scale
        inner = (math.cos(turn) * sx, math.sin(turn) * sx, -math.sin(turn) * scale, math.cos(turn) * scale, x, y)
        a, b, c, d, e, f = before
        p, q, r, s, t, u = inner
        self._at = (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f)
        try:
            yield self
        finally:
            self._at = before

    def poly(self, points: Sequence[Point], fill: Fill) -> None:
        large = [self._large(point) for point in points]
        self._ink(large, fill, 0, lambda draw, shift, ink: draw.polygon(_moved(large, shift), fill=ink))

    def blob(self, points: Sequence[Point], fill: Fill) -> None:
        """Draw the smooth closed curve through the points."""
        self.poly(_smooth([points[-1], *points, points[0], points[1]], 8), fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Fill) -> None:
        self.poly([(x + rx * math.cos(t * math.pi / 32), y + ry * math.sin(t * math.pi / 32)) for t in range(64)], fill)

    def disc(self, x: float, y: float, radius: float, fill: Fill) -> None:
        self.oval(x, y, radius, radius, fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Fill, corner: float = 0) -> None:
        if not corner:
            self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)
            return
        r = min(corner, (x1 - x0) / 2, (y1 - y0) / 2)
        points = []
        for x, y, first in ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180)):
            for step in range(0, 91, 15):
                turn = math.radians(first + step)
                points.append((x + r * math.cos(turn), y + r * math.sin(turn)))
        self.poly(points, fill)

    def line(self, points: Sequence[Point], fill: Fill, width: float = 2) -> None:
        """Draw a stroke with round ends."""
        large = [self._large(point) for point in points]
        thick = max(1, round(width * self._zoom()))
        half = thick / 2

        def draw_at(draw: ImageDraw.ImageDraw, shift: Point, ink: Any) -> None:
            moved = _moved(large, shift)
            draw.line(moved, fill=ink, width=thick, joint="curve")
            if thick > 3:
                for x, y in (moved[0], moved[-1]):
                    draw.ellipse((x - half, y - half, x + half, y + half), fill=ink)

        self._ink(large, fill, half + 1, draw_at)

    def curve(self, points: Sequence[Point], fill: Fill, width: float = 2) -> None:
        """Draw a smooth stroke through the points."""
        self.line(_smooth([points[0], *points, points[-1]], 10), fill, width)

    def arc(self, x: float, y: float, radius: Point, angles: Point, fill: Fill, width: float = 2) -> None:
        """Part of an ellipse's outline; angles in degrees, clockwise from three o'clock."""
        first, last = angles
        turns = [math.radians(first + (last - first) * step / 24) for step in range(25)]
        self.line([(x + radius[0] * math.cos(t), y + radius[1] * math.sin(t)) for t in turns], fill, width)

    def wedge(self, x: float, y: float, radius: Point, angles: Point, fill: Fill) -> None:
        """Draw the piece that an arc and its centre enclose."""
        first, last = angles
        turns = [math.radians(first + (last - first) * step / 24) for step in range(25)]
        self.poly([(x, y), *((x + radius[0] * math.cos(t), y + radius[1] * math.sin(t)) for t in turns)], fill)

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float = 0.35) -> None:
        """Draw a soft dark oval, for what stands or lies on something."""
        self._soft(x, y, rx, ry, (20, 20, 30), strength)

    def glow(self, x: float, y: float, radius: float, colour: Rgb, strength: float = 0.7) -> None:
        """Light that fades outwards."""
        self._soft(x, y, radius, radius, colour, strength)

    def text(self, x: float, y: float, words: str, size: float, fill: Rgb = INK, *, bold: bool = False) -> None:
        """Words, lines parted by a newline, centred on (x, y); they turn with the transform but are never mirrored."""
        zoom = self._zoom()
        font = _font(max(4, round(size * zoom)))
        heavy = round(size * zoom / 22) if bold else 0
        left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
            (0, 0), words, font=font, align="center", stroke_width=heavy
        )
        mask = Image.new("L", (math.ceil(right - left) + 4, math.ceil(bottom - top) + 4))
        ImageDraw.Draw(mask).multiline_text(
            (2 - left, 2 - top), words, font=font, fill=255, align="center", stroke_width=heavy
        )
        a, b = self._at[0], self._at[1]
        mirrored = self._at[0] * self._at[3] - self._at[1] * self._at[2] < 0
        angle = math.degrees(math.atan2(-b, -a)) if mirrored else math.degrees(math.atan2(b, a))
        if abs(angle) > 0.5:
            mask = mask.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        px, py = self._large((x, y))
        self.image.paste(fill, (round(px - mask.width / 2), round(py - mask.height / 2)), mask)

    def png(self) -> bytes:
        """Encode the finished image."""
        held = io.BytesIO()
        self.image.reduce(_LARGE).save(held, "PNG", compress_level=6)
        return held.getvalue()

    def _large(self, point: Point) -> Point:
        a, b, c, d, e, f = self._at
        return a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f

    def _zoom(self) -> float:
        return math.hypot(self._at[0], self._at[1])

    def _ink(
        self, large: Sequence[Point], fill: Fill, margin: float, draw_at: Callable[[Any, Point, Any], None]
    ) -> None:
        if not isinstance(fill, Fade) and len(fill) == 3:
            draw_at(self._draw, (0, 0), fill)
            return
        xs, ys = [p[0] for p in large], [p[1] for p in large]
        x0, y0 = max(0, math.floor(min(xs) - margin)), max(0, math.floor(min(ys) - margin))
        x1 = min(self.image.width, math.ceil(max(xs) + margin) + 1)
        y1 = min(self.image.height, math.ceil(max(ys) + margin) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", (x1 - x0, y1 - y0))
        draw_at(ImageDraw.Draw(mask), (x0, y0), 255)
        self._stain(mask, (x0, y0), fill)

    def _stain(self, mask: Image.Image, at: tuple[int, int], fill: Fill) -> None:
        if isinstance(fill, Fade):
            start, end = (_with_opacity(c) for c in (fill.start, fill.end))
            bands = [_ramp(sideways=fill.sideways).point(_between(p, q)) for p, q in zip(start, end, strict=True)]
            if start[3] < 255 or end[3] < 255:
                mask = Image.composite(_stretched(bands[3], mask.size), Image.new("L", mask.size), mask)
            self.image.paste(_stretched(Image.merge("RGB", bands[:3]), mask.size), at, mask)
            return
        self.image.paste(fill[:3], at, mask.point(_between(0, fill[3])) if len(fill) == 4 else mask)

    def _soft(self, x: float, y: float, rx: float, ry: float, colour: Rgb, strength: float) -> None:
        px, py = self._large((x, y))
        zoom = self._zoom()
        width, height = max(2, round(2 * rx * zoom)), max(2, round(2 * ry * zoom))
        mask = _soft_disc(round(strength * 100)).resize((width, height), Image.Resampling.BILINEAR)
        self.image.paste(colour, (round(px - width / 2), round(py - height / 2)), mask)


@lru_cache(maxsize=64)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


@lru_cache(maxsize=128)
def _soft_disc(percent: int) -> Image.Image:
    """Draw a disc, that bright in the middle, black from the rim on, with a smooth fall."""
    levels = [max(0.0, 1 - level / 255 * math.sqrt(2)) for level in range(256)]  # the corners are at 255
    return Image.radial_gradient("L").point([round(2.55 * percent * s * s * (3 - 2 * s)) for s in levels]).reduce(2)


@lru_cache(maxsize=2)
def _ramp(*, sideways: bool) -> Image.Image:
    """From black to white in 256 steps, one pixel across."""
    ramp = Image.linear_gradient("L").crop((0, 0, 1, 256))
    return ramp.transpose(Image.Transpose.ROTATE_90) if sideways else ramp


def _stretched(ramp: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Draw a ramp of one pixel across, first as long and then as broad as wanted: far cheaper than both at once."""
    thin = (1, size[1]) if ramp.width == 1 else (size[0], 1)
    return ramp.resize(thin, Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def _between(start: int, end: int) -> list[int]:
    return [start + (end - start) * level // 255 for level in range(256)]


def _with_opacity(colour: Rgb | Rgba) -> Rgba:
    return colour if len(colour) == 4 else (*colour, 255)


def _moved(points: Sequence[Point], shift: Point) -> list[Point]:
    return [(x - shift[0], y - shift[1]) for x, y in points]


def _smooth(points: Sequence[Point], steps: int) -> list[Point]:
    """Draw a Catmull-Rom curve through all points but the first and the last."""
    found = []
    for p0, p1, p2, p3 in zip(points, points[1:], points[2:], points[3:], strict=False):
        for step in range(steps):
            t = step / steps
            found.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    found.append(points[-2])
    return found


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
