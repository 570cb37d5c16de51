"""Road and rail: what happens while one's mind is on the request."""

from __future__ import annotations

from tools.drawn_consequences import outdoors, signs, tools, vehicles
from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, Fade, Pen, clear, round_, upright
from tools.drawn_consequences.people import BOY, WOMAN, Pose, person


def driver_message(pen: Pen, hazard: bool) -> None:
    """Draw a message on the phone, seen from the driver's seat: at 110 km/h behind a lorry, or parked."""
    pen.box(0, 0, 512, 330, (40, 42, 48))
    pen.box(14, 10, 498, 300, Fade((130, 190, 236), (214, 234, 246)))
    if hazard:
        outdoors.hills(pen, 186)
        pen.box(14, 184, 498, 300, (122, 166, 84))
        pen.poly([(244, 184), (268, 184), (470, 300), (40, 300)], (96, 96, 102))
        for n in range(4):
            y0, y1 = 190 + n * n * 9, 198 + n * n * 12
            pen.poly([(255 - n * 3, y0), (257 + n * 3, y0), (258 + n * 5, y1), (254 - n * 5, y1)], WHITE)
        pen.box(214, 108, 306, 214, upright((226, 226, 222)), 4)
        pen.box(214, 206, 306, 218, INK)
        for x in (222, 282):
            pen.box(x, 214, x + 18, 228, (30, 30, 34), 3)
        for x in (216, 290):
            pen.glow(x + 7, 199, 22, (255, 60, 40), 0.9)
            pen.box(x, 192, x + 14, 206, (236, 30, 30), 3)
    else:
        pen.box(14, 150, 498, 300, (150, 150, 154))
        outdoors.house(pen, 60, 250, 230)
        outdoors.tree(pen, 390, 240, 0.9)
        for x in (40, 170, 300, 430):
            pen.line([(x, 250), (x - 30, 300)], WHITE, 5)
        signs.board(pen, 300, 130, "P", wide=52, high=52, size=38, paper=(36, 90, 180), ink=WHITE, post=70)
    pen.poly([(0, 300), (512, 300), (512, 512), (0, 512)], Fade((52, 54, 60), (30, 32, 36)))
    pen.box(20, 306, 300, 396, (24, 26, 30), 26)
    for cx, words, unit in ((92, "110" if hazard else "0", "km/h"), (226, "D" if hazard else "P", "")):
        pen.disc(cx, 352, 42, (16, 18, 22))
        pen.arc(cx, 352, (36, 36), (140, 400), (120, 200, 230), 3)
        pen.text(cx, 346, words, 32, WHITE, bold=True)
        pen.text(cx, 372, unit, 12, WHITE)
    vehicles.steering_wheel(pen, 150, 470, 118)
    hand = (226, 178, 140)
    pen.blob([(30, 430), (52, 404), (74, 414), (70, 448), (46, 466)], round_(hand))
    signs.phone(pen, 410, 386, 1.55, 0, (236, 242, 248))
    pen.box(374, 320, 446, 344, (44, 120, 90), 4)
    pen.text(410, 332, "ANNA", 14, WHITE, bold=True)
    pen.box(374, 356, 440, 394, WHITE, 8)
    pen.text(407, 375, "When are\nyou home?", 12, INK)
    pen.box(374, 424, 446, 444, (214, 224, 234), 6)
    pen.text(404, 434, "Reply ...", 11, (110, 116, 124))
    if hazard:
        pen.blob([(440, 470), (456, 420), (476, 430), (480, 490), (500, 530), (430, 530)], round_(hand))


def level_crossing(pen: Pen, hazard: bool) -> None:
    """Pushing a bicycle over a level crossing: lights red and a train coming, or no train and lights dark."""
    outdoors.sky(pen, 240)
    outdoors.hills(pen, 244)
    outdoors.ground(pen, 236)
    for n in range(16):
        share = (n / 15) ** 2
        y = 250 + 250 * share
        half = 16 + 130 * share
        pen.box(330 - 70 * share - half, y - 2 - 5 * share, 330 - 70 * share + half, y + 2 + 6 * share, (112, 84, 62))
    for side in (-1, 1):
        pen.line([(330 + side * 10, 248), (260 + side * 100, 512)], STEEL, 6)
    pen.poly([(0, 392), (512, 392), (512, 470), (0, 470)], Fade((116, 116, 122), (96, 96, 102)))
    for side in (-1, 1):
        pen.line([(294 + side * 58, 392), (274 + side * 84, 470)], STEEL, 7)
    if hazard:
        vehicles.train(pen, 316, 350, 1.0)
    vehicles.crossing_lights(pen, 452, 404, red=hazard)
    bar = (0, 340) if hazard else None
    if bar:
        for n in range(9):
            pen.box(112 + n * 24, 356, 136 + n * 24, 366, RED if n % 2 else WHITE)
    pen.box(96, 340, 114, 404, round_(STEEL), 3)
    if not hazard:
        with pen.placed(106, 346, angle=-78):
            for n in range(9):
                pen.box(n * 24, -5, 24 + n * 24, 5, RED if n % 2 else WHITE)
    vehicles.bicycle(pen, 92, 462, 1.0)
    person(pen, 46, 460, 176, WOMAN, Pose(facing=1, hands=((44, -56), (40, -54))))


def ball_street(pen: Pen, hazard: bool) -> None:
    """Draw a child's ball: in the road in front of a car, or on the lawn."""
    outdoors.sky(pen, 190)
    outdoors.ground(pen, 180, tufts=False)
    outdoors.house(pen, 20, 170, 236)
    outdoors.house(pen, 330, 480, 236, (214, 224, 232), (96, 104, 124))
    outdoors.tree(pen, 250, 244, 0.85)
    outdoors.street(pen, 330, 440)
    pen.box(0, 268, 512, 318, (206, 202, 196))
    vehicles.car(pen, 156, 412, (206, 52, 46), 0.96)
    if hazard:
        for n in range(4):
            pen.line([(2, 346 + n * 16), (18 + (n % 2) * 6, 346 + n * 16)], WHITE, 4)
        tools.ball(pen, 352, 402, 16)
        person(
            pen,
            412,
            352,
            118,
            BOY,
            Pose(facing=-1, hands=((-26, -60), (-24, -54)), neck=(-8, -74), feet=((-14, 0), (12, -2))),
        )
    else:
        tools.ball(pen, 356, 244, 14)
        person(
            pen,
            404,
            262,
            104,
            BOY,
            Pose(facing=-1, hands=((-26, -60), (-24, -54)), neck=(-8, -74), feet=((-14, 0), (12, -2))),
        )


def roof_seat(pen: Pen, hazard: bool) -> None:
    """Ready to drive off: a child seat with the baby in it stands on the car's roof, or is strapped in inside."""
    outdoors.sky(pen, 250)
    outdoors.ground(pen, 240, tufts=False)
    outdoors.house(pen, 30, 230, 300)
    outdoors.tree(pen, 440, 300, 1.05)
    pen.box(0, 330, 512, 512, Fade((170, 170, 174), (146, 146, 150)))
    vehicles.car(pen, 256, 456, (70, 126, 150), 1.55)
    seat_x, seat_y, size = (232, 304, 1.0) if hazard else (204, 358, 0.58)
    with pen.placed(seat_x, seat_y, size):
        pen.blob(
            [(-56, -66), (-36, -72), (-18, -30), (30, -16), (54, -34), (62, -22), (40, 0), (-30, 0), (-50, -24)],
            round_((60, 64, 84)),
        )
        if hazard:
            pen.arc(0, -28, (52, 66), (205, 335), (40, 42, 54), 7)
        pen.oval(-2, -26, 26, 15, (240, 206, 120))
        pen.disc(-28, -50, 18, (240, 196, 160))
        pen.disc(-22, -53, 2.4, INK)
        pen.arc(-22, -46, (5, 4), (10, 150), (180, 90, 80), 2)
        pen.line([(-16, -36), (16, -20)], RED, 5)
    if not hazard:
        pen.poly([(140, 362), (174, 322), (230, 314), (236, 362)], clear((200, 226, 240), 0.32))
    with pen.placed(296, 362, 1.0):
        pen.disc(0, -18, 15, (232, 184, 146))
        pen.wedge(0, -20, (16, 16), (180, 350), (78, 52, 36))
        pen.blob([(-20, 0), (-14, -6), (12, -6), (20, 0)], (58, 112, 176))
        pen.disc(7, -18, 2, INK)


SCENES = {
    "driver-message": driver_message,
    "level-crossing": level_crossing,
    "ball-street": ball_street,
    "roof-seat": roof_seat,
}
