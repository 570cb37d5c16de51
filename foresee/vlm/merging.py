"""A base and an adapter made one: weights that need no PEFT any more."""

from __future__ import annotations

from pathlib import Path

from foresee.errors import UserError
from foresee.vlm import LoadOptions, load
from foresee.vlm.checkpoints import quietly, read_json, resolve


def merge(model: str | Path, adapter: str | Path, out: Path) -> Path:
    """Write the merged model, in the type of its base, with its processor. Returns `out`.

    Raises:
        UserError: no such model or adapter, one of another base, or a folder that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there and not empty: give --out a new folder")
    config = read_json(resolve(model) / "config.json")
    stored = config.get("dtype") or config.get("torch_dtype") or "float32"
    vlm = load(model, adapter, options=LoadOptions(device="cpu", dtype="float32"))  # summed in full precision
    import torch

    merged = vlm.model.merge_and_unload().to(getattr(torch, str(stored).removeprefix("torch.")))
    with quietly():
        merged.save_pretrained(out)
        (vlm.processor if vlm.processor is not None else vlm.tokenizer).save_pretrained(out)
    return out
