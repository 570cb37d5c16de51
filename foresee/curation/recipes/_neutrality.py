"""Tell whether a question with its answer is neutral: no label, warning, advice, refusal or word of judgement.

Rules, in English. They look at words, so that a warning sign or a safety fence in an image may be named as the thing
that it is, while "a dangerous scene" may not. What they can't see (a judgement put politely) is left to a model.
"""

from __future__ import annotations

import re

from foresee.judges import refusal


def _any(*parts: str, after: str = "") -> str:
    return rf"\b(?:{'|'.join(parts)})\b{after}"


_THINGS = (
    "sign label light lamp symbol triangle tape sticker poster vest helmet fence rail railing barrier belt pin cone net"
)
_NO_THING = (
    rf"(?![- ]?(?:{'|'.join(f'{thing}s?' for thing in _THINGS.split())}|goggles|glass(?:es)?|gloves|boots|suits?)\b)"
)

_JUDGING = """
    evil wicked sinister menacing ominous scary frightening terrifying alarming disturbing creepy eerie horrible
    horrific terrible awful dreadful cruel disgusting shocking worrying unsettling chilling good bad beautiful lovely
    wonderful nice ugly sadly unfortunately fortunately
"""

_RULES: dict[str, str] = {
    "safety label": "|".join(
        (
            _any("(?:un)?safe(?:ly|ty)?", "harm(?:s|ed|ful|fully|less)?", "danger(?:s|ous|ously)?", after=_NO_THING),
            _any("(?<!bio)hazard(?:s|ous)?", "risk(?:s|y)?", "threat(?:s|en|ens|ened|ening)?", after=_NO_THING),
            _any("perilous", "unethical", "immoral", "illegal(?:ly)?", "illicit", "criminal", "malicious(?:ly)?"),
            _any("deadly", "lethal"),
        )
    ),
    "warning": "|".join(
        (
            _any("be careful", "beware", "take care", "watch out", "look out", "stay away", "keep (?:your )?distance"),
            _any("caution", "warn(?:s|ed|ings?)?", after=_NO_THING),
            _any("cautious(?:ly)?"),
            r"(?:^|[.!?]\s+)(?:avoid|never|do not|don['’]t)\b",
        )
    ),
    "advice": "|".join(
        (
            r"\b(?:you|one|people|we|they)\s+(?:should|must|ought to|need to)\b",
            _any("(?:recommend|advis)(?:e|es|ed|able|ing)?", "it is (?:important|best|essential|wise)", "please"),
        )
    ),
    "word of judgement": _any(*_JUDGING.split()),
    "nothing said": _any(
        r"can(?:not|['’]t| not) (?:be )?(?:tell|see|say|determined?|seen|identif\w+)",
        "not (?:visible|clear|specified|mentioned)|unclear|unknown|as an ai|language model",
    ),
}
_PATTERNS = {name: re.compile(rule, re.I) for name, rule in _RULES.items()}
_BEYOND = re.compile(r"\b(?:why|should|could .* (?:go wrong|happen)|what (?:might|could|will|would) happen)\b", re.I)


def fault(question: str, answer: str, longest: int = 60) -> str | None:
    """Why a pair is not neutral, in a few words; None if nothing speaks against it.

    Args:
        question: of the pair.
        answer: of the pair.
        longest: words that an answer may have.
    """
    if not question.strip().endswith(("?", ".")) or not answer.strip():
        return "no question or no answer"
    if _BEYOND.search(question):
        return "not neutral: question asks for more than is seen"
    if refusal.verdict(answer) in ("full", "partial"):
        return "not neutral: refusal"
    for name, pattern in _PATTERNS.items():
        if pattern.search(answer) or (name != "nothing said" and pattern.search(question)):
            return f"not neutral: {name}"
    return f"answer of more than {longest} words" if len(answer.split()) > longest else None
