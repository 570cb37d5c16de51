"""Read objects that are nearly JSON: every pair that can be told for certain, and never another value than was written.

Models leave quotation marks inside texts unescaped, use Python's quotes or none, write 0,8 for 0.8, forget commas or
break off. Strict JSON is read as such. Anything else is read pair by pair: a text ends at a mark that the object goes
on behind, a number counts only where it is seen to end. `json-repair`, which mends more, was tried and makes 3 of
`3, 4` and 2 of `~2`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_MOST_OBJECTS = 200  # opening braces that are tried
_MOST_QUOTES = 2_000  # quotation marks within one text that are looked at
_DEPTH = 6
_QUOTES = "\"'“”‘’„＂"
_CLOSING = {"“": '”“"', "„": '“”"', "‘": "’'", "’": "’'", "”": '”"'}
_BLANK = re.compile(r"(?:\s++|//[^\n]*+|#[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_KEY = re.compile(
    rf"(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}\n:{{}}]{{1,60}})[{_QUOTES}]|(?P<bare>[^\W\d][\w-]{{0,60}}))\s*+[:=：]"
)
_SEPARATOR = re.compile(r"\s*+[,，;]")
_NUMBER_WITH_COMMA = re.compile(r"[-+]?\d{1,9},\d{1,9}(?=\s*+(?:[,}\]\n]|//|#))")
_BARE = re.compile(rf"[^,，;{{}}\[\]\n#{_QUOTES}]++")
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_BRACE = re.compile(r"[{}]")
_MARKS = {opening: re.compile(f"[{_CLOSING.get(opening, opening)}]") for opening in _QUOTES}
_LEFT_OVER = re.compile(rf"\s*+[{_QUOTES},]")


class Object(NamedTuple):
    """An object and where it ends. Of one that breaks off (`whole` False), the pairs that are certain."""

    pairs: dict[str, Any]
    start: int
    end: int
    strict: bool
    whole: bool = True


class _Broken(ValueError):
    """What stands there is no pair."""


class _BrokenOff(Exception):
    """The text ends within a value."""


def objects(text: str) -> Iterator[Object]:
    """Find the objects in a text that do not stand within another, in order.

    One that can't be read is passed over with all that stands in it: what looks like an object there is a quotation.
    """
    at = tried = 0
    while (at := text.find("{", at)) >= 0 and tried < _MOST_OBJECTS:
        tried += 1
        found = _strict(text, at) or _loose(text, at)
        if found is not None:
            yield found
            at = found.end
        elif begins_form(text, at):
            at = closing_brace(text, at) or len(text)
        else:
            at += 1


def begins_form(text: str, at: int) -> bool:
    """Whether a key stands behind the brace at this place."""
    return _KEY.match(text, _BLANK.match(text, at + 1).end()) is not None  # type: ignore[union-attr]  # matches ""


def closing_brace(text: str, at: int) -> int | None:
    """Find the place behind the brace that closes the one at `at`, by mere counting; None if none does."""
    depth = 0
    for brace in _BRACE.finditer(text, at):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return None


def occurrences(text: str, name: str) -> list[re.Match[str]]:
    """Where a name stands as a key would, also within texts; group 1 is what follows up to a certain end, or None."""
    words = r"[\s_-]?".join(map(re.escape, re.split(r"[_\s-]", name)))
    mark = rf"(?:\\?[{_QUOTES}])?"
    value = rf"({mark}[^,，{{}}\[\]\n{_QUOTES}]{{1,200}}{mark}|[-+]?\d{{1,9}},\d{{1,9}})"
    end = rf"(?=\s*+(?:[}}\n]|//|[,，]\s*+(?:[}}\n{_QUOTES}]|[^\W\d])))"
    return list(re.finditer(rf"(?i)(?<!\w){words}{mark}\s{{0,9}}[:=：]\s{{0,9}}(?:{value}{end})?", text))


def _strict(text: str, at: int) -> Object | None:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return Object(value, at, end, strict=True)


def _unequivocal(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary. Raises ValueError: the same key with different values."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise ValueError(f"{key} stands there twice")
        found[key] = value
    return found


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unequivocal)


def _loose(text: str, at: int) -> Object | None:
    if not begins_form(text, at):
        return None
    pairs: dict[str, Any] = {}
    try:
        end = _pairs(text, at + 1, pairs, 0)
    except _Broken:
        return None
    except _BrokenOff:
        return Object(pairs, at, len(text), strict=False, whole=False)
    if _LEFT_OVER.match(text, end):  # a text went on behind what looked like the end
        return None
    return Object(pairs, at, end, strict=False)


def _pairs(text: str, at: int, into: dict[str, Any], depth: int) -> int:
    """Fill in the pairs that stand from `at` on, and give the place behind the closing brace."""
    while True:
        at = _skipped(text, at)
        if text[at] == "}":
            return at + 1
        key = _KEY.match(text, at)
        if key is None:
            raise (
                _BrokenOff
                if re.fullmatch(rf"[{_QUOTES}]?(?!\d)[\w\s-]*[{_QUOTES}]?\s*", text[at : at + 80])
                else _Broken
            )
        value, at = _value(text, _skipped(text, key.end()), depth)
        name = key["quoted"] or key["bare"]
        if name in into and into[name] != value:
            raise _Broken
        into[name] = value
        at = _skipped(text, at)
        if separator := _SEPARATOR.match(text, at):
            at = separator.end()
        elif text[at] != "}" and not _KEY.match(text, at):
            raise _Broken


def _skipped(text: str, at: int) -> int:
    at = _BLANK.match(text, at).end()  # type: ignore[union-attr]  # matches "" at least
    if at >= len(text):
        raise _BrokenOff
    return at


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEPTH:
        raise _Broken
    if text[at] == "{":
        inner: dict[str, Any] = {}
        return inner, _pairs(text, at + 1, inner, depth + 1)
    if text[at] == "[":
        return _list(text, at + 1, depth)
    if text[at] in _QUOTES:
        return _quoted(text, at)
    if number := _NUMBER_WITH_COMMA.match(text, at):
        return number[0], number.end()
    bare = _BARE.match(text, at)
    if bare is None or not bare[0].strip():
        raise _Broken
    if text[bare.end() : bare.end() + 2] in ("", ",", "，"):
        raise _BrokenOff  # a number may go on, also behind a comma
    said = bare[0].split("//")[0].strip()
    return _CONSTANTS.get(said.lower(), said), bare.end()


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while True:
        at = _skipped(text, at)
        if text[at] == "]":
            return found, at + 1
        value, at = _value(text, at, depth + 1)
        found.append(value)
        at = _skipped(text, at)
        if text[at] in ",，":
            at += 1
        elif text[at] != "]":
            raise _Broken


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read a text, up to the first of its closing marks behind which the object goes on or ends."""
    for number, mark in enumerate(_MARKS[text[at]].finditer(text, at + 1)):
        end = mark.start()
        escapes = len(text[max(at, end - 40) : end]) - len(text[max(at, end - 40) : end].rstrip("\\"))
        if escapes % 2 == 0 and _goes_on(text, end + 1):
            return _unescaped(text[at + 1 : end]), end + 1
        if number > _MOST_QUOTES:
            raise _Broken
    raise _BrokenOff


def _goes_on(text: str, at: int) -> bool:
    at = _BLANK.match(text, at).end()  # type: ignore[union-attr]  # matches "" at least
    if at >= len(text) or text[at] in "}]":
        return True
    separator = _SEPARATOR.match(text, at)
    if separator:
        at = _BLANK.match(text, separator.end()).end()  # type: ignore[union-attr]
        if at >= len(text) or text[at] in "}]":
            return True
    new_line = "\n" in text[at - 80 : at] and not text[max(text.rfind("\n", 0, at), 0) : at].strip()
    return _KEY.match(text, at) is not None and (separator is not None or new_line)


def _unescaped(text: str) -> str:
    try:
        said = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return said if isinstance(said, str) else text
