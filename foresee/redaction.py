"""Keys and passwords taken out of whatever is written down: manifests, journals, pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
