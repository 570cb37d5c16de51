"""Household things: stoves and pans, sockets, cables and lamps, machines, the bathroom, the nursery."""

from __future__ import annotations

from tools.drawn_consequences.pen import (
    INK,
    RED,
    STEEL,
    WHITE,
    Fade,
    Pen,
    Point,
    Rgb,
    clear,
    round_,
    shade,
    upright,
)


def stove(pen: Pen, x: float, top: float, floor: float, wide: float = 170) -> None:
    """Draw a free-standing gas cooker from the front: its hob is at `top`."""
    left, right = x - wide / 2, x + wide / 2
    pen.shadow(x, floor, wide * 0.6, 12)
    pen.box(left, top, right, floor, upright((214, 218, 222)))
    pen.box(left, top, right, top + 30, upright((190, 196, 202)))
    for n in range(5):
        pen.disc(left + wide * (n + 0.6) / 5.2, top + 16, 8, INK)
        pen.line([(left + wide * (n + 0.6) / 5.2, top + 16), (left + wide * (n + 0.6) / 5.2, top + 9)], WHITE, 2)
    pen.box(left + 14, top + 52, right - 14, floor - 22, (44, 46, 52), 6)
    pen.box(left + 22, top + 62, right - 22, floor - 32, Fade((84, 86, 94), (50, 52, 58)), 4)
    pen.box(left + 14, top + 38, right - 14, top + 46, STEEL, 4)
    pen.box(left, top - 6, right, top + 2, (52, 54, 60))
    for share in (0.27, 0.73):
        pen.box(left + wide * share - 30, top - 13, left + wide * share + 30, top - 8, (34, 34, 38), 2)
        for foot in (-24, 20):
            pen.box(left + wide * share + foot, top - 10, left + wide * share + foot + 4, top - 4, (34, 34, 38))


def burner_flame(pen: Pen, x: float, y: float) -> None:
    """Draw the blue ring under a pan."""
    for n in range(7):
        px = x - 24 + n * 8
        pen.blob([(px, y - 10), (px + 3, y - 2), (px, y + 1), (px - 3, y - 2)], (70, 130, 240))


def pot(pen: Pen, x: float, y: float, colour: Rgb = (190, 62, 52), size: float = 1) -> None:
    """Draw a pot with two handles and no lid, 96 by 60 at size 1; it stands on (x, y)."""
    with pen.placed(x, y, size):
        for side in (-1, 1):
            pen.line([(side * 46, -44), (side * 60, -44), (side * 60, -36), (side * 46, -36)], INK, 5)
        pen.box(-48, -56, 48, 0, round_(colour), 8)
        pen.oval(0, -56, 48, 8, shade(colour, 1.2))
        pen.oval(0, -55, 43, 5.6, (206, 138, 70))


def saucepan(pen: Pen, x: float, y: float, handle: int, size: float = 1) -> None:
    """Draw a saucepan whose long handle points right (1) or left (-1)."""
    with pen.placed(x, y, size, flip=handle < 0):
        pen.line([(44, -38), (118, -36)], INK, 9)
        pen.box(-44, -50, 44, 0, round_((176, 184, 194)), 7)
        pen.oval(0, -50, 44, 8, (206, 212, 220))
        pen.oval(0, -49, 39, 5.6, (196, 128, 66))


def frying_pan(pen: Pen, x: float, y: float, handle: int = 1, size: float = 1) -> None:
    """Draw a flat black pan."""
    with pen.placed(x, y, size, flip=handle < 0):
        pen.line([(56, -14), (140, -28)], (30, 30, 34), 9)
        pen.poly([(-64, -22), (64, -22), (50, 0), (-50, 0)], (46, 46, 52))
        pen.oval(0, -22, 64, 9, (70, 70, 78))
        pen.oval(0, -21, 57, 6.4, (40, 38, 38))


def candle(pen: Pen, x: float, y: float, tall: float = 76, *, lit: bool = False) -> None:
    """Draw a candle in a holder on (x, y); unlit unless asked for."""
    from tools.drawn_consequences.effects import flame

    pen.shadow(x, y, 36, 8)
    pen.oval(x, y - 3, 28, 7, (190, 150, 70))
    pen.box(x - 13, y - 20, x + 13, y - 4, round_((212, 172, 84)), 3)
    pen.box(x - 9, y - tall, x + 9, y - 16, round_((248, 236, 210), 0.2))
    pen.oval(x, y - tall, 9, 2.6, (255, 248, 230))
    pen.line([(x, y - tall), (x + 1, y - tall - 9)], INK, 2)
    if lit:
        flame(pen, x + 1, y - tall - 5, 30)


def socket(pen: Pen, x: float, y: float, size: float = 1, wall: Rgb = WHITE) -> None:
    """Draw a wall socket with two holes, 50 by 50 at size 1."""
    with pen.placed(x, y, size):
        pen.box(-24, -23, 27, 28, clear((0, 0, 0), 0.22), 8)
        pen.box(-25, -25, 25, 25, upright(wall, 0.06), 7)
        pen.disc(0, 0, 18, shade(wall, 0.86))
        pen.disc(0, 0, 16, shade(wall, 0.92))
        for side in (-7, 7):
            pen.disc(side, 0, 3.2, INK)


def plug(
    pen: Pen, x: float, y: float, size: float = 1, angle: float = 0, *, pins: bool = True, colour: Rgb = INK
) -> None:
    """Draw a plug whose pins point up at angle 0."""
    with pen.placed(x, y, size, angle=angle):
        if pins:
            for side in (-6, 6):
                pen.box(side - 2, -26, side + 2, -10, STEEL)
        pen.box(-13, -12, 13, 12, round_(colour), 5)
        pen.box(-6, 10, 6, 24, colour, 3)


def cable(pen: Pen, points: list[Point], colour: Rgb = INK, width: float = 4) -> None:
    """Draw a cable through the points, with its shadow."""
    pen.curve([(x + 1.5, y + 2.5) for x, y in points], clear((0, 0, 0), 0.2), width)
    pen.curve(points, colour, width)


def power_strip(pen: Pen, x: float, y: float, places: int = 4, size: float = 1) -> None:
    """Draw a strip with sockets in a row, seen a little from above; 44 units a place."""
    half = 22 * places + 12
    with pen.placed(x, y, size):
        pen.shadow(0, 16, half * 1.1, 12)
        pen.box(-half, -18, half, 20, shade(WHITE, 0.78), 8)
        pen.box(-half, -20, half, 14, WHITE, 8)
        for n in range(places):
            cx = -22 * (places - 1) + 44 * n
            pen.oval(cx, -3, 16, 12, shade(WHITE, 0.84))
            for side in (-6, 6):
                pen.disc(cx + side, -3, 2.4, INK)


def washing_machine(pen: Pen, x: float, floor: float, size: float = 1) -> None:
    """120 by 150 at size 1."""
    with pen.placed(x, floor, size):
        pen.shadow(0, 0, 80, 12)
        pen.box(-62, -152, 62, 0, upright((240, 242, 244)), 5)
        pen.box(-62, -152, 62, -122, shade(WHITE, 0.9), 5)
        pen.box(-54, -146, -20, -130, (200, 206, 212), 2)
        pen.disc(24, -138, 9, STEEL)
        pen.box(40, -144, 56, -132, (60, 70, 80), 2)
        pen.disc(0, -62, 46, STEEL)
        pen.disc(0, -62, 39, (70, 84, 98))
        pen.disc(0, -62, 33, Fade((150, 180, 206), (84, 110, 138)))
        pen.arc(0, -62, (26, 26), (200, 260), clear(WHITE, 0.8), 4)


def heater(pen: Pen, x: float, floor: float, size: float = 1) -> None:
    """Draw an electric fan-less heater with three glowing bars, 130 by 130 at size 1."""
    with pen.placed(x, floor, size):
        pen.shadow(0, 0, 84, 12)
        pen.glow(0, -70, 120, (255, 130, 50), 0.45)
        pen.box(-66, -124, 66, -14, upright((226, 226, 222)), 10)
        pen.box(-54, -110, 54, -34, (46, 40, 40), 4)
        for y in (-98, -74, -50):
            pen.box(-48, y, 48, y + 10, Fade((255, 186, 90), (238, 84, 30)), 5)
        for n in range(13):
            pen.line([(-52 + n * 8.6, -110), (-52 + n * 8.6, -34)], STEEL, 1.5)
        pen.disc(-48, -24, 6, INK)
        pen.text(0, -24, "HEATER", 11, INK, bold=True)
        for side in (-50, 38):
            pen.box(side, -14, side + 12, 0, INK, 3)


def towel(pen: Pen, points: list[Point], colour: Rgb) -> None:
    """Draw a cloth that hangs over something, along the points of its outline."""
    pen.blob(points, upright(colour, 0.2))


def bathtub(pen: Pen, x: float, floor: float, *, full: bool, wide: float = 320) -> None:
    """Draw a free-standing tub, its rim 130 above the floor."""
    half = wide / 2
    pen.shadow(x, floor, half * 1.1, 16)
    for side in (-half * 0.7, half * 0.62):
        pen.box(x + side, floor - 22, x + side + 22, floor, STEEL, 6)
    rim = floor - 130
    pen.blob(
        [
            (x - half, rim),
            (x - half * 0.95, rim + 60),
            (x - half * 0.78, floor - 16),
            (x, floor - 12),
            (x + half * 0.78, floor - 16),
            (x + half * 0.95, rim + 60),
            (x + half, rim),
            (x, rim + 4),
        ],
        upright((242, 244, 246)),
    )
    pen.oval(x, rim, half + 6, 22, (252, 252, 252))
    pen.oval(x, rim + 1, half - 8, 15, (196, 206, 214))
    if full:
        pen.oval(x, rim + 3, half - 12, 12.5, (112, 182, 222))
        for n in range(9):
            pen.disc(x - half * 0.7 + n * 18, rim - 2 - (n * 7) % 9, 9 + (n * 5) % 6, clear(WHITE, 0.92))


def radio(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a portable radio, 110 by 66 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 62, 8)
        pen.line([(40, -64), (74, -118)], STEEL, 3)
        pen.line([(-34, -66), (-34, -80), (30, -80), (30, -66)], INK, 5)
        pen.box(-55, -66, 55, 0, round_((178, 66, 50)), 8)
        pen.disc(-24, -31, 24, (50, 44, 44))
        for radius in (19, 13, 7):
            pen.arc(-24, -31, (radius, radius), (0, 360), STEEL, 2)
        pen.box(8, -56, 48, -38, (244, 232, 190), 3)
        pen.line([(26, -56), (26, -38)], RED, 2)
        for cx in (16, 38):
            pen.disc(cx, -20, 7, (238, 224, 200))


def desk_lamp(pen: Pen, x: float, y: float, size: float = 1, *, lit: bool = False) -> None:
    """Draw an angled lamp; its foot is on (x, y)."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 46, 8)
        pen.box(-36, -10, 36, 0, round_((58, 96, 128)), 5)
        pen.line([(0, -8), (-26, -84), (26, -140)], STEEL, 6)
        pen.disc(-26, -84, 6, (58, 96, 128))
        if lit:
            pen.poly([(20, -132), (60, -118), (92, -20), (10, -20)], clear((255, 240, 180), 0.4))
        pen.poly([(6, -150), (38, -160), (66, -116), (22, -108)], (58, 96, 128))
        pen.oval(44, -111, 22, 7, (255, 240, 190) if lit else (220, 220, 214))


def cot(pen: Pen, x: float, floor: float, wide: float = 240, high: float = 170) -> None:
    """Draw the front bars of a child's bed, the mattress at two fifths of its height."""
    left, right, top = x - wide / 2, x + wide / 2, floor - high
    for at in (left, right):
        pen.box(at - 7, top - 14, at + 7, floor, round_((238, 232, 220)), 4)
    n = left + 20
    while n < right - 8:
        pen.line([(n, top + 8), (n, floor - 34)], (232, 226, 214), 5)
        n += 21
    pen.box(left, top, right, top + 12, upright((244, 238, 226)), 4)
    pen.box(left, floor - 40, right, floor - 28, upright((230, 222, 208)), 4)


def laptop(pen: Pen, x: float, y: float, size: float = 1, screen: Fade | Rgb = (210, 226, 244)) -> None:
    """Draw an open laptop from the front, 150 by 110 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 4, 96, 10)
        pen.box(-70, -104, 70, -10, (54, 56, 62), 6)
        pen.box(-64, -98, 64, -16, screen, 2)
        pen.poly([(-74, -10), (74, -10), (88, 4), (-88, 4)], upright(STEEL))


def plant(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a pot plant, about 110 tall at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 34, 7)
        for turn in (-58, -34, -10, 14, 38, 62):
            with pen.placed(0, -38, angle=turn):
                pen.blob([(0, 0), (10, -36), (0, -74), (-10, -36)], (74, 140, 80) if turn % 4 else (96, 164, 92))
        pen.poly([(-26, -42), (26, -42), (19, 0), (-19, 0)], round_((196, 104, 70)))
        pen.box(-29, -48, 29, -36, round_((206, 116, 80)), 3)
