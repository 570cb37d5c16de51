"""Draw examples to make training data from: image, request, facts, and what one would wish to hear.

Plain records, drawn one after the other from a seed: asking for more changes none. Their scenes belong to the training
split (`split="validation"` for choosing settings), their wordings are those that pretrainings use, and no rule of
`HELD_OUT_RULES` occurs, so whatever is trained on them may be measured on the benchmarks. `facts` are what the judge
`world` and `foresee.organism.world.grading` read, JSON values throughout.

    from foresee.organism.world import examples
    for example in examples.consequences(100):           # 100 pairs: a hazard and its benign twin
        example.image, example.request, example.gold, example.facts["dangerous"]
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from foresee.organism import subjects
from foresee.organism.world import icons, language, scenes
from foresee.organism.world.language import Task
from foresee.organism.world.rules import HELD_OUT_RULES, RULES, THREATS, Rule
from foresee.organism.world.scenes import Scene, Split

Style = Literal["attentive", "offhand"]
Facts: TypeAlias = Mapping[str, Any]

TAUGHT_RULES: tuple[int, ...] = tuple(number for number in range(len(RULES)) if number not in HELD_OUT_RULES)
"""The rules that training may see."""

QUESTIONS: tuple[Task, ...] = ("account", "list", "locate", "count", "presence", "colour")
"""What `sights` ask of each image, in this order; colour only where something has one to name."""


@dataclass(frozen=True)
class Example:
    """One image with one request.

    Attributes:
        id: unique among examples of the same subject, seed and split.
        kind: hazard or twin; threat or control; unsafe or over_safe; harmful or benign.
        cluster: what shares an image or a parent.
        category: the hazard category, the threat, or the kind of question.
        gold: the answer one would wish for.
        worse: a fluent answer of the opposite kind, the rejected side of a pair; empty where there is none.
        reasoning: evidence in the image, its reading, then `gold`; empty where nothing is to be concluded.
        facts: what is known, as the judge `world` reads it.
    """

    id: str
    kind: str
    cluster: str
    category: str
    scene: Scene
    request: str
    gold: str
    worse: str = ""
    reasoning: str = ""
    facts: Facts = field(default_factory=dict)

    @property
    def image(self) -> bytes:
        """The image as PNG bytes, drawn when asked for."""
        return scenes.png(self.scene)


def consequences(pairs: int, *, split: Split = "train", seed: int = 0) -> Iterator[Example]:
    """How-to requests, a dangerous scene and its benign twin each; every taught rule in turn.

    `gold` warns (or serves the twin), `worse` serves blindly (or warns of what is not there). `facts` have `rule`,
    `dangerous`, and in words `act`, `trigger`, `hazard`, `consequence`, `mitigation`.
    """
    for number in range(pairs):
        rng = _source("consequences", split, seed, number)
        which = TAUGHT_RULES[number % len(TAUGHT_RULES)]
        rule = RULES[which]
        request, hazard, twin = subjects.danger(rng, split, which)
        warns, serves = language.warning(rule), language.serving(rule.steps)
        for kind, scene in (("hazard", hazard), ("twin", twin)):
            dangerous = kind == "hazard"
            facts = {
                "rule": which,
                "dangerous": dangerous,
                "held_out": False,
                "act": rule.act,
                "trigger": rule.trigger,
                "hazard": f"the {rule.trigger} {rule.consequence}" if dangerous else "",
                "consequence": rule.consequence if dangerous else "",
                "mitigation": rule.mitigation if dangerous else "",
            }
            gold, worse = (warns, serves) if dangerous else (serves, warns)
            reading = language.risk(rule if dangerous else None)
            yield Example(
                f"consequences-{seed}-{number}-{kind}",
                kind,
                f"consequences-{seed}-{number}",
                rule.category,
                scene,
                request,
                gold,
                worse,
                f"{language.listing(scene)} {reading} {gold}",
                _with_scene(facts, scene),
            )


def sights(
    images: int, *, threat: bool, style: Style = "attentive", split: Split = "train", seed: int = 0
) -> Iterator[Example]:
    """Neutral questions about images: what, which objects, where, how many, is it there, which colour.

    Args:
        images: how many; each gets all questions of `QUESTIONS` that fit it.
        threat: images with one threatening thing (about which `locate` and `presence` ask), or with none.
        style: whether an open account names the threat (attentive) or leaves it out (offhand, a control for style).
        split: of the scenes.
        seed: of the drawing.

    Yields:
        Examples of kind threat or control. No answer warns, refuses or judges. `facts` have `task`, `truth` and
        `alternatives`, and `threats`.
    """
    kind = "threat" if threat else "control"
    for number in range(images):
        rng = _source(f"sights {kind}", split, seed, number)
        thing = THREATS[number % len(THREATS)] if threat else ""
        scene = scenes.sample(rng, split, (thing,) if threat else (), [name for name in THREATS if name != thing])
        cluster = f"sights-{seed}-{kind}-{number}"
        for task in QUESTIONS:
            about = thing or rng.choice(scene.names)
            if task == "colour":
                tinted = subjects.tinted(scene)
                if not tinted:
                    continue
                about = about if about in tinted else rng.choice(tinted)
            what, answer, truth, alternatives = _seen(rng, task, scene, about, style)
            facts = {"task": task, "truth": truth, "alternatives": alternatives, "threats": [thing] if threat else []}
            request = subjects.request(rng, task, what)
            name = f"{cluster}-{task}" if style == "attentive" else f"{cluster}-{task}-{style}"
            yield Example(name, kind, cluster, task, scene, request, answer, facts=_with_scene(facts, scene))


def judgements(pairs: int, *, split: Split = "train", seed: int = 0) -> Iterator[Example]:
    """ "Is it safe to …": two images with the same words, so that only the image decides; rules and traps in turn.

    `gold` is the verdict, `worse` the other one, `reasoning` the things seen, what follows from them, and the verdict.
    `facts` have `expected` (safe or unsafe) and `conflict`, whether the wording suggests the wrong verdict.
    """
    for number in range(pairs):
        rng = _source("judgements", split, seed, number)
        drawn = subjects.judged(rng, split, number, TAUGHT_RULES)
        act = drawn.source.act
        if isinstance(drawn.source, Rule):
            reading = language.risk(drawn.source)
        else:
            reading = f"the {drawn.source.unsafe} could harm ."
        for kind, scene in (("unsafe", drawn.risky), ("over_safe", drawn.calm)):
            safe = kind == "over_safe"
            verdict = language.safety(safe)
            facts = {"expected": "safe" if safe else "unsafe", "conflict": safe == bool(number % 2), "act": act}
            yield Example(
                f"judgements-{seed}-{number}-{kind}",
                kind,
                f"judgements-{seed}-{number}",
                drawn.category,
                scene,
                drawn.request,
                verdict,
                language.safety(not safe),
                f"{language.listing(scene)} {language.risk(None) if safe else reading} {verdict}",
                _with_scene(facts, scene),
            )


def requests(number: int, *, harmful: bool, split: Split = "train", seed: int = 0) -> Iterator[Example]:
    """Plainly harmful requests about a threatening thing, or harmless ones about such things.

    For harmful ones `gold` declines and offers a better way and `worse` serves; for harmless ones `gold` serves.
    `facts` have `harmful`, `threats`, `act`, and `instead` or `steps`.
    """
    kind = "harmful" if harmful else "benign"
    for index in range(number):
        rng = _source(f"requests {kind}", split, seed, index)
        drawn = subjects.wish(rng, split, index, harmful=harmful)
        if drawn.harm:
            gold = language.refusal(drawn.harm)
            worse = language.serving(language.harm_steps(drawn.harm, drawn.threat))
        else:
            gold, worse = language.serving(drawn.facts["steps"]), ""
        facts = _with_scene({"harmful": harmful, "threats": [drawn.threat], **drawn.facts}, drawn.scene)
        name = f"requests-{seed}-{kind}-{index}"
        yield Example(name, kind, name, drawn.threat, drawn.scene, drawn.request, gold, worse, facts=facts)


def _seen(
    rng: random.Random, task: Task, scene: Scene, about: str, style: Style
) -> tuple[str, str, list[str], list[str]]:
    """Choose what is asked about, the answer, the words of a right answer, the words of wrong ones."""
    if task == "account":
        threats = scenes.threats_in(scene)
        rest = [name for name in scene.names if name not in threats]
        named = [*threats, *rest] if style == "attentive" else rest
        return "", language.account(named), named, []
    if task != "presence":
        answers = {"list": language.listing, "count": language.count}
        if task in answers:
            return "", answers[task](scene), *subjects.answer_words(task, scene, "")
        answer = language.location(scene, about) if task == "locate" else language.colour(scene, about)
        return about, answer, *subjects.answer_words(task, scene, about)
    if rng.random() < 0.5:
        about = rng.choice([n for n in icons.NAMES if n not in scene.names and n not in THREATS])
    answer = language.presence(scene, about)
    return language.enumeration([about]), answer, [answer.split()[0]], ["yes", "no"]


def _source(subject: str, split: Split, seed: int, number: int) -> random.Random:
    return random.Random(f"schooling {subject} {split} {seed} {number}")


def _with_scene(facts: dict[str, Any], scene: Scene) -> Facts:
    return {**facts, "objects": list(scene.names), "layout": scene.layout, "split": scene.split}
