"""Drawings of things at home. Coordinates are tuned by eye at 28 pixels."""

from __future__ import annotations

from tools.world_icons.pen import INK, Drawing, Pen, Rgb, shade

WHITE: Rgb = (250, 250, 248)
GREY: Rgb = (150, 154, 164)
WOOD: Rgb = (168, 112, 60)
CREAM: Rgb = (250, 236, 204)
SKIN: Rgb = (250, 206, 170)


def apple(pen: Pen, _: Rgb) -> None:
    pen.line([(50, 32), (56, 10)], (104, 70, 40), 6)
    pen.poly([(56, 22), (66, 8), (86, 10), (76, 24)], (84, 168, 72))
    pen.disc(36, 56, 28, (206, 40, 44))
    pen.disc(64, 56, 28, (206, 40, 44))
    pen.oval(24, 44, 76, 96, (206, 40, 44))
    pen.oval(22, 40, 34, 58, (244, 140, 132))


def baby(pen: Pen, _: Rgb) -> None:
    pen.disc(12, 52, 10, SKIN)
    pen.disc(88, 52, 10, SKIN)
    pen.disc(50, 50, 38, SKIN)
    pen.arc((38, 2, 62, 26), (160, 400), (120, 80, 40), 6)
    pen.arc((24, 38, 44, 54), (20, 160), INK, 6)
    pen.arc((56, 38, 76, 54), (20, 160), INK, 6)
    pen.disc(50, 72, 15, (96, 176, 232))
    pen.disc(50, 72, 7, WHITE)
    pen.disc(24, 66, 6, (246, 160, 150))
    pen.disc(76, 66, 6, (246, 160, 150))


def ball(pen: Pen, tint: Rgb) -> None:
    pen.disc(50, 50, 44, WHITE)
    pen.wedge((6, 6, 94, 94), (-30, 30), tint)
    pen.wedge((6, 6, 94, 94), (90, 150), tint)
    pen.wedge((6, 6, 94, 94), (210, 270), tint)
    pen.disc(50, 50, 10, tint)


def balloon(pen: Pen, tint: Rgb) -> None:
    pen.line([(50, 74), (44, 84), (54, 90), (48, 98)], INK, 4)
    pen.oval(20, 2, 80, 70, tint)
    pen.poly([(50, 66), (40, 80), (60, 80)], tint)
    pen.oval(30, 14, 42, 32, shade(tint, 1.6))


def bleach(pen: Pen, _: Rgb) -> None:
    pen.box(38, 2, 62, 18, (222, 60, 60), 3)
    pen.poly([(38, 18), (62, 18), (78, 38), (78, 96), (22, 96), (22, 38)], (245, 247, 250))
    pen.box(62, 34, 72, 58, (176, 186, 200), 4)
    pen.box(22, 60, 78, 86, (44, 120, 210))
    pen.disc(38, 73, 7, WHITE)
    pen.disc(53, 69, 5, WHITE)
    pen.disc(63, 77, 6, WHITE)


def book(pen: Pen, tint: Rgb) -> None:
    pen.box(14, 6, 86, 96, tint, 5)
    pen.box(22, 80, 86, 90, CREAM)
    pen.box(14, 6, 26, 96, shade(tint, 0.7), 4)
    pen.box(38, 20, 76, 30, WHITE, 2)
    pen.box(38, 38, 66, 45, WHITE, 2)


def cake(pen: Pen, _: Rgb) -> None:
    for x, flame in ((30, 8), (50, 4), (70, 8)):
        pen.box(x - 3, flame + 10, x + 3, 42, (90, 160, 230))
        pen.oval(x - 5, flame - 3, x + 5, flame + 12, (252, 176, 40))
    pen.box(10, 40, 90, 92, (246, 190, 206), 6)
    pen.box(10, 62, 90, 74, (150, 88, 52))
    for x in (18, 38, 58, 78):
        pen.oval(x - 9, 40, x + 11, 58, WHITE)
    pen.box(2, 90, 98, 98, GREY, 3)


def card(pen: Pen, _: Rgb) -> None:
    pen.box(2, 20, 98, 82, (36, 92, 150), 8)
    pen.box(2, 30, 98, 42, (24, 26, 34))
    pen.box(12, 50, 32, 64, (240, 198, 80), 3)
    for x in (12, 34, 56):
        pen.box(x, 70, x + 16, 75, WHITE)
    pen.disc(76, 64, 9, (230, 60, 50))
    pen.disc(86, 64, 9, (248, 170, 50))


def chair(pen: Pen, tint: Rgb) -> None:
    pen.box(22, 2, 32, 98, WOOD)
    pen.box(70, 58, 80, 98, WOOD)
    pen.box(22, 4, 34, 56, tint, 3)
    pen.box(18, 48, 84, 62, tint, 4)
    pen.box(32, 78, 72, 83, WOOD)


def chocolate(pen: Pen, _: Rgb) -> None:
    brown = (104, 60, 32)
    pen.box(22, 2, 78, 70, brown, 4)
    for x in (27, 53):
        for y in (7, 29, 51):
            pen.box(x, y, x + 20, y + 16, shade(brown, 1.5), 2)
    pen.poly([(16, 54), (28, 60), (40, 54), (52, 60), (64, 54), (84, 60), (84, 98), (16, 98)], (204, 40, 60))
    pen.box(16, 72, 84, 84, (244, 204, 90))


def clock(pen: Pen, _: Rgb) -> None:
    pen.disc(50, 50, 46, (120, 78, 44))
    pen.disc(50, 50, 37, WHITE)
    for x, y in ((50, 19), (50, 81), (19, 50), (81, 50)):
        pen.disc(x, y, 4, INK)
    pen.line([(50, 50), (50, 26)], INK, 6)
    pen.line([(50, 50), (68, 60)], INK, 6)
    pen.disc(50, 50, 5, (210, 50, 50))


def cup(pen: Pen, tint: Rgb) -> None:
    pen.arc((60, 40, 98, 80), (-110, 110), tint, 9)
    pen.poly([(8, 32), (78, 32), (72, 94), (14, 94)], tint)
    pen.oval(8, 24, 78, 42, shade(tint, 0.7))
    pen.oval(14, 27, 72, 40, (108, 66, 36))
    pen.arc((26, 0, 40, 22), (90, 270), GREY, 4)
    pen.arc((46, 0, 60, 22), (90, 270), GREY, 4)


def curtain(pen: Pen, tint: Rgb) -> None:
    pen.box(10, 14, 90, 92, (196, 226, 246))
    pen.line([(50, 14), (50, 92)], WHITE, 5)
    pen.line([(10, 54), (90, 54)], WHITE, 5)
    for side in (1, -1):
        points = [(6, 12), (48, 12), (40, 40), (22, 62), (28, 98), (6, 98)]
        pen.poly([(x if side == 1 else 100 - x, y) for x, y in points], tint)
        for x0, x1 in ((18, 12), (32, 18)):
            line = [(x0, 14), (x1, 60)]
            pen.line([(x if side == 1 else 100 - x, y) for x, y in line], shade(tint, 0.7), 4)
        middle = 18 if side == 1 else 82
        pen.box(middle - 10, 58, middle + 10, 66, (246, 210, 90), 2)
    pen.box(0, 4, 100, 13, WOOD, 4)


def dice(pen: Pen, _: Rgb) -> None:
    pen.box(10, 10, 90, 90, WHITE, 16)
    for x, y in ((29, 29), (71, 29), (50, 50), (29, 71), (71, 71)):
        pen.disc(x, y, 9, INK)


def hat(pen: Pen, tint: Rgb) -> None:
    pen.box(26, 10, 74, 78, tint, 6)
    pen.box(26, 56, 74, 70, INK)
    pen.oval(2, 68, 98, 90, tint)
    pen.box(26, 62, 74, 70, INK)


def house(pen: Pen, _: Rgb) -> None:
    pen.box(68, 8, 82, 40, (150, 70, 56))
    pen.box(16, 44, 84, 96, (250, 228, 180))
    pen.poly([(50, 4), (100, 50), (0, 50)], (196, 66, 48))
    pen.box(42, 62, 60, 96, (122, 76, 44))
    pen.box(22, 58, 36, 74, (120, 190, 236))
    pen.box(66, 58, 80, 74, (120, 190, 236))


def key(pen: Pen, _: Rgb) -> None:
    gold = (236, 184, 50)
    pen.line([(40, 44), (88, 88)], gold, 12)
    pen.line([(70, 70), (84, 56)], gold, 9)
    pen.line([(84, 84), (96, 72)], gold, 9)
    pen.disc(30, 32, 28, gold)
    pen.disc(26, 28, 11, INK)


def poison(pen: Pen, _: Rgb) -> None:
    pen.box(40, 0, 60, 12, WOOD, 2)
    pen.box(40, 10, 60, 34, (84, 170, 76))
    pen.disc(50, 62, 36, (84, 170, 76))
    pen.oval(30, 40, 70, 76, WHITE)
    pen.box(38, 66, 62, 86, WHITE, 3)
    pen.disc(40, 60, 7, INK)
    pen.disc(60, 60, 7, INK)
    for x in (46, 54):
        pen.line([(x, 76), (x, 86)], INK, 3)


def shoe(pen: Pen, tint: Rgb) -> None:
    pen.poly([(6, 26), (36, 22), (44, 40), (66, 54), (94, 60), (96, 78), (6, 78)], tint)
    pen.box(2, 74, 98, 90, WHITE, 6)
    for x, y in ((44, 46), (54, 53), (64, 59)):
        pen.line([(x, y), (x + 10, y - 9)], WHITE, 4)
    pen.poly([(10, 40), (24, 38), (30, 72), (16, 72)], WHITE)


def socket(pen: Pen, _: Rgb) -> None:
    pen.box(4, 4, 96, 96, WHITE, 14)
    pen.disc(50, 50, 35, (206, 210, 218))
    pen.disc(35, 50, 9, INK)
    pen.disc(65, 50, 9, INK)
    pen.box(44, 12, 56, 22, (120, 124, 134), 2)
    pen.box(44, 78, 56, 88, (120, 124, 134), 2)


def tub(pen: Pen, _: Rgb) -> None:
    pen.line([(84, 46), (84, 14), (66, 14), (66, 24)], GREY, 7)
    pen.box(18, 82, 28, 98, GREY, 3)
    pen.box(72, 82, 82, 98, GREY, 3)
    pen.poly([(6, 50), (94, 50), (88, 74), (76, 86), (24, 86), (12, 74)], WHITE)
    pen.box(8, 36, 92, 46, (120, 196, 240))
    pen.box(2, 44, 98, 56, WHITE, 6)
    for x, y, radius in ((20, 36, 10), (36, 30, 12), (52, 36, 9)):
        pen.disc(x, y, radius, (226, 244, 254))


def umbrella(pen: Pen, tint: Rgb) -> None:
    pen.line([(50, 10), (50, 84)], WOOD, 6)
    pen.arc((50, 74, 72, 98), (0, 180), WOOD, 6)
    pen.wedge((2, 8, 98, 104), (180, 360), tint)
    for x in (2, 34, 66):
        pen.wedge((x, 46, x + 32, 66), (180, 360), shade(tint, 0.62))
    pen.line([(50, 2), (50, 10)], WOOD, 5)


def vase(pen: Pen, tint: Rgb) -> None:
    for x, y, bloom in ((30, 16, (244, 120, 160)), (52, 10, (250, 200, 70)), (72, 18, (244, 120, 160))):
        pen.line([(50, 52), (x, y)], (64, 140, 70), 5)
        pen.disc(x, y, 11, bloom)
        pen.disc(x, y, 4, WHITE)
    pen.poly([(34, 42), (66, 42), (60, 54), (82, 72), (68, 98), (32, 98), (18, 72), (40, 54)], tint)
    pen.box(26, 68, 74, 78, shade(tint, 1.45))


DRAWINGS: dict[str, Drawing] = {
    "apple": apple, "baby": baby, "ball": ball, "balloon": balloon, "bleach": bleach, "book": book, "cake": cake,
    "card": card, "chair": chair, "chocolate": chocolate, "clock": clock, "cup": cup, "curtain": curtain, "dice": dice,
    "hat": hat, "house": house, "key": key, "poison": poison, "shoe": shoe, "socket": socket, "tub": tub,
    "umbrella": umbrella, "vase": vase,
}  # fmt: skip
