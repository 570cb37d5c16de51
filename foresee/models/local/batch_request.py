"""A request on its way into a batch: its noise, its company, and the second look that a strategy may take."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from foresee.models.local.batching import Job
from foresee.models.local.collating import signature
from foresee.models.local.decoding import SecondLook
from foresee.models.local.prompting import Prompt
from foresee.records import Request


@dataclass(frozen=True)
class Asked:
    """A request with its prompt; `seed` is that of its noise, `new_tokens` how many its answer may have.

    `second` is the prompt of a strategy's second look, where there is one.
    """

    request: Request
    prompt: Prompt
    seed: int
    new_tokens: int
    second: Prompt | None = None


def ask(request: Request, prompt: Prompt, new_tokens: int, model: Any) -> Job:
    """The job of a request that is to be answered in so many tokens; a second look costs as much again.

    Raises:
        ModelError: a strategy that can't look at this model's pictures.
    """
    seed = _seed(request, prompt)
    second = _second(request.decoding, prompt, seed, model)
    cost = (prompt.length + new_tokens) * (2 if second else 1)
    return Job(_group(request, prompt), cost, Asked(request, prompt, seed, new_tokens, second))


def _second(strategy: Any, prompt: Prompt, seed: int, model: Any) -> Prompt | None:
    """The prompt with the pictures of the strategy's second look; None without such a strategy, or without pictures."""
    if not prompt.images or not isinstance(strategy, SecondLook):
        return None
    pictures = strategy.second_look(prompt.images, seed, model)
    return replace(prompt, images=pictures, image_hashes=(*prompt.image_hashes, strategy.second_key(seed)))


def _group(request: Request, prompt: Prompt) -> Hashable:
    asked, strategy = request.generation, request.decoding
    try:
        hash(strategy)
    except TypeError:
        strategy = id(strategy)
    settings = (asked.temperature, asked.top_p, asked.max_tokens, asked.stop, request.logprobs)
    return bool(request.choices), () if request.choices else settings, strategy, signature(prompt)


def _seed(request: Request, prompt: Prompt) -> int:
    """From the request alone: the same question with the same seed is answered alike, others get other noise."""
    seed = request.generation.seed
    if seed is None:
        seed = secrets.randbits(63) if request.generation.temperature > 0 else 0
    content = f"{seed} {prompt.ids} {prompt.image_hashes}"
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big") >> 1
