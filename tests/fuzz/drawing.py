"""Draws what strangers might send: odd texts, values of any shape, damaged bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from foresee.files.untrusted import whole

_BYTES = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\r", b"\n\n", b"[" * 200, b"9" * 400, b"\\ud83d", b"NaN", b"{}", b"-",
    b"null", b"1e999", b",", b"\\", b"\x1b[2J", b"\xed\xa0\x80",
)  # fmt: skip
_LETTERS = (
    *"abz019 .,:;-_/\\'\"`|<>&=+@#%{}[]()*~^$!?\n\t\r",
    "\0", "\x1b", "\x1b]8;;http://x\x07", "\x7f", "\x85", "\x9b", "\u00ad", "\u061c", "\u200b", "\u200f", "\u2028",
    "\u202e", "\u2066", "\ufeff", "\ufffd", "\ud83d", "\udc80", "é", "e\u0301", "ß", "İ", "ı", "ﬁ", "Ａ", "＝", "٣",
    "²", "你好", "안녕", "नमस्ते", "שלום", "👍🏽", "🏳️‍🌈", "\U000e0041", "\U0010ffff", "’", "“", "…", "—",
)  # fmt: skip
_WORDS = (
    "I", "can't", "cannot", "help", "with", "that", "sorry", "Sure", "here", "is", "safe", "unsafe", "Yes", "No",
    "yes", "no", "not", "harmful", "the", "answer", "A", "B", "(C)", "3", "1,000", "-1", "1e400", "nan", "None", "null",
    "true", "</script>", "<script>", "<img src=x onerror=alert(1)>", "&amp;", "&lt", "<!--", "-->", "]]>", "<think>",
    "</think>", "{{x}}", "{0}", "{step}", "%s", "\\1", "$&", "```json", "```", "**", "=1+1", "+1", "@x", "javascript:x",
    "http://x", "</style>", "<svg/onload=x>", "' onx='", '" onx="', "C:\\x", "../..", "/etc/passwd", "a" * 300,
)  # fmt: skip
_NUMBERS = (
    0, 1, -1, 2, 3, 255, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30, 0.0, -0.0, 0.5, 1e-320, 1e308, float("inf"),
    float("-inf"), float("nan"),
)  # fmt: skip


def text(rng: random.Random, longest: int = 12) -> str:
    """Draw a text of words, odd letters and what has a meaning to some machine."""
    pieces = []
    for _ in range(rng.randrange(longest + 1)):
        pieces.append(rng.choice(_WORDS if rng.random() < 0.4 else _LETTERS))
        if rng.random() < 0.5:
            pieces.append(" ")
    return "".join(pieces)


def whole_text(rng: random.Random, longest: int = 12) -> str:
    """Draw a text as readers give it: without half characters."""
    return whole(text(rng, longest))


def joined(rng: random.Random, pieces: Sequence[str], longest: int = 12, between: str = "") -> str:
    """Draw a text of these pieces, with an odd one among them now and then."""
    drawn = [rng.choice(pieces) if rng.random() < 0.85 else text(rng, 2) for _ in range(rng.randrange(longest + 1))]
    return between.join(drawn)


def value(rng: random.Random, keys: Sequence[str] = ("a", ""), depth: int = 3) -> Any:
    """Draw a JSON value of any kind; objects have these keys, and others."""
    kind = rng.randrange(9 if depth else 6)
    if kind < 2:
        return text(rng, 4)
    if kind == 2:
        return rng.choice((None, True, False))
    if kind < 5:
        return rng.choice(_NUMBERS)
    if kind == 5:
        return rng.choice(([], {}, "", [[]], [None], {"": None}))
    if kind == 6:
        return [value(rng, keys, depth - 1) for _ in range(rng.randrange(4))]
    return table(rng, keys, depth - 1)


def table(rng: random.Random, keys: Sequence[str], depth: int = 2) -> dict[str, Any]:
    """Draw an object with some of these keys, and others."""
    names = [rng.choice(keys) if rng.random() < 0.8 else text(rng, 2) for _ in range(rng.randrange(5))]
    return {name: value(rng, keys, depth) for name in names}


def changed(rng: random.Random, sound: Any, keys: Sequence[str] = ("a", "")) -> Any:
    """Draw a JSON value like a sound one, in which a few places hold something else, are gone or are added to."""
    if rng.random() < 0.15:
        return value(rng, keys, 2)
    if isinstance(sound, dict) and sound:
        made = dict(sound)
        name = rng.choice(list(made))
        what = rng.random()
        if what < 0.15:
            del made[name]
        elif what < 0.25:
            made[text(rng, 2)] = value(rng, keys, 1)
        else:
            made[name] = changed(rng, made[name], keys)
        return changed(rng, made, keys) if rng.random() < 0.3 else made
    if isinstance(sound, list) and sound:
        place = rng.randrange(len(sound))
        what = rng.random()
        if what < 0.15:
            return [*sound[:place], *sound[place + 1 :]]
        if what < 0.3:
            return [*sound[:place], sound[place], *sound[place:]]
        return [*sound[:place], changed(rng, sound[place], keys), *sound[place + 1 :]]
    return value(rng, keys, 1)


def damaged(rng: random.Random, sound: bytes) -> bytes:
    """Draw sound bytes that were cut, doubled, overwritten or added to, a few times."""
    data = sound
    for _ in range(rng.randrange(1, 5)):
        start, length, kind = rng.randrange(len(data) + 1), rng.randrange(41), rng.randrange(3)
        piece = (
            rng.choice(_BYTES)
            if kind == 0
            else rng.randbytes(length % 7)
            if kind == 1
            else data[start : start + length]
        )
        end = rng.choice((start, start + len(piece), start + length, len(data)))
        data = data[:start] + piece + data[end:]
    return data
