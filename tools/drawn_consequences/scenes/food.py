"""Food: allergies, poison, mould and raw meat."""

from __future__ import annotations

import math

from tools.drawn_consequences import containers, rooms, signs
from tools.drawn_consequences.pen import INK, STEEL, WHITE, WOOD, Fade, Pen, Rgb, clear, round_, shade, upright
from tools.drawn_consequences.people import Look, Pose, person


def nut_cookies(pen: Pen, hazard: bool) -> None:
    """Biscuits for a child's party beside a card that tells of a nut allergy: made with peanuts, or with oats."""
    rooms.table_top(pen, (236, 222, 226), (198, 150, 104), 230)
    for n, colour in enumerate(((226, 80, 90), (250, 196, 70), (80, 160, 210), (120, 190, 110))):
        x = 70 + n * 118
        pen.curve([(x, 20), (x + 50, 40), (x + 118, 20)], INK, 2)
        pen.poly([(x + 18, 27), (x + 50, 36), (x + 32, 74)], colour)
        pen.poly([(x + 66, 37), (x + 98, 29), (x + 82, 74)], shade(colour, 1.12))
    name = "PEANUT\nCOOKIES" if hazard else "OAT\nCOOKIES\nNUT FREE"
    containers.box(pen, 130, 330, name, (200, 120, 50) if hazard else (120, 150, 90), wide=136, high=156, size=25)
    if hazard:
        for dx in (-34, 0, 34):
            pen.oval(130 + dx - 8, 312, 11, 8, (226, 190, 130))
            pen.oval(130 + dx + 6, 312, 11, 8, (226, 190, 130))
    containers.plate(pen, 256, 420, 120)
    for n in range(9):
        x, y = 190 + (n % 5) * 33 + (n // 5) * 16, 418 - (n // 5) * 16
        pen.oval(x, y + 4, 24, 12, (150, 96, 46))
        pen.oval(x, y, 24, 12, (206, 150, 84))
        for dx, dy in ((-9, -2), (4, 3), (8, -4), (-2, 4)):
            pen.oval(x + dx, y + dy, 5, 3, (240, 208, 150) if hazard else (120, 70, 36))
    signs.sheet(
        pen,
        404,
        304,
        "PARTY GUESTS\n\nMia\nTom (NUT\nALLERGY!)\nLea",
        wide=142,
        high=164,
        size=19,
        angle=4,
        paper=(252, 246, 214),
    )


def toadstools(pen: Pen, hazard: bool) -> None:
    """Draw a basket to be cooked: fly agarics, or button mushrooms."""
    rooms.table_top(pen, (212, 222, 204), (182, 138, 96), 240)
    cap, spots = ((206, 36, 34), True) if hazard else ((206, 178, 142), False)
    for x, y, size in ((170, 330, 1.0), (256, 312, 1.25), (340, 330, 1.05), (214, 350, 0.9), (302, 352, 0.95)):
        _mushroom(pen, x, y, size, cap, spots=spots)
    containers.basket(pen, 256, 420, 260)
    if not hazard:
        signs.sheet(pen, 256, 404, "FARM SHOP\nBUTTON MUSHROOMS", wide=190, high=52, size=18)
    _mushroom(pen, 96, 446, 0.9, cap, spots=spots)
    _mushroom(pen, 424, 452, 1.0, cap, spots=spots)
    pen.line([(360, 484), (470, 484)], STEEL, 7)
    pen.line([(306, 484), (360, 484)], shade(WOOD, 0.6), 11)


def _mushroom(pen: Pen, x: float, y: float, size: float, cap: Rgb, *, spots: bool) -> None:
    with pen.placed(x, y, size):
        pen.blob([(-13, 0), (-10, -40), (10, -40), (13, 0), (8, 8), (-8, 8)], round_((244, 238, 222)))
        if spots:
            pen.blob([(-16, -34), (16, -34), (20, -24), (-20, -24)], (236, 228, 208))
        pen.blob([(-44, -40), (-34, -66), (0, -80), (34, -66), (44, -40), (0, -34)], upright(cap, 0.3))
        pen.oval(0, -38, 38, 6, (232, 222, 200))
        if spots:
            for dx, dy, r in ((-22, -56, 6), (0, -66, 7), (20, -58, 6), (-4, -48, 5), (32, -46, 4), (-34, -45, 4)):
                pen.oval(dx, dy, r, r * 0.8, WHITE)


def mouldy_bread(pen: Pen, hazard: bool) -> None:
    """Bread for toast: grown over with green mould, or fresh."""
    rooms.table_top(pen, (222, 226, 232), (188, 142, 96), 236)
    pen.shadow(120, 360, 86, 16)
    pen.box(44, 250, 196, 358, upright((196, 200, 206), 0.3), 18)
    pen.box(64, 242, 176, 256, (60, 62, 68), 5)
    pen.box(186, 290, 206, 300, INK, 3)
    pen.disc(64, 338, 8, INK)
    pen.shadow(330, 452, 170, 20)
    pen.box(170, 430, 490, 456, upright((214, 172, 118)), 8)
    for x, tilt in ((250, -4), (386, 6)):
        with pen.placed(x, 430, 1.0, angle=tilt):
            crumb = [
                (-58, 0),
                (-58, -80),
                (-70, -104),
                (-50, -134),
                (0, -142),
                (50, -134),
                (70, -104),
                (58, -80),
                (58, 0),
            ]
            pen.blob(crumb, (176, 116, 58))
            with pen.placed(0, -6, 0.9):
                pen.blob(crumb, (244, 222, 174))
            if hazard:
                for n in range(17):
                    dx, dy = -46 + (n * 0.618 % 1) * 92, -12 - (n * 0.382 * 1.9 % 1) * 112
                    radius = 7 + (n * 7) % 10
                    pen.disc(dx, dy, radius, (90, 128, 92))
                    pen.disc(dx, dy, radius * 0.72, (126, 166, 118))
                    for k in range(5):
                        turn = k * 1.26 + n
                        pen.disc(
                            dx + radius * 0.6 * math.cos(turn), dy + radius * 0.6 * math.sin(turn), 2, (206, 222, 200)
                        )
            else:
                for n in range(14):
                    pen.disc(-44 + (n * 0.618 % 1) * 88, -14 - (n * 0.725 % 1) * 108, 2.4, (226, 196, 142))


def chicken_salad(pen: Pen, hazard: bool) -> None:
    """Slicing salad: on the board and with the knife of the raw chicken, or on a board of its own."""
    rooms.tiled_wall(pen, (230, 234, 226), 210)
    pen.box(0, 210, 512, 512, Fade((148, 132, 116), (186, 170, 152)))
    pen.shadow(270, 430, 230, 26)
    pen.poly([(90, 280), (450, 280), (490, 430), (50, 430)], upright((222, 180, 124)))
    pen.poly([(50, 430), (490, 430), (490, 446), (50, 446)], (170, 128, 80))
    leaf = (104, 168, 70)
    for x, y in ((376, 330), (420, 356), (352, 366), (398, 390)):
        pen.blob(
            [(x - 34, y), (x - 18, y - 20), (x + 12, y - 24), (x + 34, y - 4), (x + 20, y + 16), (x - 14, y + 18)], leaf
        )
        pen.curve([(x - 28, y), (x, y - 4), (x + 26, y - 4)], shade(leaf, 1.4), 3)
    for x, y in ((310, 396), (336, 410)):
        pen.disc(x, y, 17, (214, 52, 44))
        pen.disc(x, y, 12, (236, 110, 84))
    if hazard:
        pen.blob([(116, 376), (104, 336), (140, 304), (204, 306), (232, 340), (214, 384), (160, 396)], (222, 160, 110))
        pen.blob(
            [(120, 366), (112, 334), (146, 302), (206, 304), (236, 336), (216, 376), (160, 388)],
            round_((248, 198, 186)),
        )
        pen.blob([(206, 350), (250, 356), (282, 384), (270, 396), (230, 388), (200, 376)], (246, 186, 172))
        pen.disc(280, 392, 9, (244, 238, 226))
        pen.blob(
            [(130, 400), (190, 392), (300, 402), (372, 400), (360, 416), (240, 420), (150, 416)],
            clear((206, 60, 66), 0.6),
        )
        signs.sheet(pen, 120, 244, "RAW CHICKEN", wide=150, high=40, size=18, angle=-4, paper=(252, 226, 226))
    else:
        for n in range(6):
            pen.oval(130 + n * 22, 360 + (n % 2) * 10, 20, 15, (150, 196, 104))
            pen.oval(130 + n * 22, 360 + (n % 2) * 10, 15, 11, (214, 234, 176))
        signs.sheet(pen, 120, 244, "CUCUMBER", wide=150, high=40, size=18, angle=-4, paper=(230, 246, 222))
    pen.poly([(246, 330), (330, 292), (340, 304), (262, 346)], Fade((230, 234, 238), (170, 178, 188)))
    pen.line([(334, 298), (390, 272)], INK, 12)
    if hazard:
        for x, y in ((268, 336), (286, 328), (304, 320)):
            pen.disc(x, y, 4, (200, 40, 50))
    containers.bowl(pen, 470, 262, 56, (236, 236, 232), leaf)


def honey_baby(pen: Pen, hazard: bool) -> None:
    """Draw the feeding of a baby of a few months: from a jar of honey, or of apple puree."""
    rooms.room(pen, (220, 232, 236), line=392)
    rooms.frame(pen, 120, 90)
    pen.shadow(150, 478, 110, 14)
    for x0, x1 in ((110, 70), (190, 230)):
        pen.line([(x0, 330), (x1, 476)], (236, 232, 224), 10)
    pen.box(96, 170, 204, 330, upright((150, 196, 190)), 20)
    baby = Look(
        age="toddler", hair=(180, 130, 80), cut="none", top=(250, 232, 160), legs=(250, 232, 160), skin=(244, 204, 172)
    )
    person(pen, 150, 372, 206, baby, Pose(facing=0, hands=((-30, -56), (30, -56))))
    pen.box(70, 296, 232, 318, upright((246, 246, 244)), 10)
    pen.blob([(128, 262), (172, 262), (180, 292), (150, 304), (120, 292)], WHITE)
    pen.text(150, 280, "7 MONTHS", 11, (90, 120, 160), bold=True)
    rooms.table(pen, 270, 500, 360, 490)
    if hazard:
        containers.jar(pen, 390, 360, "HONEY", (226, 150, 30), size=1.35, letters=17)
    else:
        containers.jar(pen, 390, 360, "APPLE\nPUREE", (226, 216, 130), size=1.35, lid=(110, 170, 90), letters=17)
    pen.line([(300, 352), (240, 268)], STEEL, 5)
    pen.oval(236, 262, 11, 8, (226, 150, 30) if hazard else (226, 216, 130))
    pen.line([(300, 352), (330, 372)], (232, 184, 146), 18)
    pen.disc(300, 352, 11, (232, 184, 146))
    pen.line([(330, 372), (420, 470)], (96, 128, 104), 26)


SCENES = {
    "nut-cookies": nut_cookies,
    "toadstools": toadstools,
    "mouldy-bread": mouldy_bread,
    "chicken-salad": chicken_salad,
    "honey-baby": honey_baby,
}
