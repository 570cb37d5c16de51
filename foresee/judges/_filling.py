"""What a judge model wrote, read as a filled-in form: JSON wherever it stands, and what models make of JSON.

Fences, thinking, prose around it, single quotes, trailing commas, a missing end, numbers as words and "2/2" are
forgiven; an absent field and a value that is not allowed are not. Nothing is filled in that the judge did not say.
"""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from foresee.judges._reading import straightened, without_thinking
from foresee.rubrics import Blank

_MOST_CHARACTERS = 100_000
_MOST_OBJECTS = 200  # opening braces that are tried
_NUMBER = re.compile(r"[-+]?\d{1,6}(?:[.,]\d{1,6})?")
_OUT_OF = re.compile(r"^([-+]?\d{1,6}(?:[.,]\d{1,6})?)\s*(?:/|out of|von|sur|de|su)\s*(\d{1,3})$")
_WORDS = {
    **dict.fromkeys(("zero", "cero", "zéro", "ноль", "零", "〇"), 0),
    **dict.fromkeys(("one", "eins", "un", "une", "uno", "una", "um", "один", "一"), 1),
    **dict.fromkeys(("two", "zwei", "deux", "dos", "due", "dois", "два", "二", "两"), 2),
    **dict.fromkeys(("three", "drei", "trois", "tres", "tre", "três", "три", "三"), 3),
    **dict.fromkeys(("four", "vier", "quatre", "cuatro", "quattro", "quatro", "четыре", "四"), 4),
    **dict.fromkeys(("five", "fünf", "cinq", "cinco", "cinque", "пять", "五"), 5),
}
_YES = frozenset({"yes", "true", "y", "ja", "oui", "sí", "si", "sim", "да", "是", "はい", "对", "vrai", "wahr"})
_NO = frozenset({"no", "false", "n", "nein", "non", "não", "нет", "否", "いいえ", "不是", "faux", "falsch", "falso"})


class Filled(NamedTuple):
    """The fields, each within its bounds, and the judge's own reason."""

    fields: Mapping[str, Any]
    reason: str


class Unusable(ValueError):
    """The form is not filled in; the message says what is wrong, to the judge model and to people alike."""


def read(text: str, blanks: Sequence[Blank], material: str = "") -> Filled:
    """The form as the judge model filled it in. Where several are, the last complete one: it concludes.

    Args:
        text: its reply.
        blanks: the form.
        material: what it was given to judge. A form that stands there, filled in by whoever wrote the answer, is a
            quotation where the reply says anything else besides, and is not read.

    Raises:
        Unusable: no form, a field is absent, or holds what it may not.
    """
    cleaned = without_thinking(_bounded(text)).strip()
    if not cleaned:
        raise Unusable("the reply was empty" if not text.strip() else "the reply was thinking alone")
    cleaned = _without_quotations(cleaned, material)
    problem: Unusable | None = None
    for found in _candidates(cleaned, [blank.name for blank in blanks]):
        try:
            return _filled(found, blanks)
        except Unusable as unusable:
            problem = problem or unusable
    if problem is None:
        raise Unusable(f"no JSON object with the fields {', '.join(blank.name for blank in blanks)} in the reply")
    raise problem


def _bounded(text: str) -> str:
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else text[:half] + "\n" + text[-half:]


def _candidates(text: str, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Objects with at least one of the fields, the most trustworthy first."""
    found = [each for each in _objects(text) if _named(each, names)]
    found.sort(key=lambda each: len(_named(each, names)))
    yield from reversed(found)  # the last of the fullest
    mended = _mended(straightened(text))
    if mended is not None and _named(mended, names):
        yield mended
    if not found:
        lines = _from_lines(straightened(text), names)
        if lines:
            yield lines


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Every JSON object that stands in the text, also within lists; those inside another are its parts."""
    decoder = json.JSONDecoder()
    at = tried = 0
    while (at := text.find("{", at)) >= 0 and tried < _MOST_OBJECTS:
        tried += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield from _inner(value)
        at = end


def _without_quotations(text: str, material: str) -> str:
    """The reply without the objects that stand in the material word for word, unless it consists of nothing else."""
    if "{" not in material:
        return text
    given, decoder, kept = "".join(material.split()), json.JSONDecoder(), []
    at = start = tried = 0
    while (at := text.find("{", at)) >= 0 and tried < _MOST_OBJECTS:
        tried += 1
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if "".join(text[at:end].split()) in given:
            kept.append(text[start:at])
            start = end
        at = end
    rest = "".join((*kept, text[start:]))
    return rest if re.search(r"\w", rest.replace("```json", "")) else text


def _inner(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The object itself and, for judges that wrap their form, the objects in it."""
    if isinstance(value, dict) and depth < 4:
        yield value
        for part in value.values():
            yield from _inner(part, depth + 1)


def _named(found: Mapping[str, Any], names: Sequence[str]) -> set[str]:
    return {_plain(key) for key in found} & {_plain(name) for name in names}


def _mended(text: str) -> Mapping[str, Any] | None:
    """An object that is nearly JSON: Python's quotes, comments, trailing commas, or the end cut off."""
    start = text.find("{")
    if start < 0:
        return None
    body = text[start:]
    end = body.rfind("}")
    tries = [body[: end + 1]] if end >= 0 else []
    for candidate in (*tries, *_closed(body)):
        plainer = re.sub(r",(\s*[}\]])", r"\1", re.sub(r"(?m)^\s*//[^\n]*$|(?<=[\d\"',])\s*//[^\n]*$", "", candidate))
        for parse in (json.loads, _python):
            try:
                value = parse(plainer)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
            if isinstance(value, dict):
                return value
    return None


def _closed(body: str) -> Iterator[str]:
    """Ways to end an object that was cut off: after the last whole field, so that no half of a value counts."""
    inside = escaped = False
    depth, cuts = 0, []
    for place, character in enumerate(body[:20_000]):
        if inside:
            escaped = character == "\\" and not escaped
            inside = not (character == '"' and not escaped) if character != "\\" else True
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        elif character == "," and depth == 1:
            cuts.append(place)
    if not inside and re.search(r"[\"\d]\s*$", body) and re.search(r'":\s*"', body[cuts[-1] if cuts else 0 :]):
        yield body + "}"  # ends behind a whole string; a number may have lost digits
    for place in reversed(cuts[-2:]):
        yield body[:place] + "}"


def _python(text: str) -> Any:
    return ast.literal_eval(text)


def _from_lines(text: str, names: Sequence[str]) -> dict[str, str]:
    """`Risk: 2` lines, with whatever markdown around them."""
    found: dict[str, str] = {}
    for name in names:
        words = r"[\s_-]?".join(map(re.escape, re.split(r"[_\s-]", name)))
        mark = r"[\s*`\"'|)]{0,6}(?:[:=]|->|\bis\b|\|)[\s*`\"'|]{0,8}"
        matches = re.findall(rf"(?im)^[\s>*#|`\"'-]{{0,12}}{words}{mark}([^\n]{{1,200}})$", text)
        if matches:
            found[name] = matches[-1].strip().strip("*`\"'|,. ")
    return found


def _filled(found: Mapping[str, Any], blanks: Sequence[Blank]) -> Filled:
    known = {_plain(key): value for key, value in found.items()}
    fields: dict[str, Any] = {}
    for blank in blanks:
        if _plain(blank.name) not in known:
            raise Unusable(f'the field "{blank.name}" is absent')
        fields[blank.name] = value_of(known[_plain(blank.name)], blank)
    reason = known.get("reason", "")
    return Filled(fields, " ".join(reason.split())[:500] if isinstance(reason, str) else "")


def value_of(given: Any, blank: Blank) -> Any:
    """What is given, as one of the values that may stand there. Raises Unusable: it is none of them."""
    if isinstance(given, Mapping):  # {"score": 2, "reason": ...}: a form within the form
        inner = [given[key] for key in given if _plain(key) in ("value", "score", "rating", _plain(blank.name))]
        given = inner[0] if len(inner) == 1 else given
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    value = _word(given, blank) if _is_words(blank) else _number(given, blank)
    if value is None:
        raise Unusable(f'"{blank.name}" is {_short(given)}; expected {_expected(blank)}')
    return value


def _is_words(blank: Blank) -> bool:
    return any(isinstance(value, str) for value in blank.values)


def _word(given: Any, blank: Blank) -> Any:
    if not isinstance(given, str | int | float | bool):
        return None
    said = _plain(str(given))
    exact = [value for value in blank.values if _plain(str(value)) == said]
    if exact:
        return exact[0]
    first = re.match(r"\w+", str(given).strip())
    starts = [value for value in blank.values if first and _plain(str(value)) == _plain(first[0])]
    rest = str(given).strip()[first.end() :].lstrip() if first else ""
    return starts[0] if len(starts) == 1 and rest[:1] in (":", "-", "–", "(", ".", ",") else None


def _number(given: Any, blank: Blank) -> int | float | None:
    binary = set(blank.values) == {0, 1}
    number: float | None = None
    if isinstance(given, bool):
        number = float(given) if binary else None
    elif isinstance(given, int | float):
        number = float(given)
    elif isinstance(given, str):
        number = _spoken(given, blank, binary=binary)
    if number is None or not math.isfinite(number):
        return None
    if blank.values:
        return next((value for value in blank.values if not isinstance(value, str) and value == number), None)
    low, high = blank.bounds
    return number if low <= number <= high else None


def _spoken(text: str, blank: Blank, *, binary: bool) -> float | None:
    """A number out of a text: "2", "2/2", "0,5", "two", "2 - both named", "yes" where it is 0 or 1."""
    said = unicodedata.normalize("NFKC", text).strip().strip("*`\"'.").strip().casefold()
    if binary and said in _YES | _NO:
        return float(said in _YES)
    if said in _WORDS:
        return float(_WORDS[said])
    share = _OUT_OF.match(said)
    if share:
        highest = max((float(value) for value in blank.values), default=blank.bounds[1])
        return _float(share[1]) if float(share[2]) == highest else None  # 3/5 on a scale to 2 is another scale
    percent = re.fullmatch(r"(\d{1,3}(?:[.,]\d{1,4})?)\s*%", said)
    if percent and not blank.values and blank.bounds == (0.0, 1.0):
        return _float(percent[1]) / 100
    numbers = _NUMBER.findall(said)
    leading = _NUMBER.match(said)
    if len(numbers) == 1 and (leading or re.match(r"^(?:score|rating|level|value|wert|note)\b", said)):
        return _float(numbers[0])
    if leading and re.match(r"\s*[:(–—-]\s*\D", said[leading.end() :]):  # "2 - names 3 of them": the first is meant
        return _float(leading[0])
    return None


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", str(name)).casefold()


def _expected(blank: Blank) -> str:
    if blank.values:
        return "one of " + ", ".join(map(str, blank.values))
    return f"a number from {blank.bounds[0]:g} to {blank.bounds[1]:g}"


def _short(value: Any) -> str:
    text = " ".join(json.dumps(value, ensure_ascii=False, default=str).split())
    return text if len(text) <= 60 else text[:57] + "..."
