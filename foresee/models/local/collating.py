"""Puts prompts together into one padded batch, for any architecture, by rules on shapes alone.

Text tensors (1, length) are padded on the left. Image tensors are stacked one request's after the other's along
their first dimension; the other dimensions must agree, or be padded with zeros on the right where the model is given
how large each image really is (`image_sizes`, `pixel_attention_mask`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from foresee.models.local.image_cache import concatenated
from foresee.models.local.prompting import Prompt

_TELLS_SIZE = frozenset({"image_sizes", "pixel_attention_mask"})
Spans = dict[str, tuple[tuple[int, int], ...]]


def signature(prompt: Prompt) -> Hashable:
    """Prompts of equal signatures can be put into one batch."""
    padded = bool(_TELLS_SIZE & prompt.images.keys())
    shapes = {
        key: (value.ndim, value.dtype, () if padded else tuple(value.shape[1:])) for key, value in prompt.images.items()
    }
    return frozenset(prompt.text), frozenset(shapes.items())


def collate_text(prompts: Sequence[Prompt], pad_id: int) -> dict[str, Any]:
    """Stack the text tensors as (rows, longest, ...)."""
    import torch

    longest = max(prompt.length for prompt in prompts)
    batch: dict[str, Any] = {}
    for key in prompts[0].text:
        filler = pad_id if key == "input_ids" else 0
        rows = []
        for prompt in prompts:
            value = prompt.text[key]
            pad = value.new_full((1, longest - prompt.length, *value.shape[2:]), filler)
            rows.append(torch.cat([pad, value], dim=1))
        batch[key] = concatenated(rows)
    return batch


def collate_images(prompts: Sequence[Prompt], *, without: str | None = None) -> dict[str, Any]:
    """Concatenate the image tensors, one prompt's after the other's; one of them may be left out."""
    keys = [key for key in prompts[0].images if key != without]
    return {key: concatenated([p.images[key] for p in prompts]) for key in keys}


def image_spans(prompts: Sequence[Prompt]) -> Spans:
    """For each image key, for each prompt, the rows of the collated tensor that are its own."""
    spans: Spans = {}
    for key in prompts[0].images:
        places, start = [], 0
        for prompt in prompts:
            end = start + int(prompt.images[key].shape[0])
            places.append((start, end))
            start = end
        spans[key] = tuple(places)
    return spans


def split_features(features: Any, tokens: Sequence[int]) -> list[dict[str, Any]] | None:
    """Split a vision tower's output for several prompts.

    Args:
        features: a transformers output with `pooler_output`, and `deepstack_features` (a list a layer) where there
            are such: each a list or tensor with an entry an image (or tile), whose last dimension is the language
            model's width.
        tokens: how many image tokens each prompt has.

    Returns:
        One part a prompt, for `join_features`; None where the entries do not add up to the tokens, so that they
        can't be separated.
    """
    layers = [getattr(features, "pooler_output", None), *(getattr(features, "deepstack_features", None) or [])]
    if not all(_entries(layer) for layer in layers):
        return None
    cuts = _cuts(layers[0], tokens)
    if cuts is None or any(_cuts(layer, tokens) != cuts for layer in layers[1:]):
        return None
    kind, stacked = type(features), hasattr(layers[0], "shape")
    # Cloned, since a slice would keep the whole batch's features alive.
    return [
        {"type": kind, "stacked": stacked, "layers": [[row.clone() for row in layer[start:end]] for layer in layers]}
        for start, end in cuts
    ]


def join_features(parts: Sequence[Mapping[str, Any]]) -> Any:
    """Invert `split_features`: one output, as the vision tower would have given for all at once."""
    import torch

    depth = range(len(parts[0]["layers"]))
    layers = [[row for part in parts for row in part["layers"][i]] for i in depth]
    values: dict[str, Any] = {"pooler_output": torch.stack(layers[0]) if parts[0]["stacked"] else layers[0]}
    if len(layers) > 1:
        values["deepstack_features"] = layers[1:]
    return parts[0]["type"](**values)


def _entries(layer: Any) -> bool:
    return hasattr(layer, "shape") or (isinstance(layer, list | tuple) and all(hasattr(row, "shape") for row in layer))


def _cuts(layer: Any, tokens: Sequence[int]) -> list[tuple[int, int]] | None:
    sizes = [row.shape[:-1].numel() for row in layer]
    cuts, place = [], 0
    for wanted in tokens:
        start = place
        while wanted > 0 and place < len(sizes):
            wanted -= sizes[place]
            place += 1
        if wanted:
            return None
        cuts.append((start, place))
    return cuts if place == len(sizes) else None
