"""Rooms and what stands in them: walls, floors, windows, doors, curtains, furniture."""

from __future__ import annotations

from tools.drawn_consequences.pen import (
    SIZE,
    STEEL,
    WHITE,
    WOOD,
    Fade,
    Pen,
    Rgb,
    clear,
    mix,
    round_,
    shade,
    upright,
)

FLOOR = 372
_SKY = Fade((150, 200, 240), (222, 238, 248))


def room(pen: Pen, wall: Rgb = (232, 222, 204), floor: Rgb = (178, 134, 92), line: float = FLOOR) -> None:
    """Draw a wall above, a floor of planks below, a skirting board between them."""
    pen.box(0, 0, SIZE, line, Fade(shade(wall, 1.03), shade(wall, 0.92)))
    pen.box(0, line, SIZE, SIZE, Fade(shade(floor, 0.86), shade(floor, 1.1)))
    for step in range(-6, 18):
        x = 256 + (step - 5.5) * 44
        pen.line([(x, line), (256 + (x - 256) * 2.1, SIZE)], shade(floor, 0.8), 1)
    pen.box(0, line - 12, SIZE, line, shade(WHITE, 0.96))
    pen.box(0, line - 1, SIZE, line + 3, clear((30, 20, 20), 0.3))


def tiled_wall(pen: Pen, colour: Rgb, bottom: float, side: float = 34) -> None:
    """Square tiles from the top of the sheet down to `bottom`."""
    pen.box(0, 0, SIZE, bottom, Fade(shade(colour, 1.04), shade(colour, 0.94)))
    steps = range(0, SIZE + 1, round(side))
    for at in steps:
        pen.line([(at, 0), (at, bottom)], shade(colour, 0.86), 1)
        if at < bottom:
            pen.line([(0, at), (SIZE, at)], shade(colour, 0.86), 1)


def tiled_floor(pen: Pen, colour: Rgb, top: float) -> None:
    """Square tiles that run away from us."""
    pen.box(0, top, SIZE, SIZE, Fade(shade(colour, 0.88), shade(colour, 1.06)))
    for step in range(-9, 10):
        pen.line([(256 + step * 40, top), (256 + step * 100, SIZE)], shade(colour, 0.78), 1)
    y, gap = top, 12.0
    while y < SIZE:
        pen.line([(0, y), (SIZE, y)], shade(colour, 0.78), 1)
        y, gap = y + gap, gap * 1.5


def table_top(pen: Pen, wall: Rgb = (226, 220, 206), wood: Rgb = (188, 138, 90), edge: float = 250) -> None:
    """Draw a close look at a table: its top fills the lower part, a wall stands behind."""
    pen.box(0, 0, SIZE, edge, Fade(shade(wall, 0.94), shade(wall, 1.03)))
    pen.box(0, edge, SIZE, SIZE, Fade(shade(wood, 0.82), shade(wood, 1.1)))
    for step in range(5):
        y = edge + 18 + step * step * 12 + step * 16
        pen.curve([(0, y), (150, y + 4), (330, y - 3), (512, y + 3)], clear(shade(wood, 0.6), 0.35), 1.2)
    pen.box(0, edge - 2, SIZE, edge + 2, clear((40, 24, 10), 0.4))


def window(pen: Pen, x0: float, y0: float, x1: float, y1: float, view: Fade = _SKY, *, panes: bool = True) -> None:
    """Draw a closed window with daylight behind it."""
    pen.box(x0 - 9, y0 - 9, x1 + 9, y1 + 9, upright(WHITE))
    pen.box(x0, y0, x1, y1, view)
    if panes:
        pen.box((x0 + x1) / 2 - 4, y0, (x0 + x1) / 2 + 4, y1, WHITE)
        pen.box(x0, (y0 + y1) / 2 - 3, x1, (y0 + y1) / 2 + 3, WHITE)
    pen.poly([(x0 + 8, y1), (x0 + 40, y0), (x0 + 58, y0), (x0 + 26, y1)], clear(WHITE, 0.25))
    pen.box(x0 - 16, y1 + 8, x1 + 16, y1 + 18, upright(shade(WHITE, 0.94)))


def rod(pen: Pen, x0: float, x1: float, y: float) -> None:
    """Draw a curtain rod."""
    pen.line([(x0, y), (x1, y)], shade(WOOD, 0.7), 6)
    for x in (x0, x1):
        pen.disc(x, y, 7, shade(WOOD, 0.8))


def curtain(pen: Pen, x0: float, x1: float, y0: float, y1: float, colour: Rgb) -> None:
    """Draw a curtain that hangs straight, in folds."""
    pen.poly([(x0, y0), (x1, y0), (x1 + 4, y1), (x0 - 4, y1)], upright(colour, 0.1))
    folds = max(3, round((x1 - x0) / 14))
    for fold in range(folds):
        x = x0 + (x1 - x0) * (fold + 0.5) / folds
        pen.line([(x, y0 + 2), (x + (x - (x0 + x1) / 2) * 0.06, y1 - 2)], clear(shade(colour, 0.6), 0.55), 4)


def blown_curtain(pen: Pen, x: float, y0: float, tip: tuple[float, float], colour: Rgb, width: float = 70) -> None:
    """Draw a curtain that the wind lifts: it hangs from (x, y0) and its lower end streams out to `tip`."""
    tx, ty = tip
    for share in (0.0, 0.2, 0.4, 0.6, 0.8):
        top = x + width * (1 - share)
        bend = (top + (tx - x) * 0.25, y0 + (ty - y0) * 0.55)
        tone = shade(colour, 1.04 - (0.24 if round(share * 5) % 2 else 0))
        low = (tx - width * share * 0.5, ty + 26 * share)
        outline = [(top, y0), bend, low, (low[0] - 26, low[1] + 10), (bend[0] - width * 0.3, bend[1] + 6)]
        pen.poly([*outline, (top - width * 0.22, y0)], tone)


def door(pen: Pen, x0: float, y0: float, x1: float, y1: float, colour: Rgb = (150, 98, 60)) -> None:
    pen.box(x0 - 10, y0 - 10, x1 + 10, y1, upright(WHITE))
    pen.box(x0, y0, x1, y1, upright(colour))
    w, h = x1 - x0, y1 - y0
    for top, bottom in ((0.06, 0.44), (0.52, 0.93)):
        pen.box(x0 + w * 0.15, y0 + h * top, x1 - w * 0.15, y0 + h * bottom, shade(colour, 0.86))
        pen.box(x0 + w * 0.18, y0 + h * top + 4, x1 - w * 0.18, y0 + h * bottom - 4, shade(colour, 1.04))
    pen.disc(x1 - w * 0.1, y0 + h * 0.5, 5, (226, 190, 90))


def table(pen: Pen, x0: float, x1: float, top: float, floor: float, colour: Rgb = WOOD) -> None:
    """Draw a table from the front: legs, apron, top with its near edge."""
    pen.shadow((x0 + x1) / 2, floor, (x1 - x0) * 0.6, 18, 0.35)
    for x in (x0 + 10, x1 - 22):
        pen.box(x, top + 14, x + 12, floor, round_(shade(colour, 0.85)))
    pen.box(x0 + 10, top + 14, x1 - 10, top + 26, shade(colour, 0.72))
    pen.poly([(x0 + 14, top - 10), (x1 - 14, top - 10), (x1, top + 6), (x0, top + 6)], upright(shade(colour, 1.15)))
    pen.box(x0, top + 6, x1, top + 15, shade(colour, 0.9))


def cupboards(
    pen: Pen, top: float, floor: float, colour: Rgb = (206, 214, 210), x0: float = 0, x1: float = SIZE
) -> None:
    """Kitchen units with a worktop, from x0 to x1."""
    pen.box(x0, top + 12, x1, floor - 12, upright(colour))
    pen.box(x0, floor - 12, x1, floor, shade(colour, 0.5))
    wide = 86
    count = max(1, round((x1 - x0) / wide))
    for n in range(count):
        left, right = x0 + (x1 - x0) * n / count, x0 + (x1 - x0) * (n + 1) / count
        pen.box(left + 4, top + 20, right - 4, floor - 18, shade(colour, 0.93))
        pen.box(left + 7, top + 23, right - 7, floor - 21, upright(shade(colour, 1.02), 0.08))
        pen.box(right - 20, top + 34, right - 14, top + 62, STEEL, 3)
    pen.box(x0, top - 8, x1, top + 4, Fade((150, 134, 118), (120, 106, 94)))
    pen.box(x0, top + 4, x1, top + 13, (94, 84, 76))


def shelf(pen: Pen, x0: float, x1: float, y: float) -> None:
    pen.box(x0, y, x1, y + 9, upright(WOOD))
    pen.box(x0 + 4, y + 9, x1 - 4, y + 15, clear((20, 14, 10), 0.2))


def frame(pen: Pen, x: float, y: float, wide: float = 70, high: float = 54) -> None:
    """Draw a framed landscape on the wall."""
    pen.box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2, shade(WOOD, 0.7))
    left, top, right, bottom = x - wide / 2 + 6, y - high / 2 + 6, x + wide / 2 - 6, y + high / 2 - 6
    pen.box(left, top, right, bottom, Fade((170, 210, 240), (230, 240, 244)))
    pen.poly([(left, bottom), (left + wide * 0.3, top + 10), (left + wide * 0.55, bottom)], (110, 140, 120))
    pen.box(left, bottom - 8, right, bottom, (96, 150, 84))


def sofa(pen: Pen, x0: float, x1: float, floor: float, colour: Rgb = (92, 122, 148)) -> None:
    pen.shadow((x0 + x1) / 2, floor + 2, (x1 - x0) * 0.58, 16)
    pen.box(x0 + 12, floor - 112, x1 - 12, floor - 30, upright(shade(colour, 0.9)), 16)
    pen.box(x0 + 18, floor - 62, x1 - 18, floor - 12, upright(shade(colour, 1.08)), 8)
    pen.line([((x0 + x1) / 2, floor - 108), ((x0 + x1) / 2, floor - 14)], shade(colour, 0.7), 2)
    for left in (x0, x1 - 30):
        pen.box(left, floor - 84, left + 30, floor - 6, upright(colour), 12)
    for x in (x0 + 12, x1 - 20):
        pen.box(x, floor - 8, x + 8, floor + 2, shade(WOOD, 0.6))


def chair(pen: Pen, x: float, floor: float, colour: Rgb = WOOD, size: float = 1) -> None:
    """Draw a wooden chair seen from its side, its back at the left."""
    with pen.placed(x, floor, size):
        pen.shadow(0, 0, 46, 9)
        for left in (-30, 22):
            pen.box(left, -52, left + 8, 0, round_(shade(colour, 0.86)))
        pen.box(-31, -120, -23, -50, round_(colour))
        for y in (-114, -96, -78):
            pen.box(-30, y, -16, y + 8, shade(colour, 0.9))
        pen.box(-34, -60, 34, -50, upright(shade(colour, 1.1)), 3)


def ceiling_lamp(pen: Pen, x: float, y: float, *, lit: bool) -> None:
    """Draw a bulb that hangs from the ceiling; (x, y) is its middle."""
    pen.line([(x, 0), (x, y - 26)], (60, 60, 64), 3)
    pen.box(x - 8, y - 34, x + 8, y - 16, (70, 70, 74), 3)
    if lit:
        pen.glow(x, y, 90, (255, 236, 160), 0.7)
    pen.blob(
        [(x - 7, y - 17), (x - 15, y), (x, y + 15), (x + 15, y), (x + 7, y - 17)], mix(WHITE, (250, 226, 120), 0.6)
    )


def rug(pen: Pen, x: float, y: float, rx: float, colour: Rgb = (172, 84, 84)) -> None:
    pen.oval(x, y, rx, rx * 0.22, colour)
    pen.oval(x, y, rx * 0.86, rx * 0.17, shade(colour, 1.25))
    pen.oval(x, y, rx * 0.78, rx * 0.15, colour)
