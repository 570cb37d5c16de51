"""Tells the text that a client, a harness or a table stored where no answer came: an error message, an empty cell.

Only a text that is wholly such a message counts. An answer that quotes, explains or mentions one is an answer.
"""

from __future__ import annotations

import re

from foresee.files.untrusted import parse_json
from foresee.models._bodies import dicts

_LONGEST = 8_000  # characters of a stored message; a traceback is the longest
_REST = r"[^\n]{0,2000}"

_CLIENTS = (
    r"openai|anthropic|litellm|httpx|httpcore|requests|urllib3?|aiohttp|google|genai|vertexai|boto3?|botocore|cohere"
    r"|mistralai|groq|together|replicate|huggingface_hub|torch|vllm|sglang|ollama|ssl|socket|asyncio|json"
)
_OF_APIS = (
    r"RateLimit|API(?:Connection|Timeout|Status|ResponseValidation)?|InternalServer|BadRequest|Authentication"
    r"|PermissionDenied|ServiceUnavailable|Overloaded|ContextWindowExceeded|(?:Client|Server|Async\w{0,20})?Connection"
    r"|(?:Read|Connect|Request)Timeout|JSONDecode|OutOfMemory|HTTP(?:Status)?|InsufficientQuota|Timeout"
)
_CLASSES = "Error|Exception|Timeout|Unavailable|Exhausted|TooManyRequests"
_SERVER_PHRASES = (
    r"Internal Server Error|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out|Too Many Requests"
)
_PHRASES = (
    rf"{_SERVER_PHRASES}|Bad Request|Unauthorized|Forbidden|Not Found|Request Time-?out|Payload Too Large"
    r"|Request Entity Too Large"
)
_WHOSE, _FAILED = "(?:API|GENERATION|MODEL|REQUEST|INFERENCE|RUNTIME)", "ERROR|EXCEPTION|TIMEOUT|FAILED"
_MESSAGES = re.compile(
    r"(?:" + "|".join((
        rf"Error code: [345]\d\d(?: - {_REST})?",  # openai, anthropic
        rf"(?:Error: ?)?(?:{_CLIENTS})(?:\.\w{{1,60}}){{0,5}}\.\w{{0,60}}(?:{_CLASSES})(?:: ?{_REST}|\({_REST}\))?",
        rf"(?:Error: ?)?(?:{_OF_APIS})(?:Error|Exception)(?:: ?{_REST}|\({_REST}\))?",
        rf"(?:Error:? ?)?HTTP(?:/\d\.\d)?(?: error| status| code)?:? ?[45]\d\d"
        rf"(?: ?(?:{_PHRASES})\.?|(?: ?(?:{_PHRASES}))? ?[:(-]{_REST})?",
        rf"[45]\d\d:? (?:{_PHRASES})\.?(?: for url: {_REST})?|(?:Error: ?)?(?:{_SERVER_PHRASES})\.?",
        rf"(?:Client|Server) error '[45]\d\d {_REST}",  # httpx
        rf"HTTPS?ConnectionPool\({_REST}|Max retries exceeded{_REST}",
        r"(?:Error: ?)?(?:The )?(?:request|connection|read|operation|generation) (?:has )?timed[ -]?out\.?",
        r"(?:Error: ?)?Connection (?:error|refused|reset(?: by peer)?|aborted)\.?|Network error\.?",
        rf"(?:Error: ?)?Rate limit (?:reached|exceeded)(?:\.|(?: for|:){_REST})?",
        rf"(?:RuntimeError: ?)?CUDA (?:out of memory|error)(?:[.:]{_REST})?",
        r"Failed to (?:obtain|get|generate) (?:an )?(?:answer|response)(?: via (?:the )?API)?\.?",  # VLMEvalKit
        r"(?:API |An? )?\w{0,30} ?(?:error|exception) occurred[.!]?|API \w{0,30} ?error[.!]?",
        rf"[\[<$(*_{{#]{{1,3}}(?:{_WHOSE}[_ -])?(?:{_FAILED})[\]>$)*_}}#]{{1,3}}|{_WHOSE}[_-](?:{_FAILED})|(?-i:ERROR)",
    )) + r")",
    re.IGNORECASE,
)  # fmt: skip
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")
_LAST_OF_TRACEBACK = re.compile(r"[A-Za-z_][\w.]{0,100}(?:Error|Exception|Exit|Interrupt|Timeout|Warning)(?::.*)?")
_ERROR_PAGE = re.compile(r"(?:<!doctype html|<html)[\s\S]{0,2000}<title>\s*[45]\d\d\b", re.IGNORECASE)
_ERROR_KEYS = frozenset({
    "error", "errors", "message", "msg", "detail", "code", "type", "param", "status", "status_code", "error_code",
    "request_id", "requestid", "timestamp", "path", "success", "object",
})  # fmt: skip
_GAPS = frozenset({"nan", "NaN", "null", "NULL", "<NA>", "NaT", "undefined", "#N/A", "#NAME?", "#VALUE!"})
_GAPS_OR_WORDS = frozenset({"None", "N/A"})


def is_error(text: str) -> bool:
    """Whether a text is wholly the message of a client or server that brought no answer."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return False
    if _TRACEBACK.match(text):
        lines = [line for line in text.splitlines()[1:] if line.strip()]
        frames = [line for line in lines[:-1] if not line.startswith((" ", "\t"))]
        return not lines or (not frames and _ends_a_traceback(lines[-1]))
    return bool(_MESSAGES.fullmatch(text) or _ERROR_PAGE.match(text)) or _is_error_body(text)


def is_gap(text: str, *, words_count: bool) -> bool:
    """Whether a text is what pandas or a spreadsheet writes for an empty cell.

    Args:
        text: as stored.
        words_count: whether "None" and "N/A", which may also answer a question, are taken for an empty cell.
    """
    return text.strip() in (_GAPS | _GAPS_OR_WORDS if words_count else _GAPS)


def _ends_a_traceback(line: str) -> bool:
    return line.startswith((" ", "\t")) or _LAST_OF_TRACEBACK.fullmatch(line) is not None


def _is_error_body(text: str) -> bool:
    """Whether it is a server's JSON error and nothing else; a text under "error" may be the model's own refusal."""
    if text[0] != "{" or text[-1] != "}":
        return False
    try:
        body = parse_json(text)
    except ValueError:
        return False
    if not isinstance(body, dict) or not {key.lower() for key in body} <= _ERROR_KEYS:
        return False
    error = body.get("error") or body.get("errors")
    if isinstance(error, str):
        return is_error(error) or bool({"code", "status", "status_code", "error_code"} & set(body))
    inner = dicts(error if isinstance(error, list) else [error])
    return any({"message", "code", "type"} & set(each) for each in inner)
