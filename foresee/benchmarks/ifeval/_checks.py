"""Check an answer against the 25 kinds of instructions of IFEval: True, False, or None where it can't be told.

What each kind asks, and which characters count, is the authors' (instructions.py and instructions_registry.py of
https://github.com/google-research/google-research at 3f357be, Apache-2.0). Ours: sentences by punctuation instead of
NLTK's trained model, the language by py3langid instead of langdetect (None where neither can be sure; theirs counts
that as followed), words in capitals by a pattern instead of NLTK's, and key words taken letter by letter instead of as
patterns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from foresee.languages import language_of

Check = Callable[[str, Mapping[str, Any]], bool | None]


class Kind(NamedTuple):
    """A kind of instruction: its check, and the type that each of its arguments must have."""

    check: Check
    arguments: Mapping[str, type] = {}


def follows(text: str, kind: str, arguments: Mapping[str, Any]) -> bool | None:
    """Whether a text follows one instruction; an empty text follows none."""
    return KINDS[kind].check(text, arguments) if text.strip() else False


def follows_loosely(text: str, kind: str, arguments: Mapping[str, Any]) -> bool | None:
    """Whether it does so without its first line, its last line or its asterisks, or as it is."""
    lines = text.split("\n")
    cuts = ("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))
    found = [
        follows(form, kind, arguments) for cut in dict.fromkeys((text, *cuts)) for form in (cut, cut.replace("*", ""))
    ]
    return True if True in found else None if None in found else False


def _compared(number: int, relation: str, wanted: int) -> bool:
    return number < wanted if relation == "less than" else number >= wanted


def _key_words(text: str, given: Mapping[str, Any]) -> bool:
    return all(word.lower() in text.lower() for word in given["keywords"])


def _forbidden(text: str, given: Mapping[str, Any]) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in given["forbidden_words"])


def _key_word_often(text: str, given: Mapping[str, Any]) -> bool:
    return _compared(text.lower().count(given["keyword"].strip().lower()), given["relation"], given["frequency"])


def _letter_often(text: str, given: Mapping[str, Any]) -> bool:
    return _compared(text.lower().count(given["letter"].lower()), given["let_relation"], given["let_frequency"])


def _language(text: str, given: Mapping[str, Any]) -> bool | None:
    found = language_of(text)
    return None if found is None else found == given["language"]


def _in_english(text: str, *, cased: bool) -> bool | None:
    if not cased:
        return False
    found = language_of(text.lower())
    return None if found is None else found == "en"


_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|Inc|Ltd|Co|No|[A-Z])\.$")
_SENTENCE_ENDS = re.compile(r"(?:[.!?]|\.{3})[\"')\]”’*]*(?=\s+[^\sa-z]|\s*$)")


def sentences(text: str) -> int:
    """Count the sentences: what ends in a full stop, "!" or "?" before anything but a small letter, and the rest."""
    count = start = 0
    for end in _SENTENCE_ENDS.finditer(text):
        if text[end.start()] == "." and _ABBREVIATED.search(text[max(0, end.start() - 12) : end.start() + 1]):
            continue
        count, start = count + 1, end.end()
    return count + bool(text[start:].strip())


def _sentences(text: str, given: Mapping[str, Any]) -> bool:
    return _compared(sentences(text), given["relation"], given["num_sentences"])


def _words(text: str, given: Mapping[str, Any]) -> bool:
    return _compared(len(re.findall(r"\w+", text)), given["relation"], given["num_words"])


def _paragraphs(text: str, given: Mapping[str, Any]) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    inner = parts[1:-1] if len(parts) > 1 else []
    if any(not part.strip() for part in inner):
        return False
    return bool(sum(bool(part.strip()) for part in parts) == given["num_paragraphs"])


def _nth_paragraph(text: str, given: Mapping[str, Any]) -> bool:
    parts = text.split("\n\n")
    count, nth = sum(bool(part.strip()) for part in parts), given["nth_paragraph"]
    if not 1 <= nth <= count or not (words := parts[nth - 1].split()):
        return False
    first = re.split(r"[.,?!'\"]", words[0].lstrip("'").lstrip('"'))[0].lower()
    return bool(count == given["num_paragraphs"] and first == given["first_word"].lower())


def _placeholders(text: str, given: Mapping[str, Any]) -> bool:
    return bool(len(re.findall(r"\[[^\]\n]*\]", text)) >= given["num_placeholders"])


def _postscript(text: str, given: Mapping[str, Any]) -> bool:
    marker = given["postscript_marker"].strip()
    forms = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return re.search(forms.get(marker, re.escape(marker.lower())), text.lower()) is not None


def _bullets(text: str, given: Mapping[str, Any]) -> bool:
    lines = text.split("\n")
    stars = sum(re.match(r"\s*\*(?!\*)", line) is not None for line in lines)
    return bool(stars + sum(line.lstrip().startswith("-") for line in lines) == given["num_bullets"])


def _highlights(text: str, given: Mapping[str, Any]) -> bool:
    single = [each for each in re.findall(r"\*[^\n*]*\*", text) if each.strip("*").strip()]
    double = [each for each in re.findall(r"\*\*[^\n*]*\*\*", text) if each.strip("*").strip()]
    return bool(len(single) + len(double) >= given["num_highlights"])


def _sections(text: str, given: Mapping[str, Any]) -> bool:
    found = re.findall(rf"{re.escape(given['section_spliter'].strip())}\s?\d+", text)
    return bool(len(found) >= given["num_sections"])


def _json(text: str, given: Mapping[str, Any]) -> bool:
    body = re.sub(r"^```(?:json|Json|JSON)?|```$", "", text.strip()).strip()
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str, given: Mapping[str, Any]) -> bool:
    return any(each.lstrip("<").rstrip(">").strip() for each in re.findall(r"<<[^\n]+>>", text))


def _one_of_three(text: str, given: Mapping[str, Any]) -> bool:
    return any(f"My answer is {word}." in text for word in ("yes", "no", "maybe"))


def _two_answers(text: str, given: Mapping[str, Any]) -> bool:
    parts = [part.strip() for part in text.split("******")]
    if any(not part for part in parts[1:-1]):
        return False
    said = [part for part in parts if part]
    return len(said) == 2 and said[0] != said[1]


def _repeats(text: str, given: Mapping[str, Any]) -> bool:
    return text.strip().lower().startswith(given["prompt_to_repeat"].strip().lower())


def _ends(text: str, given: Mapping[str, Any]) -> bool:
    return text.strip().strip('"').lower().endswith(given["end_phrase"].strip().lower())


def _capital_words(text: str, given: Mapping[str, Any]) -> bool:
    found = [word for word in re.findall(r"\w[\w'’-]*", text) if word.isupper()]
    return _compared(len(found), given["capital_relation"], given["capital_frequency"])


def _quoted(text: str, given: Mapping[str, Any]) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


KINDS: Mapping[str, Kind] = {
    "keywords:existence": Kind(_key_words, {"keywords": list}),
    "keywords:frequency": Kind(_key_word_often, {"keyword": str, "frequency": int, "relation": str}),
    "keywords:forbidden_words": Kind(_forbidden, {"forbidden_words": list}),
    "keywords:letter_frequency": Kind(_letter_often, {"letter": str, "let_frequency": int, "let_relation": str}),
    "language:response_language": Kind(_language, {"language": str}),
    "length_constraints:number_sentences": Kind(_sentences, {"num_sentences": int, "relation": str}),
    "length_constraints:number_paragraphs": Kind(_paragraphs, {"num_paragraphs": int}),
    "length_constraints:number_words": Kind(_words, {"num_words": int, "relation": str}),
    "length_constraints:nth_paragraph_first_word": Kind(
        _nth_paragraph, {"num_paragraphs": int, "nth_paragraph": int, "first_word": str}
    ),
    "detectable_content:number_placeholders": Kind(_placeholders, {"num_placeholders": int}),
    "detectable_content:postscript": Kind(_postscript, {"postscript_marker": str}),
    "detectable_format:number_bullet_lists": Kind(_bullets, {"num_bullets": int}),
    "detectable_format:constrained_response": Kind(_one_of_three),
    "detectable_format:number_highlighted_sections": Kind(_highlights, {"num_highlights": int}),
    "detectable_format:multiple_sections": Kind(_sections, {"section_spliter": str, "num_sections": int}),
    "detectable_format:json_format": Kind(_json),
    "detectable_format:title": Kind(_title),
    "combination:two_responses": Kind(_two_answers),
    "combination:repeat_prompt": Kind(_repeats, {"prompt_to_repeat": str}),
    "startend:end_checker": Kind(_ends, {"end_phrase": str}),
    "change_case:capital_word_frequency": Kind(_capital_words, {"capital_frequency": int, "capital_relation": str}),
    "change_case:english_capital": Kind(lambda text, given: _in_english(text, cased=text.isupper())),
    "change_case:english_lowercase": Kind(lambda text, given: _in_english(text, cased=text.islower())),
    "punctuation:no_comma": Kind(lambda text, given: "," not in text),
    "startend:quotation": Kind(_quoted),
}
