"""What moves or spreads: fire, smoke, steam, gas, sparks, puddles, splashes."""

from __future__ import annotations

import math

from tools.drawn_consequences.pen import WHITE, YELLOW, Pen, Rgb, clear


def flame(pen: Pen, x: float, y: float, tall: float) -> None:
    """Draw a single tongue that stands on (x, y)."""
    w = tall * 0.3
    pen.glow(x, y - tall * 0.4, tall * 1.1, (255, 190, 80), 0.5)
    for share, colour in ((1.0, (238, 92, 28)), (0.72, (252, 160, 40)), (0.42, (255, 226, 120))):
        h, half = tall * share, w * share
        pen.blob(
            [
                (x, y - h),
                (x + half * 0.7, y - h * 0.5),
                (x + half, y - h * 0.2),
                (x + half * 0.4, y + 1),
                (x - half * 0.5, y + 1),
                (x - half, y - h * 0.22),
                (x - half * 0.5, y - h * 0.55),
            ],
            colour,
        )


def blaze(pen: Pen, x: float, y: float, wide: float, tall: float) -> None:
    """Many tongues side by side."""
    pen.glow(x, y - tall * 0.4, max(wide, tall) * 0.95, (255, 170, 60), 0.6)
    for share, size in ((-0.42, 0.6), (0.42, 0.55), (-0.24, 0.85), (0.25, 0.8), (0.0, 1.0), (-0.12, 0.6), (0.13, 0.62)):
        flame(pen, x + wide * share, y, tall * size)


def smoke(
    pen: Pen, x: float, y: float, tall: float, *, colour: Rgb = (92, 92, 98), lean: float = 0.25, strength: float = 0.6
) -> None:
    """Draw a plume that widens as it rises from (x, y)."""
    for n in range(16):
        share = n / 15
        sway = math.sin(n * 1.7) * tall * 0.06
        pen.glow(
            x + tall * lean * share + sway,
            y - tall * share,
            tall * (0.07 + 0.17 * share),
            colour,
            strength * (1 - 0.62 * share),
        )


def steam(pen: Pen, x: float, y: float, tall: float) -> None:
    """Draw three thin white wisps."""
    for shift in (-14, 0, 14):
        points = [(x + shift + math.sin(k * 1.6 + shift) * 6, y - tall * k / 5) for k in range(6)]
        pen.curve(points, clear(WHITE, 0.75), 5)


def fumes(pen: Pen, x: float, y: float, tall: float, colour: Rgb = (150, 190, 70)) -> None:
    """Coloured vapour in curling strokes, for gas that one should not breathe."""
    for n, shift in enumerate((-26, -8, 10, 28)):
        pen.glow(x + shift, y - tall * (0.4 + 0.12 * (n % 3)), tall * 0.42, colour, 0.42)
    for n, shift in enumerate((-26, -8, 10, 28)):
        points = [(x + shift + math.sin(k * 1.5 + n) * 9, y - tall * (0.85 + 0.15 * (n % 2)) * k / 6) for k in range(7)]
        pen.curve(points, clear(colour, 0.85), 4)


def spark(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a jagged electric flash."""
    with pen.placed(x, y, size):
        pen.glow(0, 0, 46, (190, 220, 255), 0.8)
        points = []
        for n in range(20):
            radius = 26 if n % 2 == 0 else 9
            points.append((radius * math.cos(n * math.pi / 10), radius * math.sin(n * math.pi / 10)))
        pen.poly(points, YELLOW)
        pen.poly([(px * 0.55, py * 0.55) for px, py in points], WHITE)


def drops(pen: Pen, x: float, y: float, count: int = 5, colour: Rgb = (90, 160, 214)) -> None:
    """Draw drops that fall below (x, y)."""
    for n in range(count):
        dx, dy = ((n * 37) % 22) - 11, n * 17
        pen.blob(
            [(x + dx, y + dy - 7), (x + dx + 4, y + dy + 2), (x + dx, y + dy + 6), (x + dx - 4, y + dy + 2)], colour
        )


def cracks(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (60, 96, 124)) -> None:
    """Cracks that run out from (x, y) over a flat surface seen from the side."""
    for n in range(9):
        turn = n * 0.71 + 0.2
        length = (70 + (n * 29) % 60) * size
        ex, ey = x + length * math.cos(turn), y + length * 0.3 * math.sin(turn)
        mx, my = (x + ex) / 2 + 8 * math.sin(n * 2), (y + ey) / 2 + 4 * math.cos(n)
        pen.line([(x, y), (mx, my), (ex, ey)], colour, 2.6)
        pen.line([(mx, my), (mx + (ex - x) * 0.25, my + 12 * size * (1 if n % 2 else -1))], colour, 1.8)


def ripple(pen: Pen, x: float, y: float, rx: float) -> None:
    for share in (1.0, 0.7, 0.45):
        pen.arc(x, y, (rx * share, rx * share * 0.24), (0, 360), clear(WHITE, 0.7), 2)
