"""Run one update of a model in its mind: fake tensors have shapes and types and no data, and cost no memory.

The layers, TRL's fused head and the checkpointing are the libraries' own; the adapter does what PEFT's does. Depth
is extrapolated from two shallow models, since every layer is alike.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from foresee.models.checkpoints.find import quietly
from foresee.training._plan.live import LiveTensors


class Update(NamedTuple):
    """What one forward and backward pass is of."""

    sequences: int
    tokens: int
    pattern: str | None  # of the modules with an adapter; None for full tuning
    rank: int
    frozen: str  # pattern of parameters that full tuning leaves alone
    half: bool  # bfloat16 computation
    checkpointing: bool
    accumulates: bool  # gradients of an earlier batch are there


def peak(config: Any, update: Update) -> int:
    """Compute the most bytes that gradients and activations take together, weights left out."""
    kind: Any = type(config)
    return _peak(kind, config.to_json_string(use_diff=False), update)


@functools.lru_cache(maxsize=32)
def _peak(kind: Any, values: str, update: Update) -> int:
    config = kind.from_dict(json.loads(values))
    layers: int = int(config.get_text_config().num_hidden_layers)
    one, two = _DEPTHS if update.pattern is not None else _DEPTHS_IN_FULL
    if layers <= two:
        return _simulated(config, update, layers)
    few, more = (_simulated(config, update, depth) for depth in (one, two))
    return more + (more - few) * (layers - two) // (two - one)


_DEPTHS = (2, 3)
_DEPTHS_IN_FULL = (12, 14)  # the fullest moment is in a shallow model's head, in a deep one's first layers


class _Adapted(torch.nn.Module):
    """A projection and a low-rank matrix beside it, as PEFT computes them."""

    def __init__(self, base: torch.nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, rank, bias=False)
        self.up = torch.nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x: Any) -> Any:
        return self.base(x) + self.up(self.down(x.to(self.down.weight.dtype))) * 2.0


def _simulated(config: Any, update: Update, depth: int) -> int:
    half_weights = update.half and update.pattern is not None
    with FakeTensorMode(allow_non_fake_inputs=True), quietly():
        model = _model(shallow(config, depth), torch.bfloat16 if half_weights else torch.float32, update)
        ids = torch.zeros(update.sequences, update.tokens, dtype=torch.long)
        inputs = {"input_ids": ids, "labels": ids}
        if hasattr(model.model, "rope_deltas"):
            inputs["position_ids"] = torch.arange(update.tokens).expand(3, update.sequences, update.tokens)
        live = LiveTensors([*model.parameters(), *model.buffers()])
        with live:
            for parameter in model.parameters() if update.accumulates else ():
                parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        with live, torch.autocast("cpu", torch.bfloat16, enabled=update.half):
            loss = model(**inputs, fused_lm_head=True).log_probs.sum()
        with live:
            loss.backward()
        return live.peak


def _model(config: Any, dtype: torch.dtype, update: Update) -> Any:
    from transformers import AutoModelForImageTextToText
    from trl.trainer.utils import add_fused_lm_head

    model: Any = AutoModelForImageTextToText.from_config(config, dtype=dtype)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(update.pattern is None and not re.search(update.frozen, name))
    fits = re.compile(update.pattern if update.pattern is not None else r"(?!)")
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and fits.fullmatch(name):
            model.set_submodule(name, _Adapted(module, update.rank))
    model.train()
    if update.checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    return model


def shallow(config: Any, depth: int) -> Any:
    """Copy a configuration with so many language layers and one vision layer; widths are kept."""
    small = copy.deepcopy(config)
    text, vision = small.get_text_config(), small.vision_config
    text.num_hidden_layers = depth
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:depth]
    name = "depth" if hasattr(vision, "depth") else "num_hidden_layers"
    setattr(vision, name, max(1, min(getattr(vision, name), 2)))
    if hasattr(vision, "deepstack_visual_indexes"):
        vision.deepstack_visual_indexes = [0]
    return small
