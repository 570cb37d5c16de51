"""Decode a batch whose rows leave as their answers end, and whose free places go to requests that wait.

`generate` of transformers keeps all rows until the longest answer is done. Here newcomers read their prompts in a pass
of their own and join: keys and values are padded on the left with columns that are masked, so that each row sees what
it would see alone. Columns that no row needs any more are cut off. Rows leave and join a quarter of the batch at a
time, since that copies the cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from foresee.models.local.batch_request import BatchRequest
from foresee.models.local.decoding import Chooser

_SHARE = 4  # one in so many places is free before rows leave, or others join


class Unfit(Exception):
    """This model's cache can't be cut and joined: sliding windows, states, or keys of images apart."""


@dataclass
class Answered:
    """One row: its place among all that came in, and what it has said so far."""

    place: int
    request: BatchRequest
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # where they are asked for
    seconds: float = 0.0  # its share of the model's time
    broken: bool = False  # its scores were no numbers
    done: bool = False


class Tools(NamedTuple):
    """What the loop is given: the model, its inputs for requests, how a token is chosen, and when an answer ends."""

    core: Any
    inputs: Callable[[Sequence[BatchRequest]], Mapping[str, Any]]
    chooser: Callable[[Sequence[BatchRequest]], Chooser]
    ends: Callable[[Answered], bool]
    check: Callable[[], None]  # called once a token; what it raises ends all


class _State:
    """Keys and values of the rows, which of them count, and the position of the token to come."""

    def __init__(self, cache: Any, mask: Any, position: Any) -> None:
        self.cache, self.mask, self.position = cache, mask, position
        kinds = {type(layer).__name__ for layer in cache.layers}
        if kinds != {"DynamicLayer"} or {layer.keys.shape[-2] for layer in cache.layers} != {mask.shape[1] - 1}:
            raise Unfit(", ".join(sorted(kinds)))

    def keep(self, rows: Sequence[int]) -> None:
        import torch

        index = torch.tensor(rows, device=self.mask.device)
        self.mask = self.mask[index]
        unused = int(self.mask.argmax(1).min())
        self.mask = self.mask[:, unused:]
        self.position = None if self.position is None else self.position.index_select(-2, index)
        for layer in self.cache.layers:
            layer.keys, layer.values = (part[index, :, unused:] for part in (layer.keys, layer.values))

    def join(self, other: _State) -> None:
        import torch

        pad = torch.nn.functional.pad
        gap = other.mask.shape[1] - self.mask.shape[1]
        left, right = max(gap, 0), max(-gap, 0)
        self.mask = torch.cat([pad(self.mask, (left, 0)), pad(other.mask, (right, 0))])
        if self.position is not None:
            self.position = torch.cat([self.position, other.position], dim=-2)
        for mine, new in zip(self.cache.layers, other.cache.layers, strict=True):
            for name in ("keys", "values"):
                parts = (pad(getattr(layer, name), (0, 0, n, 0)) for layer, n in ((mine, left), (new, right)))
                setattr(mine, name, torch.cat(list(parts)))

    def step(self, core: Any, tokens: Sequence[int]) -> Any:
        """Read one token a row; return the scores of the next, (rows, vocabulary)."""
        import torch

        ids = torch.tensor(tokens, device=self.mask.device)[:, None]
        known = {} if self.position is None else {"position_ids": self.position}
        inputs = core.prepare_inputs_for_generation(
            ids, next_sequence_length=1, past_key_values=self.cache, attention_mask=self.mask, use_cache=True, **known
        )
        scores = core(**inputs, return_dict=True).logits[:, -1].float()
        self.mask = torch.nn.functional.pad(self.mask, (0, 1), value=1)
        self.position = None if self.position is None else self.position + 1
        return scores


class _Batch:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.rows: list[Answered] = []
        self._count = 0
        self._state: _State | None = None
        self._chooser: Chooser | None = None

    @property
    def alive(self) -> list[int]:
        return [number for number, row in enumerate(self.rows) if not row.done]

    def admit(self, requests: Sequence[BatchRequest]) -> list[Answered]:
        """Read the prompts of newcomers, choose their first tokens, join them; return those that this ends."""
        import torch

        began = time.monotonic()
        rows = [Answered(self._count + number, request) for number, request in enumerate(requests)]
        self._count += len(rows)
        with torch.no_grad():
            scores, state = _prefilled(self._tools.core, self._tools.inputs(requests))
        chooser = self._tools.chooser(requests)
        ended = self._say(rows, chooser, scores, began)
        if self._state is None or self._chooser is None or not self.rows:
            self._state, self._chooser = state, chooser
        else:
            self._state.join(state)
            self._chooser.join(chooser)
        self.rows += rows
        return ended

    def step(self) -> list[Answered]:
        """Say one token more in each row; return those that this ends."""
        import torch

        assert self._state is not None
        assert self._chooser is not None
        self._tools.check()
        began = time.monotonic()
        with torch.no_grad():
            scores = self._state.step(self._tools.core, [row.tokens[-1] for row in self.rows])
        return self._say(self.rows, self._chooser, scores, began)

    def drop(self) -> None:
        """Take out the rows that have ended."""
        alive = self.alive
        self.rows = [self.rows[number] for number in alive]
        if self.rows and self._state is not None and self._chooser is not None:
            self._state.keep(alive)
            self._chooser.keep(alive)

    def _say(self, rows: Sequence[Answered], chooser: Chooser, scores: Any, began: float) -> list[Answered]:
        tokens = chooser(None, scores).argmax(-1).tolist()
        logprobs = chooser.logprobs.pop().tolist() if chooser.logprobs else None
        saying = [(number, row) for number, row in enumerate(rows) if not row.done]
        broken, share = chooser.broken.tolist(), (time.monotonic() - began) / len(saying)
        for number, row in saying:
            row.tokens.append(tokens[number])
            row.logprobs += [] if logprobs is None else [logprobs[number]]
            row.seconds += share
            row.broken = broken[number]
            row.done = row.broken or self._tools.ends(row)
        return [row for _, row in saying if row.done]


def decode(
    requests: Sequence[BatchRequest], more: Callable[[int], Sequence[BatchRequest]], size: int, tools: Tools
) -> Iterator[Answered]:
    """Answer requests, and those that `more(places)` hands in as places come free; each answer comes as it ends.

    Args:
        requests: to begin with.
        more: returns up to so many others; none if none waits.
        size: places in the batch.
        tools: see there.

    Raises:
        Unfit: this can't be done with this model; nothing has been answered.
    """
    batch = _Batch(tools)
    yield from batch.admit(requests)
    while True:
        alive = len(batch.alive)
        new = more(size - alive) if _SHARE * (size - alive) >= size else ()
        if new or _SHARE * (len(batch.rows) - alive) >= len(batch.rows):
            batch.drop()
        if new:
            yield from batch.admit(new)
        elif not alive:
            return
        if batch.alive:
            yield from batch.step()


def _prefilled(core: Any, inputs: Mapping[str, Any]) -> tuple[Any, _State]:
    """Read prompts as `generate` does, up to its first step: the scores of the first tokens, and the state behind."""
    from transformers import GenerationConfig

    found: list[tuple[Any, dict[str, Any]]] = []

    def once(model: Any, input_ids: Any, **kwargs: Any) -> Any:
        for name in ("logits_processor", "stopping_criteria", "generation_config"):
            kwargs.pop(name, None)
        outputs = model(
            **model.prepare_inputs_for_generation(input_ids, is_first_iteration=True, **kwargs), return_dict=True
        )
        found.append((outputs, kwargs))
        return input_ids

    core.generate(**inputs, generation_config=GenerationConfig(max_new_tokens=1, do_sample=False), custom_generate=once)
    ((outputs, kwargs),) = found
    mask = inputs["attention_mask"]
    position = kwargs.get("position_ids")
    scores = outputs.logits[:, -1].float()
    grown = mask.new_ones((len(mask), mask.shape[1] + 1))
    grown[:, :-1] = mask
    return scores, _State(outputs.past_key_values, grown, None if position is None else position[..., -1:] + 1)
