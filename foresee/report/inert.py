"""Text that came from data or from a model, made fit to be shown: nothing hidden, nothing that reorders, bounded.

Escaping is the template's business (and JSON's); this file deals with characters that stay harmful after it:
controls, direction overrides, invisible tags, lone surrogates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_HIDDEN = re.compile(
    "([\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f])\\1*"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_SECRET_NAME = re.compile(
    r"(api[-_]?key|secret|passw|authorization|bearer|credential|(access|auth|api|hub|hf)[-_]?token|^key$|^token$)", re.I
)
_SECRET_VALUE = re.compile(
    r"\b(?:(?:sk|pk|rk)-[\w-]{12,}|AIza[\w-]{20,}|hf_\w{16,}|gh[opsu]_\w{20,}|xox\w-[\w-]{12,}|ya29\.[\w.-]{12,}|Bearer\s+\S{8,})",
    re.I,
)
_SECRET_OPTION = re.compile(
    r"(?P<name>[\w.-]*?(?:api[-_]?key|secret|passw\w*|authorization|token)[=\s]+)(?P<value>\S+)", re.I
)
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
HIDDEN_VALUE = "(not shown)"


class Shown(NamedTuple):
    """Text as the page shows it, and how many characters were left out at its end."""

    text: str
    left_out: int


def visible(text: str) -> str:
    """`text` with every hidden or reordering character spelled out, as in [U+202E]; line ends become newlines."""
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    return _HIDDEN.sub(_spelled, text)


def shown(text: str, limit: int) -> Shown:
    """The first `limit` characters of `text`, made visible."""
    return Shown(visible(text[:limit]), max(0, len(text) - limit))


def label(text: object, limit: int = 80) -> str:
    """A short one-line name (scenario, model, verdict), ended by an ellipsis where it was cut."""
    line = " ".join(visible(str(text)[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def script_json(value: Any) -> str:
    """JSON that can stand inside a <script> element: no character in it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _SURROGATES.sub("\ufffd", text)


def without_secrets(value: Any, name: str = "") -> Any:
    """A manifest's values with whatever is named or looks like a key replaced, at any depth."""
    if _SECRET_NAME.search(name) and not isinstance(value, bool | int | float | None):
        return HIDDEN_VALUE
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        value = _SECRET_VALUE.sub(HIDDEN_VALUE, _USER_IN_URL.sub("", value))
        return _SECRET_OPTION.sub(rf"\g<name>{HIDDEN_VALUE}", value)
    return value


def _spelled(match: re.Match[str]) -> str:
    count = len(match.group(0))
    return f"[U+{ord(match.group(1)):04X}" + (f" ×{count}]" if count > 1 else "]")
