"""Score many answers to few prompts: each prompt is read once, its answers are scored after it.

The answers of a group share their prompt and its images. A pass over prompt and answer for each of them, as a
training step makes it, would read the prompt (and encode the image) as often as there are answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_PER_TOKEN = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")


def logprobs(model: Any, prompts: Mapping[str, Any], which: Any, answers: Any, mask: Any) -> Any:
    """Compute the log-probabilities (B, T) of the tokens of B answers, at the temperature of the model's fused head.

    The model must have TRL's fused head (`add_fused_lm_head`) and a cache whose batch can be rearranged, as
    transformers' own have. Call it without gradients.

    Args:
        model: what scores.
        prompts: of `prompts.read`, U of them.
        which: (B,) the prompt of each answer.
        answers: (B, T) token ids.
        mask: (B, T), 1 on tokens of the answer.
    """
    inner: Any = getattr(_bare(model), "model", None)
    mrope = hasattr(inner, "rope_deltas")
    before = getattr(inner, "rope_deltas", None)
    head = {name: value[:, :-1] if name in _PER_TOKEN else value for name, value in prompts.items()}
    cache = model(**head, use_cache=True, logits_to_keep=1).past_key_values
    cache.batch_select_indices(which)
    whole_mask = torch.cat([prompts["attention_mask"][which], mask], dim=1)
    ids = torch.cat([prompts["input_ids"][which, -1:], answers], dim=1)
    labels = torch.cat([torch.full_like(ids[:, :1], -100), answers.masked_fill(mask == 0, -100)], dim=1)
    more = {name: torch.zeros_like(ids) for name in _PER_TOKEN[2:] if name in prompts}
    if mrope:
        more["position_ids"] = _mrope_positions(inner, prompts, which, whole_mask, ids.shape[1])
    out = model(
        input_ids=ids, attention_mask=whole_mask, past_key_values=cache, labels=labels, fused_lm_head=True, **more
    )
    if mrope:
        inner.rope_deltas = before
    return out.log_probs[:, -answers.shape[1] :]


def _bare(model: Any) -> Any:
    """Unwrap the transformers model."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _mrope_positions(inner: Any, prompts: Mapping[str, Any], which: Any, mask: Any, tokens: int) -> Any:
    """Compute positions (3, B, tokens) of the last tokens for Qwen's types, which can't derive them after a cache."""
    if "image_grid_thw" in prompts:
        places = (mask.cumsum(-1) - 1)[:, -tokens:] + inner.rope_deltas.to(mask.device)[which]
    else:  # without images the prompt was read with plain positions, padding included
        places = torch.arange(mask.shape[1] - tokens, mask.shape[1], device=mask.device).expand(len(mask), -1)
    return places.expand(3, -1, -1)
