"""Children: what small hands reach while one looks away."""

from __future__ import annotations

from tools.drawn_consequences import containers, effects, household, outdoors, rooms
from tools.drawn_consequences.pen import INK, STEEL, WHITE, WOOD, Fade, Pen, clear, shade, upright
from tools.drawn_consequences.people import TODDLER, WOMAN, Pose, person, seated


def pan_handle(pen: Pen, hazard: bool) -> None:
    """Soup to be kept simmering: a toddler reaches for the handle that sticks out, or plays far off behind a gate."""
    rooms.tiled_wall(pen, (234, 228, 216), 400)
    rooms.tiled_floor(pen, (204, 190, 172), 400)
    household.stove(pen, 150, 210, 450, 230)
    household.saucepan(pen, 196, 197, 1 if hazard else -1, 1.15)
    household.burner_flame(pen, 196, 204)
    effects.steam(pen, 196, 136, 76)
    if hazard:
        pen.shadow(372, 470, 60, 10)
        for x in (336, 396):
            pen.box(x, 410, x + 10, 470, shade(WOOD, 0.85))
        pen.box(326, 402, 416, 414, upright(WOOD), 3)
        reach = Pose(facing=-1, feet=((-6, 0), (8, 0)), hands=((-15, -98), (-13, -96)), neck=(-3, -71), tilt=-10)
        person(pen, 366, 402, 246, TODDLER, reach)
    else:
        _playpen(pen)


def _playpen(pen: Pen) -> None:
    """Draw a toddler behind a gate, with blocks."""
    person(
        pen,
        412,
        470,
        190,
        TODDLER,
        Pose(facing=-1, hip=(0, -12), neck=(-3, -46), feet=((-26, 0), (-22, 0)), hands=((-26, -22), (-24, -18))),
    )
    for x, colour in ((342, (226, 80, 70)), (366, (70, 130, 210)), (354, (250, 200, 60))):
        y = 470 if x != 354 else 446
        pen.box(x - 12, y - 24, x + 12, y, upright(colour), 2)
    for x in range(318, 512, 20):
        pen.line([(x, 340), (x, 484)], (240, 236, 228), 6)
    pen.box(306, 334, 512, 348, upright((244, 240, 232)), 4)
    pen.box(306, 478, 512, 490, upright((244, 240, 232)), 4)


def pool_edge(pen: Pen, hazard: bool) -> None:
    """Draw a parent about to read: the toddler plays alone at the edge of the pool, or in the sandpit."""
    outdoors.sky(pen, 180)
    outdoors.hedge(pen, -20, 540, 110, 196)
    outdoors.ground(pen, 190)
    if hazard:
        pen.poly([(200, 300), (500, 300), (560, 470), (150, 470)], (216, 210, 198))
        pen.poly([(222, 312), (484, 312), (532, 456), (182, 456)], Fade((120, 206, 232), (58, 150, 200)))
        for n in range(9):
            x, y = 220 + (n * 71) % 260, 330 + (n * 37) % 110
            pen.curve([(x - 20, y), (x, y - 3), (x + 20, y)], clear(WHITE, 0.8), 3)
        pen.blob([(380, 372), (400, 362), (430, 366), (440, 378), (410, 386)], (250, 200, 60))
        pen.poly([(436, 370), (450, 372), (436, 378)], (236, 120, 40))
        person(
            pen,
            190,
            372,
            150,
            TODDLER,
            Pose(facing=1, neck=(9, -66), hands=((34, -44), (32, -40)), feet=((8, 0), (-6, 0)), tilt=16),
        )
    else:
        pen.poly([(190, 320), (500, 320), (540, 466), (160, 466)], WOOD)
        pen.poly([(206, 330), (486, 330), (520, 452), (178, 452)], Fade((232, 208, 150), (218, 188, 126)))
        pen.blob([(380, 400), (400, 366), (430, 366), (450, 400)], (206, 176, 116))
        containers.bucket(pen, 330, 420, (226, 80, 70), size=0.4)
        person(
            pen,
            250,
            424,
            150,
            TODDLER,
            Pose(facing=1, hip=(0, -12), neck=(4, -46), feet=((26, 0), (22, 0)), hands=((30, -16), (32, -20))),
        )
    pen.shadow(110, 478, 84, 12)
    for a, b in (((76, 408), (140, 412)), ((136, 412), (150, 478)), ((80, 410), (72, 478)), ((140, 412), (152, 320))):
        pen.line([a, b], shade(WOOD, 0.85), 8)
    person(pen, 112, 480, 236, WOMAN, seated(-1, ((-26, -54), (-24, -50))))
    pen.poly([(36, 336), (58, 346), (58, 380), (36, 370)], (180, 60, 60))
    pen.poly([(58, 346), (70, 338), (70, 370), (58, 380)], (206, 90, 84))


def fork_socket(pen: Pen, hazard: bool) -> None:
    """Letting her play alone for a while: she pokes a fork into the socket, or stacks blocks."""
    rooms.room(pen, (240, 228, 210), line=380)
    rooms.window(pen, 300, 60, 420, 200)
    rooms.rug(pen, 250, 468, 230, (110, 150, 190))
    sitting = Pose(facing=1, hip=(0, -12), neck=(5, -46), feet=((30, 0), (26, 0)), hands=((36, -42), (34, -38)), tilt=4)
    person(pen, 230, 462, 320, TODDLER, sitting)
    if hazard:
        household.socket(pen, 402, 336, 1.35)
        pen.line([(338, 334), (372, 334)], STEEL, 6)
        for dy in (-6, 0, 6):
            pen.line([(372, 334 + dy * 0.4), (376, 334 + dy), (400, 334 + dy)], STEEL, 3)
    else:
        for n, colour in enumerate(((226, 80, 70), (70, 130, 210), (250, 200, 60))):
            pen.box(336, 434 - n * 38, 374, 472 - n * 38, upright(colour), 3)
            pen.text(355, 453 - n * 38, "ABC"[n], 22, WHITE, bold=True)
    for x, colour in ((90, (70, 160, 110)), (134, (226, 120, 60))):
        pen.box(x, 440, x + 36, 476, upright(colour), 3)


def blind_cord(pen: Pen, hazard: bool) -> None:
    """Draw a cot to be decorated: the loop of a blind's cord hangs into it, or the cord is tied high up."""
    rooms.room(pen, (222, 232, 220), line=400)
    rooms.window(pen, 180, 40, 350, 190, panes=False)
    for n in range(8):
        pen.box(174, 30 + n * 15, 356, 41 + n * 15, upright((232, 226, 212)), 2)
    cord = (120, 60, 60)
    left, right, floor, high = 96, 416, 480, 190
    person(pen, 240, 444, 196, TODDLER, Pose(facing=1, hands=((24, -80), (20, -76))))
    household.cot(pen, (left + right) / 2, floor, right - left, high)
    if hazard:
        pen.curve([(340, 40), (346, 180), (330, 290), (296, 318), (276, 288), (304, 236), (352, 120)], cord, 6)
        pen.disc(284, 308, 9, (226, 190, 90))
    else:
        pen.line([(340, 40), (384, 72)], cord, 4)
        pen.box(380, 58, 398, 86, STEEL, 3)
        pen.curve([(388, 64), (378, 84), (398, 96), (386, 70)], cord, 4)
    for x, colour in ((60, (226, 160, 90)), (456, (170, 140, 200))):
        pen.disc(x, 462, 18, colour)
        pen.disc(x, 436, 14, colour)
        for side in (-10, 10):
            pen.disc(x + side, 424, 6, shade(colour, 0.85))
            pen.disc(x + side * 0.4, 434, 2, INK)


SCENES = {"pan-handle": pan_handle, "pool-edge": pool_edge, "fork-socket": fork_socket, "blind-cord": blind_cord}
