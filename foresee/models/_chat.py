"""The chat-completions format, as pure functions: a Request into a body, a response into a Reply or a ModelError.

https://platform.openai.com/docs/api-reference/chat, and what other servers make of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foresee.errors import ModelError
from foresee.models._api_errors import code_of, dicts, error_in, loads, refusal_or_raise, short
from foresee.records import Image, Message, Reply, Request, Usage

_TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
_DROPPABLE = ("temperature", "top_p", "seed")
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|deprecated|cannot both|extra inputs", re.I
)
_WITHHELD_ENDS = frozenset(
    {"safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "refusal", "sensitive"}
    | {"image_prohibited_content", "image_recitation"}
)
_ENDS = {"max_tokens": "length", "end_turn": "stop", "stop_sequence": "stop", "eos": "stop"}
_LOWEST_LOGPROB = -1e4  # JSON has no minus infinity


@dataclass(frozen=True)
class Dialect:
    """How a server names and takes the settings; learnt from its complaints while it runs.

    `explicit` also sends settings at their neutral value, for servers whose own defaults are the model's
    recommended sampling rather than neutral ones.
    """

    token_field: str = "max_tokens"  # noqa: S105
    fixed_token_field: bool = False
    dropped: frozenset[str] = frozenset()
    explicit: bool = False


def body(request: Request, model: str, dialect: Dialect, urls: Mapping[str, str], detail: str) -> dict[str, Any]:
    """The JSON body of a call; `urls` holds the data URL of every image by its hash."""
    generation = request.generation
    content: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, urls, detail) for message in request.messages],
        dialect.token_field: 1 if request.choices else generation.max_tokens,
        "temperature": generation.temperature,
    }
    if generation.top_p != 1.0 or dialect.explicit:
        content["top_p"] = generation.top_p
    if generation.seed is not None:
        content["seed"] = generation.seed
    if generation.stop:
        content["stop"] = list(generation.stop)
    for name in dialect.dropped:
        content.pop(name, None)
    if request.choices:
        content |= {"logprobs": True, "top_logprobs": 20}
    elif request.logprobs:
        content["logprobs"] = True
    if request.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
        content["response_format"] = {"type": "json_schema", "json_schema": schema}
    return content


def _message(message: Message, urls: Mapping[str, str], detail: str) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    return {"role": message.role, "content": [_part(part, urls, detail) for part in message.content]}


def _part(part: str | Image, urls: Mapping[str, str], detail: str) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    image = {"url": urls[part.sha256]}
    if detail != "auto":
        image["detail"] = detail
    return {"type": "image_url", "image_url": image}


def adjusted(dialect: Dialect, status: int, text: str) -> Dialect | None:
    """The dialect without what the server complains of; None if it complains of something else."""
    if status not in (400, 422):
        return None
    error = error_in(loads(text))
    message = f"{error.get('message', '')} {error.get('code', '')}"
    if not _UNSUPPORTED.search(message):
        return None
    named = [str(error.get("param", "")), *re.findall(r"\w+", message)]
    field = next((name for name in named if name in _TOKEN_FIELDS or name in _DROPPABLE), None)
    if field == dialect.token_field and not dialect.fixed_token_field:
        other = _TOKEN_FIELDS[1 - _TOKEN_FIELDS.index(field)]
        return replace(dialect, token_field=other, fixed_token_field=True)
    if field in _DROPPABLE and field not in dialect.dropped:
        return replace(dialect, dropped=dialect.dropped | {field})
    return None


def reply(status: int, headers: Mapping[str, str], text: str, request: Request) -> Reply:
    """What a response says.

    Returns:
        A Reply; `refused_by_api` where the provider's filter stopped the question or the answer.

    Raises:
        ModelError: anything else than an answer. Its message may quote the server and has to be cleared of keys.
    """
    content = loads(text)
    error = error_in(content)
    if status >= 300 or (error and not _choices(content)):
        return refusal_or_raise(status, headers, error, text)
    choices = _choices(content)
    if not isinstance(content, dict) or not choices:
        what = "an HTML page" if text.lstrip()[:1] == "<" else f"{short(text, 80)!r}"
        page = what == "an HTML page"
        raise ModelError(f"expected a chat completion, got {what}", retryable=True, fatal=page, status=502)
    first = choices[0] if isinstance(choices[0], dict) else {}
    inner = first.get("error")
    if isinstance(inner, dict):
        return refusal_or_raise(code_of(inner) or 502, headers, inner, text)
    finish, withheld = _finish(first.get("finish_reason"))
    message = first.get("message")
    if not isinstance(message, dict) and not withheld:
        raise ModelError("the server's choice has no message", retryable=True, status=502)
    answer, reasoning = _texts(message if isinstance(message, dict) else {})
    return Reply(
        answer,
        status="refused_by_api" if withheld else "ok",
        finish_reason=finish,
        reasoning=reasoning,
        usage=_usage(content.get("usage")),
        served_by=_served_by(content),
        choice_probabilities=None if withheld else _probabilities(first, request.choices),
        logprobs=_logprobs(first) if request.logprobs and not withheld else None,
    )


def choice_probabilities(tokens: Iterable[tuple[str, float]], choices: Sequence[str]) -> dict[str, float]:
    """P(the answer starts with the choice), from the first token's likeliest values.

    A token counts for a choice if it is that word apart from case, blanks and punctuation around it
    (" Yes", "yes", "YES."), or if it is the beginning (two letters or more) of that choice and of no
    other, as when a server's vocabulary splits the word.

    Args:
        tokens: token and natural logarithm of its probability.
        choices: the words.
    """
    sums = dict.fromkeys(choices, 0.0)
    plain = {choice: _plain(choice) for choice in choices}
    for token, logprob in tokens:
        word = _plain(token)
        matches = [choice for choice in choices if plain[choice] == word]
        if not matches and len(word) >= 2:
            matches = [choice for choice in choices if plain[choice].startswith(word)]
        if len(matches) == 1:
            sums[matches[0]] += math.exp(min(logprob, 0.0))
    return {choice: min(total, 1.0) for choice, total in sums.items()}


def _plain(word: str) -> str:
    return re.sub(r"^[\W_]+|[\W_]+$", "", word.replace("▁", " ").replace("Ġ", " ")).casefold()


def _probabilities(choice: Mapping[str, Any], words: Sequence[str]) -> dict[str, float] | None:
    if not words:
        return None
    tokens = _tokens(choice)
    if not tokens:
        raise ModelError("the server gave no log probabilities, which scoring by the first word needs")
    first = tokens[0]
    listed = first.get("top_logprobs")
    found = {str(t.get("token")): _number(t.get("logprob")) for t in [*dicts(listed), first]}
    return choice_probabilities(found.items(), words)


def _logprobs(choice: Mapping[str, Any]) -> tuple[float, ...] | None:
    return tuple(_number(token.get("logprob")) for token in _tokens(choice)) or None


def _tokens(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    logprobs = choice.get("logprobs")
    return dicts(logprobs.get("content")) if isinstance(logprobs, dict) else []


def _texts(message: Mapping[str, Any]) -> tuple[str, str]:
    """Answer and reasoning, wherever the server puts them."""
    content, reasoning = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    thoughts = [reasoning] if isinstance(reasoning, str) else []
    if isinstance(content, list):
        parts = dicts(content)
        thoughts += [_joined(part.get("thinking")) for part in parts if part.get("type") == "thinking"]
        content = "".join(_joined(part.get("text")) for part in parts if part.get("type") != "thinking")
    if content is None and isinstance(message.get("refusal"), str):
        content = message["refusal"]  # the model's own words when it declines to fill a schema
    if not isinstance(content, str | None):
        raise ModelError(f"the server's message is a {type(content).__name__}, not text", retryable=True, status=502)
    return _clean(content or ""), _clean("\n".join(thoughts))


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_joined(part.get("text")) for part in dicts(value))
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Half surrogate pairs, which can be written nowhere, become U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def _finish(reason: Any) -> tuple[str, bool]:
    name = reason.lower() if isinstance(reason, str) else "stop"
    withheld = name.startswith("content_filter") or name in _WITHHELD_ENDS
    return _ENDS.get(name, name), withheld


def _choices(content: Any) -> list[Any]:
    choices = content.get("choices") if isinstance(content, dict) else None
    return choices if isinstance(choices, list) else []


def _number(value: Any) -> float:
    number = float(value) if isinstance(value, int | float) else _LOWEST_LOGPROB
    return max(number, _LOWEST_LOGPROB) if number == number else _LOWEST_LOGPROB


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    return Usage(*(count if isinstance(count, int) else 0 for count in counts))


def _served_by(content: Mapping[str, Any]) -> str:
    model, provider = content.get("model"), content.get("provider")
    name = model if isinstance(model, str) else ""
    return f"{name} ({provider})" if isinstance(provider, str) and provider else name
