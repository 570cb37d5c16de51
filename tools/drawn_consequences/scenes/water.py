"""Water: ice, surf, shallow pools and floods."""

from __future__ import annotations

from tools.drawn_consequences import effects, outdoors, signs, vehicles
from tools.drawn_consequences.pen import INK, RED, WHITE, YELLOW, Fade, Pen, clear, shade, upright
from tools.drawn_consequences.people import Look, Pose, person

_SWIMMER = Look(
    skin=(224, 172, 134), top=(224, 172, 134), legs=(40, 80, 150), shoes=(224, 172, 134), bare_arms=True, bare_legs=True
)


def thin_ice(pen: Pen, hazard: bool) -> None:
    """Draw the way to a bench: over a lake whose ice is cracked and open, or over a field of snow."""
    outdoors.sky(pen, 220, mood="winter")
    outdoors.hills(pen, 222, (206, 218, 226), 50)
    outdoors.ground(pen, 214, (236, 240, 244), tufts=False)
    for x, size in ((40, 0.8), (100, 0.62), (470, 0.8), (420, 0.6)):
        outdoors.fir(pen, x, 236, size, (96, 130, 122))
    outdoors.bench(pen, 270, 244, 0.8)
    if hazard:
        pen.blob(
            [(-40, 300), (120, 258), (400, 256), (560, 300), (540, 430), (300, 462), (-20, 440)],
            Fade((190, 218, 236), (140, 184, 212)),
        )
        effects.cracks(pen, 210, 350, 1.5)
        effects.cracks(pen, 390, 310, 0.9)
        pen.blob([(236, 352), (290, 336), (350, 348), (362, 376), (310, 394), (250, 386)], (28, 66, 96))
        pen.blob([(250, 360), (300, 346), (340, 356), (330, 368), (262, 372)], (44, 90, 124))
        pen.poly([(280, 366), (306, 360), (312, 374), (288, 380)], (214, 232, 244))
        signs.board(pen, 84, 300, "THIN ICE", wide=112, high=42, size=20, paper=YELLOW, post=70)
    else:
        pen.poly([(252, 252), (282, 252), (330, 512), (170, 512)], (216, 222, 230))
        for n in range(9):
            y = 270 + n * 26
            pen.oval(258 - n * 2 + (n % 2) * (10 + n * 3), y, 4 + n * 0.8, 3 + n * 0.5, (182, 192, 204))
    person(
        pen,
        200,
        506,
        190,
        Look(top=(180, 60, 50), legs=(50, 60, 90), hair=(60, 40, 30)),
        Pose(facing=1, hands=((22, -62), (4, -44))),
    )


def red_flag(pen: Pen, hazard: bool) -> None:
    """Warming up for a swim: under a red flag at high surf, or under a green flag at a calm sea."""
    outdoors.sky(pen, 220)
    outdoors.water(pen, 210, 400, (58, 150, 186))
    if hazard:
        outdoors.waves(pen, 222, 390, 74)
    pen.blob(
        [(-40, 400), (140, 384), (330, 398), (560, 380), (560, 560), (-40, 560)], Fade((236, 212, 160), (214, 186, 132))
    )
    pen.curve([(-10, 398), (140, 384), (330, 397), (520, 382)], WHITE, 6)
    pen.line([(410, 470), (410, 150)], (200, 204, 208), 7)
    flag = RED if hazard else (40, 160, 80)
    pen.blob([(413, 152), (450, 146), (496, 158), (494, 214), (450, 204), (413, 212)], flag)
    signs.board(
        pen,
        452,
        320,
        "NO\nSWIMMING" if hazard else "SWIMMING\nALLOWED",
        wide=110,
        high=58,
        size=18,
        paper=WHITE,
        ink=RED if hazard else (30, 130, 66),
    )
    person(pen, 160, 484, 210, _SWIMMER, Pose(facing=1, hands=((14, -112), (-8, -110)), neck=(4, -82), tilt=8))


def shallow_dive(pen: Pen, hazard: bool) -> None:
    """Draw a head-first jump into a pool cut open: knee-deep, or four metres deep."""
    outdoors.sky(pen, 190)
    pen.box(0, 120, 512, 200, (170, 200, 150))
    outdoors.hedge(pen, -20, 530, 96, 192)
    tile = (206, 226, 234)
    pen.box(0, 190, 512, 512, shade(tile, 0.82))
    bottom = 290 if hazard else 486
    pen.box(180, 210, 512, bottom, Fade((150, 214, 236), (66, 150, 196) if not hazard else (130, 200, 226)))
    pen.box(180, bottom, 512, bottom + 14, shade(tile, 0.6))
    for x in range(196, 512, 34):
        pen.line([(x, 216), (x + 16, 220)], clear(WHITE, 0.8), 3)
    pen.box(0, 190, 180, 512, upright((196, 188, 176)))
    for y in range(230, 512, 40):
        pen.line([(0, y), (180, y)], (178, 170, 158), 2)
    pen.box(0, 184, 186, 200, (222, 214, 202))
    pen.box(120, 172, 216, 184, upright((240, 240, 240)), 4)
    for y0, y1 in ((bottom - 4, 212),):
        pen.line([(470, y0), (470, y1)], INK, 3)
        for y, lean in ((y0, -8), (y1, 8)):
            pen.line([(462, y + lean), (470, y), (478, y + lean)], INK, 3)
    pen.box(380, (bottom + 212) / 2 - 17, 456, (bottom + 212) / 2 + 17, WHITE, 6)
    pen.text(418, (bottom + 212) / 2, "0.5 m" if hazard else "4.0 m", 24, RED if hazard else (30, 90, 160), bold=True)
    if hazard:
        signs.board(pen, 330, 130, "SHALLOW", wide=130, high=44, size=22, paper=WHITE, ink=RED)
    else:
        signs.board(pen, 330, 130, "DIVING POOL", wide=150, high=44, size=20, paper=WHITE, ink=(30, 90, 160))
    person(
        pen,
        182,
        172,
        150,
        _SWIMMER,
        Pose(facing=1, neck=(22, -78), hands=((44, -98), (46, -94)), feet=((6, 0), (-6, 0)), tilt=26),
    )


def flooded_road(pen: Pen, hazard: bool) -> None:
    """Draw the only road to the village: under brown flood water, or dry."""
    outdoors.sky(pen, 220, mood="storm" if hazard else "fair")
    outdoors.hills(pen, 230, (110, 136, 112))
    outdoors.ground(pen, 220, (112, 150, 84))
    outdoors.house(pen, 300, 372, 240)
    outdoors.house(pen, 392, 470, 244, (224, 206, 214))
    outdoors.road(pen, 236, half=210)
    for x, y, size in ((60, 300, 0.8), (470, 330, 0.9)):
        outdoors.tree(pen, x, y, size)
    if hazard:
        pen.blob(
            [(-40, 290), (130, 268), (400, 270), (560, 292), (560, 430), (300, 408), (-40, 436)],
            Fade((150, 124, 92), (118, 94, 66)),
        )
        for n in range(16):
            x, y = (n * 97) % 512, 288 + (n * 41) % 110
            pen.curve([(x - 34, y), (x - 10, y - 4), (x + 12, y + 2), (x + 34, y - 2)], clear((220, 202, 172), 0.7), 3)
        pen.line([(96, 330), (150, 318)], (84, 60, 40), 9)
        with pen.placed(352, 360, 1, angle=-8):
            pen.blob(
                [(-60, 0), (-46, -22), (-20, -40), (24, -40), (46, -20), (66, -10), (66, 2)], upright((206, 186, 60))
            )
            pen.poly([(-34, -24), (-16, -36), (20, -36), (34, -20)], (110, 146, 170))
        pen.blob([(270, 362), (350, 356), (440, 348), (440, 380), (270, 384)], (132, 106, 76))
        outdoors.rain(pen, 0, 400)
    vehicles.car_rear(pen, 256, 508, (60, 110, 180), 0.82)


SCENES = {"thin-ice": thin_ice, "red-flag": red_flag, "shallow-dive": shallow_dive, "flooded-road": flooded_road}
