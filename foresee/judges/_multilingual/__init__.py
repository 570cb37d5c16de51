"""Read off an answer in one of six languages what its sentences do, as numbers that mean the same in each.

`signs.toml` says for each language how a sentence says no, refuses, warns, approves and so on. What is counted over the
sentences (`features`) has no word of any language in it, so weights that were learned on some serve another.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from foresee.judges._text import plain_lines

LEADS = ("no", "yes")  # count in the first sentence alone
KINDS = (
    "refuse", "sorry", "against", "wrong", "danger", "important", "depends", "unsure", "image", "asks", "help",
    "approve",
)  # fmt: skip
_ANYWHERE = ("refuse", "against", "wrong", "danger", "approve")  # count wherever they stand, and at the end
_CHARACTERS_A_WORD = {"zh": 3.0}  # how much more a character says than a letter
_SENTENCE = 400  # characters that are read of one
_SENTENCES = 200
_END = re.compile(r"(?<=[.!?])[\"')]{0,2}\s+|(?<=[。！？])")
_ITEM = re.compile(r"^[ \t]{0,12}(?:[-*•]|\d{1,2}[.)、])[ \t]*\S", re.MULTILINE)


@cache
def languages() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """Language -> sign -> its pattern."""
    text = (resources.files(__package__) / "signs.toml").read_text(encoding="utf-8")
    return {
        language: {sign: re.compile(re.sub(r"\n *", "", written).lstrip()) for sign, written in signs.items()}
        for language, signs in tomllib.loads(text).items()
    }


def sentences(words: str, language: str) -> list[str]:
    """Split an answer's own words into plain sentences in lower case, without what leads up to them."""
    lead = languages()[language]["lead"]
    found = (
        said.strip().lower()[:_SENTENCE]
        for line in plain_lines(words)
        for said in _END.split(line)
        if re.search(r"\w", said)
    )
    return [lead.sub("", said) or said for said in found][:_SENTENCES]


def does(sentence: str, sign: str, language: str) -> bool:
    """Whether a sentence as `sentences` gives it does what the sign stands for."""
    return bool(languages()[language][sign].search(sentence))


def list_items(words: str) -> int:
    return len(_ITEM.findall(words))


def names() -> list[str]:
    """Name the numbers of `features`, in order."""
    found = [f"{sign} first" for sign in LEADS]
    for sign in KINDS:
        found += [f"{sign} first", f"{sign} next", f"{sign} share"]
        found += [f"{sign} anywhere", f"{sign} last"] if sign in _ANYWHERE else []
    return [*found, "length", "list", "one sentence"]


def features(said: Sequence[str], words: str, language: str) -> list[float]:
    """Count the signs over an answer's sentences.

    Args:
        said: as `sentences` gives them, at least one.
        words: the answer as it was written, for its lists.
        language: one of `languages`.

    Returns:
        One number for each of `names`.
    """
    found = [float(does(said[0], sign, language)) for sign in LEADS]
    for sign in KINDS:
        shown = [does(sentence, sign, language) for sentence in said]
        found += [float(shown[0]), float(any(shown[1:3])), sum(shown) / len(shown)]
        found += [float(any(shown)), float(shown[-1])] if sign in _ANYWHERE else []
    size = sum(map(len, said)) * _CHARACTERS_A_WORD.get(language, 1.0)
    return [*found, math.log(size + 1) / 5, float(list_items(words) >= 3), float(len(said) == 1)]
