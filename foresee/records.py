"""The nouns of foresee: what is asked (Item), what a model said (Answer), how a judge read it (Verdict).

Everything else passes these around. They are frozen, hold no behaviour beyond their own reading and
writing, and know nothing of benchmarks, models or files other than an image's own bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import pydantic

from foresee.errors import UserError
from foresee.files.spool import Places
from foresee.files.untrusted import MAX_IMAGE_BYTES, read_regular

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Role = Literal["system", "user", "assistant"]
AnswerStatus = Literal["ok", "refused_by_api", "error", "missing_image"]
Screened = Literal["", "passed", "blocked_request", "blocked_answer", "unguarded"]
Capability = Literal[
    "images", "logits", "hidden_states", "first_token", "logprobs", "structured_output", "repetition_penalty"
]


@dataclass(frozen=True)
class Image:
    """An image, known by the hash of its encoded bytes; held by path, or by bytes when it was never a file."""

    sha256: str
    path: Path | None = None
    data: Annotated[bytes | None, pydantic.Field(exclude=True)] = field(default=None, repr=False, compare=False)

    @classmethod
    def from_path(cls, path: Path) -> Image:
        """Read an image's file.

        Raises:
            OSError: it can't be read, is no regular file, or has more bytes than any image may.
        """
        return cls(hashlib.sha256(read_regular(path, MAX_IMAGE_BYTES)).hexdigest(), path)

    @classmethod
    def from_bytes(cls, data: bytes) -> Image:
        return cls(hashlib.sha256(data).hexdigest(), None, data)

    def read(self) -> bytes:
        """Read the encoded bytes. Raises OSError: the file is gone, or is not what `from_path` takes."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise OSError("an image with neither a path nor bytes")
        return read_regular(self.path, MAX_IMAGE_BYTES)


@dataclass(frozen=True)
class Message:
    """One turn: text and images in the order in which the model sees them."""

    role: Role
    content: tuple[str | Image, ...]

    @property
    def text(self) -> str:
        return "\n".join(part for part in self.content if isinstance(part, str))

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.content if isinstance(part, Image))


@dataclass(frozen=True)
class Item:
    """One question of a benchmark, ready to be asked.

    `turns` are user turns that follow: each is asked after the model's own answer to what stands before it.
    `cluster` names what must be resampled together (items that share an image or a parent).
    `expected` is the gold label in the benchmark's own words ("safe", "unsafe", "harmful", ...).
    `choices` asks for the probability of these first words instead of for text (see Request).
    `metadata` holds what a judge or a report may need (hazard, reference answer, source row).
    `missing_image` names an image that the benchmark has but this copy of the data lacks: such an item
    is never sent, and is counted.
    """

    id: str
    messages: tuple[Message, ...]
    benchmark: str = ""
    subset: str = ""
    domain: str = ""
    scenario: str = ""
    cluster: str = ""
    expected: str = ""
    choices: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    missing_image: str | None = None
    turns: tuple[Message, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for message in (*self.messages, *self.turns) for image in message.images)

    @property
    def image_sha256(self) -> str | None:
        """The hash of the first image, if there is one."""
        images = self.images
        return images[0].sha256 if images else None

    @property
    def prompt(self) -> str:
        """The text of the last user turn."""
        return next((m.text for m in reversed((*self.messages, *self.turns)) if m.role == "user"), "")

    def conversation(self, earlier: Sequence[str] = ()) -> tuple[Message, ...]:
        """Put the messages and the turns in order, with the model's answers to all but the last in between.

        Args:
            earlier: those answers, as `Answer.earlier` holds them; where one is lacking, the user's turns follow each
                other.
        """
        found = list(self.messages)
        for place, turn in enumerate(self.turns):
            found += [Message("assistant", (text,)) for text in earlier[place : place + 1]]
            found.append(turn)
        return tuple(found)


@dataclass(frozen=True)
class Generation:
    """How an answer is sampled. Greedy by default, whatever a checkpoint's own `generation_config.json` says.

    `repetition_penalty` divides positive scores of tokens that the prompt or the answer already has, and multiplies
    negative ones (CTRL, arXiv 1909.05858, section 4.1); 1 is none. Anything else needs capability "repetition_penalty".
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    repetition_penalty: float = 1.0

    def settings(self) -> dict[str, Any]:
        """List the settings as keys have them: one that came later counts only where it changes an answer."""
        return {key: value for key, value in asdict(self).items() if key != "repetition_penalty" or value != 1.0}


@dataclass(frozen=True)
class Usage:
    """Tokens, as the provider counts them (0 where it does not say)."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True)
class Request:
    """One call of a model.

    `choices` asks for the probability that the answer starts with each of these words instead of for
    text (capability "first_token"). `schema` asks for JSON of this shape (capability
    "structured_output"). `decoding` is a decode-time strategy (capability "logits"), `hidden` one that reads or
    edits hidden states (capability "hidden_states", `models.local.hidden_states`). `closed` says that the last turn
    is complete even if the assistant said it: the model, such as a guard, replies to the conversation and does not go
    on with that turn. `template` holds further arguments of the chat template (local models, some servers).
    `read` asks for the log-probability of each token of the messages themselves, of servers that tell it (vLLM).
    """

    messages: tuple[Message, ...]
    generation: Generation = Generation()
    choices: tuple[str, ...] = ()
    logprobs: bool = False
    schema: Mapping[str, Any] | None = None
    decoding: Any = None
    hidden: Any = None
    closed: bool = False
    template: Mapping[str, Json] = field(default_factory=dict)
    read: bool = False


@dataclass(frozen=True)
class Reply:
    """What one call of a model brought back.

    `choice_probabilities` holds P(choice) for each word of `Request.choices`; what is missing to 1 is
    mass on other first tokens. `logprobs` are those of the answer's tokens (natural log). `readings` are what
    `Request.hidden` read, by name. `address` is the server that was asked, "" for a model that runs here. `read` is
    what `Request.read` asks for: token ids and natural logs, in order, without the first token.
    """

    text: str
    status: Literal["ok", "refused_by_api"] = "ok"
    finish_reason: str = "stop"
    reasoning: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    served_by: str = ""
    address: str = ""
    choice_probabilities: Mapping[str, float] | None = None
    logprobs: tuple[float, ...] | None = None
    readings: Mapping[str, float] | None = None
    read: tuple[tuple[int, float], ...] | None = None


@dataclass(frozen=True)
class Answer:
    """What became of one item in one epoch: text, or the reason why there is none.

    `screened` says what a defense's filters made of it ("" without any): what they block has the filter's fixed refusal
    as its text, what they could not judge is unguarded; `reason` then says why. `helpers` holds the tokens of other
    models that led to the answer, by name; `calls` and `seconds` count them too.
    `text` answers the last turn that was asked; `earlier` are the answers to the turns before it. `attacker` is what an
    adaptive attack's model said when it wrote this try.
    """

    item_id: str
    epoch: int
    text: str
    status: AnswerStatus = "ok"
    reason: str = ""
    finish_reason: str = "stop"
    reasoning: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    calls: int = 1
    served_by: str = ""
    address: str = ""
    choice_probabilities: Mapping[str, float] | None = None
    logprobs: tuple[float, ...] | None = None
    key: str = ""
    screened: Screened = ""
    helpers: Mapping[str, Usage] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    attacker: str = ""


@dataclass(frozen=True)
class Vote:
    """What one judge model made of an answer; `value` None where it gave nothing usable, for the reason given.

    `address` is the server that said it, "" for a model that runs here.
    """

    model: str
    value: str | float | Mapping[str, float] | None
    reason: str = ""
    raw: str = ""
    usage: Usage = Usage()
    calls: int = 0
    address: str = ""


@dataclass(frozen=True)
class Verdict:
    """How a judge read an answer. `value` None means unscored, for the reason given: never a score.

    `votes` are those of its judge models where they are several, `address` is the server of a single one. `rubric` says
    what they were asked (name, version, hash), `made_by` is the digest of the judge's identity, and `answer_key` the
    journal key of the answer that was read.
    """

    item_id: str
    epoch: int
    judge: str
    value: str | float | Mapping[str, float] | None
    reason: str = ""
    judge_model: str = ""
    raw: str = ""
    usage: Usage = Usage()
    answer_key: str = ""
    key: str = ""
    votes: tuple[Vote, ...] = ()
    rubric: str = ""
    made_by: str = ""
    address: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers that its judge models were asked at, each once."""
        return tuple(dict.fromkeys(filter(None, (self.address, *(vote.address for vote in self.votes)))))


@dataclass(frozen=True)
class Row:
    """One item in one epoch with everything known of it; `measures` are the benchmark's numbers for it.

    A measure is a number per row (1.0 for correct, 0.0 for not); None means that this row has none,
    which lowers coverage and nothing else. A measure that is absent does not apply to the row.
    """

    item: Item
    answer: Answer
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    measures: Mapping[str, float | None] = field(default_factory=dict)


@runtime_checkable
class Model(Protocol):
    """Anything that answers.

    Attributes:
        name: as it is named on the command line, `PROVIDER/NAME`.
        identity: whatever changes its answers; it goes into journal keys.
        capabilities: what it can do beyond text.
        suggested_concurrency: calls in flight that keep it busy; None leaves it to `RunSettings`.
        base_url: where it is, for the manifest, several servers with commas between them; None for a model that runs
            here.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def suggested_concurrency(self) -> int | None: ...

    @property
    def base_url(self) -> str | None: ...

    async def generate(self, request: Request) -> Reply:
        """Answer a request. Raises ModelError when there is no answer."""
        ...

    async def close(self) -> None: ...


Ask: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""A model call that already retries, waits its turn and is journalled."""


Procedure: TypeAlias = Callable[[Item, Generation, Ask], Awaitable[Reply]]
"""What owns the asking of an item: several calls, one reply."""


AskModel: TypeAlias = Callable[["Model", Request], Awaitable[Reply]]
"""Calls another model than the one under test: with retries, waiting its turn, journalled. Raises ModelError."""


class GuardedAsk(Protocol):
    """An `Ask` that also asks another model, and counts in `unjudged` why a guard had no verdict."""

    unjudged: list[str]

    async def __call__(self, request: Request) -> Reply: ...

    async def other(self, model: Model, request: Request) -> Reply: ...


class Screening(NamedTuple):
    """What a filter found: whether to block; `judged` is False where its guard gave no verdict."""

    blocked: bool
    judged: bool
    reason: str = ""


class Filter(Protocol):
    """A guard before and behind the model; what it blocks becomes its fixed refusal."""

    @property
    def blocks_unjudged(self) -> bool:
        """Whether what it could not judge is blocked."""
        ...

    def refusal(self, item: Item) -> str: ...

    def reads(self, stage: Literal["request", "answer"]) -> bool: ...

    async def screen(self, item: Item, answer: Answer | None, ask: AskModel) -> Screening:
        """Judge an answer, or the request while there is none. Raises ModelError: the guard could not be asked."""
        ...

    async def close(self) -> None: ...


class Judge(Protocol):
    """A rubric and its parser, with its judge model if it needs one. `identity` goes into journal keys."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    async def judge(self, item: Item, answer: Answer) -> Verdict:
        """Judge an answer; `value` is None with a reason where there is no verdict. Never raises for bad text."""
        ...


class Defense(Protocol):
    """Prompts to edit, at most one decode-time strategy, at most one procedure that owns generation.

    It may also have `filters`, a tuple of `Filter`, and `hidden`, at most one strategy on hidden states.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def edit(self, item: Item) -> Item: ...

    @property
    def decoding(self) -> Any | None: ...

    @property
    def procedure(self) -> Procedure | None: ...


class Round(NamedTuple):
    """A try that has been asked, for an attack that goes on from what came of it: what was asked, and the answer."""

    asked: Item
    answer: Answer


class Attack(Protocol):
    """What turns an item into tries: the same item, asked otherwise. Judges always see the original.

    An adaptive one also has `streams`, a number, and `follow(item, number, rounds, ask)`, which makes a try of the
    answers to the tries number - streams, number - 2 streams, … (`rounds`, the first one first), asking another model;
    what that said is the try's metadata `attacker`.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    @property
    def tries(self) -> int: ...

    def attempt(self, item: Item, number: int) -> Item:
        """Make the try of this number (from 0). Raises whatever an item that can't be attacked brings about."""
        ...


T = TypeVar("T")


def changed(record: T, **fields: Any) -> T:
    """Return a record with other values of some fields: `dataclasses.replace` at a fifth of its time, unchecked."""
    new = object.__new__(type(record))
    new.__dict__.update(record.__dict__, **fields)
    return new


def encode(record: Any) -> dict[str, Any]:
    """Encode a record as JSON-ready values, fields at their default left out; image bytes are never written."""
    values: dict[str, Any] = _adapter(type(record)).dump_python(record, mode="json", exclude_defaults=True)
    return values


def decode(cls: type[T], values: Mapping[str, Any]) -> T:
    """Decode the record that `encode` wrote. Raises ValueError (pydantic's) when the values do not fit."""
    record: T = _adapter(cls).validate_python(values)
    return record


def _adapter(cls: Any) -> pydantic.TypeAdapter[Any]:
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = pydantic.TypeAdapter(cls)
    return _ADAPTERS[cls]


_ADAPTERS: dict[Any, pydantic.TypeAdapter[Any]] = {}  # building one costs milliseconds, using it microseconds


def distinct(items: Iterable[Item]) -> Iterator[Item]:
    """Pass the items on. Raises UserError: two have one id, so that their verdicts could not be told apart."""
    seen = Places()
    for item in items:
        if not seen.add(item.id):
            raise UserError(f"id '{item.id}' occurs twice; every item needs an id of its own")
        yield item
