"""Animals: those that bite or sting, and those that must be spared."""

from __future__ import annotations

from tools.drawn_consequences import containers, creatures, outdoors, rooms, signs, tools, vehicles
from tools.drawn_consequences.pen import INK, WHITE, Fade, Pen, clear, shade, upright
from tools.drawn_consequences.people import MAN, WOMAN, Pose, person


def bear_photo(pen: Pen, hazard: bool) -> None:
    """Draw a closer image of what stands in the clearing: a bear, or a rabbit."""
    outdoors.sky(pen, 230)
    outdoors.peaks(pen, 240, 130)
    outdoors.ground(pen, 226)
    for x, size in ((40, 1.0), (110, 0.8), (420, 0.85), (486, 1.1), (300, 0.7)):
        outdoors.fir(pen, x, 262, size)
    if hazard:
        creatures.bear(pen, 352, 400, 1.25)
    else:
        creatures.rabbit(pen, 352, 400, 1.1)
    person(pen, 100, 490, 240, WOMAN, Pose(facing=1, hands=((22, -82), (20, -80))))
    pen.box(148, 282, 164, 314, INK, 3)


def hot_car_dog(pen: Pen, hazard: bool) -> None:
    """Draw two hours of shopping: the dog waits in the closed car in the sun, or the car is empty."""
    outdoors.sky(pen, 294)
    outdoors.sun(pen, 420, 70, 40)
    pen.box(0, 120, 270, 300, upright((226, 226, 220)))
    pen.box(0, 120, 270, 164, (200, 50, 50))
    pen.text(130, 142, "SUPERMARKET", 26, WHITE, bold=True)
    for x in (20, 110, 200):
        pen.box(x, 186, x + 62, 300, Fade((160, 200, 220), (110, 150, 176)))
    pen.box(0, 290, 512, 512, Fade((150, 150, 154), (128, 128, 134)))
    for x in (30, 440):
        pen.poly([(x, 340), (x + 8, 340), (x + 40, 500), (x + 24, 500)], WHITE)
    vehicles.car(pen, 250, 466, (240, 200, 70), 1.7)
    if hazard:
        creatures.dog_head(pen, 276, 340, 1.0)
        pen.poly([(236, 364), (233, 312), (294, 314), (335, 364)], clear((200, 226, 240), 0.25))
        pen.poly([(236, 365), (336, 365), (336, 380), (236, 380)], (226, 186, 62))
    signs.thermometer(pen, 400, 210, "36 °C", 0.86, 0.85)


def dog_treat(pen: Pen, hazard: bool) -> None:
    """Teaching a dog to take a treat from the hand: a bar of dark chocolate, or a dog biscuit."""
    rooms.room(pen, (226, 222, 206))
    rooms.window(pen, 330, 60, 450, 190)
    creatures.dog(pen, 150, 470, 1.9)
    skin = (232, 184, 146)
    pen.line([(512, 330), (372, 312)], (176, 64, 86), 46)
    pen.line([(400, 316), (350, 310)], skin, 34)
    if hazard:
        with pen.placed(312, 300, angle=-10):
            pen.box(-64, -26, 40, 26, (92, 52, 30), 3)
            for n in range(4):
                for m in range(2):
                    pen.box(-60 + n * 25, -22 + m * 23, -40 + n * 25, -3 + m * 23, (120, 72, 44), 2)
            pen.box(-4, -28, 44, 28, (150, 34, 50), 2)
    else:
        with pen.placed(306, 302, angle=-10):
            pen.box(-34, -9, 34, 9, (214, 168, 104), 5)
            for side in (-36, 36):
                for dy in (-9, 9):
                    pen.disc(side, dy, 12, (214, 168, 104))
    for y in (298, 314):
        pen.line([(356, y), (330, y - 2)], skin, 15)
    rooms.table(pen, 350, 540, 430, 540)
    if hazard:
        containers.box(pen, 440, 430, "DARK\nCHOCOLATE\n85 %", (92, 52, 30), wide=116, high=92, size=18)
    else:
        containers.box(pen, 440, 430, "DOG\nBISCUITS", (70, 130, 190), wide=116, high=92, size=22)


def wasp_hedge(pen: Pen, hazard: bool) -> None:
    """Draw a hedge to be trimmed: a wasps' nest hangs in it, or nothing does."""
    outdoors.sky(pen, 300)
    outdoors.cloud(pen, 100, 70, 0.8)
    outdoors.ground(pen, 290)
    outdoors.hedge(pen, 190, 540, 130, 420)
    if hazard:
        pen.oval(330, 262, 78, 88, shade(outdoors.LEAF, 0.5))
        creatures.wasp_nest(pen, 330, 262, 1.35)
        for n in range(11):
            x, y = 236 + (n * 67) % 200, 150 + (n * 89) % 230
            creatures.wasp(pen, x, y, 0.9, (n * 47) % 360)
    person(pen, 96, 492, 270, MAN, Pose(facing=1, hands=((26, -70), (22, -62))))
    tools.shears(pen, 190, 306, 1.0, -18)


def snake_wood(pen: Pen, hazard: bool) -> None:
    """Firewood to be carried in: a viper lies coiled in front of the pile, or nothing does."""
    outdoors.sky(pen, 230)
    outdoors.hills(pen, 236)
    outdoors.ground(pen, 226, (140, 160, 90))
    outdoors.tree(pen, 440, 290, 1.0)
    for row in range(4):
        for column in range(5 - row):
            tools.log(pen, 180 + column * 62 + row * 31, 386 - row * 30, 92, 17)
    if hazard:
        creatures.snake(pen, 290, 462, 1.35)
    person(
        pen,
        78,
        490,
        250,
        MAN,
        Pose(facing=1, hip=(-4, -40), neck=(12, -70), hands=((34, -38), (32, -34)), feet=((12, 0), (-10, 0))),
    )


SCENES = {
    "bear-photo": bear_photo,
    "hot-car-dog": hot_car_dog,
    "dog-treat": dog_treat,
    "wasp-hedge": wasp_hedge,
    "snake-wood": snake_wood,
}
