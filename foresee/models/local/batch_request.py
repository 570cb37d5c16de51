"""Prepare requests for batching: seed, batch group, and the second branch of a decoding strategy."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from foresee.models.local.batching import Job
from foresee.models.local.collating import signature
from foresee.models.local.decoding import SecondBranch
from foresee.models.local.prompting import Prompt
from foresee.records import Request


@dataclass(frozen=True)
class BatchRequest:
    """A request with its prompt; `seed` is that of its sampling, `new_tokens` the most that its answer may have.

    `second` is the prompt of a strategy's second branch, where there is one.
    """

    request: Request
    prompt: Prompt
    seed: int
    new_tokens: int
    second: Prompt | None = None


def to_job(request: Request, prompt: Prompt, new_tokens: int, model: Any, other: Prompt | None = None) -> Job:
    """Make the job of a request with at most so many new tokens; a second branch doubles its cost.

    Args:
        request: what is asked.
        prompt: of it.
        new_tokens: that its answer may have.
        model: the transformers model.
        other: the prompt of a strategy's second branch that reads other words.

    Raises:
        ModelError: a strategy that does not know this model's images.
    """
    seed = _seed(request, prompt)
    second = other or _second(request.decoding, prompt, seed, model)
    longest = max(prompt.length, second.length if second else 0)
    cost = (longest + new_tokens) * (2 if second else 1)
    return Job(_group(request, prompt), cost, BatchRequest(request, prompt, seed, new_tokens, second))


def _second(strategy: Any, prompt: Prompt, seed: int, model: Any) -> Prompt | None:
    """Build the prompt of the strategy's second branch; None without such a strategy, or without images."""
    if strategy is None or not prompt.images or not isinstance(strategy, SecondBranch):
        return None
    images = strategy.second_branch(prompt.images, seed, model)
    return replace(prompt, images=images, image_hashes=(*prompt.image_hashes, strategy.second_key(seed)))


def _group(request: Request, prompt: Prompt) -> Hashable:
    settings, strategy = request.generation, request.decoding
    try:
        hash(strategy)
    except TypeError:
        strategy = id(strategy)
    sampling = (replace(settings, seed=None), request.logprobs)
    return bool(request.choices), () if request.choices else sampling, strategy, signature(prompt)


def _seed(request: Request, prompt: Prompt) -> int:
    """Derive the seed from the request alone: the same request is answered alike, others get other noise."""
    seed = request.generation.seed
    if seed is None:
        seed = secrets.randbits(63) if request.generation.temperature > 0 else 0
    content = f"{seed} {prompt.ids} {prompt.image_hashes}"
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big") >> 1
