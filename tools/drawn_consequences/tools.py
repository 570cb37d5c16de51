"""Ladders, tools, garden machines, tents, grills, sports things."""

from __future__ import annotations

from tools.drawn_consequences.pen import (
    INK,
    RED,
    STEEL,
    WHITE,
    WOOD,
    YELLOW,
    Fade,
    Pen,
    Point,
    Rgb,
    clear,
    round_,
    shade,
    upright,
)


def ladder(pen: Pen, foot: Point, head: Point, rungs: int = 9, broken: tuple[int, ...] = (), wide: float = 34) -> None:
    """Draw a ladder that leans from `foot` to `head`; the rungs named in `broken` hang in two pieces."""
    colour = (206, 160, 84)
    (x0, y0), (x1, y1) = foot, head
    for n in range(1, rungs + 1):
        share = n / (rungs + 1)
        x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        if n in broken:
            pen.line([(x - wide / 2, y), (x - wide * 0.12, y + wide * 0.42)], shade(colour, 0.7), wide * 0.16)
            pen.line([(x + wide / 2, y), (x + wide * 0.2, y + wide * 0.38)], shade(colour, 0.7), wide * 0.16)
        else:
            pen.line([(x - wide / 2, y), (x + wide / 2, y)], shade(colour, 0.85), wide * 0.16)
    for side in (-wide / 2, wide / 2):
        pen.line([(x0 + side, y0), (x1 + side, y1)], colour, 7)


def step_ladder(pen: Pen, x: float, floor: float, high: float = 150) -> None:
    """Draw a folding ladder from the side, its steps at the left."""
    pen.shadow(x, floor, high * 0.45, 10)
    top = floor - high
    pen.line([(x + 10, top), (x + high * 0.36, floor)], shade(STEEL, 0.85), 7)
    pen.line([(x, top), (x - high * 0.3, floor)], STEEL, 8)
    for n in range(1, 5):
        share = n / 5
        px, py = x - high * 0.3 * share, top + high * share
        pen.box(px - 14, py - 4, px + 14, py + 3, upright((226, 90, 60)), 2)
    pen.line([(x - high * 0.18, top + high * 0.6), (x + high * 0.24, top + high * 0.6)], STEEL, 3)
    pen.box(x - 22, top - 6, x + 26, top + 2, upright((226, 90, 60)), 3)


def drill(pen: Pen, x: float, y: float, size: float = 1, *, flip: bool = False) -> None:
    """Draw a hand drill whose bit points left; its tip is at (x, y)."""
    with pen.placed(x, y, size, flip=flip):
        pen.line([(0, 0), (40, 0)], STEEL, 4)
        pen.poly([(36, -8), (54, -14), (54, 14), (36, 8)], (60, 62, 68))
        pen.box(52, -22, 128, 20, round_((54, 110, 170)), 10)
        pen.box(92, 14, 118, 76, round_((44, 46, 52)), 7)
        pen.box(82, 70, 126, 92, (54, 110, 170), 5)
        pen.box(86, 20, 94, 34, RED, 2)


def hand_saw(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0) -> None:
    """Draw a saw whose handle is at (x, y) and whose blade points right."""
    with pen.placed(x, y, size, angle=angle):
        pen.poly([(14, -14), (120, -4), (120, 6), (14, 16)], Fade((214, 220, 226), (160, 168, 178)))
        for n in range(17):
            pen.poly([(16 + n * 6, 15 - n * 0.6), (19 + n * 6, 21 - n * 0.6), (22 + n * 6, 15 - n * 0.6)], STEEL)
        pen.box(-20, -16, 18, 18, WOOD, 8)
        pen.box(-10, -6, 8, 8, shade(WOOD, 0.4), 4)


def shears(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0) -> None:
    """Hedge shears; the handles' middle is at (x, y), the blades point right."""
    with pen.placed(x, y, size, angle=angle):
        pen.line([(-50, -18), (0, 0), (60, 16)], STEEL, 7)
        pen.line([(-50, 18), (0, 0), (60, -16)], (198, 206, 214), 7)
        for side in (-1, 1):
            pen.line([(-66, side * 22), (-34, side * 12)], RED, 9)
        pen.disc(0, 0, 5, INK)


def mower(pen: Pen, x: float, y: float, size: float = 1, *, on_side: bool = False) -> None:
    """Draw a lawn mower from its side, its handle to the left; or tipped, so that the blade shows."""
    with pen.placed(x, y, size):
        if on_side:
            pen.shadow(0, 4, 100, 14)
            for y0, y1 in ((-86, -46), (-40, 0)):
                pen.line([(-60, y0), (-146, y1)], INK, 7)
            pen.line([(-146, -46), (-146, 0)], (206, 60, 50), 9)
            pen.disc(0, -72, 76, round_((196, 52, 44)))
            pen.disc(0, -72, 64, (70, 70, 76))
            for turn in (30, 210):
                with pen.placed(0, -72, angle=turn):
                    pen.poly([(0, -9), (56, -6), (60, 2), (50, 8), (0, 9)], Fade((226, 230, 234), (150, 158, 168)))
            pen.disc(0, -72, 9, INK)
            for dx, dy in ((-62, -130), (62, -130), (-70, -16), (70, -16)):
                pen.disc(dx, dy, 15, INK)
                pen.disc(dx, dy, 6, STEEL)
            for n in range(14):
                px, py = -50 + (n * 29) % 100, -110 + (n * 41) % 76
                pen.line([(px, py), (px + 9, py - 6)], (96, 158, 60), 4)
            return
        pen.shadow(0, 2, 110, 14)
        pen.line([(-50, -40), (-128, -134), (-146, -134)], INK, 6)
        pen.box(-72, -58, 76, -18, round_((196, 52, 44)), 14)
        pen.box(-34, -84, 40, -54, round_((58, 58, 64)), 8)
        for dx in (-56, 58):
            pen.disc(dx, -15, 17, INK)
            pen.disc(dx, -15, 7, STEEL)


def grill(pen: Pen, x: float, y: float, size: float = 1, *, burning: bool = True) -> None:
    """Draw a kettle grill on three legs, 130 by 150 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 64, 10)
        for foot in (-46, 0, 46):
            pen.line([(foot * 0.5, -80), (foot, 0)], STEEL, 5)
        pen.wedge(0, -104, (64, 46), (0, 180), round_((36, 36, 42)))
        pen.oval(0, -104, 64, 9, (70, 70, 78))
        pen.oval(0, -104, 58, 7, (40, 34, 34))
        for n in range(11):
            pen.oval(-48 + n * 9.6, -105 + (n % 2) * 3, 7, 4.6, (226, 96, 40) if burning and n % 2 else (58, 52, 52))
        if burning:
            from tools.drawn_consequences.effects import flame

            for dx, tall in ((-30, 30), (-8, 44), (14, 38), (34, 26)):
                flame(pen, dx, -106, tall)


def tent(pen: Pen, x: float, base: float, wide: float, colour: Rgb = (236, 150, 60)) -> None:
    """Draw a ridge tent from the front with its flaps open, its inside dark."""
    high = wide * 0.66
    pen.shadow(x, base, wide * 0.6, 16)
    pen.line([(x - wide / 2, base), (x - wide * 0.62, base + 8)], INK, 2)
    pen.line([(x + wide / 2, base), (x + wide * 0.62, base + 8)], INK, 2)
    pen.poly([(x, base - high), (x + wide / 2, base), (x - wide / 2, base)], upright(colour, 0.2))
    pen.poly(
        [(x, base - high * 0.9), (x + wide * 0.33, base), (x - wide * 0.33, base)], Fade((70, 52, 40), (104, 80, 60))
    )
    for side in (-1, 1):
        pen.poly(
            [
                (x, base - high * 0.9),
                (x + side * wide * 0.36, base),
                (x + side * wide * 0.24, base),
                (x + side * wide * 0.1, base - high * 0.5),
            ],
            shade(colour, 0.84),
        )


def campfire(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw logs in a ring of stones, not yet lit."""
    with pen.placed(x, y, size):
        pen.shadow(0, 4, 84, 18)
        for angle in (-28, 24, -4):
            with pen.placed(0, -14, angle=angle):
                pen.box(-52, -8, 52, 8, round_((124, 84, 54)), 7)
                pen.oval(52, 0, 5, 8, (206, 166, 118))
        for n in range(9):
            px, py = -78 + n * 19.5, 6 + 8 * (1 - ((n - 4) / 4) ** 2)
            pen.oval(px, py, 12, 9, (146, 146, 150) if n % 2 else (124, 124, 130))


def generator(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a petrol generator in its frame, 150 by 110 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 96, 12)
        pen.box(-58, -64, 14, -12, round_((70, 72, 78)), 6)
        for n in range(5):
            pen.line([(-50, -58 + n * 9), (-14, -58 + n * 9)], STEEL, 3)
        pen.disc(-4, -36, 15, (44, 46, 50))
        pen.box(16, -62, 58, -12, round_((60, 104, 168)), 4)
        for cx in (27, 46):
            pen.disc(cx, -44, 7, WHITE)
            pen.disc(cx, -44, 2, INK)
        pen.box(-58, -98, 58, -66, round_((222, 58, 46)), 9)
        pen.text(0, -82, "GENERATOR", 14, WHITE, bold=True)
        pen.box(-76, -46, -58, -34, (90, 90, 96), 3)
        for a, b in (((-70, 0), (-70, -106)), ((68, 0), (68, -106)), ((-70, -106), (68, -106)), ((-70, -4), (68, -4))):
            pen.line([a, b], INK, 6)


def kite(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a diamond kite with a tail."""
    with pen.placed(x, y, size, angle=20):
        pen.curve([(0, 50), (-16, 80), (10, 106), (-10, 140)], (90, 60, 120), 3)
        for px, py in ((-12, 76), (6, 102), (-8, 132)):
            pen.poly([(px - 10, py - 6), (px, py), (px - 10, py + 6)], (236, 110, 60))
            pen.poly([(px + 10, py - 6), (px, py), (px + 10, py + 6)], (236, 110, 60))
        pen.poly([(0, -50), (34, -6), (0, 50), (-34, -6)], (214, 56, 66))
        pen.poly([(0, -50), (34, -6), (0, -6)], (248, 200, 60))
        pen.poly([(0, 50), (-34, -6), (0, -6)], (60, 130, 200))


def ball(pen: Pen, x: float, y: float, radius: float = 16) -> None:
    """Draw a football."""
    pen.shadow(x, y + radius, radius * 1.1, radius * 0.3)
    pen.disc(x, y, radius, round_(WHITE, 0.25))
    for dx, dy in ((0, 0), (-0.75, -0.4), (0.75, -0.4), (-0.45, 0.75), (0.45, 0.75)):
        pen.disc(x + dx * radius * 0.9, y + dy * radius * 0.9, radius * 0.27, INK)


def hard_hat(pen: Pen, x: float, y: float, size: float = 1) -> None:
    with pen.placed(x, y, size):
        pen.wedge(0, 0, (20, 20), (180, 360), YELLOW)
        pen.box(-24, -3, 24, 3, shade(YELLOW, 0.85), 3)


def log(pen: Pen, x: float, y: float, long: float = 80, radius: float = 13) -> None:
    """Draw a cut log that shows its end at the right."""
    pen.box(x - long / 2, y - radius, x + long / 2, y + radius, upright((132, 92, 60), 0.3), radius * 0.6)
    pen.oval(x + long / 2 - 2, y, radius * 0.6, radius, (216, 178, 128))
    pen.oval(x + long / 2 - 2, y, radius * 0.34, radius * 0.6, (190, 146, 96))


def tyre(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw an old car tyre from the side, without its wheel, 100 across at size 1."""
    with pen.placed(x, y, size):
        for n in range(26):
            with pen.placed(0, 0, angle=n * 13.85):
                pen.box(-4, -52, 3, -40, (24, 24, 28))
        pen.disc(0, 0, 47, Fade((70, 70, 76), (40, 40, 44)))
        pen.arc(0, 0, (40, 40), (0, 360), (30, 30, 34), 3)
        pen.arc(0, 0, (34, 34), (0, 360), (92, 92, 98), 2)
        pen.disc(0, 0, 27, (26, 26, 30))
        pen.disc(0, 0, 22, (112, 104, 96))


def storm_drain(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a grate in the kerb."""
    with pen.placed(x, y, size):
        pen.poly([(-70, -18), (70, -18), (82, 18), (-82, 18)], (64, 66, 72))
        for n in range(9):
            left = -62 + n * 15
            pen.poly([(left, -13), (left + 7, -13), (left + 9, 13), (left + 1, 13)], (18, 18, 22))
        pen.line([(-82, 18), (82, 18)], clear(WHITE, 0.3), 2)
