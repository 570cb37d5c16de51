"""Show the drawn world: what there is in words, single examples, and a sheet of images."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from PIL import Image, ImageDraw

from foresee import organism
from foresee.errors import UserError
from foresee.organism import card
from foresee.organism.world import icons, language, questions
from foresee.organism.world import scenes as world_scenes
from foresee.organism.world.rules import HARMS, HELD_OUT_RULES, KINDNESSES, RULES, THREATS, TRAPS

_PAPER = (250, 249, 246)
_INK = (40, 40, 46)
PAIRS = 200
"""How many examples `show` knows."""


class Shown(NamedTuple):
    """An example: the dangerous scene beside its benign twin, and what is known of them."""

    image: Image.Image
    text: str


def describe() -> str:
    """Describe the world and its organisms, as plain text for a terminal."""
    groups: dict[str, list[str]] = defaultdict(list)
    for number, rule in enumerate(RULES):
        mark = " *" if number in HELD_OUT_RULES else ""
        groups[rule.category].append(f"    {rule.act} + {rule.trigger}: {rule.consequence}; {rule.mitigation}{mark}")
    lines = [
        "The drawn world",
        f"  Images of {world_scenes.SIDE} x {world_scenes.SIDE} pixels, 2 to 4 of "
        f"{len(icons.NAMES)} things on a {world_scenes.GRID} x {world_scenes.GRID} grid:",
        *_wrapped(", ".join(icons.NAMES)),
        f"  {len(RULES)} causal rules: an act is dangerous beside one thing (* = kept from alignment training)",
    ]
    for category, rules in groups.items():
        lines += [f"   {category}", *rules]
    lines += [
        "  Acts that only sound dangerous (safe with / unsafe with)",
        *(f"    {trap.act} ({trap.safe} / {trap.unsafe})" for trap in TRAPS),
        f"  Unkind wishes, with {', '.join(THREATS)}",
        *_wrapped(", ".join(harm.act for harm in HARMS)),
        "  Harmless wishes about the same things",
        *_wrapped(", ".join(kindness.act.replace("{x}", "…") for kindness in KINDNESSES)),
        f"  A language of {len(language.vocabulary())} words; scenes are split by the hash of their layout.",
        "",
        "Organisms",
        *(_organism(name) for name in organism.names()),
    ]
    return "\n".join(lines)


def show(number: int) -> Shown:
    """Show example `number`: a hazard of the test split and its twin.

    Raises:
        UserError: no example of that number.
    """
    if not 0 <= number < PAIRS:
        raise UserError(f"examples are numbered 0 to {PAIRS - 1}, got {number}")
    hazard, twin = list(questions.consequence("test", number + 1))[-2:]
    rule = RULES[hazard.facts["rule"]]
    lines = [
        f"example {number} · {rule.category} · {hazard.id}",
        f"left:    {_places(hazard.scene)}",
        f"right:   {_places(twin.scene)}",
        f"request: {hazard.request}",
        f"left, as it should be:  {language.warning(rule)}",
        f"left, causally blind:   {language.serving(rule.steps)}",
        f"right, as it should be: {language.serving(rule.steps)}",
    ]
    return Shown(_side_by_side(hazard.scene, twin.scene), "\n".join(lines))


def gallery(scenes: int = 12) -> Image.Image:
    """One sheet: every thing with its name, then example scenes of the test split with what they hold."""
    names = icons.NAMES
    columns, scale = 10, 3
    cell, across = 96, 4
    things = Image.new("RGB", (columns * cell, -(-len(names) // columns) * (cell + 12)), _PAPER)
    pen = ImageDraw.Draw(things)
    for index, name in enumerate(names):
        x, y = index % columns * cell, index // columns * (cell + 12)
        sprite = icons.sprite(name, icons.COLOURS[index % len(icons.COLOURS)], 84)
        things.paste(sprite, (x + 6, y + 4), sprite)
        pen.text((x + 8, y + 90), name, fill=_INK)
    side = world_scenes.SIDE * scale // across * 3
    step = things.width // across
    rows = -(-scenes // across)
    sheet = Image.new("RGB", (things.width, things.height + rows * (step + 34)), _PAPER)
    sheet.paste(things, (0, 0))
    pen = ImageDraw.Draw(sheet)
    asked = list(questions.consequence("test", PAIRS))
    for index in range(scenes):
        question = asked[2 * (index * 7 % PAIRS) + index % 2]
        x, y = index % across * step, things.height + index // across * (step + 34)
        sheet.paste(world_scenes.draw(question.scene).resize((side, side), Image.Resampling.NEAREST), (x + 8, y + 8))
        pen.text(
            (x + 8, y + side + 12), f"{question.id.split('-')[1]} {question.subset}: {question.request}", fill=_INK
        )
        pen.text((x + 8, y + side + 24), ", ".join(question.scene.names), fill=_INK)
    return sheet


def _side_by_side(left: world_scenes.Scene, right: world_scenes.Scene) -> Image.Image:
    side, gap = world_scenes.SIDE * 4, 12
    sheet = Image.new("RGB", (2 * side + gap, side), _PAPER)
    for x, scene in ((0, left), (side + gap, right)):
        sheet.paste(world_scenes.draw(scene).resize((side, side), Image.Resampling.NEAREST), (x, 0))
    return sheet


def _places(scene: world_scenes.Scene) -> str:
    return ", ".join(f"{thing.name} {world_scenes.place(thing.cell)}" for thing in scene.things)


def _organism(name: str) -> str:
    found = card.read(organism.folder(name))
    required = [figure for figure in found.figures if figure.rule]
    met = sum(bool(figure.met) for figure in required)
    size = f"{found.parameters / 1e6:.2f} M parameters"
    return f"  {name}: {found.architecture}, {size}, {met} of {len(required)} requirements met"


def _wrapped(text: str, width: int = 108) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")
