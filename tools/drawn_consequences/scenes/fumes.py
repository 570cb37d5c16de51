"""Fumes: gases and mixtures that one breathes without seeing them."""

from __future__ import annotations

from tools.drawn_consequences import containers, effects, household, outdoors, rooms, tools, vehicles
from tools.drawn_consequences.pen import INK, STEEL, WHITE, Fade, Pen, shade, upright


def bleach_mix(pen: Pen, hazard: bool) -> None:
    """Draw a bucket between bleach and a second cleaner: ammonia, or plain soap."""
    rooms.tiled_wall(pen, (214, 230, 232), 300)
    rooms.tiled_floor(pen, (206, 200, 190), 300)
    containers.bottle(
        pen,
        120,
        420,
        "BLEACH",
        (236, 240, 244),
        size=1.35,
        paper=(40, 90, 190),
        ink=WHITE,
        letters=17,
        cap=(40, 90, 190),
    )
    if hazard:
        containers.bottle(
            pen,
            390,
            420,
            "AMMONIA\nCLEANER",
            (250, 222, 120),
            size=1.35,
            paper=(206, 60, 50),
            ink=WHITE,
            letters=14,
            cap=(206, 60, 50),
        )
    else:
        containers.bottle(
            pen,
            390,
            420,
            "PLAIN\nWATER",
            (190, 224, 246),
            size=1.35,
            paper=WHITE,
            ink=(30, 90, 160),
            letters=17,
            cap=(70, 140, 210),
        )
    containers.bucket(pen, 256, 450, (70, 126, 190), size=1.25, content=(196, 226, 240))
    pen.line([(330, 96), (300, 330)], (176, 128, 76), 9)
    pen.blob([(282, 318), (320, 320), (330, 352), (300, 362), (270, 350)], (226, 226, 220))
    for n in range(6):
        pen.curve([(286 + n * 6, 326), (278 + n * 9, 344), (276 + n * 9, 362)], (200, 200, 194), 4)


def car_garage(pen: Pen, hazard: bool) -> None:
    """Draw a car whose engine runs in a garage, the door shut or wide open."""
    rooms.room(pen, (204, 202, 196), (150, 150, 152), 390)
    if hazard:
        pen.box(250, 60, 500, 390, upright((188, 192, 198)))
        for y in range(84, 390, 44):
            pen.line([(250, y), (500, y)], (140, 146, 152), 3)
        for x in range(262, 490, 58):
            pen.box(x, 92, x + 46, 122, (120, 140, 156), 4)
        pen.box(362, 352, 390, 362, INK, 3)
    else:
        pen.box(250, 60, 500, 390, Fade((130, 190, 236), (220, 238, 246)))
        outdoors.tree(pen, 450, 380, 0.9)
        pen.box(250, 340, 500, 390, (122, 170, 84))
        pen.poly([(300, 340), (400, 340), (500, 390), (250, 390)], (170, 170, 174))
        pen.box(250, 52, 500, 74, upright((188, 192, 198)))
    rooms.shelf(pen, 30, 200, 150)
    containers.box(pen, 80, 150, "PAINT", (90, 130, 170), wide=60, high=40, size=12)
    containers.canister(pen, 156, 150, "OIL", (70, 90, 70), size=0.5)
    vehicles.car(pen, 250, 462, (58, 110, 170), 1.4)
    for n in range(7):
        pen.glow(56 - n * 6, 436 - n * 7, 20 + n * 6, (96, 96, 100), 0.6)
    if hazard:
        for x, y, radius in (
            (40, 340, 110),
            (110, 250, 130),
            (200, 170, 150),
            (330, 110, 150),
            (440, 180, 140),
            (470, 320, 110),
        ):
            pen.glow(x, y, radius, (112, 112, 114), 0.62)


def generator_room(pen: Pen, hazard: bool) -> None:
    """Draw a petrol generator in the living room, or out on the lawn."""
    if hazard:
        rooms.room(pen, (212, 200, 178))
        rooms.window(pen, 330, 60, 450, 190, Fade((20, 26, 52), (50, 60, 96)))
        rooms.sofa(pen, 20, 250, 430)
        rooms.rug(pen, 330, 470, 170)
        rooms.frame(pen, 130, 120, 120, 84)
    else:
        outdoors.sky(pen, 300)
        outdoors.ground(pen, 290)
        outdoors.house(pen, 10, 210, 330)
        outdoors.tree(pen, 452, 320, 1.0)
        outdoors.cloud(pen, 320, 70, 0.8)
    tools.generator(pen, 340, 458, 1.0)
    effects.smoke(pen, 262, 416, 170, colour=(104, 104, 108), lean=-0.1, strength=0.55)


def gas_hose(pen: Pen, hazard: bool) -> None:
    """Draw a cooker on a gas bottle whose hose is torn and hisses, or sound."""
    rooms.tiled_wall(pen, (240, 232, 214), 400)
    rooms.tiled_floor(pen, (188, 178, 164), 400)
    household.stove(pen, 160, 230, 460, 210)
    household.saucepan(pen, 106, 217, -1, 0.8)
    pen.shadow(420, 462, 74, 12)
    pen.box(366, 250, 474, 462, Fade((250, 120, 74), (176, 62, 34), sideways=True), 22)
    pen.box(366, 360, 474, 400, WHITE)
    pen.text(420, 380, "PROPANE", 19, INK, bold=True)
    pen.box(398, 228, 442, 252, upright(STEEL), 4)
    pen.disc(420, 224, 13, INK)
    hose = (232, 150, 40)
    if hazard:
        household.cable(pen, [(264, 400), (286, 420), (306, 410), (318, 390)], hose, 11)
        household.cable(pen, [(344, 330), (352, 280), (376, 244), (400, 240)], hose, 11)
        for end, turns in (((320, 386), (-60, -20, 20)), ((343, 334), (120, 160, 200))):
            for turn in turns:
                with pen.placed(*end, angle=turn):
                    pen.line([(0, 0), (13, 0)], shade(hose, 0.7), 4)
        effects.fumes(pen, 332, 356, 150, (150, 170, 60))
        pen.text(330, 190, "Ssssss", 26, (100, 116, 30), bold=True)
    else:
        household.cable(
            pen, [(264, 400), (290, 424), (322, 404), (344, 330), (352, 280), (376, 244), (400, 240)], hose, 11
        )


SCENES = {"bleach-mix": bleach_mix, "car-garage": car_garage, "generator-room": generator_room, "gas-hose": gas_hose}
