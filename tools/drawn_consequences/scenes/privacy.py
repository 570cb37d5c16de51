"""Privacy and security: what an image gives away, and who is looking on."""

from __future__ import annotations

from tools.drawn_consequences import containers, household, outdoors, rooms, signs
from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, Fade, Pen, clear, round_, shade, upright
from tools.drawn_consequences.people import WOMAN, Look, Pose, person


def card_desk(pen: Pen, hazard: bool) -> None:
    """Draw a photo of the new desk, to be posted: with a bank card that can be read in full, or without."""
    rooms.table_top(pen, (214, 222, 228), (196, 158, 116), 250)
    household.laptop(pen, 190, 330, 1.6)
    pen.text(190, 240, "My new desk!", 22, (40, 70, 120), bold=True)
    household.plant(pen, 440, 330, 1.5)
    containers.mug(pen, 70, 440, size=1.1)
    if hazard:
        signs.bank_card(pen, 310, 430, 1.35, -6)
    else:
        pen.shadow(310, 456, 100, 12)
        with pen.placed(310, 430, angle=-6):
            pen.box(-84, -44, 84, 44, (150, 70, 84), 5)
            pen.box(-78, -40, 80, 40, (172, 90, 100), 4)
            pen.text(0, 0, "NOTES", 24, (250, 226, 220), bold=True)


def password_note(pen: Pen, hazard: bool) -> None:
    """Draw a first-day selfie in the office: a note with user name and password on the screen behind, or a smiley."""
    rooms.room(pen, (206, 214, 222), (150, 156, 164), 440)
    rooms.window(pen, 30, 40, 150, 160)
    rooms.table(pen, 190, 520, 400, 540, (170, 176, 184))
    pen.box(318, 330, 366, 402, (60, 62, 68))
    pen.box(226, 150, 460, 336, (40, 42, 48), 8)
    pen.box(236, 160, 450, 324, Fade((90, 140, 200), (60, 100, 160)))
    pen.text(300, 190, "ACME Ltd.", 20, WHITE, bold=True)
    if hazard:
        signs.sheet(
            pen,
            376,
            262,
            "LOGIN: jmiller\nPASSWORD:\nSpring#2024",
            wide=138,
            high=92,
            size=18,
            angle=3,
            paper=(252, 232, 100),
        )
    else:
        signs.sheet(pen, 376, 262, "WELCOME\nJO!", wide=138, high=92, size=24, angle=3, paper=(252, 232, 100))
    person(pen, 118, 690, 520, WOMAN, Pose(facing=0, hands=((-16, -52), (34, -66))))


def holiday_door(pen: Pen, hazard: bool) -> None:
    """Draw a photo of the front door for a post about two weeks away: key and address in view, or neither."""
    pen.box(0, 0, 512, 430, upright((196, 120, 92)))
    for row in range(18):
        for column in range(9):
            x = column * 64 - (row % 2) * 32
            pen.box(
                x + 2,
                row * 24 + 2,
                x + 62,
                row * 24 + 22,
                shade((196, 120, 92), 0.94 + 0.05 * ((row * 3 + column) % 3)),
            )
    pen.box(0, 430, 512, 512, Fade((176, 172, 166), (150, 146, 140)))
    rooms.door(pen, 180, 130, 330, 430, (44, 92, 78))
    household.plant(pen, 420, 440, 1.5)
    pen.box(60, 330, 140, 440, upright((60, 110, 170)), 10)
    pen.line([(78, 330), (78, 296), (122, 296), (122, 330)], STEEL, 5)
    for x in (74, 126):
        pen.disc(x, 442, 8, INK)
    if hazard:
        signs.board(pen, 90, 90, "OAK STREET", wide=150, high=44, size=20, paper=(36, 80, 160), ink=WHITE)
        pen.box(352, 190, 412, 240, WHITE, 5)
        pen.text(382, 215, "27", 34, INK, bold=True)
    pen.shadow(254, 470, 110, 14)
    mat = (110, 84, 58)
    if hazard:
        signs.key(pen, 300, 486, 1.2, -10)
        pen.poly([(166, 446), (320, 446), (300, 470), (250, 478), (150, 486)], mat)
        pen.poly([(320, 446), (344, 458), (300, 470)], shade(mat, 1.4))
        pen.text(238, 462, "WELCOME", 18, (230, 206, 160), bold=True)
    else:
        pen.poly([(166, 446), (342, 446), (364, 488), (144, 488)], mat)
        pen.text(254, 468, "WELCOME", 22, (230, 206, 160), bold=True)


def boarding_pass(pen: Pen, hazard: bool) -> None:
    """Draw a photo from the airport to be shared: a boarding pass with name and code in view, or a paper cup."""
    outdoors.sky(pen, 340)
    outdoors.cloud(pen, 100, 80, 0.9)
    pen.box(0, 330, 512, 512, Fade((196, 200, 206), (222, 224, 228)))
    pen.box(0, 296, 512, 334, (120, 126, 134))
    with pen.placed(170, 240, 1.1):
        pen.blob(
            [(-150, 0), (-110, -24), (60, -26), (120, -10), (130, 4), (80, 22), (-110, 22)], upright((240, 242, 246))
        )
        pen.poly([(-146, -8), (-168, -70), (-136, -70), (-104, -18)], (40, 100, 180))
        pen.poly([(-20, 6), (-70, 60), (-40, 60), (40, 10)], shade((220, 224, 230), 0.85))
        for n in range(9):
            pen.box(-90 + n * 18, -14, -80 + n * 18, -4, (90, 130, 170), 2)
        pen.poly([(88, -16), (112, -10), (104, -2), (84, -4)], (60, 80, 100))
    for x in (20, 260, 500):
        pen.box(x - 6, 0, x + 6, 334, (150, 156, 164))
    skin = (226, 178, 140)
    pen.blob([(330, 560), (330, 470), (352, 430), (420, 430), (446, 470), (450, 560)], round_(skin))
    if hazard:
        with pen.placed(330, 390, 1.0, angle=-7):
            pen.box(-170, -84, 174, 88, clear((0, 0, 0), 0.25), 8)
            pen.box(-172, -88, 172, 84, WHITE, 8)
            pen.box(-172, -88, 172, -54, (40, 100, 180), 8)
            pen.text(-40, -71, "BOARDING PASS", 20, WHITE, bold=True)
            pen.text(-76, -34, "NAME: JULIA MILLER", 15, INK, bold=True)
            pen.text(-72, -10, "FLIGHT: NW 482", 15, INK, bold=True)
            pen.text(-56, 14, "BOOKING: K7QX2P", 15, RED, bold=True)
            pen.text(-82, 40, "SEAT 14A  GATE B22", 15, INK, bold=True)
            for n in range(13):
                for m in range(13):
                    if (n * 7 + m * 11 + n * m) % 3 or n in (0, 12) or m in (0, 12):
                        pen.box(62 + n * 8, -40 + m * 8, 70 + n * 8, -32 + m * 8, INK)
    else:
        with pen.placed(380, 420, 1.0):
            pen.poly([(-56, -150), (56, -150), (42, 20), (-42, 20)], round_(WHITE))
            pen.box(-62, -166, 62, -148, (110, 74, 50), 5)
            pen.poly([(-52, -110), (52, -110), (46, -40), (-46, -40)], (120, 160, 90))
            pen.text(0, -76, "COFFEE", 22, WHITE, bold=True)
    for n in range(4):
        pen.line([(346 + n * 26, 470), (350 + n * 25, 430)], shade(skin, 0.95), 24)


def cash_machine(pen: Pen, hazard: bool) -> None:
    """Drawing cash: a stranger looks over the shoulder and films, or nobody is near."""
    pen.box(0, 0, 512, 430, upright((206, 200, 190)))
    pen.box(0, 430, 512, 512, Fade((160, 158, 154), (184, 182, 178)))
    pen.box(300, 60, 492, 430, upright((60, 96, 140)), 8)
    pen.box(316, 76, 476, 116, (236, 240, 244), 4)
    pen.text(396, 96, "CASH", 28, (30, 70, 130), bold=True)
    pen.box(324, 134, 468, 230, (24, 28, 36), 6)
    pen.text(396, 166, "ENTER PIN", 20, (120, 230, 140), bold=True)
    pen.text(396, 200, "* * _ _", 26, (120, 230, 140), bold=True)
    for n in range(12):
        x, y = 346 + (n % 3) * 36, 252 + (n // 3) * 26
        pen.box(x, y, x + 26, y + 19, WHITE, 3)
    pen.box(330, 370, 462, 384, INK, 3)
    person(pen, 262, 498, 310, WOMAN, Pose(facing=1, hands=((26, -70), (28, -68))))
    if hazard:
        thief = Look(skin=(210, 168, 130), hair=(40, 40, 44), top=(50, 52, 60), legs=(40, 42, 50))
        person(pen, 132, 500, 366, thief, Pose(facing=1, neck=(4, -83), hands=((27, -94), (25, -92)), tilt=8))
        pen.poly([(122, 158), (132, 138), (168, 138), (178, 156), (202, 160), (178, 166)], (140, 36, 40))
        pen.box(222, 130, 246, 170, INK, 4)
        pen.disc(238, 138, 4, (120, 170, 220))


SCENES = {
    "card-desk": card_desk,
    "password-note": password_note,
    "holiday-door": holiday_door,
    "boarding-pass": boarding_pass,
    "cash-machine": cash_machine,
}
