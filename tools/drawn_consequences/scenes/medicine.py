"""Medicine: what it must not be taken with, and what only looks like it."""

from __future__ import annotations

from tools.drawn_consequences import containers, rooms, signs, vehicles
from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, Fade, Pen, clear, round_, shade, upright


def pills_wine(pen: Pen, hazard: bool) -> None:
    """Tablets that bear a warning of alcohol, with a glass of wine or of water beside them."""
    rooms.table_top(pen, (212, 206, 222), (150, 104, 72), 240)
    containers.pill_bottle(pen, 150, 400, "SLEEPING\nTABLETS", size=1.75, letters=13, band="NO ALCOHOL")
    if hazard:
        containers.wine_bottle(pen, 430, 330, size=1.2)
        containers.wine_glass(pen, 318, 412, size=1.5)
    else:
        containers.bottle(
            pen,
            430,
            330,
            "WATER",
            (206, 230, 246),
            size=1.25,
            paper=(60, 140, 210),
            ink=WHITE,
            letters=17,
            cap=(60, 140, 210),
        )
        containers.glass(pen, 318, 412, (176, 214, 240), size=1.6)
    containers.tablets(pen, 230, 456, 3)


def double_dose(pen: Pen, hazard: bool) -> None:
    """Draw a cold powder with paracetamol beside an empty strip of paracetamol, or beside vitamin C."""
    rooms.table_top(pen, (222, 228, 220), (196, 152, 108), 230)
    if hazard:
        containers.box(pen, 130, 340, "PARACETAMOL\n500 mg", (206, 50, 46), wide=176, high=110, size=21)
    else:
        containers.box(pen, 130, 340, "VITAMIN C\n100 mg", (240, 150, 40), wide=176, high=110, size=21)
    with pen.placed(140, 420, angle=-8):
        pen.box(-86, -36, 86, 40, clear((0, 0, 0), 0.25), 6)
        pen.box(-88, -40, 88, 36, upright((206, 212, 218)), 6)
        for n in range(8):
            x, y = -66 + (n % 4) * 44, -20 + (n // 4) * 36
            pen.oval(x, y, 15, 10, shade(STEEL, 0.7) if hazard else (250, 180, 80))
            if hazard:
                pen.line([(x - 9, y - 4), (x + 7, y + 5)], shade(STEEL, 1.3), 2)
                pen.line([(x - 6, y + 6), (x + 9, y - 4)], shade(STEEL, 1.3), 2)
    if hazard:
        signs.sheet(pen, 176, 486, "8 tablets taken today", wide=190, high=30, size=16, angle=-3)
    containers.box(
        pen,
        366,
        340,
        "COLD & FLU\nHOT DRINK\nPARACETAMOL\n1000 mg",
        (250, 206, 60),
        wide=180,
        high=150,
        size=20,
        ink=(30, 60, 120),
    )
    containers.mug(pen, 350, 460, (90, 150, 200), 1.2)
    pen.box(420, 420, 476, 474, WHITE, 3)
    pen.text(448, 447, "SACHET", 12, INK, bold=True)


def drowsy_drive(pen: Pen, hazard: bool) -> None:
    """Draw a spoonful of syrup just taken, car keys beside it: one that makes drowsy, or a herbal one."""
    rooms.table_top(pen, (206, 216, 226), (164, 120, 84), 236)
    rooms.window(pen, 330, 30, 480, 180)
    vehicles.car(pen, 405, 176, (196, 60, 50), 0.42)
    amber = (150, 84, 36)
    with pen.placed(150, 410, 1.6):
        pen.shadow(0, 0, 54, 10)
        pen.box(-14, -168, 14, -140, round_(WHITE, 0.2), 3)
        pen.blob(
            [
                (-12, -142),
                (12, -142),
                (20, -124),
                (40, -104),
                (40, -6),
                (32, 0),
                (-32, 0),
                (-40, -6),
                (-40, -104),
                (-20, -124),
            ],
            round_(amber),
        )
        pen.box(-38, -96, 38, -6, WHITE)
        if hazard:
            pen.text(0, -78, "NIGHT COLD\nSYRUP", 10, INK, bold=True)
            pen.box(-38, -60, 38, -12, RED)
            pen.text(0, -36, "MAKES DROWSY\nDO NOT\nDRIVE", 9.5, WHITE, bold=True)
        else:
            pen.text(0, -78, "SAGE & HONEY", 9.5, INK, bold=True)
            pen.box(-38, -60, 38, -12, (80, 150, 90))
            pen.text(0, -36, "HERBAL SYRUP\nNOT\nDROWSY", 9.5, WHITE, bold=True)
    pen.line([(240, 452), (300, 440)], STEEL, 6)
    pen.oval(232, 454, 22, 10, STEEL)
    pen.oval(232, 453, 17, 7, amber)
    signs.key(pen, 400, 420, 1.5, 24)
    pen.arc(376, 410, (20, 20), (0, 360), STEEL, 4)
    pen.box(330, 400, 372, 460, upright((36, 38, 44)), 10)
    for y in (414, 430, 446):
        pen.disc(351, y, 5, (120, 124, 132))


def eye_glue(pen: Pen, hazard: bool) -> None:
    """Draw a small dropper bottle held over an eye: super glue, or eye drops."""
    skin, hair = (236, 192, 158), (84, 54, 36)
    pen.box(0, 0, 512, 512, Fade(shade(skin, 1.05), shade(skin, 0.9)))
    pen.blob([(-60, 120), (-60, -40), (220, -40), (120, 20), (30, 90)], hair)
    pen.blob([(440, 560), (452, 400), (492, 300), (560, 280), (560, 560)], shade(skin, 0.86))
    pen.curve([(60, 268), (140, 214), (240, 212), (330, 250)], hair, 24)
    with pen.placed(200, 386, 2.2):
        pen.blob([(-62, 4), (-20, -34), (26, -34), (66, 4), (24, 32), (-26, 32)], shade(skin, 0.84))
        pen.blob([(-54, 4), (-20, -24), (24, -24), (56, 4), (20, 24), (-24, 24)], WHITE)
        pen.disc(2, -2, 20, (84, 130, 90))
        pen.disc(2, -2, 10, INK)
        pen.disc(9, -9, 4, WHITE)
        pen.curve([(-54, 4), (-20, -24), (24, -24), (56, 4)], (60, 40, 30), 4)
        for n in range(7):
            x = -40 + n * 14
            pen.line([(x, -16 - 8 * (1 - abs(n - 3) / 3)), (x * 1.14, -27 - 9 * (1 - abs(n - 3) / 3))], (60, 40, 30), 2)
    main, body = (RED, (246, 204, 50)) if hazard else ((52, 134, 198), (240, 246, 250))
    fingers = (206, 152, 116)
    pen.line([(540, 60), (420, 92)], fingers, 74)
    for y in (62, 96, 130):
        pen.line([(430, y), (330, y + 6)], shade(fingers, 0.96), 30)
    with pen.placed(262, 98, 1.0):
        pen.poly([(-8, 186), (8, 186), (20, 130), (-20, 130)], main)
        pen.box(-22, 112, 22, 134, shade(main, 0.8), 4)
        pen.box(-70, -80, 70, 116, round_(body), 20)
        pen.box(-70, -54, 70, 84, main)
        pen.text(0, 14, "SUPER\nGLUE" if hazard else "EYE\nDROPS", 36, WHITE, bold=True)
    for y in (62, 98, 134):
        pen.line([(366, y + 4), (334, y + 2)], fingers, 28)
    pen.blob([(262, 292), (272, 312), (262, 328), (252, 312)], (250, 232, 150) if hazard else (120, 186, 236))


SCENES = {"pills-wine": pills_wine, "double-dose": double_dose, "drowsy-drive": drowsy_drive, "eye-glue": eye_glue}
