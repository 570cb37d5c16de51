"""Read the bodies that servers send: JSON behind a byte order mark or comments, and event streams as what they spell.

Streams: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from foresee.records import Usage

BROKEN_STREAM = "incomplete_stream"  # stands for the finish reason of a stream that has no end
_MOST_TOKENS = 2**53  # what any reader of JSON can hold exactly
_MOST_DIGITS = 300
_LINE_END = re.compile("\r\n?|\n")
_EVENT_FIELDS = ("data:", "event:", "id:", "retry:")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_integer)  # `json.loads` would make one for every body


def loads(text: str) -> Any:
    """Return what a body holds, an event stream as the completion that it spells; None if that is no JSON."""
    text = _without_comments(text)
    if text.startswith(_EVENT_FIELDS):
        return _completion(list(_events(text)), ended="[DONE]" in text[-200:])
    parsed = _parsed(text)
    if parsed is None and text.startswith("{"):  # one event a line
        events = dicts([_parsed(line) for line in _LINE_END.split(text)])
        return _completion(events, ended=False) if len(events) > 1 else None
    return parsed


def dicts(value: Any) -> list[dict[str, Any]]:
    """Return the dictionaries in a value that ought to be a list of them."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def usage(value: Any) -> Usage:
    """Return token counts as a server states them; what is no count (negative, a fraction) is unknown."""
    if not isinstance(value, dict):
        return Usage()
    return Usage(count(value.get("prompt_tokens")), count(value.get("completion_tokens")))


def count(value: Any) -> int:
    """Return a number of tokens; 0, which means unknown, for anything that is none."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return int(value) if whole and 0 <= value <= _MOST_TOKENS and value == int(value) else 0


def _without_comments(text: str) -> str:
    """Drop a byte order mark and the ": still working" lines that keep a connection alive."""
    text = text.lstrip("\ufeff \t\r\n")
    while text.startswith(":"):
        text = text.partition("\n")[2].lstrip()
    return text


def _parsed(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _events(text: str) -> Iterator[dict[str, Any]]:
    lines: list[str] = []
    for line in (*_LINE_END.split(text), ""):  # not splitlines(): U+2028 is legal inside JSON
        if line.startswith("data:"):
            lines.append(line[5:].strip())
        elif not line and lines:
            event = _parsed("\n".join(lines))
            lines = []
            if isinstance(event, dict):
                yield event


def _completion(events: list[dict[str, Any]], *, ended: bool) -> dict[str, Any]:
    """Return the chat completion whose pieces the events are; an error or a whole answer stands alone."""
    whole: dict[str, Any] = {}
    message: dict[str, str] = {}
    finish: Any = None
    tokens: list[dict[str, Any]] = []
    for event in events:
        if event.get("error"):
            return event
        whole |= {key: event[key] for key in ("model", "provider", "usage") if event.get(key) is not None}
        for choice in dicts(event.get("choices"))[:1]:
            if isinstance(choice.get("message"), dict):
                return event
            _add(message, choice.get("delta"))
            finish = choice.get("finish_reason") or finish
            logprobs = choice.get("logprobs")
            tokens += dicts(logprobs.get("content")) if isinstance(logprobs, dict) else []
    if not any("choices" in event for event in events):
        return whole
    finish = finish or ("stop" if ended else BROKEN_STREAM)
    return {**whole, "choices": [{"message": message, "finish_reason": finish, "logprobs": {"content": tokens}}]}


def _add(message: dict[str, str], delta: Any) -> None:
    pieces: Mapping[str, Any] = delta if isinstance(delta, dict) else {}
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if isinstance(pieces.get(name), str):
            message[name] = message.get(name, "") + pieces[name]
