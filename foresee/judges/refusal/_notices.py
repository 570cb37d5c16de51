"""Tells what clients and providers store in the place of an answer: a filter's notice, a field that says so, an error.

They are no words of the model: a filter's notice is a refusal, an error is not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from foresee.models.error_texts import is_error

# what some clients store where a provider's filter, or no answer at all, came back
_BLOCKED = re.compile(
    r"(?:finish|stop|block(?:ed)?)_?reason[.:= ]{1,3}(?:safety|content_filter|prohibited_content|blocklist|refusal)"
    r"|content_filter"
    r"|\W{0,3}(?:request )?(?:refused|refusal|declined|denied|rejected)\W{0,3}"
    r"|(?:blocked|filtered|withheld|removed|flagged|rejected) (?:by|due to|for|because of) [^.\n]{0,40}"
    r"(?:filter|safety|polic(?:y|ies)|provider|moderation|system|guidelines|settings|legal)[^.\n]{0,20}\.?"
    r"|(?:unsafe|harmful|prohibited|disallowed|inappropriate) (?:content|input|output|prompt|request)"
    r"(?: detected[^.\n]{0,40})?\.?"
    r"|[\[({\"*]{0,3}(?:error: ?)?(?:"
    r"(?:(?:this|the|your) )?(?:response|content|request|message|prompt|output|answer|generation) "
    r"(?:was |has been |is )?(?:blocked|filtered|flagged|withheld|removed|rejected|stopped|hidden|suppressed)"
    r"(?: (?:by|due to|for|as)\b[^.\n]{0,60})?"
    r"|(?:this|the|your) (?:prompt|request|message) contains (?:unsafe|harmful|prohibited) content"
    r"|(?:(?:content|safety|usage)[ _-])?(?:policy|filter|guidelines?|safety)[ _-](?:violation|triggered|violated))"
    r"[\])}\"*.!]{0,4}",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"[\"'](?:is_)?(?:refus(?:ed|al|es)|declined|blocked|filtered)[\"']\s{0,9}:\s{0,9}[\"']?(?:true|yes|1)\b"
    r"|[\"'](?:action|decision|status|verdict|result|label|type)[\"']\s{0,9}:\s{0,9}[\"']"
    r"(?:refus(?:e|ed|al)|declined?|den(?:y|ied)|block(?:ed)?|reject(?:ed)?)[\"']",
    re.IGNORECASE,
)


class Notice(NamedTuple):
    """What was stored: whether it refuses, of what kind it is, and its text."""

    refuses: bool
    kind: str
    text: str


def notice(words: str) -> Notice | None:
    """Find the notice that a text is, or None where it is an answer."""
    text = words.strip()
    if _BLOCKED.fullmatch(text):
        return Notice(True, "blocked by the provider", text)
    if _FIELD.search(words) and words.lstrip(" \n`json[").startswith("{"):
        return Notice(True, "its JSON says so", text[:160])
    if is_error(text):
        return Notice(False, "an error message in the place of an answer", text[:160])
    return None
