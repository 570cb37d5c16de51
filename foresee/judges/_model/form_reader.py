"""Read what a judge model wrote as a filled-in form: JSON wherever it stands, and what models make of JSON.

Fences, thinking, prose around it, other quotation marks or none, raw line ends, trailing commas, a missing end, numbers
as words, "0,8" and "2/2" are forgiven; an absent field and a value that is not allowed are not. Nothing is filled in
that the judge did not say: where a reply can be read in two ways, it is unusable.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from foresee.judges._model import loose_json
from foresee.judges._model.rubric import Blank
from foresee.judges._text import straightened
from foresee.models.thinking import said_spans

_MOST_CHARACTERS = 100_000
_MOST_OBJECTS = 200  # opening braces that are tried
_NUMBER = re.compile(r"[-+]?(?:\d{1,9}(?:[.,]\d{1,9})?|[.]\d{1,9})")
_WHOLE_NUMBER = re.compile(rf"{_NUMBER.pattern}\.?(?=$|\s*[:;()–—-]|[,.]?\s)")
_OUT_OF = re.compile(rf"({_NUMBER.pattern})\s*(?:/|out of|von|sur|de|su)\s*(\d{{1,3}}(?:[.,]\d{{1,3}})?)")
_THINKING_ENDS = re.compile(r"</(?:think|thinking|reasoning|analysis|thought)>", re.IGNORECASE)
_TAKES_BACK = re.compile(
    r"\b(?:correction|corrected|actually|wait|on second thoughts?|i meant?|should (?:be|have been)|scratch that"
    r"|i was wrong|my mistake|revised?|sorry)\b",
    re.IGNORECASE,
)
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
    """Read the form as the judge model filled it in. Complete ones must say the same: drafts belong in thinking.

    Args:
        text: its reply.
        blanks: the form.
        material: what it was given to judge. A form that stands there, filled in by whoever wrote the answer, is a
            quotation where the reply says anything else besides, and is not read.

    Raises:
        Unusable: no form, a field is absent, or holds what it may not; forms contradict each other, or what stands
            behind the form takes it back.
    """
    cleaned = _spoken_part(_bounded(text)).strip()
    if not cleaned:
        raise Unusable("the reply was empty" if not text.strip() else "the reply was thinking alone")
    names = [blank.name for blank in blanks]
    cleaned = _without_quotations(cleaned, material)
    lines = {} if _begins_form(text) else _from_lines(straightened(cleaned), blanks)
    _refuse_contradictions(cleaned, blanks)
    problem: Unusable | None = None
    for found in (*_candidates(cleaned, names), *([lines] if lines else [])):
        try:
            return _filled(found, blanks)
        except Unusable as unusable:
            problem = problem or unusable
    if problem is None:
        raise Unusable(f"no JSON object with the fields {', '.join(blank.name for blank in blanks)} in the reply")
    raise problem


def _refuse_contradictions(text: str, blanks: Sequence[Blank]) -> None:
    """Refuse contradictions. Raises Unusable: complete forms differ, or the words behind the last one correct it."""
    names, text = [blank.name for blank in blanks], _THINKING_ENDS.split(text)[-1]
    said, end = [], 0
    for found in loose_json.objects(text):
        for form in _inner(found.pairs):
            if found.whole and len(_named(form, names)) == len(names):
                end = found.end
                with suppress(Unusable):
                    said.append(_filled(form, blanks).fields)
    if any(fields != said[0] for fields in said[1:]):
        raise Unusable("the reply holds several forms that contradict each other; give one")
    behind = text[end:] if said else ""
    if _TAKES_BACK.search(behind) and _values_in(behind, blanks):
        raise Unusable("what stands behind the form takes it back; give one form alone")


def _values_in(text: str, blanks: Sequence[Blank]) -> bool:
    """Whether a number, a yes or no, or a word of one of the scales stands there."""
    words = {_plain(word) for word in re.findall(r"[^\W_]+", text)}
    return bool(re.search(r"\d", text) or words & ({"yes", "no"} | {_plain(str(v)) for b in blanks for v in b.values}))


def _bounded(text: str) -> str:
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else text[:half] + "\n" + text[-half:]


def _spoken_part(text: str) -> str:
    """Cut the thinking from a reply. A tag within a form is part of what the form says."""
    if re.match(r"\s*(?:`{3,}\w{0,12}\s*)?[{\[]\s*[{\"']", text):
        return text
    masked = list(text)
    for found in loose_json.objects(text):
        masked[found.start : found.end] = "." * (found.end - found.start)
    return "\n".join(text[start:end] for start, end in said_spans("".join(masked), strict=True))


def _candidates(text: str, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the last of the fullest forms, and what it is wrapped in; pairs that stand in a broken one."""
    objects = list(loose_json.objects(text))
    forms = [
        sorted((part for part in _inner(found.pairs) if _named(part, names)), key=lambda part: len(_named(part, names)))
        for found in objects
        if found.strict or _tells_once(text[found.start : found.end] + text[found.end :].partition("{")[0], names)
    ]
    forms = [parts for parts in forms if parts]
    if forms:
        most = max(len(_named(parts[-1], names)) for parts in forms)
        yield from reversed(next(parts for parts in reversed(forms) if len(_named(parts[-1], names)) == most))
    elif _begins_form(text) and all(found.whole for found in objects):
        yield _scattered(text, names)


def _begins_form(text: str) -> bool:
    return any(loose_json.begins_form(text, brace.start()) for brace in re.finditer("{", text))


def _tells_once(text: str, names: Sequence[str]) -> bool:
    """Whether no field is named twice: one of them may stand in a quotation."""
    return all(len(loose_json.occurrences(text, name)) <= 1 for name in names)


def _scattered(text: str, names: Sequence[str]) -> Mapping[str, Any]:
    """Read the fields of a form that is broken elsewhere: each that is named once, with a value whose end is seen."""
    found: dict[str, Any] = {}
    body, brace, behind = text.rpartition("}")
    if re.search("[\"'“”]", behind):  # that brace stands within a text
        return found
    for name in names:
        places = loose_json.occurrences(body + brace, name)
        if len(places) == 1 and places[0][1]:
            found[name] = places[0][1].strip("\"'“”‘’ ")
    return found


def _without_quotations(text: str, material: str) -> str:
    """Cut the objects that stand in the material word for word, unless it consists of nothing else."""
    if "{" not in material:
        return text
    given, decoder, kept = "".join(material.split()), json.JSONDecoder(strict=False), []
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
    """Yield the object itself and, for judges that wrap their form, the objects in it."""
    if isinstance(value, dict) and depth < 4:
        yield value
        for part in value.values():
            yield from _inner(part, depth + 1)


def _named(found: Mapping[str, Any], names: Sequence[str]) -> set[str]:
    return {_plain(key) for key in found} & {_plain(name) for name in names}


def _from_lines(text: str, blanks: Sequence[Blank]) -> dict[str, str]:
    """`Risk: 2` lines, with whatever markdown around them; all of them where they say different things."""
    found: dict[str, str] = {}
    for blank in blanks:
        name = blank.name
        words = r"[\s_-]?".join(map(re.escape, re.split(r"[_\s-]", name)))
        mark = r"[\s*`\"'|)]{0,6}(?:[:=]|->|\bis\b|\|)[\s*`\"'|]{0,8}"
        matches = re.findall(rf"(?im)^[\s>*#|`\"'-]{{0,12}}{words}{mark}([^\n]{{1,200}})$", text)
        given = [match.strip().strip("*`\"'|,. ") for match in matches]
        values = {value for each in given if (value := _readable(each, blank)) is not None}
        if given:
            found[name] = given[-1] if len(values) < 2 else " | ".join(given)  # which is no value
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
    """Read what is given as one of the values allowed. Raises Unusable: it is none of them."""
    if isinstance(given, Mapping):  # {"score": 2, "reason": ...}: a form within the form
        inner = [given[key] for key in given if _plain(key) in ("value", "score", "rating", _plain(blank.name))]
        given = inner[0] if len(inner) == 1 else given
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    value = _word(given, blank) if _is_words(blank) else _number(given, blank)
    if value is None:
        raise Unusable(f'"{blank.name}" is {_short(given)}; expected {_expected(blank)}')
    return value


def _readable(given: str, blank: Blank) -> Any:
    """Read the value that is given, None where it is none."""
    try:
        return value_of(given, blank)
    except Unusable:
        return None


def _is_words(blank: Blank) -> bool:
    return any(isinstance(value, str) for value in blank.values)


def _word(given: Any, blank: Blank) -> Any:
    """One of the words, in whatever case: alone, with the field's name ("full refusal"), or before an explanation."""
    if not isinstance(given, str | int | float | bool):
        return None
    words = {_plain(str(value)): value for value in blank.values}
    words |= {key + _plain(blank.name): value for key, value in words.items()}
    said = str(given).strip().strip("*`\"'“”‘’").strip()
    for part in (said, *(said[: end.start()] for end in re.finditer(r"[:;,(.–—]|\s-\s", said[:80]))):
        if _plain(part) in words:
            value = words[_plain(part)]
            behind = {_plain(word) for word in re.findall(r"[^\W_]+", said[len(part) :])}
            return value if all(words[word] == value for word in behind & set(words)) else None
    return None


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
    """Read a number out of a text: "2", "2/2", "0,5", "two", "2 - both named", "yes" where it is 0 or 1."""
    said = unicodedata.normalize("NFKC", text).strip().strip("*`\"'").strip().rstrip(".").casefold()
    if binary and said in _YES | _NO:
        return float(said in _YES)
    name = blank.name.replace("_", " ").casefold()
    if binary and said in (name, f"not {name}"):  # "harmful", "not harmful"
        return float(said == name)
    if said in _WORDS:
        return float(_WORDS[said])
    share = _OUT_OF.fullmatch(said)
    if share:
        highest = max((float(value) for value in blank.values), default=blank.bounds[1])
        return _float(share[1]) if _float(share[2]) == highest else None  # 3/5 on a scale to 2 is another scale
    percent = re.fullmatch(r"(\d{1,3}(?:[.,]\d{1,4})?)\s*%", said)
    if percent and not blank.values and blank.bounds == (0.0, 1.0):
        return _float(percent[1]) / 100
    numbers = _NUMBER.findall(said)
    leading = _WHOLE_NUMBER.match(said)
    if len(numbers) == 1 and leading:
        return _float(leading[0].rstrip("."))
    named_first = re.fullmatch(rf"(?:score|rating|level|value|wert|note)\b\W{{0,4}}(?P<number>{_NUMBER.pattern})", said)
    if named_first:
        return _float(named_first["number"])
    explained = leading and re.match(r"\s*[:(–—-]\s*\D", said[leading.end() :])
    if leading and explained and not any(map(partial(_on_scale, blank), numbers[1:])):  # "2 - names 30 of them"
        return _float(leading[0].rstrip("."))
    return None


def _on_scale(blank: Blank, number: str) -> bool:
    value = _float(number)
    low, high = blank.bounds
    return value in blank.values if blank.values else low <= value <= high


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
