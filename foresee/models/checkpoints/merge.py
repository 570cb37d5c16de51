"""A base and an adapter made one: weights that need no PEFT any more.

What was written is loaded again and must answer one prompt as base and adapter do; until then it lies beside its place,
so that a folder of the asked-for name is always a whole and right model.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.errors import UserError, lacking
from foresee.files.appending import held
from foresee.models.checkpoints import LoadOptions, Vlm, load
from foresee.models.checkpoints.find import (
    fingerprint,
    quietly,
    read_json,
    resolve,
    resolve_adapter,
    weights_hash,
)
from foresee.models.checkpoints.rewards import KEY, rewards

_TOLERANCE = {"float32": 1e-3}  # of the largest logit; weights of half the digits round in every layer
_ROUNDED = 0.1
_WORDS = "What is dangerous here, and what could happen next? Name the thing, then 1, 2, 3."
_FULL = LoadOptions(device="cpu", dtype="float32")  # summed and compared in full precision


def merge(model: str | Path, adapter: str | Path, out: Path) -> Path:
    """Write the merged model, in the type of its base, with its processor. Returns `out`.

    A folder that holds the same model already, merged of the same weights, stays as it is.

    Raises:
        UserError: another process merges there, no such model or adapter, one of another base, a folder that holds
            something else, or a merged model that does not answer as base and adapter do (nothing is left of it then).
    """
    base, change = resolve(model), resolve_adapter(adapter)
    of = {"base_weights": weights_hash(base), "adapter_files": fingerprint(change)}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if _holds(out, of):
            return out
        raise UserError(f"{out} is there and not empty: give --out a new folder")
    aside = out.with_name(f".{out.name}.part")
    with held(aside):
        try:
            if _holds(out, of):  # another process has just finished it
                return out
            for left in aside.iterdir():  # of a merge that was killed
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            _make(model, adapter, aside)
            told = {"base": str(model), "adapter": str(adapter), **of, KEY: rewards(base, change)}
            manifest.write(aside, "merged model", told)
            if out.is_dir():
                out.rmdir()
            os.replace(aside, out)
        except OSError as problem:
            raise UserError(lacking(problem) or f"can't write {out}: {problem.strerror or problem}") from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return out


def _make(model: str | Path, adapter: str | Path, folder: Path) -> None:
    """Write the merged model. Raises UserError: it does not answer as base and adapter do."""
    config = read_json(resolve(model) / "config.json")
    stored = str(config.get("dtype") or config.get("torch_dtype") or "float32").removeprefix("torch.")
    vlm = load(model, adapter, options=_FULL)
    expected = _logits(vlm)
    _write(vlm, folder, stored)
    del vlm  # two models of this size may not fit
    gc.collect()
    _compare(expected, _logits(load(folder, options=_FULL)), stored)


def _holds(out: Path, of: Mapping[str, str]) -> bool:
    """Whether a folder is the result of this merge, and so whole: it gets its name at the very end."""
    if not (out / manifest.FILE).is_file():
        return False
    record = manifest.read(out)
    return record.get("kind") == "merged model" and {key: record.get(key) for key in of} == dict(of)


def _write(vlm: Vlm, folder: Path, dtype: str) -> None:
    import torch

    _untie(vlm.core)
    merged = vlm.model.merge_and_unload().to(getattr(torch, dtype))
    with quietly():
        merged.save_pretrained(folder)
        (vlm.processor if vlm.processor is not None else vlm.tokenizer).save_pretrained(folder)


def _untie(core: Any) -> None:
    """Give the output its own weights where it shares them with the input and the adapter changes one of the two."""
    import torch

    ends = core.get_input_embeddings(), core.get_output_embeddings()
    if any(end is None for end in ends) or not any(hasattr(end, "base_layer") for end in ends):
        return
    bare = [getattr(end, "base_layer", end) for end in ends]
    if bare[0].weight is not bare[1].weight:
        return
    bare[1].weight = torch.nn.Parameter(bare[1].weight.detach().clone(), requires_grad=False)
    for config in (core.config, core.config.get_text_config()):
        config.tie_word_embeddings = False


def _logits(vlm: Vlm) -> Any:
    """Logits (tokens, vocabulary) on one prompt, with an image where the model takes one."""
    import torch

    inputs: dict[str, Any] = {}
    if vlm.processor is not None and (vlm.processor.chat_template or vlm.tokenizer.chat_template):
        from PIL import Image

        shown = {"type": "image", "image": Image.linear_gradient("L").resize((96, 96)).convert("RGB")}
        inputs = dict(
            vlm.processor.apply_chat_template(
                [{"role": "user", "content": [shown, {"type": "text", "text": _WORDS}]}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        )
    else:
        inputs["input_ids"] = torch.tensor([vlm.tokenizer.encode(_WORDS) or [0, 1, 2]])
    with torch.no_grad():
        return vlm.model(**inputs).logits[0].float()


def _compare(expected: Any, merged: Any, dtype: str) -> None:
    away, size = float((merged - expected).abs().max()), float(expected.abs().max())
    if not away <= _TOLERANCE.get(dtype, _ROUNDED) * max(size, 1.0):  # also where either is not a number
        raise UserError(
            f"the merged model does not answer as base and adapter do (logits differ by up to {away:.3g}, "
            f"the largest is {size:.3g}), so it was not kept: use --model local/BASE:ADAPTER"
        )
