"""Drawings of animals, plants and weather. Coordinates are tuned by eye at 28 pixels."""

from __future__ import annotations

import math

from tools.world_icons.pen import INK, Drawing, Pen, Rgb, shade

WHITE: Rgb = (250, 250, 248)
LEAF: Rgb = (64, 150, 70)


def banana(pen: Pen, _: Rgb) -> None:
    yellow = (250, 208, 52)
    pen.poly([(44, 6), (58, 6), (60, 34), (42, 34)], (240, 232, 190))
    pen.oval(36, 18, 66, 70, (246, 238, 196))
    pen.poly([(38, 48), (50, 62), (22, 84), (2, 92), (12, 70)], yellow)
    pen.poly([(62, 48), (50, 62), (78, 84), (98, 92), (88, 70)], yellow)
    pen.poly([(42, 54), (58, 54), (62, 84), (52, 98), (40, 84)], shade(yellow, 0.88))
    pen.poly([(46, 2), (56, 2), (58, 12), (44, 12)], (110, 74, 36))


def cat(pen: Pen, _: Rgb) -> None:
    fur = (240, 152, 60)
    pen.poly([(10, 4), (44, 26), (14, 54)], fur)
    pen.poly([(90, 4), (56, 26), (86, 54)], fur)
    pen.poly([(17, 16), (32, 28), (19, 40)], (250, 190, 180))
    pen.poly([(83, 16), (68, 28), (81, 40)], (250, 190, 180))
    pen.oval(6, 20, 94, 96, fur)
    for x in (32, 68):
        pen.oval(x - 9, 42, x + 9, 64, (180, 226, 90))
        pen.oval(x - 3, 43, x + 3, 63, INK)
    pen.poly([(44, 66), (56, 66), (50, 74)], (226, 90, 100))
    for y in (70, 80):
        pen.line([(38, 75), (4, y)], INK, 3)
        pen.line([(62, 75), (96, y)], INK, 3)
    pen.line([(50, 22), (50, 34)], shade(fur, 0.6), 5)
    pen.line([(38, 24), (40, 33)], shade(fur, 0.6), 5)
    pen.line([(62, 24), (60, 33)], shade(fur, 0.6), 5)


def fish(pen: Pen, _: Rgb) -> None:
    pen.poly([(70, 50), (98, 22), (98, 78)], (232, 106, 30))
    pen.poly([(34, 28), (62, 10), (62, 34)], (232, 106, 30))
    pen.oval(2, 22, 80, 78, (250, 138, 44))
    pen.box(34, 25, 43, 75, WHITE)
    pen.box(56, 29, 64, 71, WHITE)
    pen.disc(20, 42, 9, WHITE)
    pen.disc(18, 42, 5, INK)


def hay(pen: Pen, _: Rgb) -> None:
    straw = (232, 190, 84)
    for x in range(6, 96, 10):
        pen.line([(x, 34), (x - 4 + (x * 7) % 9, 16 + (x * 3) % 9)], straw, 5)
    pen.box(4, 28, 96, 94, straw, 5)
    for y in range(38, 92, 11):
        for x in range(8, 84, 24):
            start = x + (y * 5) % 13
            pen.line([(start, y), (start + 12, y + 3)], shade(straw, 0.74), 4)
    for x in (27, 67):
        pen.box(x, 28, x + 6, 94, (176, 60, 50))


def hive(pen: Pen, _: Rgb) -> None:
    gold = (240, 178, 48)
    for y0, y1, half in ((4, 28, 20), (18, 46, 32), (36, 66, 41), (56, 84, 38), (74, 98, 26)):
        pen.box(50 - half, y0, 50 + half, y1, shade(gold, 0.55), 12)
        pen.box(50 - half, y0, 50 + half, y1 - 6, gold, 10)
    pen.disc(50, 66, 12, (70, 44, 24))
    pen.oval(66, 12, 80, 22, (210, 232, 246))
    pen.oval(62, 20, 86, 34, (252, 220, 60))
    pen.box(71, 20, 76, 34, INK)


def lemon(pen: Pen, _: Rgb) -> None:
    yellow = (250, 222, 50)
    pen.poly([(70, 24), (66, 6), (92, 4), (88, 22)], LEAF)
    pen.poly([(2, 70), (18, 50), (28, 78)], yellow)
    pen.poly([(98, 34), (76, 26), (84, 54)], yellow)
    pen.oval(10, 20, 90, 84, yellow)
    pen.oval(24, 32, 44, 44, (254, 246, 190))


def lily(pen: Pen, _: Rgb) -> None:
    pen.line([(50, 50), (50, 98)], LEAF, 7)
    pen.poly([(50, 92), (20, 66), (16, 84)], LEAF)
    pen.poly([(50, 92), (80, 66), (84, 84)], LEAF)
    for step in range(6):
        turn = math.radians(60 * step - 90)
        tip = (50 + 42 * math.cos(turn), 42 + 40 * math.sin(turn))
        left = (50 + 24 * math.cos(turn - 0.5), 42 + 24 * math.sin(turn - 0.5))
        right = (50 + 24 * math.cos(turn + 0.5), 42 + 24 * math.sin(turn + 0.5))
        pen.poly([(50, 42), left, tip, right], (252, 226, 240) if step % 2 else WHITE)
        pen.line([(50, 42), ((50 + tip[0]) / 2, (42 + tip[1]) / 2)], (236, 130, 170), 5)
    pen.disc(50, 42, 9, (246, 180, 40))


def pumpkin(pen: Pen, _: Rgb) -> None:
    orange = (242, 130, 30)
    pen.box(44, 4, 56, 28, (96, 130, 60), 2)
    for x0, x1 in ((2, 48), (52, 98), (18, 82)):
        pen.oval(x0, 20, x1, 96, shade(orange, 1.0 if x0 == 18 else 0.85))
    black = (50, 30, 20)
    pen.poly([(26, 52), (36, 36), (46, 52)], black)
    pen.poly([(54, 52), (64, 36), (74, 52)], black)
    pen.poly([(20, 62), (34, 68), (42, 62), (50, 68), (58, 62), (66, 68), (80, 62), (66, 86), (34, 86)], black)


def shark(pen: Pen, _: Rgb) -> None:
    grey = (112, 130, 150)
    pen.poly([(20, 72), (34, 28), (62, 2), (60, 36), (74, 72)], grey)
    pen.poly([(26, 72), (38, 36), (44, 34), (42, 72)], shade(grey, 1.25))
    sea = (50, 130, 210)
    pen.box(0, 76, 100, 98, sea)
    for x in (0, 33, 66):
        pen.wedge((x, 62, x + 34, 92), (180, 360), sea)
    pen.line([(10, 88), (26, 88)], WHITE, 4)
    pen.line([(60, 90), (82, 90)], WHITE, 4)


def snake(pen: Pen, _: Rgb) -> None:
    green = (70, 160, 60)
    body = [(4, 88), (30, 94), (66, 92), (86, 80), (80, 64), (54, 58), (26, 54), (18, 40), (34, 26), (60, 24)]
    pen.line(body, green, 16)
    for x, y in ((40, 93), (66, 90), (82, 72), (58, 59), (34, 55), (24, 40)):
        pen.disc(x, y, 4, (250, 224, 90))
    pen.line([(84, 26), (98, 32), (94, 26), (98, 20)], (216, 40, 50), 4)
    pen.oval(50, 8, 90, 42, green)
    pen.disc(72, 18, 6, WHITE)
    pen.disc(73, 18, 3, INK)


def storm(pen: Pen, _: Rgb) -> None:
    dark = (96, 104, 124)
    pen.poly([(52, 50), (30, 76), (46, 76), (36, 100), (70, 68), (54, 68), (66, 50)], (254, 216, 40))
    pen.disc(26, 42, 22, dark)
    pen.disc(52, 28, 26, dark)
    pen.disc(76, 42, 22, dark)
    pen.box(20, 42, 82, 64, dark, 10)
    pen.line([(16, 76), (10, 90)], (80, 150, 230), 5)
    pen.line([(84, 76), (78, 90)], (80, 150, 230), 5)


def sun(pen: Pen, _: Rgb) -> None:
    for step in range(8):
        turn = math.radians(45 * step)
        near, far = 32, 49
        wide = 0.24
        pen.poly(
            [
                (50 + near * math.cos(turn - wide), 50 + near * math.sin(turn - wide)),
                (50 + far * math.cos(turn), 50 + far * math.sin(turn)),
                (50 + near * math.cos(turn + wide), 50 + near * math.sin(turn + wide)),
            ],
            (250, 150, 30),
        )
    pen.disc(50, 50, 28, (254, 206, 44))
    pen.disc(41, 45, 4, INK)
    pen.disc(59, 45, 4, INK)
    pen.arc((38, 44, 62, 66), (20, 160), INK, 4)


def tree(pen: Pen, _: Rgb) -> None:
    pen.box(42, 60, 58, 98, (122, 80, 44))
    for x, y, radius in ((50, 26, 25), (28, 46, 23), (72, 46, 23), (50, 54, 22)):
        pen.disc(x, y, radius, (58, 140, 62))
    for x, y in ((40, 24), (64, 42), (32, 50)):
        pen.disc(x, y, 7, (104, 184, 92))


DRAWINGS: dict[str, Drawing] = {
    "banana": banana, "cat": cat, "fish": fish, "hay": hay, "hive": hive, "lemon": lemon, "lily": lily,
    "pumpkin": pumpkin, "shark": shark, "snake": snake, "storm": storm, "sun": sun, "tree": tree,
}  # fmt: skip
