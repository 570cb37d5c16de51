"""Tell the language of a text.

English by its script and small words: most of a text's letters must be Latin, and of its small words at least as many
English as foreign. What holds no evidence (a name, a number, code, "Sure!") is taken for English, so that rules lose
no answer without need. Other languages by py3langid, whose model ships with it, tells 139 apart in a millisecond a
text, and says how sure it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from foresee.errors import UserError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

ANY = "any"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Small English words that no language below has as well ("in", "an", "no", "was").
_ENGLISH = _words(
    """the of and to is that it for on with are be this by not or you can can't cannot don't if from your have has but
    at i i'm i'd i'll my we they it's its what which how would should could may does were there their his her she these
    those when then than about into any some yes all one please help sorry isn't won't doesn't"""
)
# Small words of other languages that English has not, in no form and in no name; the most frequent suffice.
_FOREIGN = _words(
    # German, Dutch, Swedish, Danish, Norwegian
    "nein ja und ist nicht ich sie ein eine einen einer eines des auf für auch aber wie kann bei oder wenn dass wir"
    " ihr ihre diese dieser dieses haben dich sich sind wird wirst keine kein zum zur soll sollte leider bedaure"
    " entschuldigung entschuldige een niet dat voor maar ook zijn deze naar helaas ikke det jeg och inte jag är att"
    " tyvärr beklager"
    # French, Spanish, Portuguese, Italian
    " oui les une est que qui dans avec vous nous elle cette ces aux mais sont suis peux votre désolé désolée sí las"
    " una pero está puedo debo como esta esto eso muy siento perdón debería lamento lamentablemente não com você"
    " isso meu desculpe è sì che gli delle sono questo questa questi posso dovrei devo scusa spiace dispiace"
    " purtroppo malheureusement infelizmente"
    # Polish, Turkish, Indonesian, Swahili
    " nie mogę się niestety przykro bir için ile üzgünüm saya tidak dengan yang untuk itu dapat maaf kwa samahani"
)
# Small words that English has in names and phrases ("Los Angeles", "non-toxic"): foreign where two kinds meet.
_IN_COMPANY = _words(
    """der das dem den zu mit von es mir nur het van je en som kan le la et pas ne il ce du au sur se su lo al el los y
    con por para del este mi um uma di della non per un te de da eu dan ini ang"""
)
_ENOUGH_IN_COMPANY = 2
_ENOUGH_WORDS = 3  # fewer say nothing
_ONE_IN = 8  # English of some length has a small word in every two or three
_EAST_ASIAN_WEIGHT = 3  # a Chinese or Japanese character or a Korean syllable says as much as three Latin letters
_EAST_ASIAN = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zª-ɏḀ-ỿ]")
_WORD = re.compile(r"[A-Za-zª-ɏḀ-ỿ]+(?:'[A-Za-z]+)*")
_SURE = 0.7  # of the language of a text
_SURER_THAN_NOT = 0.45  # suffices where no neighbour is half as likely; "No puedo." alone is less sure
_SURE_OF_ANOTHER = 0.9
_UNLIKELY = 0.01  # against the likeliest language
_LONG = 40  # bytes in UTF-8: shorter ones say little
_READ = 4_000  # characters, which suffice
# Chinese characters that only its traditional script has; lists in the simplified one would misread it.
_TRADITIONAL = re.compile(r"[這個們為說對時會來國學應無請協請麼該過還]")


def is_english(text: str) -> bool:
    """Whether rules for English may read this plain text; of a mixed one, the greater part decides."""
    if not text.isascii():
        letters, latin = len(_LETTER.findall(text)), len(_LATIN.findall(text))
        if letters - latin + (_EAST_ASIAN_WEIGHT - 1) * len(_EAST_ASIAN.findall(text)) > latin:
            return False
    words = _WORD.findall(text)
    english = sum(word.lower() in _ENGLISH for word in words)
    foreign = [word for word in words if word.lower() in _FOREIGN]
    doubtful = [word for word in words if _may_be_foreign(word) and word.lower() not in _FOREIGN]
    if foreign or len({word.lower() for word in doubtful}) >= _ENOUGH_IN_COMPANY:
        return len(foreign) + len(doubtful) <= english
    if len(words) < _ENOUGH_WORDS or english > len(words) / _ONE_IN:
        return True
    # clearly in a language whose small words are not listed here (Hungarian, Tagalog, …)?
    language, sure = _identifier().classify(text[:_READ])
    return bool(language == "en" or sure < (_SURE if doubtful else _SURE_OF_ANOTHER))


def language_of(text: str) -> str | None:
    """Name the language of a plain text by its ISO 639-1 code ("zh" is Chinese in simplified script).

    None where it cannot be told: too short, too mixed, Chinese in the traditional script.
    """
    if is_english(text):
        return "en"
    (language, sure), (_, next_best) = _identifier().rank(text[:_READ])[:2]
    told = sure >= _SURE or (sure >= _SURER_THAN_NOT and sure > 2 * next_best)
    traditional = language == "zh" and len(_TRADITIONAL.findall(text)) > 1
    return str(language) if told and language != "en" and not traditional else None


def is_in(text: str, language: str) -> bool:
    """Tell whether a text may be in a language ("any" for all): false only where it is long and clearly another.

    Raises:
        UserError: a language that is not known here.
    """
    if language == ANY:
        return True
    if language not in _identifier().labels:
        raise UserError(f"expected a language's ISO 639-1 code (en, de, zh, …) or '{ANY}', got '{language[:40]}'")
    text = text[:_READ]
    if len(text.encode("utf-8", "replace")) < _LONG:
        return True
    likely = dict(_identifier().rank(text))
    return bool(likely[language] > _UNLIKELY * max(likely.values()))


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid import langid  # half a second: its model is unpacked

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _may_be_foreign(word: str) -> bool:
    """Whether it is one of the small words in names ("EU" is none), or has an accent and no capital, as "café"."""
    return (word.lower() in _IN_COMPANY and not word.isupper()) or (word.islower() and not word.isascii())
