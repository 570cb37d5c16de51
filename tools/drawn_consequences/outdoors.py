"""The open air: skies, ground, water, plants, fences, houses, weather."""

from __future__ import annotations

import itertools
import math

from tools.drawn_consequences.pen import (
    SIZE,
    STEEL,
    WHITE,
    WOOD,
    Fade,
    Pen,
    Point,
    Rgb,
    clear,
    mix,
    round_,
    shade,
    upright,
)

LEAF: Rgb = (74, 134, 68)
GRASS: Rgb = (122, 170, 84)


def sky(pen: Pen, bottom: float, *, mood: str = "fair") -> None:
    """`mood`: fair, storm, dusk, night, haze or winter."""
    top, low = {
        "fair": ((96, 168, 232), (206, 230, 246)),
        "storm": ((52, 58, 74), (122, 130, 142)),
        "dusk": ((82, 90, 150), (250, 190, 140)),
        "night": ((16, 22, 48), (52, 62, 98)),
        "haze": ((222, 196, 140), (250, 232, 190)),
        "winter": ((168, 192, 214), (232, 238, 242)),
    }[mood]
    pen.box(0, 0, SIZE, bottom, Fade(top, low))


def sun(pen: Pen, x: float, y: float, radius: float = 26) -> None:
    pen.glow(x, y, radius * 3, (255, 244, 190), 0.8)
    pen.disc(x, y, radius, (255, 222, 92))


def cloud(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = WHITE) -> None:
    with pen.placed(x, y, size):
        pen.oval(0, 8, 52, 12, shade(colour, 0.9))
        for cx, cy, radius in ((-30, 0, 18), (-8, -12, 24), (20, -6, 21), (38, 3, 14)):
            pen.disc(cx, cy, radius, colour)
        pen.oval(2, 6, 46, 9, colour)


def hills(pen: Pen, base: float, colour: Rgb = (128, 158, 146), height: float = 60) -> None:
    pen.blob(
        [
            (-60, base + 40),
            (40, base - height),
            (170, base - 10),
            (300, base - height * 0.8),
            (430, base - 14),
            (560, base - height * 0.7),
            (600, base + 40),
        ],
        upright(colour, 0.1),
    )


def peaks(pen: Pen, base: float, height: float = 150, *, snow: bool = True) -> None:
    for x, share in ((70, 0.8), (210, 1.0), (360, 0.75), (470, 0.92)):
        top = base - height * share
        wide = height * 0.8 * share
        pen.poly([(x - wide, base), (x, top), (x + wide, base)], Fade((150, 160, 178), (116, 126, 142)))
        pen.poly([(x, top), (x + wide, base), (x + wide * 0.1, base)], clear((60, 66, 84), 0.35))
        if snow:
            cap = [
                (x, top),
                (x + wide * 0.3, top + height * share * 0.3),
                (x + wide * 0.1, top + height * share * 0.24),
            ]
            pen.poly(
                [*cap, (x - wide * 0.06, top + height * share * 0.34), (x - wide * 0.28, top + height * share * 0.28)],
                WHITE,
            )


def ground(pen: Pen, top: float, colour: Rgb = GRASS, *, tufts: bool = True) -> None:
    """Grass, sand, snow or earth from `top` to the bottom of the sheet."""
    pen.box(0, top, SIZE, SIZE, Fade(shade(colour, 0.9), shade(colour, 1.06)))
    if tufts:
        for n in range(46):
            x, depth = (n * 197) % 512, ((n * 83) % 100) / 100
            y = top + 12 + (SIZE - top - 16) * depth
            tall = 5 + 9 * depth
            for lean in (-3, 0, 3):
                pen.line([(x + lean * 0.3, y), (x + lean, y - tall)], shade(colour, 0.78), 1.2)


def tree(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = LEAF, *, bare: bool = False) -> None:
    """Draw a broad-leaved tree whose trunk stands at (x, y); 200 units tall at size 1."""
    bark = (112, 82, 58)
    with pen.placed(x, y, size):
        pen.shadow(6, 0, 60, 12, 0.3)
        pen.poly([(-12, 0), (-8, -90), (8, -90), (14, 0)], round_(bark))
        for end, width in (((-40, -130), 8), ((38, -136), 8), ((-6, -160), 9), ((20, -170), 6), ((-28, -172), 5)):
            pen.line([(0, -80), (end[0] * 0.5, -108), end], shade(bark, 0.92), width)
        if bare:
            for start, end in (((-40, -130), (-66, -158)), ((38, -136), (66, -160)), ((-6, -160), (2, -196))):
                pen.line([start, end], shade(bark, 0.92), 4)
            return
        for cx, cy, radius in ((-38, -126, 36), (36, -128, 38), (0, -168, 42), (-8, -124, 40), (26, -160, 30)):
            pen.disc(cx + 3, cy + 6, radius, shade(colour, 0.8))
            pen.disc(cx, cy, radius - 2, colour)
        for cx, cy, radius in ((-46, -138, 16), (28, -146, 18), (-8, -186, 20)):
            pen.disc(cx, cy, radius, shade(colour, 1.15))


def fir(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (46, 100, 72)) -> None:
    """Draw a conifer, 160 units tall at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 40, 8, 0.25)
        pen.box(-6, -26, 6, 0, (100, 74, 52))
        for low, high, wide in ((-18, -76, 46), (-54, -112, 38), (-92, -160, 28)):
            pen.poly([(-wide, low), (0, high), (wide, low)], round_(colour, 0.35))


def hedge(pen: Pen, x0: float, x1: float, top: float, bottom: float, colour: Rgb = LEAF) -> None:
    pen.shadow((x0 + x1) / 2, bottom, (x1 - x0) * 0.55, 14)
    pen.box(x0, top, x1, bottom, upright(shade(colour, 0.92)), 18)
    for n in range(round((x1 - x0) * (bottom - top) / 420)):
        x, y = x0 + 10 + (n * 61) % max(1, x1 - x0 - 20), top + 8 + (n * 37) % max(1, bottom - top - 16)
        pen.oval(x, y, 8, 5, shade(colour, 0.78 + 0.12 * (n % 4)))


def water(pen: Pen, top: float, bottom: float = SIZE, colour: Rgb = (58, 132, 176)) -> None:
    """Draw a calm surface, right across the sheet."""
    pen.box(0, top, SIZE, bottom, Fade(mix(colour, WHITE, 0.35), shade(colour, 0.9)))
    for n in range(26):
        depth = ((n * 53) % 100) / 100
        y, x, half = top + 6 + (bottom - top - 10) * depth, (n * 173) % 512, 8 + 22 * depth
        pen.line([(x - half, y), (x + half, y)], clear(WHITE, 0.4), 1.6)


def waves(pen: Pen, top: float, bottom: float, height: float) -> None:
    """Breakers with white crests, rolling in."""
    rows = 4
    for row in range(rows):
        y = top + (bottom - top) * (row + 0.6) / rows
        tall = height * (0.5 + 0.5 * row / rows)
        for n in range(-1, 5):
            x = n * 150 + (row % 2) * 75
            pen.blob(
                [
                    (x - 80, y + 8),
                    (x - 30, y - tall * 0.5),
                    (x + 24, y - tall),
                    (x + 62, y - tall * 0.5),
                    (x + 42, y - tall * 0.35),
                    (x + 70, y + 8),
                ],
                Fade((52, 120, 150), (30, 90, 124)),
            )
            pen.curve(
                [(x - 30, y - tall * 0.5), (x + 24, y - tall), (x + 62, y - tall * 0.5), (x + 44, y - tall * 0.3)],
                WHITE,
                5,
            )
            pen.oval(x, y + 6, 70, 5, clear(WHITE, 0.7))


def road(pen: Pen, horizon: float, *, half: float = 230, middle: float = 256) -> None:
    """Draw a road that runs away from us to the horizon."""
    pen.poly(
        [(middle - 12, horizon), (middle + 12, horizon), (middle + half, SIZE), (middle - half, SIZE)],
        Fade((112, 112, 118), (84, 84, 92)),
    )
    for side in (-1, 1):
        pen.poly(
            [
                (middle + side * 10, horizon),
                (middle + side * 11, horizon),
                (middle + side * (half - 8), SIZE),
                (middle + side * (half - 22), SIZE),
            ],
            WHITE,
        )
    for n in range(6):
        a, b = (n / 6) ** 2.2, ((n + 0.55) / 6) ** 2.2
        y0, y1 = horizon + (SIZE - horizon) * a, horizon + (SIZE - horizon) * b
        pen.poly(
            [(middle - 1 - a * 7, y0), (middle + 1 + a * 7, y0), (middle + 1 + b * 7, y1), (middle - 1 - b * 7, y1)],
            WHITE,
        )


def street(pen: Pen, top: float, bottom: float) -> None:
    """Draw a road from left to right with kerbs."""
    pen.box(0, top - 12, SIZE, top, (186, 184, 180))
    pen.box(0, top, SIZE, bottom, Fade((98, 98, 104), (84, 84, 90)))
    for x in range(-20, SIZE, 80):
        pen.box(x, (top + bottom) / 2 - 3, x + 44, (top + bottom) / 2 + 3, WHITE)
    pen.box(0, bottom, SIZE, bottom + 12, (196, 194, 190))


def fence(pen: Pen, x0: float, x1: float, top: float, bottom: float, colour: Rgb = WHITE) -> None:
    """Pickets."""
    for y in (top + (bottom - top) * 0.28, top + (bottom - top) * 0.72):
        pen.box(x0, y - 3, x1, y + 4, shade(colour, 0.82))
    x = x0
    while x < x1:
        pen.poly([(x, bottom), (x, top + 7), (x + 5.5, top), (x + 11, top + 7), (x + 11, bottom)], round_(colour, 0.14))
        x += 20


def railing(pen: Pen, x0: float, x1: float, top: float, bottom: float, colour: Rgb = (74, 80, 90)) -> None:
    """Metal bars under a handrail."""
    x = x0 + 6
    while x < x1:
        pen.line([(x, top), (x, bottom)], colour, 3)
        x += 15
    pen.box(x0, bottom - 6, x1, bottom, colour)
    pen.box(x0 - 4, top - 5, x1 + 4, top + 5, upright(shade(colour, 1.15)), 4)


def house(pen: Pen, x0: float, x1: float, base: float, wall: Rgb = (236, 218, 190), roof: Rgb = (166, 78, 60)) -> None:
    """Draw the front of a house with two windows."""
    wide = x1 - x0
    top = base - wide * 0.6
    pen.box(x0, top, x1, base, upright(wall))
    pen.poly(
        [
            (x0 - wide * 0.08, top + 4),
            (x0 + wide * 0.12, top - wide * 0.3),
            (x1 - wide * 0.12, top - wide * 0.3),
            (x1 + wide * 0.08, top + 4),
        ],
        upright(roof),
    )
    for x in (x0 + wide * 0.16, x1 - wide * 0.36):
        pen.box(x - 3, top + wide * 0.12, x + wide * 0.2 + 3, top + wide * 0.36, WHITE)
        pen.box(x, top + wide * 0.135, x + wide * 0.2, top + wide * 0.345, (128, 178, 210))


def bench(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a park bench from the front, 100 units wide at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 60, 8, 0.3)
        for side in (-38, 32):
            pen.box(side, -30, side + 6, 0, (60, 62, 68))
            pen.box(side, -58, side + 6, -26, (60, 62, 68))
        for top in (-60, -48, -36):
            pen.box(-50, top, 50, top + 8, upright(WOOD))
        pen.box(-52, -28, 52, -19, upright(shade(WOOD, 1.15)))


def pylon_line(pen: Pen, left: Point, right: Point, poles: tuple[float, ...], base: float) -> None:
    """Wooden poles with three power lines that sag between them; `left` and `right` are the cross-arms' heights."""
    tops = [(x, left[1] + (right[1] - left[1]) * x / SIZE) for x in poles]
    for x, y in tops:
        pen.box(x - 5, y - 16, x + 5, base, round_((110, 84, 62)))
        pen.box(x - 40, y - 5, x + 40, y + 4, (96, 72, 54))
        for shift in (-34, 0, 34):
            pen.box(x + shift - 3, y - 16, x + shift + 3, y - 4, STEEL)
    ends = [(-80.0, tops[0][1] + 6), *tops, (SIZE + 80.0, tops[-1][1] + 6)]
    for (x0, y0), (x1, y1) in itertools.pairwise(ends):
        for shift in (-34, 0, 34):
            sag = [
                (x0 + (x1 - x0) * t / 12 + shift, y0 - 16 + (y1 - y0) * t / 12 + 26 * (1 - (t / 6 - 1) ** 2))
                for t in range(13)
            ]
            pen.line(sag, (40, 40, 46), 2.4)


def rain(pen: Pen, top: float = 0, bottom: float = SIZE) -> None:
    for n in range(90):
        x, y = (n * 149) % 540, top + (n * 89) % max(1, bottom - top)
        pen.line([(x, y), (x - 5, y + 16)], clear((220, 232, 244), 0.55), 1.4)


def lightning(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a bolt whose upper end is (x, y), 180 units long at size 1."""
    path = [(0, 0), (-16, 44), (6, 50), (-22, 104), (2, 108), (-34, 180)]
    with pen.placed(x, y, size):
        pen.glow(-10, 90, 110, (224, 226, 255), 0.6)
        pen.line(path, (255, 250, 210), 7)
        pen.line(path, WHITE, 3)
        pen.line([(6, 50), (34, 84), (26, 96), (48, 124)], (255, 250, 220), 3)


def tornado(pen: Pen, x: float, top: float, base: float) -> None:
    pen.glow(x, base - 6, 90, (120, 106, 90), 0.85)
    rows = 26
    for row in range(rows):
        share = row / (rows - 1)
        half = 120 * (1 - share) ** 1.6 + 10
        sway = 18 * math.sin(share * 5)
        grey = (92 + (row % 3) * 14,) * 3
        pen.oval(x + sway, top + (base - top) * share, half, 11, clear(grey, 0.92))
    for n in range(14):
        turn = n * 2.4
        pen.box(
            x + 60 * math.cos(turn) - 3,
            base - 14 + 18 * math.sin(turn),
            x + 60 * math.cos(turn) + 4,
            base - 10 + 18 * math.sin(turn),
            (84, 70, 58),
        )
