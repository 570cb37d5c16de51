"""Escape text from data or from a model, so that it can be shown: nothing hidden, nothing that reorders, bounded.

Escaping is the template's business (and JSON's); this file deals with characters that stay harmful after it:
controls, direction overrides, invisible tags, lone surrogates.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_HIDDEN = re.compile(
    "([\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f])\\1*"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


class Shown(NamedTuple):
    """Text as the page shows it, and how many characters were left out at its end."""

    text: str
    left_out: int


def visible(text: str) -> str:
    """`text` with every hidden or reordering character spelled out, as in [U+202E]; line ends become newlines."""
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    return _HIDDEN.sub(_spelled, text)


def shown(text: str, limit: int) -> Shown:
    """Escape the first `limit` characters of `text`."""
    return Shown(visible(text[:limit]), max(0, len(text) - limit))


def label(text: object, limit: int = 80) -> str:
    """Shorten a one-line name (scenario, model, verdict), ended by an ellipsis where it was cut."""
    line = " ".join(visible(str(text)[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def script_json(value: Any) -> str:
    """JSON that can stand inside a <script> element: no character in it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _SURROGATES.sub("\ufffd", text)


def _spelled(match: re.Match[str]) -> str:
    count = len(match.group(0))
    return f"[U+{ord(match.group(1)):04X}" + (f" ×{count}]" if count > 1 else "]")
