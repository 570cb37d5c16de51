"""Weights that lie in parts on several processes (FSDP 2): what is read past the hooks that gather them."""

from __future__ import annotations

from typing import Any


def settings(model: Any, given: object) -> dict[str, Any]:
    """Name the layers that are sharded as units, where that was left open: those of the model's own list that it has.

    The list of LLaVA-1.5, say, names layers of a text tower that it comes without, which accelerate looks for in vain.

    Args:
        model: as it was loaded.
        given: `trl.fsdp_config`: a table, the path of one, or None.

    Returns: what is to be set besides, as TRL's arguments.
    """
    table = {} if given is None else given
    if not isinstance(table, dict) or {"transformer_layer_cls_to_wrap", "auto_wrap_policy"} & table.keys():
        return {}
    present = {type(module).__name__ for module in model.modules()}
    layers = sorted(present.intersection(getattr(model, "_no_split_modules", None) or ()))
    return {"fsdp_config": {**table, "transformer_layer_cls_to_wrap": layers}} if layers else {}


def gather_head(trainer: Any) -> None:
    """Gather the output embeddings before each forward pass, so that their gradient is averaged as all others are.

    accelerate shards them as a unit of their own (https://github.com/huggingface/accelerate/blob/v1.15.0/src/accelerate/utils/fsdp_utils.py),
    TRL multiplies by their weight without calling them, and takes the full tensor of what it finds in parts: backward,
    each process then keeps its part of its own gradient, and what the others found is lost. Nothing happens where
    nothing is sharded.

    Args:
        trainer: whose model is prepared for training.
    """
    if not trainer.accelerator.is_fsdp2:
        return
    from torch.distributed.fsdp import FSDPModule

    model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    model = getattr(model, "get_base_model", lambda: model)()
    head = model.get_output_embeddings()
    if isinstance(head, FSDPModule):
        model.register_forward_pre_hook(lambda *_: head.unshard())


def gather_root(trainer: Any) -> None:
    """Gather what no unit of its own holds, such as a small vision tower, which `generate` calls past the model.

    The next forward pass of the model leaves it gathered, too, so that no memory is lost that a training step had.
    """
    if trainer.accelerator.is_fsdp2:
        trainer.model_wrapped.unshard()
