"""The chat-completions format, as pure functions: a Request into a body, a response into a Reply or a ModelError.

https://platform.openai.com/docs/api-reference/chat, and what other servers make of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from foresee.errors import ModelError
from foresee.models import _refusals
from foresee.models._api_errors import code_of, error_in, refusal_or_raise, short
from foresee.models._bodies import dicts, usage
from foresee.models._dialect import Dialect
from foresee.records import Image, Message, Reply, Request

_LOWEST_LOGPROB = -1e4  # JSON has no minus infinity
_ROUNDING = 0.01  # by which a logarithm of a probability may lie above 0
_MOST_MASS = 1.05  # what probabilities that are rounded may add up to


def body(request: Request, model: str, dialect: Dialect, urls: Mapping[str, str], detail: str) -> dict[str, Any]:
    """Build the JSON body of a call; `urls` holds the data URL of every image by its hash."""
    generation = request.generation
    turns = _folded(request.messages) if dialect.folds_system else request.messages
    content: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, urls, detail) for message in turns],
        "temperature": max(generation.temperature, dialect.least_temperature),
        "stream": dialect.streams,
    }
    if dialect.limits:
        content[dialect.limits[0]] = 1 if request.choices else generation.max_tokens
    content |= dialect.neutral
    if generation.top_p != 1.0:
        content["top_p"] = generation.top_p
    if generation.repetition_penalty != 1.0 and dialect.penalty and not request.choices:
        content[dialect.penalty] = generation.repetition_penalty
    if generation.seed is not None:
        content["seed"] = generation.seed
    if generation.stop:
        content["stop"] = list(generation.stop)
    if request.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
        content["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.template:
        content["chat_template_kwargs"] = dict(request.template)
    if request.read:
        content |= {"prompt_logprobs": 0, "add_generation_prompt": False}
    for name in dialect.dropped:
        content.pop(name, None)
    if request.choices or request.logprobs:
        content["logprobs"] = True
    if request.choices and dialect.top_logprobs:
        content["top_logprobs"] = dialect.top_logprobs
    return content


def _folded(messages: Sequence[Message]) -> list[Message]:
    """Put the system's text before the first user text, an empty line between them."""
    rules = "\n".join(message.text for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    first = next((place for place, message in enumerate(rest) if message.role == "user"), None)
    if not rules:
        return rest
    if first is None:
        return [Message("user", (rules,)), *rest]
    rest[first] = Message("user", (rules + "\n", *rest[first].content))
    return rest


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


def read(status: int, headers: Mapping[str, str], text: str, content: Any, request: Request, dialect: Dialect) -> Reply:
    """Read a response, given what its text holds.

    Returns:
        A Reply; `refused_by_api` where the provider's filter stopped the question or the answer.

    Raises:
        ModelError: anything else than an answer. Its message may quote the server and has to be cleared of keys.
    """
    error = error_in(content)
    choices = _choices(content)
    if status >= 300 or error:  # also beside an answer, which is then a part of one
        return refusal_or_raise(status, headers, error, text)
    if not isinstance(content, dict) or not choices:
        page = text.lstrip()[:1] == "<"
        what = "an HTML page" if page else f"{short(text, 80)!r}" if text.strip() else "an empty body"
        raise ModelError(f"expected a chat completion, got {what}", retryable=True, fatal=page, status=502)
    first = _first(choices)
    inner = first.get("error")
    if isinstance(inner, dict):
        return refusal_or_raise(code_of(inner) or 502, headers, inner, text)
    end = _refusals.finish(first.get("finish_reason"))
    withheld = _refusals.withheld(end)
    answer, reasoning = _said(first, end, withheld=withheld)
    if "stop" in dialect.dropped and request.generation.stop:
        answer, end = _cut(answer, request.generation.stop, end)
    return Reply(
        answer,
        status="refused_by_api" if withheld else "ok",
        finish_reason=end,
        reasoning=reasoning,
        usage=usage(content.get("usage")),
        served_by=_served_by(content),
        choice_probabilities=None if withheld else _probabilities(first, request.choices),
        logprobs=_logprobs(first) if request.logprobs and not withheld else None,
        read=_read(content) if request.read else None,
    )


def _first(choices: Sequence[Any]) -> dict[str, Any]:
    """Find the choice of index 0, in any place; without indices the first."""
    found = dicts(list(choices))
    return next((choice for choice in found if choice.get("index") == 0), found[0] if found else {})


def _said(choice: Mapping[str, Any], end: str, *, withheld: bool) -> tuple[str, str]:
    """Answer and reasoning. Raises ModelError: the generation broke off, or there is no message."""
    if not withheld and _refusals.broke_off(end):
        raise ModelError(f"the generation broke off ({short(end, 60)})", retryable=True, status=502)
    message = choice.get("message") or choice.get("delta")
    if not isinstance(message, dict) and isinstance(choice.get("text"), str):
        message = {"content": choice["text"]}
    if not isinstance(message, dict) and not withheld:
        raise ModelError("the server's choice has no message", retryable=True, status=502)
    answer, reasoning = _texts(message if isinstance(message, dict) else {})
    if not answer and not withheld and not _refusals.known_end(end):
        raise ModelError(f"no answer, for a reason unknown here ({short(end, 60)})", status=502)
    return answer, reasoning


def _cut(text: str, stops: Sequence[str], end: str) -> tuple[str, str]:
    """Cut the text at the first of the stop sequences, as a server that takes them would have done."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return (text[: min(places)], "stop") if places else (text, end)


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
    listed = [*dicts(tokens[0].get("top_logprobs")), tokens[0]] if tokens else []
    found = {str(token.get("token")): token.get("logprob") for token in listed}
    sound = {token: _number(value) for token, value in found.items() if value is not None}
    if not sound:
        raise ModelError("the server gave no log probabilities, which scoring by the first word needs")
    if sum(map(math.exp, sound.values())) > _MOST_MASS:
        raise ModelError("the server's log probabilities of one token add up to more than 1")
    return choice_probabilities(sound.items(), words)


def _logprobs(choice: Mapping[str, Any]) -> tuple[float, ...] | None:
    values = [token.get("logprob") for token in _tokens(choice)]
    return tuple(_LOWEST_LOGPROB if value is None else _number(value) for value in values) or None


def _read(content: Mapping[str, Any]) -> tuple[tuple[int, float], ...] | None:
    """Take the log-probability of each token that was read; the first of each entry is the token itself (vLLM)."""
    entries = content.get("prompt_logprobs")
    if not isinstance(entries, list):
        return None
    firsts = [next(iter(each.items())) for each in entries if isinstance(each, dict) and each]
    return tuple((int(token), _number(dicts([known])[0]["logprob"])) for token, known in firsts) or None


def _tokens(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    logprobs = choice.get("logprobs")
    return dicts(logprobs.get("content")) if isinstance(logprobs, dict) else []


def _texts(message: Mapping[str, Any]) -> tuple[str, str]:
    """Answer and reasoning, wherever the server puts them; of a refusal that stands apart, its words."""
    content, reasoning = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    thoughts = [reasoning] if isinstance(reasoning, str) else []
    answer: list[str] = []
    refusal = [message["refusal"]] if isinstance(message.get("refusal"), str) else []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            answer.append(part)
        elif not isinstance(part, dict | None):
            what = type(part).__name__
            raise ModelError(f"the server's message is a {what}, not text", retryable=True, status=502)
        elif part:
            kept = {"thinking": thoughts, "reasoning": thoughts, "refusal": refusal}.get(str(part.get("type")), answer)
            kept.append(_joined(part.get("thinking") or part.get("refusal") or part.get("text") or part.get("content")))
    return _clean("".join(answer) or "\n".join(refusal)), _clean("\n".join(thoughts))


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part if isinstance(part, str) else _joined(part) for part in value)
    if isinstance(value, dict):
        return _joined(value.get("text") or value.get("value"))
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Half surrogate pairs, which can be written nowhere, become U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def _choices(content: Any) -> list[Any]:
    choices = content.get("choices") if isinstance(content, dict) else None
    return choices if isinstance(choices, list) else []


def _number(value: Any) -> float:
    """Read a log-probability, not below what JSON can hold. Raises ModelError: it is none."""
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not number <= _ROUNDING:  # NaN is not either
        raise ModelError(f"the server's log probabilities are none ({short(repr(value), 40)})")
    return max(min(number, 0.0), _LOWEST_LOGPROB)


def _served_by(content: Mapping[str, Any]) -> str:
    model, provider = content.get("model"), content.get("provider")
    name = model if isinstance(model, str) else ""
    return f"{name} ({provider})" if isinstance(provider, str) and provider else name
