"""Falls: from ladders, chairs, edges and stairs."""

from __future__ import annotations

from tools.drawn_consequences import outdoors, rooms, signs, tools
from tools.drawn_consequences.pen import INK, STEEL, WHITE, WOOD, Fade, Pen, clear, shade, upright
from tools.drawn_consequences.people import MAN, WOMAN, Pose, person


def bulb_chair(pen: Pen, hazard: bool) -> None:
    """Draw a bulb being changed: from a wheeled office chair on top of a table, or from a step ladder."""
    rooms.room(pen, (214, 206, 222))
    rooms.window(pen, 30, 90, 130, 220)
    rooms.ceiling_lamp(pen, 300, 92, lit=False)
    if hazard:
        rooms.table(pen, 170, 430, 380, 480)
        pen.shadow(296, 380, 60, 8)
        for dx in (-44, -16, 16, 44):
            pen.line([(296, 352), (296 + dx, 364)], INK, 5)
            pen.disc(296 + dx, 369, 6, INK)
        pen.box(292, 316, 300, 356, STEEL)
        pen.box(258, 302, 334, 318, upright((60, 64, 74)), 7)
        pen.box(326, 236, 338, 300, upright((60, 64, 74)), 5)
        person(
            pen,
            290,
            302,
            186,
            MAN,
            Pose(facing=1, feet=((8, 0), (-8, 0)), neck=(6, -83), hands=((6, -112), (-6, -106)), tilt=-12),
        )
        pen.arc(250, 340, (24, 30), (120, 240), clear(INK, 0.6), 3)
        pen.arc(236, 340, (24, 34), (120, 240), clear(INK, 0.5), 3)
    else:
        rooms.table(pen, 350, 500, 400, 490)
        tools.step_ladder(pen, 262, 490, 212)
        person(pen, 240, 322, 206, MAN, Pose(facing=1, feet=((8, 0), (-2, 0)), hands=((27, -105), (22, -98))))


def gutter_ladder(pen: Pen, hazard: bool) -> None:
    """Draw a ladder against the gutter with broken rungs, or a sound one."""
    outdoors.sky(pen, 420)
    outdoors.ground(pen, 410)
    pen.box(200, 150, 512, 420, upright((238, 222, 196)))
    pen.poly([(176, 152), (250, 40), (512, 40), (512, 152)], upright((164, 80, 62)))
    for x in (330, 440):
        pen.box(x - 6, 234, x + 64, 330, WHITE)
        pen.box(x, 240, x + 58, 324, (132, 180, 210))
    pen.box(170, 146, 512, 162, upright((120, 126, 134)), 6)
    for n in range(10):
        pen.blob(
            [(190 + n * 30, 146), (198 + n * 30, 134), (210 + n * 30, 146)], (150, 110, 50) if n % 2 else (196, 120, 50)
        )
    tools.ladder(pen, (138, 474), (232, 136), 8, (2, 4, 5, 7) if hazard else (), 54)
    person(pen, 50, 488, 200, MAN, Pose(facing=1, hands=((24, -66), (22, -58))))
    pen.box(84, 470, 112, 496, upright((60, 126, 80)), 3)


def cliff_photo(pen: Pen, hazard: bool) -> None:
    """Posing with the back to the edge of a cliff, or behind a railing."""
    outdoors.sky(pen, 330, mood="dusk")
    outdoors.sun(pen, 390, 190, 30)
    outdoors.water(pen, 300, 512, (60, 110, 150))
    rock = (150, 128, 106)
    pen.poly(
        [(0, 330), (270, 330), (284, 346), (262, 420), (276, 512), (0, 512)], Fade(shade(rock, 1.1), shade(rock, 0.6))
    )
    for a, b in (((230, 350), (250, 500)), ((170, 352), (190, 512)), ((90, 350), (80, 512))):
        pen.line([a, b], shade(rock, 0.66), 3)
    pen.box(0, 322, 274, 336, (112, 150, 76), 5)
    if hazard:
        person(
            pen, 262, 326, 150, WOMAN, Pose(facing=-1, feet=((-2, 0), (6, 0)), hands=((-27, -90), (27, -92)), tilt=6)
        )
        for x, y, r in ((288, 372, 6), (296, 410, 4), (284, 440, 5)):
            pen.disc(x, y, r, shade(rock, 0.8))
        pen.curve([(276, 356), (290, 360), (294, 372)], clear(WHITE, 0.6), 2)
        signs.board(pen, 420, 70, "CLIFF EDGE\n120 m DROP", wide=136, high=56, size=18, paper=(248, 204, 52))
    else:
        person(pen, 150, 326, 150, WOMAN, Pose(facing=-1, hands=((-27, -90), (27, -92)), tilt=6))
        outdoors.railing(pen, 196, 268, 268, 326)
        signs.board(pen, 420, 70, "VIEWPOINT", wide=136, high=46, size=18, paper=WHITE)
    person(pen, 44, 330, 154, MAN, Pose(facing=1, hands=((20, -78), (18, -76))))
    pen.box(72, 196, 88, 220, INK, 3)


def balcony_rail(pen: Pen, hazard: bool) -> None:
    """Draw a flower box to be hung on a balcony railing that has come loose, or that is firm."""
    outdoors.sky(pen, 512)
    for x, high, wide in ((0, 250, 90), (100, 320, 80), (330, 280, 90), (430, 360, 90)):
        pen.box(x, 512 - high, x + wide, 512, upright((176, 184, 196)))
        for row in range(7):
            for column in range(3):
                pen.box(
                    x + 10 + column * 26,
                    520 - high + row * 40,
                    x + 26 + column * 26,
                    544 - high + row * 40,
                    (120, 150, 176),
                )
    pen.poly([(0, 400), (512, 400), (512, 512), (0, 512)], Fade((196, 190, 180), (168, 162, 152)))
    pen.box(0, 396, 512, 410, (150, 144, 136))
    if hazard:
        outdoors.railing(pen, 0, 230, 270, 400)
        with pen.placed(236, 398, angle=34):
            outdoors.railing(pen, 0, 150, -128, 0, (120, 84, 62))
        outdoors.railing(pen, 420, 512, 270, 400)
        for x in (236, 416):
            pen.line([(x, 396), (x, 366)], (150, 84, 50), 5)
        for dx in (0, 16, 30):
            pen.disc(250 + dx, 414 + dx % 7, 4, (150, 100, 70))
        pen.curve([(226, 268), (240, 282), (232, 300)], (150, 84, 50), 5)
    else:
        outdoors.railing(pen, 0, 512, 270, 400)
    pen.shadow(130, 482, 90, 12)
    pen.box(50, 440, 210, 482, upright((170, 92, 62)), 4)
    for n in range(7):
        x = 66 + n * 22
        pen.line([(x, 440), (x, 416)], (70, 140, 70), 4)
        pen.disc(x, 408, 11, ((226, 80, 110), (250, 200, 70), (240, 240, 240))[n % 3])
        pen.disc(x, 408, 4, (250, 220, 120))
    person(
        pen,
        300,
        496,
        220,
        WOMAN,
        Pose(facing=-1, hip=(8, -34), neck=(-6, -64), feet=((-8, 0), (18, 0)), hands=((-36, -18), (-34, -14))),
    )


def stairs_toy(pen: Pen, hazard: bool) -> None:
    """Carrying a tall box downstairs: a roller skate lies on a step, or the steps are clear."""
    rooms.room(pen, (226, 214, 196), line=460)
    wood = (182, 130, 84)
    for n in range(6):
        x, y = 150 + n * 62, 400 - n * 50
        pen.box(x, y + 46 - 46, 512, y + 50, upright(shade(wood, 0.94)))
        pen.box(x - 8, y, 512, y + 12, shade(wood, 1.18))
        pen.box(x, y + 12, x + 3, y + 50, shade(wood, 0.7))
    pen.box(0, 450, 512, 512, Fade((176, 132, 90), (190, 146, 100)))
    person(pen, 458, 152, 150, MAN, Pose(facing=-1, feet=((-8, 0), (8, 0)), hands=((-22, -46), (-20, -50))))
    pen.box(386, 44, 440, 108, upright((196, 152, 100)), 3)
    pen.box(408, 44, 418, 108, (222, 190, 140))
    for n in range(6):
        x, y = 168 + n * 62, 400 - n * 50
        pen.line([(x, y), (x, y - 92)], shade(WOOD, 0.8), 5)
    pen.line([(160, 312), (488, 48)], WOOD, 9)
    if hazard:
        with pen.placed(28, 0):
            pen.shadow(296, 300, 44, 7)
            pen.blob([(262, 282), (266, 246), (290, 246), (296, 266), (330, 270), (334, 284)], (214, 60, 80))
            pen.line([(292, 252), (300, 262)], WHITE, 3)
            pen.box(260, 282, 336, 290, INK, 3)
            for x in (270, 286, 312, 328):
                pen.disc(x, 294, 7, (250, 190, 60))


SCENES = {
    "bulb-chair": bulb_chair,
    "gutter-ladder": gutter_ladder,
    "cliff-photo": cliff_photo,
    "balcony-rail": balcony_rail,
    "stairs-toy": stairs_toy,
}
