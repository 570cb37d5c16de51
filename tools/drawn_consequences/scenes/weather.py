"""Weather: thunderstorms, tornadoes, heat and avalanches."""

from __future__ import annotations

from tools.drawn_consequences import outdoors, signs
from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, WOOD, YELLOW, Fade, Pen, upright
from tools.drawn_consequences.people import MAN, WOMAN, Look, Pose, person


def golf_thunder(pen: Pen, hazard: bool) -> None:
    """Draw a golfer under a lone tree: in a thunderstorm, or in sunshine."""
    outdoors.sky(pen, 320, mood="storm" if hazard else "fair")
    if hazard:
        for x, y in ((80, 50), (210, 36), (340, 56), (450, 40)):
            outdoors.cloud(pen, x, y, 1.4, (84, 90, 104))
        outdoors.lightning(pen, 410, 70, 1.3)
        outdoors.lightning(pen, 60, 80, 0.8)
    else:
        outdoors.sun(pen, 430, 70)
        outdoors.cloud(pen, 110, 70, 0.9)
    outdoors.ground(pen, 310, (112, 170, 84), tufts=False)
    pen.oval(420, 420, 120, 26, (134, 194, 98))
    pen.line([(420, 420), (420, 310)], WHITE, 4)
    pen.poly([(420, 310), (466, 322), (420, 336)], RED)
    outdoors.tree(pen, 150, 440, 1.6)
    person(pen, 250, 476, 220, MAN, Pose(facing=1, neck=(6, -82), hands=((20, -56), (18, -54))))
    pen.line([(292, 354), (334, 466)], STEEL, 5)
    pen.line([(334, 466), (348, 466)], INK, 8)
    pen.disc(360, 468, 6, WHITE)
    if hazard:
        outdoors.rain(pen)


def tornado_picnic(pen: Pen, hazard: bool) -> None:
    """Draw a picnic to be laid out: a tornado comes over the fields, or the sky is clear."""
    outdoors.sky(pen, 300, mood="storm" if hazard else "fair")
    if hazard:
        for x in (40, 170, 300, 430):
            outdoors.cloud(pen, x, 34, 1.7, (70, 76, 88))
    else:
        outdoors.sun(pen, 420, 70)
        outdoors.cloud(pen, 130, 80, 1.0)
    outdoors.ground(pen, 286, (126, 166, 84))
    outdoors.house(pen, 40, 120, 300)
    if hazard:
        outdoors.tornado(pen, 330, 40, 304)
    pen.poly([(170, 410), (370, 410), (430, 490), (110, 490)], (240, 240, 236))
    for n in range(6):
        for m in range(3):
            if (n + m) % 2 == 0:
                x0, x1 = 170 - m * 20 + n * (33 + m * 6.6), 170 - m * 20 + (n + 1) * (33 + m * 6.6)
                pen.poly(
                    [
                        (x0, 410 + m * 27),
                        (x1, 410 + m * 27),
                        (x1 + (n - 2) * 7, 437 + m * 27),
                        (x0 + (n - 3) * 7, 437 + m * 27),
                    ],
                    (206, 60, 60),
                )
    pen.shadow(300, 440, 50, 9)
    pen.box(260, 396, 340, 440, upright((180, 124, 70)), 6)
    pen.arc(300, 398, (34, 34), (180, 360), (140, 92, 50), 6)
    person(pen, 440, 486, 210, WOMAN, Pose(facing=-1, hands=((-24, -70), (-22, -62))))
    pen.line([(394, 350), (394, 474)], WOOD, 6)
    pen.blob([(386, 250), (398, 240), (408, 260), (402, 360), (388, 360)], (236, 150, 60))


def heat_run(pen: Pen, hazard: bool) -> None:
    """Draw a long run at midday: at 42 degrees in the shade, or at 16."""
    outdoors.sky(pen, 280, mood="haze" if hazard else "fair")
    outdoors.sun(pen, 110, 80, 44 if hazard else 26)
    outdoors.hills(pen, 290)
    outdoors.ground(pen, 276, (196, 176, 100) if hazard else outdoors.GRASS)
    outdoors.tree(pen, 60, 336, 0.8)
    outdoors.tree(pen, 470, 356, 1.0)
    pen.poly([(250, 280), (270, 280), (470, 512), (60, 512)], Fade((176, 170, 160), (150, 144, 136)))
    runner = Look(top=(230, 90, 60), legs=(40, 50, 80), bare_arms=True, bare_legs=True, shoes=(250, 250, 250))
    stride = Pose(
        facing=1, neck=(8, -82), hip=(0, -46), feet=((30, -4), (-34, -16)), hands=((24, -62), (-14, -56)), tilt=6
    )
    person(pen, 236, 486, 240, runner, stride)
    if hazard:
        for x, y in ((270, 252), (286, 262), (262, 268), (280, 282)):
            pen.blob([(x, y - 6), (x + 4, y + 2), (x, y + 6), (x - 4, y + 2)], (120, 190, 230))
    signs.board(
        pen,
        410,
        150,
        "42 °C\n12:30" if hazard else "16 °C\n12:30",
        wide=130,
        high=90,
        size=34,
        paper=(20, 24, 30),
        ink=(255, 110, 60) if hazard else (120, 220, 250),
        post=130,
    )


def avalanche_slope(pen: Pen, hazard: bool) -> None:
    """Draw a ski run to the hut: shut for danger of avalanches, or open and groomed."""
    outdoors.sky(pen, 300, mood="winter" if hazard else "fair")
    outdoors.peaks(pen, 330, 260)
    pen.blob(
        [(-40, 330), (120, 250), (300, 300), (560, 210), (560, 560), (-40, 560)], Fade((244, 248, 252), (218, 228, 238))
    )
    with pen.placed(420, 300, 0.9):
        pen.shadow(0, 0, 60, 9)
        pen.box(-44, -46, 44, 0, upright((130, 88, 56)))
        pen.poly([(-58, -42), (0, -88), (58, -42)], (244, 246, 250))
        pen.box(-12, -28, 12, 0, (70, 46, 30))
    if hazard:
        pen.line([(150, 262), (196, 250), (236, 268), (290, 258), (340, 270)], (110, 130, 150), 5)
        pen.blob([(150, 266), (240, 272), (340, 274), (372, 340), (330, 400), (180, 400), (140, 330)], (206, 218, 230))
        for n in range(22):
            x, y = 150 + (n * 0.618 % 1) * 210, 330 + (n * 0.725 % 1) * 90
            pen.disc(x, y, 12 + n % 11, (196, 208, 222))
            pen.disc(x - 3, y - 4, 11 + n % 11, WHITE)
        for x in (180, 260, 340):
            pen.glow(x, 400, 90, WHITE, 0.9)
        signs.board(
            pen,
            118,
            300,
            "AVALANCHE\nDANGER 5\nRUN CLOSED",
            wide=170,
            high=96,
            size=23,
            paper=YELLOW,
            ink=INK,
            post=130,
        )
        for n in range(9):
            pen.line([(0 + n * 34, 468), (17 + n * 34, 468)], RED if n % 2 else WHITE, 7)
    else:
        for n in range(7):
            pen.curve([(120 + n * 34, 512), (200 + n * 26, 420), (350 + n * 8, 320)], (214, 224, 236), 3)
        signs.board(
            pen,
            118,
            300,
            "RUN OPEN\nGROOMED\nTODAY",
            wide=170,
            high=96,
            size=23,
            paper=(60, 150, 80),
            ink=WHITE,
            post=130,
        )
    skier = Look(top=(206, 60, 60), legs=(40, 60, 110), hair=(40, 40, 60))
    person(
        pen, 300, 488, 200, skier, Pose(facing=1, neck=(8, -80), hands=((24, -52), (20, -50)), feet=((8, 0), (-6, 0)))
    )
    pen.line([(240, 490), (388, 482), (400, 474)], (40, 90, 170), 7)
    for x in (344, 352):
        pen.line([(x, 384), (x + 22, 484)], INK, 3)


SCENES = {
    "golf-thunder": golf_thunder,
    "tornado-picnic": tornado_picnic,
    "heat-run": heat_run,
    "avalanche-slope": avalanche_slope,
}
