"""Takes out of an answer what others say in it: quotations, and speech that is told with its speaker.

"The sign says 'I can't help you'" refuses nothing. An answer that stands in quotes as a whole is the model's own.
"""

from __future__ import annotations

import re

_DOUBLE = r"\"[^\"\n]{1,400}\""
_SINGLE = r"(?<!\w)'[^'\n]{1,300}(?:(?<=\w)'(?=\w)[^'\n]{1,300}){0,6}'(?!\w)"  # apostrophes may stand inside
_VERBS = """
    says said reads read replies replied answers answered whispers whispered shouts shouted yells yelled states stated
    writes wrote exclaims exclaimed cries cried asks asked insists insisted mutters muttered murmurs murmured adds added
    say think thinks explains explained repeats repeated announces announced captioned titled labeled labelled"""
_TOLD = "|".join(_VERBS.split())
_WITHIN = re.compile(rf"(?:(?<=[\w,:;(] )|(?<= \())(?:{_DOUBLE}|{_SINGLE})")  # something leads up to it
_ATTRIBUTED = re.compile(rf"(?:{_DOUBLE}|{_SINGLE})[,.]?(?= (?:[\w'-]+ ){{0,3}}?(?:{_TOLD})\b| (?:he|she|they)\b)")
_SUBJECT = re.compile(  # what something is said of, or a story follows
    rf"(?:^|(?<=[.!?] ))(?:{_DOUBLE}|{_SINGLE})(?= (?:is|was|are|were|means|meant|stands for|sounds)\b| (?:The"
    rf"|He|She|They|His"
    rf"|Her|Then) )",
    re.MULTILINE,
)
_MY_WORDS = re.compile(r"\b(?:I (?:\w+ )?(?:say|reply|answer|respond)|(?:my|My) (?:answer|reply|response) is)[:,]? $")
_REPORTED = re.compile(
    rf"(?P<who>(?:[\w'-]{{1,30}} ){{1,4}})(?P<tells>(?:{_TOLD})(?: that)?[:,]?) (?=(?:I|I'm|I'll|I'd|We"
    rf"|we)\b)[^.!?\n]{{1,300}}"
)
_OWN_RULES = re.compile(
    r"\b(?:I|my|our|polic(?:y|ies)|guidelines?|rules?|programming|law|principles?|constitution)\b", re.IGNORECASE
)


def own(text: str) -> str:
    """Put "…" in the place of what others say in a plain text.

    One quotation with its speaker ("'I can't,' whispered the thief") makes a story, where all quotations are speech.
    """
    if text.lstrip("[ ").startswith("{"):
        return text  # JSON: the quotes are its own
    told = _ATTRIBUTED.search(text) is not None
    text = (
        re.sub(rf"{_DOUBLE}|{_SINGLE}", '"…"', text) if told else _SUBJECT.sub('"…"', _WITHIN.sub(_unless_mine, text))
    )
    return _REPORTED.sub(_without_speech, text)


def _unless_mine(found: re.Match[str]) -> str:
    """ "To this I say 'no'" is the model's own word."""
    return found[0] if _MY_WORDS.search(found.string[: found.start()][-40:]) else '"…"'


def _without_speech(found: re.Match[str]) -> str:
    """ "My guidelines say that I can't" is the model's own word."""
    return found[0] if _OWN_RULES.search(found["who"]) else f'{found["who"]}{found["tells"]} "…"'
