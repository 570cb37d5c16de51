"""What a server says instead of an answer, in the shapes of the various providers."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from foresee.errors import ModelError
from foresee.models._bodies import dicts, loads
from foresee.models._refusals import refusal_code, withheld_prompt
from foresee.records import Reply

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_FATAL = frozenset({301, 302, 303, 307, 308, 401, 402, 403, 404, 405})
_BEHIND = "error"  # of the server behind a gateway, inside the gateway's own
_WRONG_KEY = re.compile(r"api.?key.{0,20}(not valid|invalid)|invalid.{0,9}api.?key", re.I)


def refusal_or_raise(status: int, headers: Mapping[str, str], error: Mapping[str, Any], text: str) -> Reply:
    """Return the Reply if the provider's filter stopped the call, else the ModelError of the response.

    Args:
        status: of HTTP.
        headers: of the response.
        error: from `error_in`.
        text: the whole body, quoted where there is no message.
    """
    message = short(message_in(error) or _page_title(text), 300)
    named = (code_of(error) or status) if status < 300 else status
    code = refusal_code(named, error, message_in(error))
    if code is not None:
        return Reply("", status="refused_by_api", finish_reason=code)
    codes = [str(error.get(name, "")) for name in ("code", "type")]
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
    """Return the error that a body carries, in any of the usual shapes; {} if none."""
    if isinstance(content, list) and content:  # Google wraps it in a list
        content = content[0]
    if not isinstance(content, dict):
        return {}
    codes = {name: content[name] for name in ("code", "type", "error_code") if isinstance(content.get(name), str | int)}
    several = content.get("errors")
    error = content.get("error") or next(iter(dicts(several)), None)
    if not error and isinstance(several, dict | str) and several:
        error = several if isinstance(several, str) else json.dumps(several)
    if isinstance(error, dict):
        return {**codes, **error, **_passed_on(error)}
    if isinstance(error, str):
        more = content.get("message")
        return {**codes, "message": f"{error}: {more}" if isinstance(more, str) and more else error}
    if content.get("choices") or content.get("data"):  # beside which some say {"code": 0, "message": "success"}
        return {}
    base = content.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):  # MiniMax
        return {"code": str(base["status_code"]), "message": base.get("status_msg")}
    for name in ("message", "detail", "msg"):  # vLLM, Alibaba; FastAPI; others
        inner = content.get(name)
        if isinstance(inner, dict) and "role" in inner:
            return {}  # an answer in another format
        if inner and (name != "msg" or codes):
            return {**content, **(inner if isinstance(inner, dict) else {"message": inner})}
    return withheld_prompt(content)


def message_in(error: Mapping[str, Any]) -> str:
    """Join an error's message, on one line and whole, with the one that a gateway passes on."""
    messages = [_message(error.get("message")), _message(error.get(_BEHIND))]
    return " ".join(": ".join(filter(None, messages)).split())


def _passed_on(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error of the server behind a gateway (OpenRouter's `metadata.raw`)."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw:
        return {}
    return {_BEHIND: error_in(loads(raw)) or {"message": short(raw, 300)}}


def _message(value: Any) -> str:
    if isinstance(value, dict):  # LiteLLM
        inner = value.get("message") or value.get("error") or value.get("detail")
        return _message(inner) if inner else json.dumps(value)
    if isinstance(value, list):  # FastAPI: the question, which stands there as "input", is left out
        lines = [(".".join(map(str, part.get("loc") or ())), str(part.get("msg") or "")) for part in dicts(value)]
        return "; ".join(f"{where}: {what}" for where, what in lines) or json.dumps(value)
    return value if isinstance(value, str) else ""


def code_of(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that an error in the body names."""
    code = error.get("code")
    if isinstance(code, str) and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 300 <= code < 600 else None


def _page_title(text: str) -> str:
    if text.lstrip()[:1] == "<":
        title = re.search(r"<title>(.*?)</title>", text[:5000], re.I | re.S)
        return title.group(1) if title else "an HTML page"
    return text


def short(text: str, length: int) -> str:
    """Text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
