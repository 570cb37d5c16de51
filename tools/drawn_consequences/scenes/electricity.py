"""Electricity: water, wires and overload."""

from __future__ import annotations

from tools.drawn_consequences import effects, household, outdoors, rooms, tools
from tools.drawn_consequences.pen import INK, STEEL, WHITE, Pen, clear, shade, upright
from tools.drawn_consequences.people import BOY, WOMAN, Look, Pose, person


def radio_bath(pen: Pen, hazard: bool) -> None:
    """Draw a mains radio on the rim of a full bath with someone in it, or on a shelf across the room."""
    rooms.tiled_wall(pen, (202, 226, 228), 372)
    rooms.tiled_floor(pen, (196, 190, 178), 372)
    rooms.frame(pen, 250, 90, 80, 60)
    skin = WOMAN.skin
    bather = Pose(facing=1, hip=(0, -10), neck=(-9, -44), hands=((18, -26), (20, -24)), feet=((44, -4), (44, -4)))
    person(pen, 150, 392, 270, Look(skin=skin, hair=WOMAN.hair, cut="bun", top=skin, legs=skin, shoes=skin), bather)
    household.bathtub(pen, 220, 470, full=True, wide=340)
    for n in range(7):
        pen.disc(70 + n * 19, 336 - (n * 5) % 8, 15, clear(WHITE, 0.95))
    household.socket(pen, 470, 210)
    if hazard:
        household.cable(pen, [(366, 326), (420, 372), (462, 320), (470, 232)], width=5)
        household.radio(pen, 322, 334, 1.1)
    else:
        rooms.shelf(pen, 376, 506, 150)
        household.cable(pen, [(486, 146), (500, 170), (478, 190)], width=5)
        household.radio(pen, 440, 150, 1.0)
    household.plug(pen, 470, 214, 0.9, 0, pins=False)


def kite_lines(pen: Pen, hazard: bool) -> None:
    """Draw a child's kite just below power lines, or above an open meadow."""
    outdoors.sky(pen, 372)
    outdoors.cloud(pen, 90, 80, 0.9)
    outdoors.cloud(pen, 400, 60, 0.7)
    outdoors.hills(pen, 372)
    outdoors.ground(pen, 360)
    person(pen, 130, 470, 150, BOY, Pose(facing=1, hands=((27, -76), (24, -66))))
    pen.curve([(169, 357), (240, 290), (330, 172)], WHITE, 2)
    if hazard:
        outdoors.pylon_line(pen, (0, 110), (512, 96), (60, 452), 400)
    tools.kite(pen, 338, 142, 1.15)
    if hazard:
        effects.spark(pen, 352, 88, 0.5)


def power_strip(pen: Pen, hazard: bool) -> None:
    """One power strip with five heaters' and cookers' plugs that smokes, or a kettle beside a free wall socket."""
    rooms.tiled_wall(pen, (236, 228, 210), 292)
    rooms.cupboards(pen, 330, 512, (188, 200, 206))
    pen.box(0, 292, 512, 324, (152, 136, 120))
    kettle = (198, 204, 212)
    pen.shadow(90, 308, 56, 9)
    pen.arc(128, 240, (24, 34), (-85, 85), INK, 8)
    pen.blob([(52, 304), (46, 260), (62, 210), (118, 210), (132, 260), (128, 304)], upright(kettle, 0.3))
    pen.poly([(56, 236), (28, 222), (34, 212), (60, 222)], kettle)
    pen.box(62, 198, 118, 212, INK, 5)
    household.cable(pen, [(70, 306), (60, 318), (150, 322), (190, 314)], width=5)
    household.plug(pen, 206, 312, 1.0, 90)
    if hazard:
        for n, colour in enumerate(((70, 70, 78), (150, 60, 50), (44, 44, 52), WHITE, (60, 90, 140))):
            household.cable(
                pen,
                [
                    (286 + n * 44, 270),
                    (280 + n * 46, 236 - n * 5),
                    (300 + n * 52, 190),
                    (330 + n * 44, 150 + n * 8),
                    (520, 120 + n * 24),
                ],
                shade(colour, 0.9),
                6,
            )
        household.power_strip(pen, 374, 300, 5, 1.0)
        for n, colour in enumerate(((70, 70, 78), (150, 60, 50), (44, 44, 52), (214, 214, 210), (60, 90, 140))):
            household.plug(pen, 286 + n * 44, 286, 0.95, 180, pins=False, colour=colour)
        pen.blob([(340, 288), (380, 284), (398, 302), (384, 316), (346, 314)], clear((40, 26, 20), 0.85))
        effects.smoke(pen, 366, 290, 130, colour=(86, 86, 90), lean=0.1, strength=0.6)
        effects.spark(pen, 330, 296, 0.6)
    else:
        household.socket(pen, 300, 230, 1.3)
        household.socket(pen, 366, 230, 1.3)


def bare_wire(pen: Pen, hazard: bool) -> None:
    """Draw a lamp whose cable is frayed to the copper, or sound."""
    rooms.table_top(pen, (196, 206, 196))
    household.desk_lamp(pen, 180, 330, 1.5)
    household.socket(pen, 446, 150, 1.3)
    if hazard:
        household.cable(pen, [(230, 322), (270, 362), (306, 374), (332, 372)], width=8)
        household.cable(pen, [(432, 360), (462, 330), (462, 240), (447, 182)], width=8)
        copper = (206, 116, 50)
        for n, lift in enumerate((-22, -11, 0, 11, 20)):
            pen.curve([(328, 372), (346, 370 + lift), (362 + n * 3, 366 + lift * 1.9)], copper, 3.6)
            pen.curve([(436, 360), (420, 362 + lift), (404 - n * 2, 364 + lift * 1.8)], copper, 3.6)
        effects.spark(pen, 386, 366, 0.62)
    else:
        household.cable(
            pen, [(230, 322), (270, 362), (330, 376), (424, 364), (462, 330), (462, 240), (447, 182)], width=8
        )
    household.plug(pen, 446, 158, 1.2, 0, pins=False)


def flooded_laundry(pen: Pen, hazard: bool) -> None:
    """Draw a cellar under water up to a plugged-in extension lead, or dry."""
    rooms.room(pen, (196, 194, 188), (150, 148, 144), 350)
    for n in range(7):
        pen.line([(0, 40 + n * 48), (512, 40 + n * 48)], (182, 180, 174), 1.4)
    rooms.window(pen, 40, 50, 130, 100)
    pen.line([(0, 22), (512, 22)], STEEL, 10)
    household.washing_machine(pen, 290, 440, 1.6)
    household.socket(pen, 440, 180, 1.2)
    household.cable(pen, [(440, 190), (470, 260), (430, 350), (440, 440), (400, 464)], width=6)
    pen.text(440, 142, "230 V", 15, INK, bold=True)
    if hazard:
        pen.poly([(0, 372), (512, 372), (512, 512), (0, 512)], clear((74, 128, 160), 0.8))
        pen.line([(0, 372), (512, 372)], clear(WHITE, 0.7), 3)
        for n in range(18):
            x, y = (n * 127) % 512, 384 + (n * 37) % 120
            pen.line([(x - 26, y), (x + 26, y)], clear(WHITE, 0.45), 2.4)
        pen.box(70, 376, 150, 402, upright((196, 150, 96)), 3)
        for x, colour in ((190, (226, 120, 60)), (30, (90, 160, 90))):
            pen.blob([(x - 16, 384), (x, 374), (x + 18, 384), (x, 392)], colour)
        household.power_strip(pen, 430, 392, 3, 1.0)
        household.plug(pen, 430, 380, 0.9, 180, pins=False)
        effects.spark(pen, 474, 384, 0.7)
        effects.ripple(pen, 430, 404, 90)
    else:
        household.power_strip(pen, 430, 468, 3, 1.0)
        household.plug(pen, 430, 456, 0.9, 180, pins=False)
        pen.box(70, 420, 150, 470, upright((196, 150, 96)), 3)


SCENES = {
    "radio-bath": radio_bath,
    "kite-lines": kite_lines,
    "power-strip": power_strip,
    "bare-wire": bare_wire,
    "flooded-laundry": flooded_laundry,
}
