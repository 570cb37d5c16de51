"""Animals."""

from __future__ import annotations

import math

from tools.drawn_consequences.pen import INK, RED, WHITE, YELLOW, Fade, Pen, Point, Rgb, round_, shade, upright


def dog(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (178, 122, 70), *, flip: bool = False) -> None:
    """Draw a dog that sits and looks to the right, 100 by 140 at size 1."""
    with pen.placed(x, y, size, flip=flip):
        pen.shadow(0, 0, 60, 10)
        pen.curve([(-36, -12), (-62, -20), (-66, -48)], colour, 11)
        pen.blob([(-44, -4), (-46, -36), (-20, -78), (12, -92), (30, -66), (30, -4)], round_(colour))
        pen.oval(-18, -22, 26, 22, shade(colour, 0.92))
        pen.box(12, -56, 28, -2, shade(colour, 1.05), 7)
        pen.box(24, -54, 38, -2, colour, 6)
        pen.oval(24, -3, 18, 6, shade(colour, 1.1))
        pen.oval(-14, -4, 22, 6, shade(colour, 1.0))
        pen.oval(24, -108, 30, 27, colour)
        pen.blob([(34, -116), (62, -108), (66, -96), (56, -88), (34, -90)], shade(colour, 1.14))
        pen.oval(62, -107, 7, 5.4, INK)
        pen.arc(54, -98, (10, 7), (20, 130), INK, 2)
        pen.disc(36, -114, 4, INK)
        pen.disc(37, -115, 1.4, WHITE)
        pen.blob([(4, -126), (14, -120), (10, -84), (-8, -80), (-8, -108)], shade(colour, 0.66))
        pen.line([(4, -84), (34, -80)], RED, 7)
        pen.disc(30, -74, 5, YELLOW)


def dog_head(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (178, 122, 70)) -> None:
    """Draw a panting dog's head from the front, 80 by 80 at size 1."""
    with pen.placed(x, y, size):
        pen.oval(0, 0, 30, 32, colour)
        for side in (-1, 1):
            pen.blob([(side * 22, -28), (side * 38, -16), (side * 38, 18), (side * 26, 14)], shade(colour, 0.62))
            pen.disc(side * 11, -6, 4.6, INK)
        pen.oval(0, 14, 17, 13, shade(colour, 1.2))
        pen.blob([(-7, 20), (7, 20), (8, 36), (0, 42), (-8, 36)], (236, 110, 124))
        pen.oval(0, 6, 8, 6, INK)


def bear(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (106, 70, 44), *, flip: bool = False) -> None:
    """Draw a brown bear on all fours, its head to the left; 220 by 140 at size 1."""
    dark = shade(colour, 0.78)
    with pen.placed(x, y, size, flip=flip):
        pen.shadow(0, 2, 130, 16)
        for left in (-52, 74):
            pen.box(left, -64, left + 30, 0, dark, 10)
        pen.blob(
            [
                (-78, -86),
                (-56, -128),
                (-20, -142),
                (40, -124),
                (92, -116),
                (112, -74),
                (100, -34),
                (40, -36),
                (-40, -30),
                (-74, -52),
            ],
            upright(colour, 0.3),
        )
        for left in (-80, 42):
            pen.box(left, -62, left + 34, 0, colour, 11)
            for claw in range(4):
                pen.line([(left + 2 + claw * 9, -3), (left - 1 + claw * 9, 3)], (230, 222, 206), 2.6)
        pen.disc(-74, -138, 12, dark)
        pen.disc(-110, -138, 12, dark)
        pen.oval(-92, -110, 36, 33, colour)
        pen.oval(-110, -98, 21, 16, shade(colour, 1.4))
        pen.oval(-124, -104, 8, 6, INK)
        pen.line([(-122, -92), (-106, -86)], INK, 2.4)
        pen.disc(-100, -119, 4, INK)
        pen.disc(-80, -118, 4, INK)


def rabbit(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (176, 156, 134), *, flip: bool = False) -> None:
    """Draw a rabbit that sits and looks left, 80 by 90 at size 1."""
    with pen.placed(x, y, size, flip=flip):
        pen.shadow(0, 0, 48, 8)
        pen.disc(42, -18, 11, WHITE)
        pen.blob([(-24, -4), (-22, -40), (4, -58), (36, -44), (42, -10), (30, 0), (-16, 0)], round_(colour))
        for ear in (-26, -14):
            with pen.placed(ear, -66, angle=10):
                pen.oval(0, -20, 6, 24, colour)
                pen.oval(0, -18, 3, 17, (226, 170, 164))
        pen.oval(-24, -54, 19, 17, colour)
        pen.disc(-30, -58, 3.2, INK)
        pen.oval(-42, -51, 3.4, 2.8, (214, 130, 130))
        pen.oval(-18, -3, 16, 5.4, shade(colour, 1.12))
        pen.oval(24, -4, 20, 6, shade(colour, 1.06))


def snake(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a coiled viper with a zigzag back and its head raised, 130 by 90 at size 1."""
    body, mark = (150, 140, 84), (70, 56, 34)
    with pen.placed(x, y, size):
        pen.shadow(0, 6, 78, 14)
        for rx, ry, cy in ((62, 22, 0), (48, 18, -12), (34, 13, -24)):
            pen.arc(0, cy, (rx, ry), (0, 360), shade(body, 0.8), 17)
            pen.arc(0, cy - 2, (rx, ry), (0, 360), body, 13)
            points: list[Point] = []
            for n in range(31):
                turn = math.radians(n * 6)
                wave = 3.4 if n % 2 else -3.4
                points.append(((rx + wave) * math.cos(turn), cy - 2 + (ry + wave) * math.sin(turn)))
            pen.line(points, mark, 3)
        pen.curve([(20, -30), (40, -50), (28, -74), (52, -86)], shade(body, 0.8), 15)
        pen.curve([(20, -31), (40, -51), (28, -75), (52, -87)], body, 12)
        pen.blob([(42, -98), (64, -98), (80, -88), (66, -78), (44, -78)], body)
        pen.disc(62, -92, 3, RED)
        pen.line([(78, -88), (92, -86), (100, -91)], RED, 2)
        pen.line([(92, -86), (100, -81)], RED, 2)


def wasp(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0) -> None:
    """Draw a wasp, 30 long at size 1."""
    with pen.placed(x, y, size, angle=angle):
        for turn in (-36, -62):
            with pen.placed(0, -4, angle=turn):
                pen.oval(0, -11, 4.6, 12, (226, 236, 244, 190))
        pen.oval(8, 0, 11, 6, YELLOW)
        for stripe in (3, 8, 13):
            pen.line([(stripe, -5), (stripe, 5)], INK, 2.4)
        pen.poly([(18, -2), (25, 0), (18, 2)], INK)
        pen.disc(-4, 0, 5, INK)
        pen.disc(-11, 0, 4, (60, 50, 20))


def wasp_nest(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a hanging paper nest with its hole, 90 by 110 at size 1."""
    paper = (198, 182, 152)
    with pen.placed(x, y, size):
        pen.blob([(0, -56), (28, -46), (44, -8), (34, 34), (0, 54), (-34, 34), (-44, -8), (-28, -46)], round_(paper))
        for row in range(6):
            cy = -40 + row * 15
            half = 44 * math.cos((cy + 2) / 62)
            pen.curve(
                [(-half * 0.94, cy), (-half * 0.3, cy + 8), (half * 0.3, cy + 8), (half * 0.94, cy)],
                shade(paper, 0.76),
                2.6,
            )
        pen.oval(6, 34, 11, 9, (40, 30, 22))


def goldfish(pen: Pen, x: float, y: float, size: float = 1, *, flip: bool = False) -> None:
    """Draw a goldfish that swims right, 60 long at size 1."""
    orange = (242, 128, 34)
    with pen.placed(x, y, size, flip=flip):
        pen.blob([(-20, 0), (-44, -18), (-38, 0), (-44, 18)], shade(orange, 1.1))
        pen.blob(
            [(-24, 0), (-4, -15), (18, -10), (30, 0), (18, 10), (-4, 14)],
            Fade(shade(orange, 1.15), shade(orange, 0.85)),
        )
        pen.poly([(-8, -12), (2, -24), (12, -11)], shade(orange, 0.9))
        pen.disc(19, -3, 3, WHITE)
        pen.disc(19.5, -3, 1.7, INK)


def nest(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw a nest with three chicks that beg, 90 by 60 at size 1."""
    with pen.placed(x, y, size):
        for cx, lift in ((-24, 0), (0, -7), (24, 0)):
            pen.oval(cx, -26 + lift, 13, 14, (150, 130, 116))
            pen.poly([(cx - 8, -36 + lift), (cx, -54 + lift), (cx + 8, -36 + lift)], YELLOW)
            pen.poly([(cx - 4, -37 + lift), (cx, -48 + lift), (cx + 4, -37 + lift)], (222, 80, 60))
            pen.disc(cx - 7, -30 + lift, 2.4, INK)
            pen.disc(cx + 7, -30 + lift, 2.4, INK)
        pen.blob([(-46, -20), (0, -12), (46, -20), (36, 4), (0, 14), (-36, 4)], (120, 86, 54))
        for n in range(16):
            left = -44 + n * 5.6
            pen.line(
                [(left, -14 + (n % 3) * 5), (left + 16, -8 + (n % 4) * 4)], (92, 64, 40) if n % 2 else (158, 118, 76), 2
            )


def duck(pen: Pen, x: float, y: float, size: float = 1) -> None:
    with pen.placed(x, y, size):
        pen.blob([(-30, -8), (-20, -20), (14, -16), (22, -4), (10, 4), (-20, 4)], (240, 238, 230))
        pen.disc(18, -26, 10, (52, 110, 72))
        pen.poly([(26, -28), (40, -24), (26, -20)], (240, 160, 40))
        pen.disc(21, -29, 1.8, INK)
