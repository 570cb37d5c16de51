"""Environment: what one's own convenience does to water, air and wild animals."""

from __future__ import annotations

from tools.drawn_consequences import containers, creatures, effects, outdoors, rooms, signs, tools
from tools.drawn_consequences.pen import INK, STEEL, WHITE, Fade, Pen, clear, round_, shade, upright
from tools.drawn_consequences.people import BOY, MAN, WOMAN, Pose, person


def oil_drain(pen: Pen, hazard: bool) -> None:
    """Draw a bucket of used oil to be emptied: beside a storm drain to the river, or at a collection tank."""
    outdoors.sky(pen, 190)
    pen.box(0, 186, 512, 260, Fade((120, 170, 84), (134, 180, 94)))
    outdoors.house(pen, 40, 210, 236)
    outdoors.tree(pen, 300, 240, 0.8)
    pen.box(0, 250, 512, 512, Fade((170, 168, 164), (150, 148, 144)))
    pen.box(0, 330, 512, 346, (200, 198, 194))
    pen.box(0, 346, 512, 512, Fade((104, 104, 110), (90, 90, 96)))
    if hazard:
        tools.storm_drain(pen, 356, 380, 1.15)
        with pen.placed(356, 296, 1.0):
            pen.box(-96, -30, 96, 30, (40, 110, 170), 6)
            pen.text(22, 0, "DRAINS TO\nRIVER", 18, WHITE, bold=True)
            pen.blob([(-84, 0), (-66, -14), (-44, 0), (-66, 14)], WHITE)
            pen.poly([(-46, 0), (-32, -11), (-32, 11)], WHITE)
            pen.disc(-74, -3, 2.4, INK)
    else:
        pen.shadow(372, 384, 100, 14)
        pen.box(296, 190, 448, 384, upright((60, 140, 84)), 14)
        pen.box(340, 176, 404, 194, INK, 4)
        pen.text(372, 270, "USED OIL\nCOLLECTION", 22, WHITE, bold=True)
        pen.arc(372, 336, (20, 20), (20, 320), WHITE, 5)
        pen.poly([(384, 316), (400, 322), (386, 332)], WHITE)
    person(pen, 140, 486, 240, MAN, Pose(facing=1, neck=(4, -82), hands=((24, -56), (22, -54))))
    containers.bucket(pen, 212, 414, (60, 62, 68), size=0.9, content=(20, 16, 12), words="USED OIL")


def goldfish_lake(pen: Pen, hazard: bool) -> None:
    """Draw a goldfish in a bag to be let out: at a lake in the wild, or at its aquarium."""
    if hazard:
        outdoors.sky(pen, 220)
        outdoors.hills(pen, 230)
        outdoors.ground(pen, 220)
        for x, size in ((30, 0.8), (90, 0.6), (470, 0.8)):
            outdoors.fir(pen, x, 250, size)
        pen.blob(
            [(150, 300), (330, 270), (560, 290), (560, 512), (300, 530), (220, 440)],
            Fade((120, 184, 206), (50, 122, 160)),
        )
        for n in range(11):
            x, y = 260 + (n * 71) % 240, 310 + (n * 43) % 180
            pen.line([(x - 20, y), (x + 20, y)], clear(WHITE, 0.6), 2.4)
        for x in (176, 190, 206, 480, 496):
            pen.line([(x, 340), (x + 3, 260)], (90, 130, 60), 4)
            pen.box(x - 2, 252, x + 8, 284, (110, 76, 46), 5)
        creatures.duck(pen, 440, 330, 0.9)
        signs.board(
            pen, 360, 200, "NATURE\nRESERVE", wide=120, high=60, size=20, paper=(60, 130, 80), ink=WHITE, post=60
        )
    else:
        rooms.room(pen, (222, 214, 200))
        rooms.table(pen, 240, 500, 400, 492)
        pen.box(256, 230, 486, 394, clear((160, 214, 236), 0.95), 4)
        pen.box(256, 370, 486, 394, (222, 196, 140))
        for x, tall in ((290, 80), (310, 110), (460, 90)):
            pen.curve([(x, 372), (x + 8, 372 - tall / 2), (x - 4, 372 - tall)], (60, 140, 80), 8)
        creatures.goldfish(pen, 400, 320, 0.9)
        for n in range(5):
            pen.disc(440, 350 - n * 22, 4, clear(WHITE, 0.8))
        for line in (((256, 230), (256, 394)), ((486, 230), (486, 394)), ((256, 394), (486, 394))):
            pen.line(line, STEEL, 5)
    person(pen, 110, 492, 240, BOY, Pose(facing=1, hands=((25, -62), (20, -58))))
    pen.blob([(150, 356), (196, 356), (212, 400), (200, 446), (152, 446), (138, 400)], clear((196, 226, 240), 0.75))
    pen.blob([(142, 392), (208, 392), (208, 420), (198, 444), (154, 444), (142, 420)], clear((110, 180, 214), 0.7))
    creatures.goldfish(pen, 176, 418, 0.8)
    pen.box(164, 342, 182, 358, (230, 230, 234), 3)


def nest_tree(pen: Pen, hazard: bool) -> None:
    """Draw a branch to be cut back: a nest with chicks sits on it, or it is bare."""
    outdoors.sky(pen, 420)
    outdoors.cloud(pen, 90, 70, 0.8)
    outdoors.ground(pen, 410)
    bark = (116, 86, 60)
    pen.poly([(400, 440), (412, 40), (462, 40), (486, 440)], round_(bark))
    for cx, cy, r in ((440, 30, 90), (360, 20, 60), (500, 90, 70)):
        pen.disc(cx, cy, r, shade(outdoors.LEAF, 0.9))
        pen.disc(cx - 8, cy - 8, r * 0.85, outdoors.LEAF)
    pen.poly([(430, 230), (430, 262), (190, 226), (180, 214), (196, 208)], upright(bark, 0.3))
    for x, y in ((190, 200), (172, 220), (214, 232)):
        pen.disc(x, y, 20, outdoors.LEAF)
        pen.disc(x - 4, y - 4, 12, shade(outdoors.LEAF, 1.15))
    if hazard:
        creatures.nest(pen, 262, 218, 1.1)
        with pen.placed(206, 120, 1.0):
            pen.blob([(-30, 4), (-10, -12), (20, -10), (34, 0), (10, 10), (-14, 10)], (110, 90, 76))
            pen.poly([(-8, -8), (10, -40), (22, -6)], (90, 72, 60))
            pen.disc(30, -6, 9, (110, 90, 76))
            pen.poly([(38, -8), (50, -4), (38, -2)], (240, 180, 50))
            pen.disc(33, -8, 1.8, INK)
    tools.ladder(pen, (326, 488), (420, 140), 10)
    person(pen, 350, 432, 172, MAN, Pose(facing=-1, hands=((-33, -86), (-31, -82)), feet=((4, 0), (0, 2))))
    with pen.placed(292, 282, 0.95, flip=True, angle=30):
        tools.hand_saw(pen, 0, 0)


def barrel_fire(pen: Pen, hazard: bool) -> None:
    """Draw a heap to be lit in a barrel: tyres and plastic, or dry twigs."""
    outdoors.sky(pen, 250)
    outdoors.hills(pen, 256)
    outdoors.ground(pen, 246)
    outdoors.fence(pen, 0, 512, 214, 276, (206, 190, 160))
    pen.shadow(290, 470, 110, 16)
    if hazard:
        for x, y in ((244, 260), (336, 254)):
            tools.tyre(pen, x, y, 1.05)
        for x, colour in ((228, (120, 190, 220)), (290, (230, 90, 80)), (352, (120, 200, 140))):
            with pen.placed(x, 312, 0.62, angle=(x - 290) * 0.3):
                pen.box(-9, -140, 9, -124, WHITE, 3)
                pen.blob([(-9, -124), (9, -124), (24, -100), (24, -10), (-24, -10), (-24, -100)], clear(colour, 0.92))
    else:
        for n in range(13):
            x = 226 + n * 11
            pen.line(
                [(x, 316), (x + ((n * 37) % 60) - 30, 214 - (n * 17) % 30)],
                (134, 96, 62) if n % 2 else (166, 124, 80),
                7,
            )
    pen.box(208, 296, 372, 470, Fade((150, 84, 50), (96, 56, 40), sideways=True), 6)
    for y in (340, 400):
        pen.line([(208, y), (372, y)], (80, 46, 34), 5)
    for n in range(8):
        pen.disc(232 + (n % 4) * 38, 436 + (n // 4) * 18, 5, (40, 26, 20))
    if hazard:
        tools.tyre(pen, 430, 418, 1.2)
    person(pen, 104, 492, 240, WOMAN, Pose(facing=1, hands=((30, -70), (26, -62))))
    pen.line([(176, 324), (206, 312)], (210, 170, 110), 4)
    effects.flame(pen, 208, 312, 18)


SCENES = {"oil-drain": oil_drain, "goldfish-lake": goldfish_lake, "nest-tree": nest_tree, "barrel-fire": barrel_fire}
