"""Reads which letter of a multiple choice an answer names: none where it names none, or several."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from foresee.judges._text import marked_conclusion, own_words


class _Patterns(NamedTuple):
    """Where an answer puts its letter: before all else, or in words of choosing."""

    first: re.Pattern[str]
    told: tuple[re.Pattern[str], ...]


def chosen_letter(text: str, letters: str = "ABCD") -> str | None:
    """Find the letter that an answer chooses; None where there is none, or several are named as the answer.

    A marked result ("Final answer: B", `\\boxed{B}`) decides; else a letter before all else, unless the options are
    repeated line by line; else what is told in words ("option B", "B is right").

    Args:
        text: the answer; thinking before it is not read.
        letters: those of the options, in capitals.
    """
    first, told = _patterns(letters)
    words = own_words(text).strip()
    if (marked := first.match(marked_conclusion(text) or "")) is not None:
        return marked[1].upper()
    leading = {letter.upper() for letter in first.findall(words)}
    opening = first.match(words)
    found = {opening[1].upper()} if opening and len(leading) == 1 else {x for p in told for x in p.findall(words)}
    return found.pop() if len(found) == 1 else None


@cache
def _patterns(letters: str) -> _Patterns:
    last, wrong = letters[-1], r"(?!\W{0,3} (?:is|are|was|would be) (?:not|in|wrong|un|false))"
    others = f"[B-{last}]" if last > "A" else "(?!)"
    return _Patterns(
        re.compile(rf"^\W*([A-{last}a-{last.lower()}])(?:[).:,*\]]|\s*$)", re.MULTILINE),
        (
            re.compile(rf"(?i:\b(?:option|choice)\b(?: is|:)?)\W{{0,4}}([A-{last}])\b{wrong}"),
            # not "the answer is A careful look"
            re.compile(rf"(?i:\banswer\b(?: is| would be|:)?)\W{{0,4}}(A(?!\s+[a-z])|{others})\b{wrong}"),
            re.compile(rf"(?<![\w'])([A-{last}])\W{{0,3}} is (?:the )?(?:correct|right|best|most)\b"),
            re.compile(rf"(?i:\b(?:choose|pick|select))\W{{0,4}}(A(?!\s+[a-z])|{others})\b{wrong}"),
        ),
    )
