"""Machines and tools: blades, drills and what they catch."""

from __future__ import annotations

import math

from tools.drawn_consequences import household, outdoors, rooms, tools
from tools.drawn_consequences.pen import INK, RED, STEEL, WHITE, WOOD, YELLOW, Fade, Pen, clear, round_, shade, upright
from tools.drawn_consequences.people import MAN, Look, Pose, person


def wall_scanner(pen: Pen, hazard: bool) -> None:
    """Draw a hole to be drilled at the cross: the detector held there shows a live cable, or nothing."""
    rooms.room(pen, (222, 214, 196), line=440)
    household.socket(pen, 440, 392, 1.1)
    with pen.placed(150, 170):
        pen.line([(-18, -18), (18, 18)], INK, 5)
        pen.line([(18, -18), (-18, 18)], INK, 5)
    pen.text(150, 120, "DRILL HERE", 17, INK, bold=True)
    if hazard:
        pen.line([(150, 20), (150, 440)], clear(RED, 0.22), 12)
    with pen.placed(150, 296, 1.35):
        pen.box(-46, -60, 50, 94, clear((0, 0, 0), 0.22), 12)
        pen.box(-48, -64, 48, 90, upright(YELLOW), 12)
        pen.box(-40, -54, 40, 14, (24, 28, 34), 4)
        if hazard:
            pen.text(0, -38, "LIVE WIRE", 14, (255, 90, 70), bold=True)
            pen.poly([(4, -26), (-10, -6), (0, -6), (-6, 10), (12, -12), (2, -12)], (255, 90, 70))
            pen.glow(0, 44, 50, (255, 80, 60), 0.6)
        else:
            pen.text(0, -38, "ALL CLEAR", 14, (110, 230, 130), bold=True)
            pen.line([(-12, -8), (-3, 2), (14, -20)], (110, 230, 130), 4)
        pen.disc(0, 44, 18, RED if hazard else (60, 180, 90))
        pen.text(0, 76, "WALL SCAN", 11, INK, bold=True)
    tools.drill(pen, 262, 176, 1.25)
    pen.line([(512, 300), (430, 232)], (58, 112, 176), 50)
    pen.disc(410, 222, 24, (232, 184, 146))


def mower_plug(pen: Pen, hazard: bool) -> None:
    """Grass to be cleared out of an electric mower: it is still plugged in, or its plug lies on the lawn."""
    outdoors.sky(pen, 170)
    pen.box(0, 250, 512, 512, Fade((110, 160, 78), (130, 176, 90)))
    outdoors.hedge(pen, -20, 330, 130, 262)
    pen.box(330, 0, 512, 270, upright((236, 222, 200)))
    household.socket(pen, 440, 190, 1.4)
    tools.mower(pen, 200, 440, 1.25, on_side=True)
    cord = (236, 120, 30)
    if hazard:
        household.cable(
            pen, [(30, 436), (70, 486), (260, 496), (420, 470), (480, 380), (470, 270), (441, 222)], cord, 6
        )
        household.plug(pen, 440, 196, 1.3, 0, pins=False, colour=(236, 120, 30))
    else:
        household.cable(pen, [(30, 436), (70, 486), (240, 498), (330, 480)], cord, 6)
        household.plug(pen, 352, 474, 1.3, 80, colour=(236, 120, 30))
    pen.line([(512, 320), (380, 330)], (58, 112, 176), 44)
    glove = (150, 100, 58)
    pen.line([(404, 328), (330, 342)], glove, 36)
    pen.line([(352, 330), (226, 352)], (206, 168, 110), 9)
    for dy in (-10, 2, 14):
        pen.line([(334, 338 + dy), (308, 340 + dy)], shade(glove, 0.92), 13)


def scarf_drill(pen: Pen, hazard: bool) -> None:
    """Work at a drill press: with a long scarf that hangs to the spindle, or without it."""
    rooms.room(pen, (206, 208, 204), (150, 146, 140), 400)
    pen.box(300, 30, 500, 170, (126, 94, 66))
    tools.hand_saw(pen, 336, 66, 1.0)
    pen.line([(330, 116), (330, 156)], STEEL, 6)
    pen.box(316, 100, 344, 120, INK, 3)
    pen.shadow(330, 490, 120, 14)
    pen.box(250, 466, 410, 490, upright((70, 92, 84)), 4)
    pen.box(366, 140, 386, 470, round_(STEEL))
    pen.box(262, 330, 392, 346, upright((120, 128, 134)), 3)
    pen.box(290, 308, 344, 330, upright(WOOD))
    for x in (276, 344):
        pen.box(x, 302, x + 14, 332, upright((92, 100, 110)), 2)
    pen.line([(276, 318), (256, 318)], STEEL, 5)
    pen.line([(256, 306), (256, 332)], STEEL, 4)
    pen.box(268, 130, 420, 220, upright((60, 130, 110)), 14)
    pen.text(350, 160, "DRILL PRESS", 14, WHITE, bold=True)
    pen.box(302, 220, 330, 262, round_((70, 74, 80)), 4)
    pen.line([(316, 262), (316, 310)], (206, 212, 218), 8)
    for y in (272, 284, 296):
        pen.line([(311, y), (321, y - 5)], (120, 126, 134), 3)
    pen.arc(316, 286, (22, 7), (20, 330), clear(INK, 0.5), 3)
    pen.line([(420, 176), (452, 212)], INK, 6)
    worker = Look(hair=(70, 46, 34), cut="bun", skin=(224, 172, 134), top=(90, 110, 150), legs=(60, 64, 80))
    person(pen, 166, 492, 380, worker, Pose(facing=1, neck=(11, -80), hands=((26, -48), (24, -45)), tilt=12))
    pen.line([(206, 146), (238, 152)], INK, 4)
    pen.blob([(222, 138), (242, 142), (242, 160), (224, 160)], clear((160, 210, 240), 0.9))
    if hazard:
        scarf = (216, 60, 70)
        pen.curve([(190, 190), (214, 200), (226, 196)], scarf, 26)
        pen.curve([(214, 200), (250, 236), (288, 262), (322, 276)], scarf, 20)
        pen.curve([(214, 204), (240, 250), (268, 286), (306, 296)], shade(scarf, 0.84), 15)
        for n in range(5):
            pen.line([(318 + n * 2, 270 + n * 5), (334, 268 + n * 7)], scarf, 3)


def branch_saw(pen: Pen, hazard: bool) -> None:
    """Draw a branch to be sawn off: sitting on its outer end, or standing on the ground with a saw on a pole."""
    outdoors.sky(pen, 400)
    outdoors.cloud(pen, 400, 70, 0.8)
    outdoors.ground(pen, 390)
    bark = (112, 82, 58)
    pen.poly([(30, 420), (50, 60), (110, 60), (130, 420)], round_(bark))
    for cx, cy, r in ((40, 40, 90), (140, 20, 80), (90, 80, 60)):
        pen.disc(cx, cy, r, shade(outdoors.LEAF, 0.9))
        pen.disc(cx - 6, cy - 10, r * 0.85, outdoors.LEAF)
    pen.poly([(96, 218), (96, 262), (440, 246), (486, 226), (440, 224)], upright(bark, 0.3))
    for x, y in ((430, 214), (470, 212), (486, 236), (446, 258)):
        pen.disc(x, y, 24, outdoors.LEAF)
        pen.disc(x - 4, y - 4, 14, shade(outdoors.LEAF, 1.15))
    pen.line([(206, 218), (212, 244)], (230, 196, 150), 5)
    if hazard:
        sitting = Pose(
            facing=-1, hip=(0, -2), neck=(-8, -36), feet=((-8, 42), (-2, 44)), hands=((-42, -12), (-38, -14))
        )
        person(pen, 330, 232, 200, MAN, sitting)
        with pen.placed(252, 208, flip=True, angle=-10):
            tools.hand_saw(pen, 0, 0)
        for n in range(8):
            pen.disc(206 + (n * 13) % 26 - 10, 262 + n * 9, 2, (236, 206, 160))
    else:
        person(pen, 330, 480, 210, MAN, Pose(facing=-1, hands=((-20, -88), (-16, -70))))
        pen.line([(296, 330), (226, 224)], (206, 160, 84), 7)
        with pen.placed(236, 216, 0.8, flip=True, angle=-4):
            tools.hand_saw(pen, 0, 0)
        tools.hard_hat(pen, 318, 292, 0.9)


def saw_guard(pen: Pen, hazard: bool) -> None:
    """Draw a plank to be pushed through a table saw: by hand with the blade bare, or with guard and push stick."""
    rooms.room(pen, (200, 204, 208), (156, 148, 138), 250)
    pen.box(0, 250, 512, 512, Fade((150, 142, 132), (170, 162, 150)))
    pen.poly([(60, 270), (452, 270), (500, 420), (12, 420)], Fade((176, 182, 190), (206, 212, 218)))
    pen.box(12, 420, 500, 500, upright((60, 100, 140)))
    pen.text(256, 462, "TABLE SAW", 26, WHITE, bold=True)
    pen.wedge(290, 346, (74, 74), (180, 360), Fade((232, 236, 240), (160, 168, 176)))
    for n in range(17):
        turn = math.radians(184 + n * 10.6)
        x, y = 290 + 74 * math.cos(turn), 346 + 74 * math.sin(turn)
        pen.poly([(x - 5, y + 3), (x + 9 * math.cos(turn), y + 11 * math.sin(turn)), (x + 5, y + 3)], (120, 126, 134))
    pen.disc(290, 340, 9, INK)
    pen.box(208, 344, 372, 350, (60, 62, 68))
    pen.poly([(20, 352), (300, 344), (300, 366), (20, 378)], upright((222, 178, 118)))
    skin = (232, 184, 146)
    if hazard:
        pen.line([(-20, 250), (150, 330)], (58, 112, 176), 54)
        pen.line([(130, 322), (206, 346)], skin, 36)
        for dy in (-12, -2, 8):
            pen.line([(206, 346 + dy), (250, 350 + dy * 0.7)], skin, 13)
    else:
        pen.blob([(220, 318), (230, 262), (290, 246), (350, 262), (362, 318), (290, 322)], clear((250, 170, 50), 0.78))
        pen.text(290, 290, "GUARD", 19, INK, bold=True)
        pen.line([(-20, 200), (50, 262)], (58, 112, 176), 54)
        pen.disc(66, 276, 24, skin)
        pen.line([(60, 272), (196, 352)], (240, 190, 40), 14)


SCENES = {
    "wall-scanner": wall_scanner,
    "mower-plug": mower_plug,
    "scarf-drill": scarf_drill,
    "branch-saw": branch_saw,
    "saw-guard": saw_guard,
}
