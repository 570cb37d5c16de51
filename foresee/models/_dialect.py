"""Learn from a server's complaint what it lacks: a setting, a role, a shape of answers, single bodies.

A complaint is read for what it names, never for one provider's words, and what is sent instead counts as learnt only
once the server has answered to it. `CHANGES` holds everything that can be learnt so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from foresee.models._api_errors import code_of, error_in, message_in
from foresee.models._refusals import refusal_code

_COMPLAINTS = frozenset({400, 422, 500, 501})  # templates that lack a role raise inside the server
_FIELDS_OF_LIMIT = ("max_tokens", "max_completion_tokens")
_LEAST_TEMPERATURE = 0.01  # as good as greedy, for servers that divide by it
_FEWER_LOGPROBS = (5, 1, 0)
_NEUTRAL = ("top_k", "min_p", "repetition_penalty", "repeat_penalty", "repeat_last_n")  # not in OpenAI's own format

_UNSUPPORTED = re.compile(
    r"unsupported|not? support|n't support|unrecogni[sz]ed|unknown|unexpected|deprecated|not (permitted|allowed"
    r"|accepted|available|implemented|enabled)|extra (inputs|fields)|additional propert|no longer|forbidden|instead",
    re.I,
)
_BOUNDS = re.compile(
    r"too (large|high|big|small|low|long)|between|at (most|least)|(less|greater|smaller|larger|more) than|below|above"
    r"|maximum|minimum|exceed|range|context|[<>≤≥]",
    re.I,
)
_POSITIVE = re.compile(
    r"positive|greater than 0|larger than 0|above 0|> ?0|non-?zero|at least|minimum|not be (0|zero)", re.I
)


@dataclass(frozen=True)
class Dialect:
    """How a server names and takes the settings.

    Attributes:
        limits: names of the token limit, the one in use first; empty where the server takes none.
        neutral: settings that are sent although they change nothing, for servers whose own defaults are the sampling
            that a model's files recommend.
        penalty: what the repetition penalty is called; None where there is none.
        fixed: fields that the user set; they stay as they are.
        dropped: fields that are left out.
        least_temperature: what is sent in place of less.
        top_logprobs: how many of the likeliest tokens are requested; 0 for the chosen one alone.
        folds_system: system text stands in front of the first user turn.
        streams: the answer is requested as a stream.
    """

    limits: tuple[str, ...] = _FIELDS_OF_LIMIT
    neutral: Mapping[str, float] = field(default_factory=dict)
    penalty: str | None = None
    fixed: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    least_temperature: float = 0.0
    top_logprobs: int = 20
    folds_system: bool = False
    streams: bool = False

    @classmethod
    def of(cls, limit: str, *, only: bool, fixed: frozenset[str]) -> Dialect:
        """Return the dialect to begin with; `only`: the limit has this name, whatever the server says."""
        others = tuple(name for name in _FIELDS_OF_LIMIT if name != limit)
        known = fixed | {limit} if only else fixed
        return cls((limit,) if only else (limit, *others), fixed=known)


class Complaint(NamedTuple):
    """What a server found fault with: its words, the field that it names in so many, and the body that it was sent."""

    text: str
    param: str
    body: Mapping[str, Any]


class Change(NamedTuple):
    """One thing that servers may lack: how their complaints name it, and the dialect without it."""

    named: re.Pattern[str]
    without: Callable[[Dialect, Complaint], Dialect | None]


def adjusted(dialect: Dialect, status: int, text: str, content: Any, body: Mapping[str, Any]) -> Dialect | None:
    """Return the dialect without what the server complains of; None if it complains of something else.

    Args:
        dialect: in which the body was written.
        status: of the response.
        text: of the response.
        content: what the text holds.
        body: what was sent.
    """
    error = error_in(content)
    if status < 300 and not error:
        return None
    named = (code_of(error) or status) if status < 300 else status
    message = message_in(error) or text[:2000]
    if named not in _COMPLAINTS or refusal_code(named, error, message_in(error)) is not None:
        return None
    param = error.get("param")
    complaint = Complaint(message, param if isinstance(param, str) else "", body)
    for change in _named(complaint):
        learnt = change.without(dialect, complaint)
        if learnt is not None:
            return learnt
    return None


def describe_changes(before: Dialect, after: Dialect) -> list[str]:
    """Return what was learnt from one dialect to the next, for the user."""
    done = {
        "stop": "answers are cut here instead",
        "stream": "the answer comes as it comes",
        "response_format": "JSON is requested in words alone",
    }
    sampled = "answers are sampled with the server's own setting"
    names = sorted(after.dropped - before.dropped)
    lines = [f"does not take '{name}': {done.get(name, sampled)}" for name in names]
    if after.limits != before.limits:
        now = f"it is called '{after.limits[0]}' there" if after.limits else "answers may be longer than requested"
        lines.append(f"does not take '{before.limits[0]}': {now}")
    if after.least_temperature != before.least_temperature:
        lines.append(f"takes no temperature below {after.least_temperature:g}: answers are sampled with that")
    if after.top_logprobs != before.top_logprobs:
        lines.append(f"gives {after.top_logprobs} likeliest first words and not {before.top_logprobs}")
    if after.folds_system:
        lines += [] if before.folds_system else ["has no system role: its text stands before the first question"]
    if after.streams != before.streams:
        lines.append("answers in streams alone: they are put together here")
    return lines


def _named(complaint: Complaint) -> list[Change]:
    """Return what a complaint names, its `param` first, then in the order of its words."""
    places: list[tuple[int, Change]] = []
    for name, change in CHANGES.items():
        if complaint.param and change.named.search(complaint.param):
            places.append((-1, change))
        elif found := change.named.search(complaint.text):
            first = found.start()
            if name == "temperature" and re.search(r"\bboth\b", complaint.text, re.I):
                first = len(complaint.text)  # "temperature and top_p cannot both be set": greedy matters more
            places.append((first, change))
    return [change for _, change in sorted(places, key=lambda place: place[0])]


def _dropped(field: str, neutral: tuple[Any, ...], dialect: Dialect, complaint: Complaint) -> Dialect | None:
    """Leave a field out, unless the user's own value of it is out of bounds: that is the user's to fix."""
    if field not in complaint.body or field in dialect.fixed:
        return None
    if complaint.body[field] not in neutral and _BOUNDS.search(complaint.text):
        return None
    return replace(dialect, dropped=dialect.dropped | {field})


def _temperature(dialect: Dialect, complaint: Complaint) -> Dialect | None:
    if complaint.body.get("temperature") == 0 and "temperature" not in dialect.fixed:
        numbers = [float(digits) for digits in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)", complaint.text)]
        least = min((number for number in numbers if 0 < number <= 0.1), default=0.0)
        if least or _POSITIVE.search(complaint.text):
            return replace(dialect, least_temperature=least or _LEAST_TEMPERATURE)
        if 0 in numbers and _BOUNDS.search(complaint.text):
            return None  # 0 is within the bounds that it names
    return _dropped("temperature", (0, dialect.least_temperature), dialect, complaint)


def _left_out(field: str) -> Callable[[Dialect, Complaint], Dialect | None]:
    """Return the change that leaves a field out, whatever its value: what it does is done here, or not needed."""
    return lambda dialect, complaint: _dropped(field, (complaint.body.get(field),), dialect, complaint)


def _neutral(field: str) -> Callable[[Dialect, Complaint], Dialect | None]:
    """Return the change that leaves a field out where it changes nothing; a user's own value stays, and is an error."""

    def without(dialect: Dialect, complaint: Complaint) -> Dialect | None:
        same = complaint.body.get(field) == dialect.neutral.get(field)
        return _dropped(field, (complaint.body.get(field),), dialect, complaint) if same else None

    return without


def _limit(dialect: Dialect, complaint: Complaint) -> Dialect | None:
    """Call the limit by its other name, in the end by none; a limit that is only too large is the user's to lower."""
    if not dialect.limits or dialect.limits[0] in dialect.fixed or dialect.limits[0] not in complaint.body:
        return None
    if dialect.limits[0] not in f"{complaint.param} {complaint.text}":
        return None
    if _BOUNDS.search(complaint.text) and not _UNSUPPORTED.search(complaint.text):
        return None
    return replace(dialect, limits=dialect.limits[1:])


def _logprobs(dialect: Dialect, complaint: Complaint) -> Dialect | None:
    """Go down to the number that the server names, else step by step."""
    if "top_logprobs" not in complaint.body or {"top_logprobs", "logprobs"} & dialect.fixed:
        return None
    behind = re.split(r"top[_ ]?logprobs", complaint.text, maxsplit=1, flags=re.I)[-1]
    numbers = [int(digits) for digits in re.findall(r"(?<![\w.])\d{1,2}(?![\w.]*\w)", behind)]
    fewer = max((number for number in numbers if number < dialect.top_logprobs), default=None)
    if fewer is None:
        fewer = next((number for number in _FEWER_LOGPROBS if number < dialect.top_logprobs), None)
    return None if fewer is None else replace(dialect, top_logprobs=fewer)


def _system(dialect: Dialect, complaint: Complaint) -> Dialect | None:
    sent = any(message.get("role") == "system" for message in complaint.body["messages"])
    return replace(dialect, folds_system=True) if sent else None


def _stream(dialect: Dialect, complaint: Complaint) -> Dialect | None:
    if "stream" not in complaint.body:
        return None
    alone = re.search(r"only|non-?stream|must be|require|enable|true", complaint.text, re.I)
    if alone and not dialect.streams:
        return replace(dialect, streams=True)
    return replace(dialect, streams=False, dropped=dialect.dropped | {"stream"})


def _change(named: str, without: Callable[[Dialect, Complaint], Dialect | None]) -> Change:
    return Change(re.compile(named, re.I), without)


CHANGES: Mapping[str, Change] = {
    "limit": _change(r"\bmax_(completion_)?tokens\b", _limit),
    "temperature": _change(r"\btemperature\b", _temperature),
    "top_p": _change(r"\btop[_ -]?p\b", lambda d, c: _dropped("top_p", (1.0,), d, c)),
    **{name: _change(rf"\b{name}\b", _neutral(name)) for name in _NEUTRAL},
    "seed": _change(r"\bseed\b", lambda d, c: _dropped("seed", (), d, c)),
    "stop": _change(r"\bstop\b|\bstop_?(sequences?|words?|strings?)\b", _left_out("stop")),
    "logprobs": _change(r"\b(top[_ ]?)?logprobs\b", _logprobs),
    "system": _change(
        r"\bsystem[ _-]?(role|message|prompt|instruction)|\broles?\b|['\"`]system['\"`]|developer instruction",
        _system,
    ),
    "schema": _change(
        r"response_?format|json_?(schema|object|mode)|\bschema\b|structured|grammar|guided",
        _left_out("response_format"),
    ),
    "stream": _change(r"\bstream(s|ing|ed)?\b", _stream),
}
