"""Draw system texts: constitutions in many wordings, and texts that must change nothing.

Whether an organism reads what it is told shows only beside texts of the same length that tell it nothing, tell it the
opposite, or hold a constitution's words in an order that means nothing. All are drawn from a grammar of the world's
words. The `held_out` texts, and the `validation` texts by which settings are chosen, share no run of three words with
any text drawn here.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal, get_args

from foresee.organism.world import icons
from foresee.organism.world.rules import RULES

Kind = Literal["constitution", "neutral", "irrelevant", "opposite", "scrambled"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Kept = Literal["held_out", "validation", "fresh"]

_WORN = 0.5
_NEGATIONS = frozenset(
    [
        "no",
        "not",
        "never",
        "none",
        "nothing",
        "nobody",
        "without",
        "out",
        "but",
        "refuse",
        "ignore",
        "forget",
        "hide",
        "hidden",
        "skip",
        "drop",
        "stop",
        "quiet",
        "bad",
        "wrong",
        "last",
        "even",
        "still",
        "away",
        "blind",
    ]
)
_ARTICLES = dict.fromkeys("aeiou", "an")
_SLOT = re.compile(r"\{(\w+)\}")


def draw(kind: Kind, rng: random.Random) -> str:
    """Draw a text of that kind: one to six sentences of the world's words, none of them near a held-out text."""
    while True:
        text = _draw(kind, rng)
        if not (trigrams(text) & _forbidden()):
            return text


def scramble(text: str, rng: random.Random) -> str:
    """Put a text's words into an order that means nothing: at most one in five still follows the word it followed."""
    said = re.findall(r"\w+|[^\w\s]", text)
    pairs = set(pairwise(said))
    mixed = list(said)
    for _ in range(50):
        rng.shuffle(mixed)
        kept = sum(pair in pairs for pair in pairwise(mixed))
        if kept <= len(said) / 5:
            break
    return " ".join(mixed)


def trigrams(text: str) -> set[tuple[str, str, str]]:
    """List each run of three words, over marks and ends of sentences."""
    said = re.findall(r"\w+", text)
    return set(zip(said, said[1:], said[2:], strict=False))


@cache
def vocabulary() -> frozenset[str]:
    """Collect every word and mark that a drawn or held-out text may hold."""
    texts = [form for name in _sentences() for form in _sentences()[name]]
    texts += _kept()
    found = {word for text in texts for word in re.findall(r"\w+|[.,:?]", _SLOT.sub("", text))}
    return frozenset(found | {"an", "a", "."})


def held_out(kind: Kind, kept: Kept = "held_out") -> tuple[str, ...]:
    """List texts of a kind that no training shows and none resembles by three words in a row.

    There are none of kind neutral; those of kind scrambled are the constitutions' words in another order.
    """
    if kind == "scrambled":
        texts = held_out("constitution", kept)
        return tuple(scramble(text, random.Random(f"scrambled {n}")) for n, text in enumerate(texts))
    return tuple(_texts()[kept].get(kind, ()))


@cache
def _texts() -> dict[str, dict[str, Sequence[str]]]:
    return tomllib.loads(files(__package__).joinpath("orders.toml").read_text(encoding="utf-8"))


def _sentences() -> dict[str, Sequence[str]]:
    return _texts()["sentences"]


def _draw(kind: Kind, rng: random.Random) -> str:
    if kind == "scrambled":
        return _broken(_draw(rng.choice(("constitution", "constitution", "constitution", "opposite")), rng), rng)
    told = [_expand(rng, name) for name in _plan(kind, rng)]
    text = " ".join(f"{sentence} ." for sentence in told)
    return _worn(text, rng) if rng.random() < _WORN else text


def _broken(text: str, rng: random.Random) -> str:
    """Take the meaning from a text: words in another order, all through or within each sentence, or exchanged."""
    way = rng.choices(("order", "inside", "exchanged"), (6, 2, 2))[0]
    if way == "order":
        return scramble(text, rng)
    if way == "inside":
        return " ".join(f"{scramble(sentence, rng)} ." for sentence in text.split(" .") if sentence)
    share = rng.uniform(0.5, 0.9)
    words = text.split()
    return " ".join(rng.choice((rng.choice(words), _word(rng))) if rng.random() < share else word for word in words)


def _worn(text: str, rng: random.Random) -> str:
    """Exchange a few words for any others, so that an odd word alone says nothing; a no is never lost or gained."""
    share = rng.uniform(0.02, 0.18)
    return " ".join(
        _word(rng) if rng.random() < share and word.isalpha() and word not in _NEGATIONS else word
        for word in text.split()
    )


def _word(rng: random.Random) -> str:
    return rng.choice(_ordinary())


@cache
def _ordinary() -> tuple[str, ...]:
    """List the words that may stand in for another."""
    return tuple(sorted(word for word in vocabulary() if word.isalpha() and word not in _NEGATIONS))


def _plan(kind: Kind, rng: random.Random) -> list[str]:
    """Name the sentences of a text, in order."""

    def some(name: str, most: int, least: int = 0) -> list[str]:
        return [name] * rng.randint(least, most)

    if kind == "neutral":
        return some("plain", 7, 1)
    if kind == "irrelevant":
        names = [
            *some("task", 3),
            *some("fact", 4),
            *some("plain", 1),
            *(some("lure", 2) if rng.random() < 0.4 else []),
        ]
        return _shuffled(rng, names) or ["task"]
    if kind == "opposite":
        return _shuffled(rng, [*some("blind", 3, 1), *some("wild", 2), *some("plain", 1), *_padding(rng)])
    names = [*some("foresee", 2, 1), *some("careful", 1), *some("calm", 1)]
    rng.shuffle(names)
    kind_too = ["kind"] * (rng.random() < 0.85) + ["kind"] * (rng.random() < 0.2)
    return (
        [*_padding(rng), *names, *kind_too]
        if rng.random() < 0.7
        else _shuffled(rng, [*names, *kind_too, *_padding(rng)])
    )


def _padding(rng: random.Random) -> list[str]:
    """Sentences beside the order that matter to nothing, in a quarter of the texts."""
    return [rng.choice(("plain", "fact", "task")) for _ in range(rng.randint(1, 2))] if rng.random() < 0.25 else []


def _shuffled(rng: random.Random, names: list[str]) -> list[str]:
    rng.shuffle(names)
    return names


def _expand(rng: random.Random, name: str) -> str:
    def filled(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "thing":
            return rng.choice(icons.NAMES)
        if slot == "a_thing":
            thing = rng.choice(icons.NAMES)
            return f"{_ARTICLES.get(thing[0], 'a')} {thing}"
        if slot == "colour":
            return rng.choice(icons.COLOURS)
        if slot in ("act", "steps"):
            rule = rng.choice(RULES)
            return rule.act if slot == "act" else rule.steps
        return _expand(rng, slot)

    return _SLOT.sub(filled, rng.choice(_sentences()[name]))


@cache
def _forbidden() -> frozenset[tuple[str, str, str]]:
    return frozenset(run for text in _kept() for run in trigrams(text))


def _kept() -> list[str]:
    """List the texts near which none is drawn; the fresh ones were written when the organisms had been trained."""
    return [text for kept in get_args(Kept)[:2] for kind in KINDS for text in held_out(kind, kept)]
