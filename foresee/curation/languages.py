"""Tell whether a text is in a language: by its script, then by its small words. For long enough texts only."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from foresee.errors import unknown_name

ANY = "any"

# The commonest small words, those left out that several of these languages share.
_SMALL: dict[str, str] = {
    "en": "the and of is are with that this it you for what there from have be not",
    "de": "der die das und ist nicht ein eine mit von zu sie sich auf auch wird den",
    "fr": "le les et est une dans pour pas qui sur vous avec des du ce il elle",
    "es": "el los las una y es que por para con del se hay muy pero su",
    "it": "il lo gli della che non per una sono con di è nel alla questo",
    "pt": "os uma não com para que do da em ao você são mais dos",
    "nl": "het een van niet zijn met voor ook dat deze wordt naar maar",
}
_SCRIPTS = {"zh": "CJK", "ja": "CJK", "ko": "HANGUL", "ru": "CYRILLIC", "ar": "ARABIC", "hi": "DEVANAGARI"}
_LETTERS = 12  # fewer say nothing of a language
_WORDS = 8


def is_in(text: str, language: str) -> bool:
    """Whether a text may be in a language: false only where its script or its small words speak against it.

    Raises:
        UserError: a language that is not known here.
    """
    if language == ANY:
        return True
    if language not in _SMALL and language not in _SCRIPTS:
        raise unknown_name("language", language, [*_SMALL, *_SCRIPTS, ANY])
    scripts = Counter(_script(letter) for letter in text[:4000] if letter.isalpha())
    letters = sum(scripts.values())
    if letters < _LETTERS:
        return True
    if language in _SCRIPTS:
        wanted = scripts[_SCRIPTS[language]] + (scripts["KANA"] if language == "ja" else 0)
        return wanted / letters > 0.3
    if scripts["LATIN"] / letters < 0.7:
        return False
    words = re.findall(r"[^\W\d_]+", text[:4000].lower())
    if len(words) < _WORDS:
        return True
    counts = {name: sum(word in small.split() for word in words) for name, small in _SMALL.items()}
    best = max(counts, key=lambda name: counts[name])
    return best == language or counts[best] < 3 or counts[best] < 2 * counts[language]


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    first = name.split(" ")[0]
    return "KANA" if first in ("HIRAGANA", "KATAKANA") else first
