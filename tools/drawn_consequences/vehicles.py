"""Cars, lorries, trains, bicycles."""

from __future__ import annotations

from tools.drawn_consequences.pen import (
    INK,
    RED,
    STEEL,
    WHITE,
    YELLOW,
    Fade,
    Pen,
    Rgb,
    clear,
    round_,
    shade,
    upright,
)

_GLASS = Fade((170, 206, 228), (104, 146, 176))


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.disc(x, y, radius, (34, 34, 38))
    pen.disc(x, y, radius * 0.58, STEEL)
    pen.disc(x, y, radius * 0.2, INK)
    for n in range(5):
        with pen.placed(x, y, angle=n * 72):
            pen.line([(0, 0), (0, -radius * 0.5)], shade(STEEL, 0.7), 3)


def car(pen: Pen, x: float, y: float, colour: Rgb = (196, 48, 44), size: float = 1, *, flip: bool = False) -> None:
    """Draw a car from its side, its front to the right; 260 by 96 at size 1, wheels on (x, y)."""
    with pen.placed(x, y, size, flip=flip):
        pen.shadow(0, 0, 150, 14)
        pen.blob(
            [
                (-128, -34),
                (-124, -54),
                (-92, -60),
                (-60, -92),
                (-20, -98),
                (30, -96),
                (62, -62),
                (106, -54),
                (128, -40),
                (130, -22),
                (118, -16),
                (-118, -16),
                (-130, -22),
            ],
            upright(colour, 0.34),
        )
        pen.poly([(-80, -60), (-56, -86), (-20, -91), (-16, -60)], _GLASS)
        pen.poly([(-8, -60), (-10, -91), (26, -89), (50, -60)], _GLASS)
        pen.line([(-12, -58), (-12, -20)], shade(colour, 0.7), 2)
        pen.box(-4, -52, 14, -47, shade(colour, 0.6), 2)
        pen.oval(118, -40, 9, 6, (255, 246, 200))
        pen.box(-130, -48, -120, -36, (150, 20, 24), 2)
        for wheel in (-78, 80):
            pen.disc(wheel, -19, 28, shade(colour, 0.45))
            _wheel(pen, wheel, -20, 22)


def car_rear(pen: Pen, x: float, y: float, colour: Rgb = (60, 110, 180), size: float = 1) -> None:
    """Draw a car from behind, 180 by 150 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 110, 14)
        for side in (-74, 46):
            pen.box(side, -34, side + 28, 0, (30, 30, 34), 5)
        pen.blob(
            [
                (-60, -148),
                (60, -148),
                (80, -92),
                (90, -80),
                (90, -22),
                (80, -14),
                (-80, -14),
                (-90, -22),
                (-90, -80),
                (-80, -92),
            ],
            upright(colour, 0.3),
        )
        pen.poly([(-52, -138), (52, -138), (66, -94), (-66, -94)], _GLASS)
        for side in (-1, 1):
            pen.box(side * 76 - 10, -78, side * 76 + 10, -56, (206, 30, 30), 4)
        pen.box(-30, -66, 30, -48, WHITE, 2)
        pen.box(-88, -34, 88, -20, shade(colour, 0.6), 5)
        pen.box(40, -20, 62, -12, (70, 70, 74), 3)


def lorry(pen: Pen, x: float, y: float, size: float = 1, *, flip: bool = False) -> None:
    """Draw a lorry from its side, its cab to the right; 330 by 170 at size 1."""
    with pen.placed(x, y, size, flip=flip):
        pen.shadow(0, 0, 180, 14)
        pen.box(-165, -166, 76, -34, upright((236, 236, 232)), 4)
        pen.box(-165, -36, 160, -22, INK)
        pen.box(82, -126, 164, -26, upright((54, 112, 180)), 10)
        pen.poly([(112, -116), (150, -116), (160, -74), (112, -74)], _GLASS)
        pen.oval(156, -44, 7, 6, (255, 246, 200))
        for wheel in (-124, -76, 122):
            _wheel(pen, wheel, -20, 22)


def train(pen: Pen, x: float, y: float, size: float = 1) -> None:
    """Draw the front of a train that comes towards us, 150 by 190 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 100, 12)
        pen.blob(
            [(-66, -176), (0, -192), (66, -176), (76, -110), (76, -12), (60, -2), (-60, -2), (-76, -12), (-76, -110)],
            upright((196, 44, 44), 0.3),
        )
        pen.blob([(-56, -158), (0, -168), (56, -158), (62, -106), (-62, -106)], Fade((60, 76, 96), (26, 34, 48)))
        pen.poly([(-40, -156), (-20, -160), (-34, -108), (-54, -108)], clear(WHITE, 0.25))
        pen.box(-76, -92, 76, -78, YELLOW)
        for side in (-48, 48):
            pen.glow(side, -54, 46, (255, 250, 200), 0.9)
            pen.disc(side, -54, 13, (255, 252, 226))
        pen.box(-26, -70, 26, -52, (30, 32, 38), 3)
        pen.box(-70, -20, 70, -4, (40, 42, 48), 5)


def bicycle(pen: Pen, x: float, y: float, size: float = 1, colour: Rgb = (46, 130, 150)) -> None:
    """Draw a bicycle from its side, 150 by 100 at size 1."""
    with pen.placed(x, y, size):
        for wheel in (-48, 48):
            pen.shadow(wheel, 0, 34, 5)
            pen.arc(wheel, -32, (31, 31), (0, 360), INK, 4)
            for n in range(8):
                with pen.placed(wheel, -32, angle=n * 22.5):
                    pen.line([(0, -30), (0, 30)], clear(STEEL, 0.8), 0.8)
        for a, b in (
            ((-48, -32), (-10, -32)),
            ((-10, -32), (-22, -78)),
            ((-22, -78), (-48, -32)),
            ((-10, -32), (36, -74)),
            ((-20, -72), (36, -74)),
            ((34, -86), (48, -32)),
        ):
            pen.line([a, b], colour, 5)
        pen.line([(34, -86), (30, -96), (46, -100)], INK, 5)
        pen.line([(-34, -84), (-12, -84)], INK, 7)
        pen.line([(-22, -78), (-23, -84)], INK, 4)
        pen.disc(-10, -32, 8, STEEL)


def steering_wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.arc(x, y, (radius, radius * 0.92), (0, 360), (92, 94, 102), radius * 0.17)
    for turn in (90, 205, 335):
        with pen.placed(x, y, angle=turn - 90):
            pen.line([(0, 0), (0, radius * 0.9)], (84, 86, 94), radius * 0.2)
    pen.disc(x, y, radius * 0.3, round_((104, 106, 114)))


def crossing_lights(pen: Pen, x: float, y: float, *, red: bool) -> None:
    """Draw a railway crossing's mast with cross and two lamps; its foot is on (x, y)."""
    pen.shadow(x, y, 22, 5)
    pen.box(x - 5, y - 190, x + 5, y, round_(STEEL))
    for angle in (38, -38):
        with pen.placed(x, y - 178, angle=angle):
            pen.box(-52, -8, 52, 8, WHITE, 2)
            pen.box(-52, -8, -30, 8, RED, 2)
            pen.box(30, -8, 52, 8, RED, 2)
    pen.box(x - 36, y - 136, x + 36, y - 102, INK, 8)
    for side in (-18, 18):
        if red:
            pen.glow(x + side, y - 119, 38, (255, 60, 40), 0.8)
        pen.disc(x + side, y - 119, 12, (255, 50, 40) if red else (70, 30, 30))
