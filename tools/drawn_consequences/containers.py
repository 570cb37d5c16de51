"""What holds something and says so: bottles, jars, tins, boxes, cartons, cups, plates, bags."""

from __future__ import annotations

from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, Fade, Pen, Rgb, clear, mix, round_, shade, upright


def bottle(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    colour: Rgb,
    *,
    size: float = 1,
    paper: Rgb = WHITE,
    ink: Rgb = INK,
    letters: float = 15,
    cap: Rgb = WHITE,
) -> None:
    """Draw a plastic household bottle, 78 by 160 at size 1, standing on (x, y)."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 54, 10)
        pen.box(-13, -162, 13, -138, round_(cap, 0.2), 3)
        pen.blob(
            [
                (-12, -140),
                (12, -140),
                (18, -126),
                (38, -108),
                (39, -60),
                (38, -6),
                (30, 0),
                (-30, 0),
                (-38, -6),
                (-39, -60),
                (-38, -108),
                (-18, -126),
            ],
            round_(colour),
        )
        pen.box(-37, -96, 37, -26, paper)
        pen.text(0, -61, words, letters, ink, bold=True)


def jar(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    content: Rgb,
    *,
    size: float = 1,
    lid: Rgb = (214, 166, 60),
    letters: float = 16,
) -> None:
    """Draw a glass jar with a lid, 84 by 110 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 56, 10)
        pen.box(-42, -94, 42, 0, clear(mix(WHITE, content, 0.2), 0.9), 14)
        pen.box(-38, -80, 38, -4, round_(content, 0.25), 11)
        pen.box(-38, -112, 38, -92, round_(lid), 4)
        pen.box(-34, -64, 34, -20, (252, 250, 240), 3)
        pen.text(0, -42, words, letters, INK, bold=True)
        pen.line([(-32, -84), (-32, -12)], clear(WHITE, 0.5), 4)


def box(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    colour: Rgb,
    *,
    wide: float = 110,
    high: float = 90,
    size: float = 14,
    ink: Rgb = WHITE,
) -> None:
    """Draw a cardboard box with words on its front."""
    pen.shadow(x + 6, y, wide * 0.62, 10)
    pen.poly(
        [(x + wide / 2, y), (x + wide / 2 + 16, y - 10), (x + wide / 2 + 16, y - high - 8), (x + wide / 2, y - high)],
        shade(colour, 0.72),
    )
    pen.poly(
        [
            (x - wide / 2, y - high),
            (x - wide / 2 + 16, y - high - 8),
            (x + wide / 2 + 16, y - high - 8),
            (x + wide / 2, y - high),
        ],
        shade(colour, 1.2),
    )
    pen.box(x - wide / 2, y - high, x + wide / 2, y, upright(colour, 0.1))
    pen.text(x, y - high / 2, words, size, ink, bold=True)


def pill_bottle(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    *,
    size: float = 1,
    letters: float = 11,
    open_: bool = False,
    band: str = "",
) -> None:
    """Draw an amber bottle of tablets, 80 by 130 at size 1; `band` is a red warning under the label."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 54, 10)
        pen.box(-40, -104, 40, 0, Fade((238, 160, 62), (188, 104, 26), sideways=True), 8)
        if not open_:
            pen.box(-44, -132, 44, -102, round_(WHITE, 0.2), 5)
        else:
            pen.oval(0, -104, 39, 8, (140, 76, 20))
        high = -34 if band else -18
        pen.box(-40, -92, 40, high, WHITE)
        pen.text(0, (-92 + high) / 2, words, letters, INK, bold=True)
        if band:
            pen.box(-40, -34, 40, -6, RED)
            pen.text(0, -20, band, 9, WHITE, bold=True)


def tablets(pen: Pen, x: float, y: float, count: int = 5, colour: Rgb = WHITE) -> None:
    """Loose white tablets on a surface."""
    for n in range(count):
        px, py = x + ((n * 29) % 71) - 30, y + ((n * 17) % 22) - 8
        pen.shadow(px + 1, py + 4, 12, 5, 0.4)
        pen.oval(px, py + 2, 9, 5.6, shade(colour, 0.8))
        pen.oval(px, py, 9, 5.6, colour)
        pen.line([(px - 6, py), (px + 6, py)], shade(colour, 0.8), 1)


def glass(pen: Pen, x: float, y: float, drink: Rgb, *, size: float = 1, share: float = 0.8) -> None:
    """Draw a tumbler, 56 by 90 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 42, 8)
        pen.poly([(-28, -90), (28, -90), (23, 0), (-23, 0)], clear((226, 238, 246), 0.7))
        top = -4 - 82 * share
        pen.poly([(-24 - 4 * share, top), (24 + 4 * share, top), (21, -4), (-21, -4)], clear(drink, 0.85))
        pen.oval(0, top, 24 + 4 * share, 4, shade(drink, 1.15))
        pen.line([(-19, -80), (-15, -10)], clear(WHITE, 0.7), 3)


def wine_glass(pen: Pen, x: float, y: float, drink: Rgb = (128, 20, 44), size: float = 1) -> None:
    """Draw a stemmed glass, 66 by 140 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 38, 7)
        pen.oval(0, -2, 27, 5, clear((214, 226, 236), 0.95))
        pen.box(-2.5, -66, 2.5, -3, clear((206, 220, 232), 0.95))
        bowl = [(-26, -140), (26, -140), (33, -104), (22, -72), (0, -62), (-22, -72), (-33, -104)]
        pen.blob(bowl, clear((226, 236, 244), 0.65))
        pen.poly([(-31, -110), (31, -110), (28, -92), (20, -77), (9, -68), (-9, -68), (-20, -77), (-28, -92)], drink)
        pen.oval(0, -110, 30, 4, shade(drink, 1.4))
        pen.line([(-24, -132), (-28, -104)], clear(WHITE, 0.8), 3)


def wine_bottle(pen: Pen, x: float, y: float, words: str = "RED\nWINE", size: float = 1) -> None:
    """Draw a bottle of wine, 56 by 200 at size 1."""
    glass_green = (38, 66, 46)
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 42, 8)
        pen.blob(
            [
                (-10, -190),
                (10, -190),
                (10, -150),
                (27, -124),
                (28, -60),
                (27, -4),
                (20, 0),
                (-20, 0),
                (-27, -4),
                (-28, -60),
                (-27, -124),
                (-10, -150),
            ],
            round_(glass_green, 0.4),
        )
        pen.box(-11, -202, 11, -176, round_((130, 24, 40)), 2)
        pen.box(-27, -96, 27, -34, (246, 238, 214))
        pen.text(0, -65, words, 14, (110, 20, 40), bold=True)


def mug(pen: Pen, x: float, y: float, colour: Rgb = (226, 104, 72), size: float = 1) -> None:
    """Draw a mug with its handle to the right."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 44, 8)
        pen.arc(30, -34, (17, 18), (-80, 80), shade(colour, 0.85), 7)
        pen.box(-30, -66, 30, 0, round_(colour), 7)
        pen.oval(0, -65, 29, 6, shade(colour, 0.6))
        pen.oval(0, -63, 26, 4.6, (84, 52, 34))


def plate(pen: Pen, x: float, y: float, rx: float = 80, colour: Rgb = (248, 248, 246)) -> None:
    pen.shadow(x, y + 6, rx * 1.15, rx * 0.36)
    pen.oval(x, y + 4, rx, rx * 0.3, shade(colour, 0.8))
    pen.oval(x, y, rx, rx * 0.3, colour)
    pen.oval(x, y + 1, rx * 0.72, rx * 0.2, shade(colour, 0.92))


def bowl(
    pen: Pen, x: float, y: float, rx: float = 60, colour: Rgb = (92, 140, 190), content: Rgb = (240, 226, 190)
) -> None:
    """Draw a bowl that stands on (x, y)."""
    pen.shadow(x, y, rx * 0.9, 9)
    pen.blob(
        [
            (x - rx, y - rx * 0.75),
            (x + rx, y - rx * 0.75),
            (x + rx * 0.86, y - rx * 0.3),
            (x + rx * 0.45, y),
            (x - rx * 0.45, y),
            (x - rx * 0.86, y - rx * 0.3),
        ],
        round_(colour),
    )
    pen.oval(x, y - rx * 0.76, rx, rx * 0.2, shade(colour, 1.15))
    pen.oval(x, y - rx * 0.74, rx * 0.88, rx * 0.15, content)


def bucket(
    pen: Pen,
    x: float,
    y: float,
    colour: Rgb = (70, 126, 190),
    *,
    size: float = 1,
    content: Rgb | None = None,
    words: str = "",
) -> None:
    """Draw a bucket with its handle up, 100 by 96 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 60, 11)
        pen.arc(0, -90, (48, 46), (180, 360), STEEL, 4)
        pen.poly([(-50, -92), (50, -92), (38, 0), (-38, 0)], round_(colour))
        pen.oval(0, -92, 50, 10, shade(colour, 1.2))
        pen.oval(0, -91, 45, 7.6, content or shade(colour, 0.5))
        if words:
            pen.text(0, -46, words, 15, WHITE, bold=True)


def canister(pen: Pen, x: float, y: float, words: str = "PETROL", colour: Rgb = RED, size: float = 1) -> None:
    """Draw a fuel can, 90 by 110 at size 1."""
    with pen.placed(x, y, size):
        pen.shadow(0, 0, 58, 10)
        pen.line([(-26, -104), (-26, -116), (16, -116), (16, -104)], shade(colour, 0.8), 9)
        pen.box(24, -116, 40, -98, INK, 3)
        pen.box(-45, -104, 45, 0, round_(colour), 10)
        pen.line([(-36, -92), (36, -14)], shade(colour, 0.75), 3)
        pen.line([(36, -92), (-36, -14)], shade(colour, 0.75), 3)
        pen.box(-40, -66, 40, -38, WHITE, 3)
        pen.text(0, -52, words, 16, INK, bold=True)


def basket(pen: Pen, x: float, y: float, wide: float = 150, colour: Rgb = (176, 124, 70)) -> None:
    """Draw a wicker basket; draw its content before it, above y - 60."""
    pen.shadow(x, y, wide * 0.6, 12)
    pen.poly([(x - wide / 2, y - 62), (x + wide / 2, y - 62), (x + wide * 0.4, y), (x - wide * 0.4, y)], round_(colour))
    for row in range(5):
        for n in range(round(wide / 18)):
            left = x - wide * 0.44 + n * 18 + (row % 2) * 9
            pen.line([(left, y - 52 + row * 11), (left + 10, y - 52 + row * 11)], shade(colour, 0.72), 3)
    pen.line([(x - wide / 2, y - 62), (x + wide / 2, y - 62)], shade(colour, 0.8), 9)
