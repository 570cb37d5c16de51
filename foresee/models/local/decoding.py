"""How the next token is chosen: strategies on logits, sampling that no batch can change, and first-token scores.

Nothing of transformers is patched: everything here is a logits processor, a stopping criterion or plain arithmetic
on the logits of one forward pass. `generate` itself always takes the largest score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from foresee.errors import UserError
from foresee.records import Generation, Json, Message, Request


@dataclass(frozen=True)
class Batch:
    """A padded batch on its way into the model, as a strategy sees it.

    Attributes:
        inputs: the tensors for the model. Those of `text_keys` are (rows, length), padded on the left; those of
            `image_keys` are as the image processor made them, one request's after the other's.
        rows: how many requests.
        seeds: one a request, fixed by the request alone: for noise that does not depend on the batch.
        image_spans: for each image key, for each request (then for each second branch), the first and last+1 row of
            that tensor which is its own; empty where there are no images.
        model: the transformers model, to be asked about its configuration.
        requests: what is asked, one a row.
        decode: token ids (rows, n) to texts without special tokens.
    """

    inputs: Mapping[str, Any]
    rows: int
    seeds: tuple[int, ...]
    text_keys: tuple[str, ...]
    image_spans: Mapping[str, tuple[tuple[int, int], ...]]
    model: Any
    requests: tuple[Request, ...]
    decode: Callable[[Any], list[str]]

    @property
    def image_keys(self) -> tuple[str, ...]:
        return tuple(self.image_spans)


class DecodingStrategy(Protocol):
    """A decode-time method (`Request.decoding`): an `InputTransform`, a `SecondBranch` or a `SecondPrompt`.

    Requests whose strategies are equal and hashable share batches.
    """

    @property
    def identity(self) -> Mapping[str, Json]:
        """Whatever changes its answers; it goes into journal keys."""
        ...

    def processors(self, batch: Batch) -> Sequence[Any]:
        """Logits processors (called with token ids (R, length) and scores (R, vocabulary) at each step).

        Where rows were added, all rows of a request must leave with equal scores, so that they go on alike.
        """
        ...


class InputTransform(DecodingStrategy, Protocol):
    """A strategy that may change all of the model's inputs. Images go in as pixels."""

    def inputs(self, batch: Batch) -> Mapping[str, Any]:
        """Transform the model's inputs: `batch.inputs`, changed, or with more rows.

        Row r of the result's first `batch.rows` rows must belong to request r: those rows are the answers, others
        are dropped. A second branch of every request goes below them, as in
        `{key: torch.cat([value, value]) for key, value in batch.inputs.items()}`.
        """
        ...


@runtime_checkable
class SecondBranch(DecodingStrategy, Protocol):
    """A strategy with a second branch of every request that has images; it sees other images, the same text.

    The batch it processes has `2 * batch.rows` rows, the second branches below the first. Where the model allows it,
    images of both branches are encoded once, together, and kept.
    """

    def second_branch(self, images: Mapping[str, Any], seed: int, model: Any) -> Mapping[str, Any]:
        """One request's image tensors as its second branch sees them, of the same shapes, on the CPU."""
        ...

    def second_key(self, seed: int) -> str:
        """Equal for equal second branches at the same images."""
        ...


@runtime_checkable
class SecondPrompt(DecodingStrategy, Protocol):
    """A strategy with a second branch of every request that reads other words, and the same images.

    The batch it processes has `2 * batch.rows` rows, the second branches below the first; the first ones are answers.
    """

    def second_messages(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return one request's conversation as its second branch reads it, with the same images."""
        ...


class Chooser:
    """The last logits processor: repetition penalty, temperature, top-p and noise; keeps log probabilities.

    Sampling is exact: with g drawn from the standard Gumbel distribution, argmax(log p + g) is distributed as p
    (Gumbel-max trick, https://arxiv.org/abs/1411.0030, section 2). Each request draws from its own generator, so its
    answer does not depend on its neighbours. Log probabilities are those of the model (after the strategy), at
    temperature 1, without the penalty. Rows whose scores are no numbers are remembered, since the largest of them
    would be any token.

    Args:
        settings: how is sampled.
        seeds: of each row.
        prompts: token ids of each row's prompt, placeholders of images among them; of use to the penalty alone.
        record: whether log probabilities are kept.
    """

    def __init__(
        self, settings: Generation, seeds: Sequence[int], prompts: Sequence[Sequence[int]] = (), *, record: bool
    ) -> None:
        from transformers import TemperatureLogitsWarper, TopPLogitsWarper

        temperature, top_p = settings.temperature, settings.top_p
        self._warpers = [] if temperature <= 0 else [TemperatureLogitsWarper(float(temperature))]
        if temperature > 0 and top_p < 1:
            self._warpers.append(TopPLogitsWarper(float(top_p)))
        self._penalty, self._prompts = settings.repetition_penalty, prompts
        self._said: Any = None  # booleans (rows, vocabulary): tokens that count as repeated
        self._seeds, self._record = tuple(seeds), record
        self._generators: list[Any] | None = None
        self.first: Any = None
        self.logprobs: list[Any] = []  # a tensor (rows,) a step
        self.broken: Any = None  # booleans (rows,): NaN or infinity was among the scores, or all were barred

    def __call__(self, ids: Any, scores: Any) -> Any:
        plain = scores
        broken = ~plain[: len(self._seeds)].amax(-1).isfinite()  # the maximum of anything and NaN is NaN
        self.broken = broken if self.broken is None else self.broken | broken
        if self.first is None:
            self.first = plain[: len(self._seeds)]
        if self._penalty != 1.0:
            scores = self._penalised(scores)
        for warp in self._warpers:
            scores = warp(ids, scores)
        if self._warpers:
            scores = scores + self._noise(scores)
        if self._said is not None:
            self._said.scatter_(1, scores[: len(self._seeds)].argmax(-1, keepdim=True), value=True)
        if self._record:
            chosen = scores.argmax(-1, keepdim=True)
            self.logprobs.append(plain.log_softmax(-1).gather(-1, chosen)[: len(self._seeds), 0])
        return scores

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        self._seeds = tuple(self._seeds[row] for row in rows)
        self._generators = self._generators and [self._generators[row] for row in rows]
        self._said = None if self._said is None else self._said[list(rows)]
        self.broken = self.broken[list(rows)]

    def join(self, other: Chooser) -> None:
        """Go on with another's rows below; both have chosen a token already, with the same settings."""
        import torch

        self._seeds += other._seeds
        self._generators = self._generators and [*self._generators, *(other._generators or ())]
        self._said = None if self._said is None else torch.cat([self._said, other._said])
        self.broken = torch.cat([self.broken, other.broken])

    def _penalised(self, scores: Any) -> Any:
        """Scores (R, vocabulary) with those of repeated tokens lowered; padding counts for nothing."""
        import torch

        if self._said is None:
            self._said = torch.zeros(len(self._seeds), scores.shape[-1], dtype=torch.bool, device=scores.device)
            for row, ids in zip(self._said, self._prompts, strict=True):
                row[[token for token in set(ids) if token < len(row)]] = True
        said = self._said.repeat(len(scores) // len(self._seeds), 1)
        lowered = torch.where(scores < 0, scores * self._penalty, scores / self._penalty)
        return torch.where(said, lowered, scores)

    def _noise(self, scores: Any) -> Any:
        """Gumbel noise (R, vocabulary); rows that a strategy added share that of their request."""
        import torch

        if self._generators is None:
            self._generators = [torch.Generator(device=scores.device).manual_seed(seed) for seed in self._seeds]
        # In float32 one draw in 17 million is exactly 0, an infinite score: often enough in a large vocabulary.
        precise = torch.float32 if scores.device.type == "mps" else torch.float64
        waits = torch.empty((len(self._generators), scores.shape[-1]), device=scores.device, dtype=precise)
        for row, generator in zip(waits, self._generators, strict=True):
            row.exponential_(generator=generator)
        noise = -waits.clamp_min(torch.finfo(precise).tiny).log()
        return noise.repeat(scores.shape[0] // len(self._generators), 1)


class StopTexts:
    """A stopping criterion: a row is done once its answer contains one of the texts.

    Args:
        decode: token ids (rows, n) to texts.
        stops: the texts.
        prompt_length: tokens before the answer.
    """

    def __init__(self, decode: Callable[[Any], list[str]], stops: Sequence[str], prompt_length: int) -> None:
        self._decode, self._stops, self._start = decode, tuple(stops), prompt_length
        self.tail = max((len(stop.encode()) for stop in stops), default=0) + 4  # a token has at least a byte, mostly
        self.lengths: dict[int, int] = {}  # of rows that are done: how many tokens their answer has

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        new = ids.shape[1] - self._start
        for row, done in enumerate(self.complete(ids[:, max(self._start, ids.shape[1] - self.tail) :])):
            if done and row not in self.lengths:
                self.lengths[row] = new
        return torch.tensor([row in self.lengths for row in range(len(ids))], device=ids.device)

    def complete(self, ends: Any) -> list[bool]:
        """Tell for the last `tail` tokens of each answer (rows, n), a tensor or lists, whether a text is in them."""
        return [any(stop in text for stop in self._stops) for text in self._decode(ends)]


def first_tokens(tokenizer: Any, choices: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """For each choice, the tokens with which an answer that starts with that word can start.

    Counted are the word as it is, in lower, upper and title case, each with and without a space before it.

    Raises:
        UserError: a choice that the tokenizer can't write, or two choices with a first token in common.
    """
    vocabulary = tokenizer.get_vocab()
    tokens = {choice: _starts(tokenizer, vocabulary, choice) for choice in choices}
    owners: dict[int, str] = {}
    for choice, ids in tokens.items():
        if not ids:
            raise UserError(f"choices: this model's tokenizer can't write '{choice}'; ask for text instead")
        for token in ids:
            other = owners.setdefault(token, choice)
            if other != choice:
                spelled = tokenizer.convert_ids_to_tokens(token)
                raise UserError(
                    f"choices: '{other}' and '{choice}' both start with the token '{spelled}' in this model; "
                    "choose words that differ from their first letters on, or ask for text instead"
                )
    return tokens


def _starts(tokenizer: Any, vocabulary: Mapping[str, int], choice: str) -> tuple[int, ...]:
    spellings = dict.fromkeys((choice, choice.lower(), choice.upper(), choice.capitalize()))
    ids: dict[int, None] = {}
    for spelling in spellings:
        for piece in (spelling, "▁" + spelling, "Ġ" + spelling):  # as SentencePiece and byte-level BPE mark a space
            if piece in vocabulary:
                ids[vocabulary[piece]] = None
        for text in (spelling, " " + spelling):
            tokens = tokenizer.encode(text, add_special_tokens=False)
            bare_space = not tokens or not str(tokenizer.convert_ids_to_tokens(tokens[0])).strip(" ▁Ġ")
            if not bare_space and tokens[0] != tokenizer.unk_token_id:
                ids[tokens[0]] = None
    return tuple(ids)


def choice_probabilities(scores: Any, starts: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """P(choice), summed over its first tokens, from one row of logits (vocabulary,)."""
    probabilities = scores.float().softmax(-1)
    return {choice: float(probabilities[list(ids)].sum()) for choice, ids in starts.items()}
