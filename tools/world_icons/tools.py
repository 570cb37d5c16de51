"""Drawings of tools, vehicles, games and weapons. Coordinates are tuned by eye at 28 pixels."""

from __future__ import annotations

from tools.world_icons.pen import INK, Drawing, Pen, Rgb, shade

WHITE: Rgb = (250, 250, 248)
STEEL: Rgb = (196, 204, 216)
DARK: Rgb = (64, 66, 78)
WOOD: Rgb = (168, 112, 60)


def axe(pen: Pen, _: Rgb) -> None:
    pen.line([(20, 94), (66, 14)], WOOD, 10)
    pen.poly([(48, 12), (70, 24), (96, 20), (98, 48), (80, 66), (64, 56), (40, 32)], STEEL)
    pen.poly([(96, 20), (98, 48), (80, 66), (76, 60), (88, 44), (88, 24)], WHITE)


def barrel(pen: Pen, _: Rgb) -> None:
    red = (200, 50, 40)
    pen.box(16, 10, 84, 92, red, 8)
    pen.oval(16, 2, 84, 20, shade(red, 1.25))
    pen.oval(16, 84, 84, 99, red)
    for y in (32, 68):
        pen.box(12, y, 88, y + 6, shade(red, 0.65), 3)
    pen.poly([(50, 36), (64, 56), (58, 66), (42, 66), (36, 56)], (254, 190, 40))
    pen.poly([(50, 48), (57, 58), (54, 66), (46, 66), (43, 58)], (250, 100, 30))


def bomb(pen: Pen, _: Rgb) -> None:
    pen.line([(60, 28), (68, 14), (82, 12)], (190, 150, 100), 5)
    for x, y in ((82, 0), (96, 4), (94, 20)):
        pen.line([(84, 11), (x, y)], (254, 170, 30), 5)
    pen.poly([(48, 30), (62, 18), (74, 30), (60, 42)], DARK)
    pen.disc(42, 60, 36, (46, 48, 58))
    pen.oval(20, 38, 36, 54, (150, 156, 170))


def bow(pen: Pen, _: Rgb) -> None:
    pen.arc((-30, 2, 64, 98), (-88, 88), (140, 84, 40), 9)
    pen.line([(18, 4), (18, 96)], (226, 226, 220), 4)
    pen.line([(4, 50), (90, 50)], (110, 70, 36), 6)
    pen.poly([(84, 36), (100, 50), (84, 64)], STEEL)
    pen.poly([(2, 40), (18, 50), (2, 60)], (214, 60, 60))


def brush(pen: Pen, _: Rgb) -> None:
    pen.line([(92, 8), (52, 48)], (220, 150, 70), 11)
    pen.poly([(40, 44), (56, 60), (44, 70), (30, 56)], STEEL)
    pen.poly([(34, 52), (48, 66), (38, 88), (6, 96), (14, 64)], (60, 120, 220))
    pen.oval(2, 84, 30, 99, (60, 120, 220))


def camera(pen: Pen, _: Rgb) -> None:
    pen.box(32, 12, 68, 34, DARK, 5)
    pen.box(2, 24, 98, 88, DARK, 10)
    pen.box(2, 38, 98, 46, (170, 174, 184))
    pen.disc(50, 58, 25, (220, 224, 230))
    pen.disc(50, 58, 18, (40, 80, 140))
    pen.disc(44, 52, 6, (190, 224, 250))
    pen.disc(86, 32, 5, (230, 60, 60))


def car(pen: Pen, tint: Rgb) -> None:
    pen.poly([(20, 50), (32, 22), (70, 22), (84, 50)], tint)
    pen.box(2, 46, 98, 76, tint, 8)
    pen.poly([(28, 47), (37, 29), (49, 29), (49, 47)], (196, 228, 248))
    pen.poly([(54, 47), (54, 29), (67, 29), (76, 47)], (196, 228, 248))
    for x in (25, 75):
        pen.disc(x, 76, 14, INK)
        pen.disc(x, 76, 6, STEEL)
    pen.disc(94, 58, 5, (254, 230, 120))


def hammer(pen: Pen, _: Rgb) -> None:
    pen.box(43, 30, 57, 98, WOOD, 3)
    pen.box(14, 8, 78, 34, (120, 126, 140), 4)
    pen.box(6, 4, 24, 38, (92, 98, 112), 3)
    pen.poly([(76, 10), (98, 26), (94, 34), (76, 32)], (120, 126, 140))


def knife(pen: Pen, _: Rgb) -> None:
    pen.poly([(10, 4), (66, 52), (56, 64), (30, 48), (12, 24)], STEEL)
    pen.poly([(10, 4), (66, 52), (62, 57), (14, 16)], WHITE)
    pen.line([(64, 62), (90, 90)], (70, 46, 34), 15)
    pen.disc(72, 70, 3, STEEL)
    pen.disc(84, 83, 3, STEEL)


def pawn(pen: Pen, _: Rgb) -> None:
    tone = (92, 74, 70)
    pen.poly([(40, 44), (60, 44), (72, 82), (28, 82)], tone)
    pen.disc(50, 24, 21, tone)
    pen.box(30, 40, 70, 49, tone, 4)
    pen.box(18, 80, 82, 97, tone, 5)
    pen.box(18, 86, 82, 90, shade(tone, 0.6))
    pen.oval(38, 10, 48, 22, shade(tone, 2.0))
    pen.line([(42, 56), (36, 76)], shade(tone, 1.6), 4)


def pylon(pen: Pen, _: Rgb) -> None:
    steel = (104, 110, 124)
    for x in (18, 82):
        pen.line([(50, 2), (x, 98)], steel, 6)
    for y in (24, 44):
        pen.line([(6, y), (94, y)], steel, 6)
        for x in (8, 92):
            pen.line([(x, y), (x, y + 9)], (200, 60, 50), 6)
    pen.line([(40, 46), (68, 66), (26, 94)], steel, 4)
    pen.line([(60, 46), (32, 66), (74, 94)], steel, 4)
    pen.poly([(54, 50), (40, 70), (50, 70), (44, 88), (62, 64), (52, 64)], (254, 214, 40))


def skate(pen: Pen, _: Rgb) -> None:
    pen.poly([(14, 4), (54, 4), (54, 32), (86, 42), (90, 64), (14, 64)], (240, 110, 170))
    pen.box(10, 2, 58, 14, WHITE, 4)
    for y in (24, 34, 44):
        pen.line([(46, y), (58, y + 2)], WHITE, 4)
    pen.box(10, 62, 94, 72, DARK, 3)
    for x in (20, 42, 62, 84):
        pen.disc(x, 84, 11, (250, 200, 50))
        pen.disc(x, 84, 4, DARK)


def sword(pen: Pen, _: Rgb) -> None:
    pen.poly([(98, 2), (96, 18), (42, 72), (28, 58), (82, 4)], STEEL)
    pen.line([(90, 10), (36, 64)], WHITE, 4)
    pen.line([(18, 52), (48, 82)], (236, 184, 50), 10)
    pen.line([(28, 72), (12, 88)], (120, 70, 40), 10)
    pen.disc(9, 91, 7, (236, 184, 50))


def tent(pen: Pen, tint: Rgb) -> None:
    pen.poly([(50, 8), (100, 92), (0, 92)], tint)
    pen.poly([(50, 8), (100, 92), (72, 92)], shade(tint, 0.72))
    pen.poly([(48, 36), (66, 92), (28, 92)], (50, 44, 48))
    pen.poly([(48, 36), (40, 92), (28, 92)], shade(tint, 1.4))
    pen.line([(50, 8), (50, 0)], WOOD, 5)


DRAWINGS: dict[str, Drawing] = {
    "axe": axe, "barrel": barrel, "bomb": bomb, "bow": bow, "brush": brush, "camera": camera, "car": car,
    "hammer": hammer, "knife": knife, "pawn": pawn, "pylon": pylon, "skate": skate, "sword": sword, "tent": tent,
}  # fmt: skip
