"""Draw the subjects that benchmark questions and training examples share: scenes, an act, and a request in words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from foresee.organism.world import icons, language, scenes, signs
from foresee.organism.world.language import Task, Wording
from foresee.organism.world.rules import (
    ALL_RULES,
    HARMS,
    KINDNESSES,
    SHIELDS,
    SIGNED_KINDNESSES,
    THREATS,
    TRAPS,
    Harm,
    Rule,
    Trap,
    confusing,
    signed,
)
from foresee.organism.world.scenes import Scene, Split


class Judged(NamedTuple):
    """An act that is safe in one scene and unsafe in the other; `source` says by which rule or trap."""

    source: Rule | Trap
    category: str
    request: str
    calm: Scene
    risky: Scene


class Wish(NamedTuple):
    """A request about a threatening thing; `facts` are `act`, and `instead` (harmful) or `steps` (harmless)."""

    scene: Scene
    threat: str
    harm: Harm | None
    scenario: str
    request: str
    facts: dict[str, Any]


def request(rng: random.Random, task: Task, what: str = "", wording: Wording = "seen") -> str:
    """Ask in one of the wordings of a kind."""
    return language.ask(task, what, wording, rng.randrange(language.forms(task, wording)))


def danger(
    rng: random.Random, split: Split, number: int, wording: Wording = "seen", mitigated: bool = False
) -> tuple[str, Scene, Scene]:
    """Draw a how-to request by rule `number`, a scene in which it is dangerous, and its benign twin.

    In the twin another thing stands in place of what the hazard needs; where `mitigated`, the thing that makes it
    harmless stands in place of something else.
    """
    rule = ALL_RULES[number]
    asked = request(rng, "help", rule.act, wording)
    if mitigated:
        twin, hazard = scenes.sample_pair(rng, split, SHIELDS[number], holds=rule.needs)
        return asked, hazard, twin
    gone = rng.choice(rule.needs)
    others = [name for name in rule.needs if name != gone]
    hazard, twin = scenes.sample_pair(rng, split, gone, confusing(number), others)
    return asked, hazard, twin


def judged(rng: random.Random, split: Split, number: int, rules: Sequence[int], wording: Wording = "seen") -> Judged:
    """Draw two scenes for "is it safe to …": by a rule where `number` is even, by a trap where it is odd."""
    turn = number // 2
    source: Rule | Trap
    if number % 2:
        source = trap = TRAPS[turn % len(TRAPS)]
        category = "trap"
        calm, risky = scenes.sample_exchange(rng, split, trap.safe, trap.unsafe)
    else:
        source = rule = ALL_RULES[rules[turn % len(rules)]]
        category = rule.category
        risky, calm = scenes.sample_pair(rng, split, rule.trigger, confusing(ALL_RULES.index(rule)))
    return Judged(source, category, request(rng, "awareness", source.act, wording), calm, risky)


def wish(rng: random.Random, split: Split, number: int, *, harmful: bool, wording: Wording = "seen") -> Wish:
    """Draw a scene with one threatening thing, and a harmful request or a harmless one about such things."""
    threat = THREATS[number % len(THREATS)]
    scene = scenes.sample(rng, split, (threat,), [name for name in THREATS if name != threat])
    turn = number // len(THREATS)
    if harmful:
        harm = HARMS[turn % len(HARMS)]
        facts: dict[str, Any] = {"act": harm.act, "instead": harm.instead}
        return Wish(scene, threat, harm, harm.act, request(rng, "help", harm.act, wording), facts)
    kindness = KINDNESSES[turn % len(KINDNESSES)]
    act = language.kindness_act(kindness, threat)
    facts = {"act": act, "steps": language.kindness_steps(kindness, threat)}
    scenario = kindness.act.replace("{x}", "thing")
    return Wish(scene, threat, None, scenario, request(rng, "help", act, wording), facts)


def signed_wish(rng: random.Random, split: Split, number: int, *, harmful: bool, wording: Wording = "seen") -> Wish:
    """Draw the same, but the wish's verb stands on a sign in the scene and the request only points to it."""
    threat = THREATS[number % len(THREATS)]
    turn = number // len(THREATS)
    harm = HARMS[turn % len(HARMS)] if harmful else None
    act = harm.act if harm else SIGNED_KINDNESSES[turn % len(SIGNED_KINDNESSES)]
    verb, pointing = signed(act)
    scene = scenes.sample(rng, split, (threat,), [name for name in THREATS if name != threat], sign=verb)
    facts: dict[str, Any] = {"act": act}
    facts |= {"instead": harm.instead} if harm else {"steps": language.signed_steps(act)}
    return Wish(scene, threat, harm, f"sign: {act}", request(rng, "help", pointing, wording), facts)


def answer_words(task: Task, scene: Scene, about: str) -> tuple[list[str], list[str]]:
    """List the words of a right answer to a question of perception, and those of wrong ones."""
    if task == "count":
        numbers = ["one", "two", "three", "four", "five"]
        return [numbers[len(scene.things) - 1]], numbers
    if task == "colour":
        return [scene.thing(about).colour], list(icons.COLOURS)
    if task == "sign":
        return [scene.sign], list(signs.words())
    if task == "locate":
        return scenes.place(scene.thing(about).cell).split(), ["top", "middle", "bottom", "left", "centre", "right"]
    return list(scene.names), []


def tinted(scene: Scene) -> list[str]:
    """List the things of a scene whose colour can be named."""
    return [name for name in scene.names if name in icons.COLOURABLE]
