"""Fire: what burns easily near what is lit."""

from __future__ import annotations

from tools.drawn_consequences import containers, effects, household, outdoors, rooms, signs, tools
from tools.drawn_consequences.pen import INK, RED, WHITE, Pen, clear, shade, upright
from tools.drawn_consequences.people import MAN, WOMAN, Pose, person


def candle_curtain(pen: Pen, hazard: bool) -> None:
    """Draw a candle on a table by the window; the wind blows the curtain over it, or it hangs tied at the side."""
    rooms.room(pen, (222, 210, 190))
    rooms.window(pen, 60, 60, 210, 250)
    if hazard:
        pen.box(60, 60, 135, 250, (190, 224, 246))
        pen.poly([(60, 60), (20, 74), (20, 262), (60, 250)], WHITE)
        pen.poly([(54, 72), (28, 82), (28, 250), (54, 240)], (176, 212, 236))
    rooms.rod(pen, 30, 262, 44)
    drape = (214, 204, 230)
    rooms.curtain(pen, 38, 64, 46, 300, drape)
    rooms.table(pen, 130, 480, 372, 512)
    if hazard:
        rooms.blown_curtain(pen, 170, 46, (352, 268), drape, 90)
        for y in (110, 140, 170):
            pen.curve([(100, y), (134, y - 8), (166, y + 4)], clear(WHITE, 0.9), 3)
    else:
        rooms.curtain(pen, 222, 250, 46, 300, drape)
    household.candle(pen, 310 if hazard else 350, 374, 100)
    signs.label(pen, 424, 362, "MATCHES", wide=70, high=24, size=13, paper=RED, ink=WHITE)


def grill_tent(pen: Pen, hazard: bool) -> None:
    """Draw a charcoal grill inside a tent, or out in the open in front of it."""
    outdoors.sky(pen, 250)
    outdoors.hills(pen, 250)
    outdoors.ground(pen, 240)
    for x, size in ((30, 0.9), (92, 0.75), (476, 0.95)):
        outdoors.fir(pen, x, 262, size)
    tools.tent(pen, 196, 420, 360)
    if hazard:
        crouching = Pose(hip=(0, -30), neck=(4, -62), feet=((16, 0), (-6, 0)), hands=((24, -40), (26, -34)))
        person(pen, 148, 418, 112, WOMAN, crouching)
        tools.grill(pen, 214, 420, 0.8)
        effects.smoke(pen, 214, 320, 110, colour=(150, 150, 150), lean=-0.05, strength=0.5)
    else:
        person(pen, 374, 490, 190, WOMAN, Pose(facing=1, hands=((26, -60), (28, -54))))
        tools.grill(pen, 458, 492, 0.95)


def laundry_heater(pen: Pen, hazard: bool) -> None:
    """Towels that hang over a glowing heater, or on a line away from it."""
    rooms.room(pen, (206, 216, 214))
    rooms.window(pen, 330, 60, 460, 210)
    household.heater(pen, 150, 440, 1.3)
    if hazard:
        with pen.placed(-66, 4):
            household.towel(
                pen,
                [(124, 258), (210, 254), (218, 300), (214, 400), (170, 392), (128, 404), (118, 330)],
                (70, 140, 190),
            )
            for y in (284, 380):
                pen.line([(126, y), (212, y)], WHITE, 4)
            household.towel(
                pen, [(226, 256), (296, 260), (304, 330), (296, 366), (262, 352), (232, 372)], (232, 120, 100)
            )
            effects.smoke(pen, 170, 262, 90, colour=(130, 130, 134), lean=0.1, strength=0.4)
    else:
        pen.line([(318, 262), (500, 262)], (90, 90, 96), 4)
        for x in (326, 492):
            pen.line([(x, 262), (x, 440)], (120, 124, 130), 6)
        household.towel(pen, [(340, 262), (410, 262), (412, 372), (376, 366), (338, 374)], (70, 140, 190))
        household.towel(pen, [(424, 262), (480, 262), (484, 360), (450, 352), (422, 362)], (232, 120, 100))
    household.cable(pen, [(224, 430), (270, 452), (296, 400), (300, 344)])
    household.socket(pen, 300, 336, 0.8)


def pan_water(pen: Pen, hazard: bool) -> None:
    """Draw a pan of oil in flames, or one that steams; a jug of water stands beside it."""
    rooms.tiled_wall(pen, (226, 232, 226), 300)
    rooms.cupboards(pen, 300, 512)
    household.stove(pen, 210, 296, 512, 220)
    household.frying_pan(pen, 152, 284, 1, 1.05)
    words = "FRYING\nOIL" if hazard else "SOUP\nSTOCK"
    containers.bottle(pen, 366, 292, words, (234, 196, 76), size=0.72, letters=16, cap=(200, 60, 50))
    jug = (196, 220, 236)
    pen.shadow(452, 292, 44, 8)
    pen.arc(484, 238, (20, 30), (-80, 80), jug, 7)
    pen.blob([(418, 190), (486, 190), (482, 240), (484, 290), (422, 290), (424, 240)], clear(jug, 0.95))
    pen.blob([(423, 222), (482, 222), (481, 250), (480, 286), (426, 286), (425, 250)], (96, 168, 220))
    pen.text(452, 254, "WATER", 15, WHITE, bold=True)
    if hazard:
        effects.blaze(pen, 152, 264, 112, 170)
        effects.smoke(pen, 170, 110, 100, lean=0.3)
    else:
        effects.steam(pen, 152, 258, 80)
        for n in range(7):
            pen.oval(112 + n * 13, 261 + (n % 2) * 3, 8, 4, (230, 180, 90) if n % 2 else (196, 90, 60))
    household.burner_flame(pen, 152, 288)


def campfire_drought(pen: Pen, hazard: bool) -> None:
    """Wood laid for a campfire: in withered grass beside a fire ban, or in green grass where fires are allowed."""
    outdoors.sky(pen, 230)
    outdoors.hills(pen, 236)
    grass = (206, 176, 96) if hazard else (118, 166, 84)
    outdoors.ground(pen, 228, grass)
    for n in range(60):
        x, y = (n * 131) % 512, 250 + (n * 71) % 250
        for lean in (-5, 0, 5):
            pen.line([(x, y), (x + lean, y - 24)], shade(grass, 0.8 if n % 2 else 1.1), 1.8)
    for x, size in ((40, 0.95), (104, 0.7), (470, 1.0)):
        outdoors.fir(pen, x, 268, size, (140, 128, 66) if hazard else (46, 100, 72))
    pen.oval(250, 420, 150, 46, (132, 108, 78))
    tools.campfire(pen, 250, 424, 1.25)
    if hazard:
        signs.board(
            pen,
            400,
            190,
            "EXTREME\nFIRE DANGER\nNO FIRES",
            wide=150,
            high=90,
            size=19,
            paper=(214, 40, 36),
            ink=WHITE,
            post=150,
        )
    else:
        signs.board(
            pen,
            400,
            190,
            "FIRE PLACE\nCAMPFIRES\nALLOWED",
            wide=150,
            high=90,
            size=19,
            paper=(48, 130, 70),
            ink=WHITE,
            post=150,
        )
    person(
        pen,
        128,
        448,
        190,
        MAN,
        Pose(facing=1, hip=(0, -32), neck=(10, -64), feet=((18, 0), (-10, 0)), hands=((36, -26), (32, -30))),
    )
    pen.line([(196, 392), (208, 384)], INK, 3)
    pen.box(300, 444, 332, 456, upright((70, 110, 190)))


SCENES = {
    "candle-curtain": candle_curtain,
    "grill-tent": grill_tent,
    "laundry-heater": laundry_heater,
    "pan-water": pan_water,
    "campfire-drought": campfire_drought,
}
