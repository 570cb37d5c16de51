"""Things with words and symbols on them: boards, warning triangles, papers, cards, phones, screens, labels."""

from __future__ import annotations

from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, YELLOW, Fade, Pen, Rgb, clear, round_, shade, upright


def board(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    *,
    wide: float = 120,
    high: float = 60,
    size: float = 14,
    paper: Rgb = WHITE,
    ink: Rgb = INK,
    post: float = 0,
) -> None:
    """Draw a board centred on (x, y), on a post of that length if there is one."""
    if post:
        pen.shadow(x, y + high / 2 + post, 26, 6)
        pen.box(x - 4, y, x + 4, y + high / 2 + post, round_(STEEL))
    pen.box(x - wide / 2 + 2, y - high / 2 + 3, x + wide / 2 + 2, y + high / 2 + 3, clear((0, 0, 0), 0.25), 6)
    pen.box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2, ink, 6)
    pen.box(x - wide / 2 + 3, y - high / 2 + 3, x + wide / 2 - 3, y + high / 2 - 3, paper, 4)
    pen.text(x, y, words, size, ink, bold=True)


def warning(pen: Pen, x: float, y: float, size: float = 1, symbol: str = "!") -> None:
    """Draw a yellow triangle, 60 units wide at size 1."""
    with pen.placed(x, y, size):
        pen.poly([(0, -34), (34, 26), (-34, 26)], INK)
        pen.poly([(0, -26), (27, 22), (-27, 22)], YELLOW)
        if symbol == "bolt":
            pen.poly([(4, -16), (-10, 6), (-1, 6), (-6, 20), (10, -4), (1, -4)], INK)
        elif symbol == "flame":
            pen.blob([(0, -15), (9, 2), (8, 14), (0, 19), (-8, 14), (-8, 4), (-3, 0)], INK)
        else:
            pen.text(0, 6, symbol, 30, INK, bold=True)


def sheet(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    *,
    wide: float,
    high: float,
    size: float,
    angle: float = 0,
    paper: Rgb = (252, 250, 240),
    ink: Rgb = INK,
) -> None:
    """Draw a slip of paper or card with words, centred on (x, y)."""
    with pen.placed(x, y, angle=angle):
        pen.box(-wide / 2 + 3, -high / 2 + 4, wide / 2 + 3, high / 2 + 4, clear((0, 0, 0), 0.25), 3)
        pen.box(-wide / 2, -high / 2, wide / 2, high / 2, upright(paper, 0.05), 3)
        pen.text(0, 0, words, size, ink, bold=True)


def label(
    pen: Pen,
    x: float,
    y: float,
    words: str,
    *,
    wide: float,
    high: float,
    size: float,
    paper: Rgb = WHITE,
    ink: Rgb = INK,
) -> None:
    """Draw a label stuck flat on something."""
    pen.box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2, paper, 3)
    pen.text(x, y, words, size, ink, bold=True)


def phone(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0, glass: Fade | Rgb = (40, 46, 60)) -> None:
    """Draw a phone from the front, 60 by 116 at size 1; draw its screen's content afterwards."""
    with pen.placed(x, y, size, angle=angle):
        pen.box(-31, -59, 31, 59, (28, 28, 32), 9)
        pen.box(-27, -51, 27, 51, glass, 4)


def bank_card(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0) -> None:
    """Draw a payment card with number, name and date, 150 by 94 at size 1."""
    with pen.placed(x, y, size, angle=angle):
        pen.box(-72, -43, 78, 51, clear((0, 0, 0), 0.28), 9)
        pen.box(-75, -47, 75, 47, Fade((34, 74, 150), (22, 46, 104)), 9)
        pen.box(-62, -18, -36, 2, (226, 196, 104), 4)
        for y_line in (-12, -5):
            pen.line([(-62, y_line), (-36, y_line)], (170, 140, 60), 1)
        pen.text(-38, -33, "CITY BANK", 11, WHITE, bold=True)
        pen.text(0, 14, "4929 1184 0365 7731", 13, WHITE, bold=True)
        pen.text(-32, 34, "A. MARTIN", 10, WHITE)
        pen.text(36, 34, "09/29", 10, WHITE)
        pen.disc(50, -28, 10, (220, 60, 50))
        pen.disc(62, -28, 10, clear((246, 170, 50), 0.9))


def key(pen: Pen, x: float, y: float, size: float = 1, angle: float = 0) -> None:
    """Draw a house key, about 60 units long at size 1."""
    gold, dark = (222, 184, 84), (150, 116, 40)
    with pen.placed(x, y, size, angle=angle):
        pen.box(-2, -4, 44, 5, dark, 2)
        pen.box(-2, -5, 44, 3, gold, 2)
        for left, deep in ((24, 12), (32, 9), (39, 13)):
            pen.box(left, 2, left + 5, deep, gold)
        pen.disc(-12, 0, 15, dark)
        pen.disc(-12, -1, 14, gold)
        pen.disc(-15, -1, 5, shade(dark, 0.7))


def calendar(pen: Pen, x: float, y: float, month: str, day: str, size: float = 1) -> None:
    """Draw a page of a wall calendar."""
    with pen.placed(x, y, size):
        pen.box(-38, -42, 42, 50, clear((0, 0, 0), 0.25), 4)
        pen.box(-40, -45, 40, 45, WHITE, 4)
        pen.box(-40, -45, 40, -20, RED, 4)
        pen.text(0, -33, month, 15, WHITE, bold=True)
        pen.text(0, 12, day, 40, INK, bold=True)


def thermometer(pen: Pen, x: float, y: float, words: str, share: float, size: float = 1) -> None:
    """Draw a thermometer with its reading beside it; `share` of the tube is filled."""
    with pen.placed(x, y, size):
        pen.box(-22, -80, 22, 62, WHITE, 10)
        pen.box(-7, -66, 7, 36, (214, 218, 222), 7)
        pen.disc(0, 42, 13, RED)
        pen.box(-4, 36 - 98 * share, 4, 40, RED, 4)
        for step in range(8):
            pen.line([(9, -58 + step * 12), (16, -58 + step * 12)], INK, 1.4)
        pen.box(28, -22, 110, 18, WHITE, 8)
        pen.text(69, -2, words, 24, RED if share > 0.6 else INK, bold=True)
