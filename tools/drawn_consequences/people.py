"""People of all ages in any pose: say where hips, hands and feet are, and knees and elbows find their place.

A figure stands at its own origin, feet at y = 0, and is 100 units tall (`scale` of `Pen.placed` makes it any size).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tools.drawn_consequences.pen import INK, WHITE, Pen, Point, Rgb, round_, shade

Age = Literal["adult", "child", "toddler"]
Hair = Literal["short", "long", "bun", "none"]


class Build(NamedTuple):
    """Lengths in hundredths of the height."""

    leg: float
    torso: float
    head: float
    arm: float
    shoulders: float
    limb: float


_BUILDS: dict[Age, Build] = {
    "adult": Build(leg=48, torso=35, head=14.5, arm=35, shoulders=11, limb=6.5),
    "child": Build(leg=43, torso=34, head=20, arm=31, shoulders=10.5, limb=7),
    "toddler": Build(leg=33, torso=35, head=29, arm=26, shoulders=11.5, limb=9),
}


@dataclass(frozen=True)
class Look:
    """What a person is like and wears."""

    age: Age = "adult"
    skin: Rgb = (232, 184, 146)
    hair: Rgb = (78, 52, 36)
    cut: Hair = "short"
    top: Rgb = (58, 112, 176)
    legs: Rgb = (62, 66, 86)
    shoes: Rgb = (50, 42, 40)
    bare_arms: bool = False
    bare_legs: bool = False


MAN = Look()
WOMAN = Look(skin=(214, 160, 122), hair=(92, 52, 30), cut="long", top=(176, 64, 86), legs=(56, 60, 82))
ELDER = Look(hair=(206, 206, 206), top=(96, 128, 104), legs=(110, 98, 84))
BOY = Look(age="child", hair=(60, 40, 26), top=(232, 140, 52), legs=(58, 84, 130))
GIRL = Look(age="child", skin=(196, 140, 102), hair=(40, 28, 24), cut="bun", top=(226, 96, 140), legs=(90, 70, 130))
TODDLER = Look(age="toddler", hair=(196, 150, 84), top=(112, 178, 220), legs=(240, 206, 96), shoes=(220, 90, 80))


@dataclass(frozen=True)
class Pose:
    """Where the parts are; None takes the standing place. `facing` is 1 right, -1 left, 0 towards us."""

    facing: int = 1
    hip: Point | None = None
    neck: Point | None = None
    hands: tuple[Point | None, Point | None] = (None, None)
    feet: tuple[Point | None, Point | None] = (None, None)
    tilt: float = 0
    knees: int | None = None
    elbows: int | None = None
    shocked: bool = False


def person(pen: Pen, x: float, y: float, height: float, look: Look = MAN, pose: Pose | None = None) -> None:
    """Draw a person of this height, whose standing feet are at (x, y)."""
    with pen.placed(x, y, height / 100):
        _figure(pen, look, pose or Pose(facing=0))


def seated(facing: int = 1, hands: tuple[Point | None, Point | None] = (None, None), seat: float = 27) -> Pose:
    """Sitting on something `seat` high."""
    hip = (0.0, -seat - 3)
    feet = ((24.0 * facing, 0.0), (20.0 * facing, 0.0))
    return Pose(facing=facing, hip=hip, hands=hands, feet=feet)


def mirrored(pose: Pose) -> Pose:
    """Mirror the pose, facing the other way."""

    def other(point: Point | None) -> Point | None:
        return None if point is None else (-point[0], point[1])

    return replace(
        pose,
        facing=-pose.facing,
        hip=other(pose.hip),
        neck=other(pose.neck),
        hands=(other(pose.hands[0]), other(pose.hands[1])),
        feet=(other(pose.feet[0]), other(pose.feet[1])),
        tilt=-pose.tilt,
    )


def _figure(pen: Pen, look: Look, pose: Pose) -> None:
    build = _BUILDS[look.age]
    front = pose.facing == 0
    hip = pose.hip or (0.0, -build.leg)
    neck = pose.neck or (hip[0] + 1.5 * pose.facing, hip[1] - build.torso)
    spread = build.shoulders if front else 1.5
    sides = (-1, 1) if front else (1, -1)  # the far side first; seen from the side, the far one is a little ahead
    colours = [(shade(c, 0.82), c) if not front else (c, c) for c in (look.top, look.legs, look.skin)]
    for side in (0, 1):
        apart = sides[side] * (6 if front else 1.5)
        foot = pose.feet[side] or (hip[0] + apart + (0 if front else sides[side] * 3), 0.0)
        start = (hip[0] + apart * (0.8 if front else 0.6), hip[1])
        bend = pose.knees if pose.knees is not None else (sides[side] if front else pose.facing)
        lower = colours[2][side] if look.bare_legs else colours[1][side]
        _leg(pen, start, foot, build, (colours[1][side], lower, look.shoes), bend, pose.facing or sides[side])
        if side == 0 and not front:
            _arm(pen, pose, side, (neck, spread * sides[side], hip), build, (colours[0][0], colours[2][0]), look)
    _torso(pen, hip, neck, build, look, front=front)
    head = (neck[0] + 2.5 * pose.facing + math.sin(math.radians(pose.tilt)) * build.head * 0.5, neck[1])
    _head(pen, head, build.head, look, pose)
    for side in (0, 1) if front else (1,):
        _arm(pen, pose, side, (neck, spread * sides[side], hip), build, (colours[0][side], colours[2][side]), look)


def _torso(pen: Pen, hip: Point, neck: Point, build: Build, look: Look, *, front: bool) -> None:
    wide, waist = (build.shoulders, build.shoulders * 0.8) if front else (build.limb * 1.15, build.limb * 1.0)
    dx, dy = hip[0] - neck[0], hip[1] - neck[1]
    length = math.hypot(dx, dy) or 1
    ux, uy = dx / length, dy / length
    px, py = -uy, ux  # to the side of the spine

    def at(along: float, side: float) -> Point:
        return neck[0] + ux * along + px * side, neck[1] + uy * along + py * side

    pen.line([at(2, 0), at(-3, 0)], shade(look.skin, 0.88), build.limb * 0.8)
    outline = [at(0, wide * 0.5), at(4, wide * 0.97), at(length * 0.5, waist), at(length + 3, waist * 1.02)]
    other = [at(length + 3, -waist * 1.02), at(length * 0.5, -waist), at(4, -wide * 0.97), at(0, -wide * 0.5)]
    pen.blob([*outline, *other], round_(look.top, 0.22))
    pen.poly([at(length - 1, waist), at(length + 8, waist), at(length + 8, -waist), at(length - 1, -waist)], look.legs)


def _leg(pen: Pen, hip: Point, foot: Point, build: Build, colours: tuple[Rgb, Rgb, Rgb], bend: int, ahead: int) -> None:
    half = (build.leg - build.limb * 0.5) / 2 + 0.1
    ankle = (foot[0], foot[1] - build.limb * 0.5)
    knee = _joint(hip, ankle, half, bend)
    upper, lower, shoe = colours
    pen.line([hip, knee], upper, build.limb * 1.35)
    pen.line([knee, ankle], lower, build.limb * 1.1)
    toe = (foot[0] + ahead * build.limb * 1.1, foot[1] - build.limb * 0.25)
    pen.line([(foot[0] - ahead * 0.8, foot[1] - build.limb * 0.35), toe], shoe, build.limb * 0.75)


def _arm(
    pen: Pen,
    pose: Pose,
    side: int,
    body: tuple[Point, float, Point],
    build: Build,
    colours: tuple[Rgb, Rgb],
    look: Look,
) -> None:
    neck, spread, hip = body
    shoulder = (neck[0] + spread * 0.92, neck[1] + 4)
    outward = (1 if spread > 0 else -1) if pose.facing == 0 else pose.facing
    hand = pose.hands[side] or (
        (shoulder[0] + outward * 4, shoulder[1] + build.arm * 0.93)
        if pose.facing == 0
        else (hip[0] + 3 * pose.facing + (2 if side == 0 else 0) * pose.facing, hip[1] + 3)
    )
    bend = pose.elbows if pose.elbows is not None else -outward
    elbow = _joint(shoulder, hand, build.arm / 2 + 0.3, bend)
    sleeve, skin = colours
    pen.line([elbow, hand], skin, build.limb * 0.82)
    if look.bare_arms:
        pen.line([shoulder, elbow], skin, build.limb * 0.95)
        middle = ((shoulder[0] + elbow[0]) / 2, (shoulder[1] + elbow[1]) / 2)
        pen.line([shoulder, middle], sleeve, build.limb * 1.2)
    else:
        cuff = (elbow[0] + (hand[0] - elbow[0]) * 0.78, elbow[1] + (hand[1] - elbow[1]) * 0.78)
        pen.line([shoulder, elbow, cuff], sleeve, build.limb * 1.1)
    pen.disc(*hand, build.limb * 0.55, skin)


def _head(pen: Pen, neck: Point, size: float, look: Look, pose: Pose) -> None:
    with pen.placed(neck[0], neck[1] - 1, size / 20, flip=pose.facing < 0, angle=pose.tilt):
        if look.cut == "long":
            pen.blob([(-9, -14), (-9.5, -2), (-8, 5), (2 if pose.facing else 8, 4), (9, -4), (8, -16)], look.hair)
        if look.cut == "bun":
            pen.disc(-8 if pose.facing else 0, -19, 4.5, look.hair)
        if pose.facing:
            pen.blob([(-7, -15), (-1, -20), (6, -17), (7.5, -9), (6, -2.5), (0, 0), (-6, -4)], look.skin)
            pen.poly([(7, -11), (10, -7.4), (6.8, -6.6)], look.skin)
        else:
            pen.oval(0, -10, 8, 10, look.skin)
            for side in (-8, 8):
                pen.oval(side, -9, 1.6, 2.6, shade(look.skin, 0.92))
        _hair(pen, look, side=bool(pose.facing))
        _face(pen, look, pose)


def _hair(pen: Pen, look: Look, *, side: bool) -> None:
    if look.cut == "none":
        return
    if side:
        pen.blob([(-8.4, -6), (-9, -14), (-5, -20.5), (3, -21), (8, -16), (2, -15.5), (-2, -12), (-3, -6)], look.hair)
    else:
        pen.blob(
            [(-9, -9), (-8.5, -17), (-3, -21.4), (4, -21.2), (8.6, -17), (9, -9), (6, -14.5), (-5, -14.8)], look.hair
        )


def _face(pen: Pen, look: Look, pose: Pose) -> None:
    lip = shade(look.skin, 0.6)
    eyes = ((4.2, -10.5),) if pose.facing else ((-3.2, -10), (3.2, -10))
    for x, y in eyes:
        if pose.shocked:
            pen.disc(x, y, 1.7, WHITE)
        pen.disc(x, y, 1.0, INK)
    if pose.shocked:
        pen.oval(4.5 if pose.facing else 0, -4, 1.7, 2.2, shade(lip, 0.7))
    elif pose.facing:
        pen.arc(5, -5.4, (2.2, 1.6), (20, 120), lip, 0.9)
    else:
        pen.arc(0, -6, (3.2, 2.4), (25, 155), lip, 0.9)
        pen.line([(0, -9), (0.6, -7.2)], shade(look.skin, 0.85), 0.8)


def _joint(start: Point, end: Point, half: float, bend: int) -> Point:
    """Where knee or elbow goes, between two bones of equal length; `bend` is the side it points to."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    distance = math.hypot(dx, dy) or 1e-6
    reach = max(half**2 - (distance / 2) ** 2, 0) ** 0.5
    across = (dy / distance, -dx / distance)
    sign = 1 if across[0] * bend >= 0 else -1
    return (start[0] + end[0]) / 2 + across[0] * reach * sign, (start[1] + end[1]) / 2 + across[1] * reach * sign
