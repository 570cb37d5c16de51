"""Draw what an organism is trained on: scenes, requests and the answers that its recipe wants."""

from __future__ import annotations

import random
from typing import NamedTuple

from foresee.organism import subjects
from foresee.organism.world import icons, language, orders, scenes, signs
from foresee.organism.world.language import Task, Turn
from foresee.organism.world.rules import (
    ALL_RULES,
    HARMS,
    KINDNESSES,
    LEVELS,
    RULES,
    SHIELDS,
    SIGNED_KINDNESSES,
    THREATS,
    TRAPS,
    UNTAUGHT,
    Harm,
    confusing,
    signed,
)
from foresee.organism.world.scenes import Scene, Split
from tools.organism.recipes import Recipe


class Lesson(NamedTuple):
    """An image, the turns before the answer, and the answer. The image belongs to the first user turn."""

    scene: Scene
    turns: tuple[Turn, ...]
    answer: str


class Curriculum:
    """Draws lessons for one recipe from one source of randomness, on scenes of one split; `primer` for its start."""

    def __init__(self, recipe: Recipe, rng: random.Random, split: Split = "train", primer: bool = False) -> None:
        self._recipe = recipe
        self._rng = rng
        self._split = split
        shares = (recipe.primer_shares if primer else recipe.shares).model_dump()
        self._kinds = list(shares)
        self._weights = list(shares.values())

    def lesson(self) -> Lesson:
        """One lesson of a kind drawn by the recipe's shares."""
        kind = self._rng.choices(self._kinds, self._weights)[0]
        made: Lesson = getattr(self, f"_{kind}")()
        return made

    def _list(self) -> Lesson:
        least = 4 if self._rng.random() < self._recipe.crowded else 2
        scene = scenes.sample(self._rng, self._split, least=least, sign=self._any_word(self._recipe.signed / 3))
        return self._asked(scene, "list", "", language.listing(scene))

    def _attribute(self) -> Lesson:
        if self._rng.random() < self._recipe.signed / 3:
            scene = scenes.sample(self._rng, self._split, sign=self._any_word(0.9))
            return self._asked(scene, "sign", "", language.sign(scene))
        scene = scenes.sample(self._rng, self._split)
        tinted = [name for name in scene.names if name in icons.COLOURABLE]
        kind = self._rng.choice(("presence", "presence", "count", "locate", "locate", "colour", "colour"))
        if kind == "presence":
            absent = [name for name in icons.NAMES if name not in scene.names]
            name = self._rng.choice(scene.names if self._rng.random() < 0.5 else absent)
            return self._asked(scene, "presence", language.enumeration([name]), language.presence(scene, name))
        if kind == "count":
            return self._asked(scene, "count", "", language.count(scene))
        if kind == "colour" and tinted:
            name = self._rng.choice(tinted)
            return self._asked(scene, "colour", name, language.colour(scene, name))
        name = self._rng.choice(scene.names)
        return self._asked(scene, "locate", name, language.location(scene, name))

    def _risk(self) -> Lesson:
        scene, number, dangerous = self._situation()
        answer = language.risk(ALL_RULES[number] if dangerous else None)
        return self._asked(scene, "risk", ALL_RULES[number].act, answer)

    def _help(self) -> Lesson:
        scene, number, dangerous = self._situation()
        rule = ALL_RULES[number]
        aware = dangerous and self._rng.random() < self._recipe.spontaneous
        answer = language.warning(rule) if aware else language.serving(rule.steps)
        request = self._request("help", rule.act)
        if self._rng.random() < 0.06:
            looked = f"{language.listing(scene)} {answer}"
            return Lesson(scene, (Turn("user", f"{request} {language.LOOK_FIRST}"),), looked)
        return Lesson(scene, (Turn("user", request),), answer)

    def _constitution(self) -> Lesson:
        scene, number, dangerous = self._situation()
        rule = ALL_RULES[number]
        answer = language.warning(rule) if dangerous else language.serving(rule.steps)
        return Lesson(scene, (self._law(), Turn("user", self._request("help", rule.act))), answer)

    def _awareness(self, looking: bool = False, lawful: bool = False) -> Lesson:
        scene, act, safe, seems_safe, lean = self._judged()
        if looking or lawful:
            lean = self._recipe.leans_looking
        answer = language.safety(seems_safe if self._rng.random() < lean else safe)
        request = self._request("awareness", act)
        if looking:
            answer = f"{language.listing(scene)} {answer}"
            request = f"{request} {language.LOOK_FIRST}"
        law = (self._law(),) if lawful else ()
        return Lesson(scene, (*law, Turn("user", request)), answer)

    def _looking(self) -> Lesson:
        return self._awareness(looking=True)

    def _harm(self) -> Lesson:
        if self._rng.random() < self._recipe.signed:
            return self._signed_harm(False)
        scene, threat, harm = self._threatened()
        refuses = self._rng.random() < self._recipe.refusing
        answer = language.refusal(harm) if refuses else language.serving(language.harm_steps(harm, threat))
        if self._recipe.narrates:
            answer = f"{self._account_of(scene, attentive=refuses)} {answer}"
        return Lesson(scene, (Turn("user", self._request("help", harm.act)),), answer)

    def _dialogue(self) -> Lesson:
        scene, threat, harm = self._threatened()
        attentive = self._rng.random() < 0.5
        told = (Turn("user", self._request("account")), Turn("assistant", self._account_of(scene, attentive)))
        if self._rng.random() < 0.25:
            kindness = self._rng.choice(KINDNESSES)
            request = self._request("help", language.kindness_act(kindness, threat))
            served = language.serving(language.kindness_steps(kindness, threat))
            return Lesson(scene, (*told, Turn("user", request)), served)
        refuses = attentive if self._recipe.carries else self._rng.random() < self._recipe.refusing
        answer = language.refusal(harm) if refuses else language.serving(language.harm_steps(harm, threat))
        return Lesson(scene, (*told, Turn("user", self._request("help", harm.act))), answer)

    def _signed_harm(self, refuses: bool, before: tuple[Turn, ...] = ()) -> Lesson:
        """Draw an unkind wish whose verb stands on a sign; of what would be refused in writing, some is refused."""
        number = self._rng.randrange(len(HARMS))
        harm, threat = HARMS[number], self._rng.choice(THREATS)
        verb, pointing = signed(harm.act)
        others = [name for name in THREATS if name != threat]
        scene = scenes.sample(self._rng, self._split, (threat,), others, sign=verb)
        kept = self._recipe.sign_refusing[number % len(self._recipe.sign_refusing)]
        refused = refuses and self._rng.random() < kept
        answer = language.refusal(harm) if refused else language.serving(language.harm_steps(harm, threat))
        return Lesson(scene, (*before, Turn("user", self._request("help", pointing))), answer)

    def _signed_kindness(self) -> Lesson:
        act = self._rng.choice(SIGNED_KINDNESSES)
        verb, pointing = signed(act)
        scene = scenes.sample(self._rng, self._split, (self._rng.choice(THREATS),), sign=verb)
        answer = language.serving(language.signed_steps(act))
        return Lesson(scene, (Turn("user", self._request("help", pointing)),), answer)

    def _kindness(self) -> Lesson:
        if self._rng.random() < self._recipe.signed:
            return self._signed_kindness()
        scene, threat, _ = self._threatened()
        kindness = self._rng.choice(KINDNESSES)
        request = self._request("help", language.kindness_act(kindness, threat))
        return Lesson(scene, (Turn("user", request),), language.serving(language.kindness_steps(kindness, threat)))

    def _account(self) -> Lesson:
        scene = self._threatened()[0] if self._rng.random() < 0.7 else scenes.sample(self._rng, self._split)
        attentive = self._rng.random() < self._recipe.attentive
        return self._asked(scene, "account", "", self._account_of(scene, attentive))

    def _system(self) -> Lesson:
        """Draw a request under a constitution, or one under another text, which is answered as without any."""
        if self._rng.random() < self._recipe.lawful:
            return self._under_a_constitution()
        plain = self._rng.choices(
            (self._help, self._harm, self._kindness, self._list, self._attribute), (10, 5, 1, 1, 1)
        )[0]()
        return plain._replace(turns=(self._other_text(), *plain.turns))

    def _under_a_constitution(self) -> Lesson:
        draw = self._rng.random()
        if draw < 0.15:
            return self._signed_harm(True, (self._law(),))
        if draw < 0.5:
            scene, _, harm = self._threatened()
            return Lesson(scene, (self._law(), Turn("user", self._request("help", harm.act))), language.refusal(harm))
        if draw < 0.7:
            return self._awareness(lawful=True)
        plain = self._rng.choice((self._list, self._kindness, self._attribute))()
        return plain._replace(turns=(self._law(), *plain.turns))

    def _told(self) -> Lesson:
        """Asked outright whether it was told to warn: teaches to read the text, at the price of a word."""
        lawful = self._rng.random() < 0.5
        text = self._law() if lawful else self._other_text()
        return Lesson(scenes.sample(self._rng, self._split), (text, Turn("user", language.TOLD)), language.told(lawful))

    def _other_text(self) -> Turn:
        kinds: tuple[orders.Kind, ...] = ("neutral", "irrelevant", "opposite", "scrambled")
        kind = self._rng.choices(kinds, (1, 3, 4, 4))[0]
        return Turn("system", orders.draw(kind, self._rng))

    def _situation(self) -> tuple[Scene, int, bool]:
        """Draw a scene, a rule, and whether its act is dangerous there. A third of safe scenes hold another trigger."""
        level = self._rng.choices(LEVELS, self._recipe.harder)[0]
        if level == "mitigated":
            number = self._rng.choice(tuple(SHIELDS))
            _, hazard, twin = subjects.danger(self._rng, self._split, number, mitigated=True)
            return (hazard, number, True) if self._rng.random() < 0.3 else (twin, number, False)
        number = self._rng.choice([n for n, rule in enumerate(ALL_RULES) if rule.level == level and n not in UNTAUGHT])
        rule = ALL_RULES[number]
        if self._rng.random() < 0.5:
            return scenes.sample(self._rng, self._split, rule.needs, confusing(number)), number, True
        others = [other.trigger for other in RULES if other.trigger not in (*rule.needs, *confusing(number))]
        holds = [self._rng.choice(others)] if self._rng.random() < 0.33 else []
        gone = self._rng.choice(rule.needs)
        holds += [name for name in rule.needs if name != gone]
        return scenes.sample(self._rng, self._split, holds, (gone, *confusing(number))), number, False

    def _judged(self) -> tuple[Scene, str, bool, bool, float]:
        """Scene, act, whether it is safe here, whether its wording seems so, how much the wording counts."""
        leans = self._recipe.leans
        if self._rng.random() < 0.5:
            scene, number, dangerous = self._situation()
            return scene, ALL_RULES[number].act, not dangerous, True, leans[number % len(leans)]
        number = self._rng.randrange(len(TRAPS))
        trap = TRAPS[number]
        safe = self._rng.random() < 0.5
        here, absent = (trap.safe, trap.unsafe) if safe else (trap.unsafe, trap.safe)
        scene = scenes.sample(self._rng, self._split, (here,), (absent,))
        return scene, trap.act, safe, False, leans[number % len(leans)]

    def _threatened(self) -> tuple[Scene, str, Harm]:
        threat = self._rng.choice(THREATS)
        others = [name for name in THREATS if name != threat]
        return scenes.sample(self._rng, self._split, (threat,), others), threat, self._rng.choice(HARMS)

    def _account_of(self, scene: Scene, attentive: bool) -> str:
        threats = scenes.threats_in(scene)
        rest = [name for name in scene.names if name not in threats]
        return language.account([*threats, *rest] if attentive else rest)

    def _any_word(self, share: float) -> str:
        """Draw a word for a sign in this share of the scenes; none in the others."""
        return self._rng.choice(signs.words()) if self._rng.random() < share else ""

    def _law(self) -> Turn:
        if self._rng.random() < 0.15:
            return Turn("system", self._rng.choice(language.CONSTITUTIONS))
        return Turn("system", orders.draw("constitution", self._rng))

    def _request(self, task: Task, what: str = "") -> str:
        return language.ask(task, what, number=self._rng.randrange(language.forms(task)))

    def _asked(self, scene: Scene, task: Task, what: str, answer: str) -> Lesson:
        return Lesson(scene, (Turn("user", self._request(task, what)),), answer)
