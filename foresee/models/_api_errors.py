"""What a server says instead of an answer, in the shapes of the various providers."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from foresee.errors import ModelError
from foresee.records import Reply

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_FATAL = frozenset({301, 302, 303, 307, 308, 401, 402, 403, 404, 405})
_WITHHELD_CODES = re.compile(r"content_?(policy|filter)|responsible_?ai|moderation|data_?inspection|prohibited", re.I)
_WITHHELD = re.compile(
    r"content (management )?policy|content filter|safety system|usage polic|(was|been) flagged|flagged (as|by|for)",
    re.I,
)
_WRONG_KEY = re.compile(r"api.?key.{0,20}(not valid|invalid)|invalid.{0,9}api.?key", re.I)


def refusal_or_raise(status: int, headers: Mapping[str, str], error: Mapping[str, Any], text: str) -> Reply:
    """The Reply if the provider's filter stopped the call, else the ModelError that the response amounts to.

    Args:
        status: of HTTP.
        headers: of the response.
        error: from `error_in`.
        text: the whole body, quoted where there is no message.
    """
    inner = error.get("innererror")
    codes = [str(error.get(name, "")) for name in ("code", "type", "param")]
    codes.append(str(inner.get("code", "")) if isinstance(inner, dict) else "")
    message = short(str(error.get("message") or "") or _page_title(text), 300)
    metadata = error.get("metadata")
    flagged = isinstance(metadata, dict) and ("flagged_input" in metadata or "reasons" in metadata)
    code = next((code for code in codes if _WITHHELD_CODES.search(code)), None)
    # A message that says so counts with a 400; a 403 with the same words may mean that the account is barred.
    said = status in (200, 400, 422, 451) and _WITHHELD.search(message[:200])
    if flagged or said or (code is not None and status != 429):
        return Reply("", status="refused_by_api", finish_reason=code or "content_filter")
    status = (code_of(error) or 502) if status < 300 else status
    broke = "insufficient_quota" in codes or status == 402
    wrong_key = status == 400 and _WRONG_KEY.search(message) is not None
    retryable = status in _RETRYABLE and not broke
    raise ModelError(
        f"HTTP {status}: {message or 'no reason given'}",
        retryable=retryable,
        retry_after=_retry_after(headers, error) if retryable else None,
        status=status,
        fatal=status in _FATAL or broke or wrong_key or "model_not_found" in codes,
    )


def _retry_after(headers: Mapping[str, str], error: Mapping[str, Any]) -> float | None:
    """Seconds from `Retry-After` (seconds or a date), `Retry-After-Ms`, or Google's RetryInfo."""
    delays = [d.get("retryDelay") for d in dicts(error.get("details"))]
    milliseconds, plain = headers.get("Retry-After-Ms", ""), headers.get("Retry-After", "")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        if plain and re.fullmatch(r"[\d.]+", plain.strip()):
            return float(plain)
        if plain:
            return max(0.0, email.utils.parsedate_to_datetime(plain).timestamp() - time.time())
        return next((float(d[:-1]) for d in delays if isinstance(d, str) and d.endswith("s")), None)
    except (ValueError, OverflowError):
        return None


def error_in(content: Any) -> dict[str, Any]:
    """The error that a body carries, in any of the usual shapes; {} if none."""
    if isinstance(content, list) and content:  # Google wraps it in a list
        content = content[0]
    if not isinstance(content, dict):
        return {}
    error = content.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    if content.get("object") == "error" or "detail" in content:  # vLLM, FastAPI
        detail = content.get("message") or content.get("detail")
        return {**content, "message": detail if isinstance(detail, str) else json.dumps(detail)}
    return {}


def code_of(error: Mapping[str, Any]) -> int | None:
    """The HTTP status that an error in the body names."""
    code = error.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and 300 <= code < 600 else None


def loads(text: str) -> Any:
    """What a body holds; None if that is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dicts(value: Any) -> list[dict[str, Any]]:
    """The dictionaries in a value that ought to be a list of them."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _page_title(text: str) -> str:
    if text.lstrip()[:1] == "<":
        title = re.search(r"<title>(.*?)</title>", text[:5000], re.I | re.S)
        return title.group(1) if title else "an HTML page"
    return text


def short(text: str, length: int) -> str:
    """Text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
