"""Loads a vision-language model (or a plain language model) with its processor: for evaluation, training, organism.

    vlm = load("runs/base")                              # a folder, or a Hugging Face hub id
    vlm = load("Qwen/Qwen3-VL-4B-Instruct", adapter="runs/safer", options=LoadOptions(device="cuda"))

`checkpoints` finds the files, `processors` loads what prepares images and text, this file loads the weights.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foresee import manifest
from foresee.config import Settings
from foresee.errors import UserError
from foresee.models.checkpoints.find import (
    Kind,
    import_torch,
    kind_of,
    one_line,
    quietly,
    read_json,
    resolve,
    resolve_adapter,
    weights_hash,
)
from foresee.models.checkpoints.integrity import check_adapter, check_checkpoint, check_implementation
from foresee.models.checkpoints.processors import load_processor
from foresee.models.checkpoints.template_trial import trouble


class LoadOptions(Settings):
    """How a model is loaded."""

    device: str = "auto"
    """auto (CUDA, else Apple MPS, else CPU), or cpu, cuda, cuda:1, mps"""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """numbers of the weights; auto: float32 on CPU, bfloat16 on CUDA that has it, else float16"""

    quantisation: Literal["none", "8bit", "4bit"] = "none"
    """bitsandbytes weights; needs CUDA and `pip install bitsandbytes`"""

    device_map: str | None = None
    """spread the layers over several GPUs, as transformers understands it: auto, balanced, sequential"""

    attn_implementation: str | None = None
    """sdpa, eager, flash_attention_2, ...; by default what transformers picks"""

    min_pixels: int | None = None
    """enlarge images to at least this area (processors with a variable image size only)"""

    max_pixels: int | None = None
    """shrink images to at most this area (processors with a variable image size only)"""

    revision: str | None = None
    """branch, tag or commit of a hub id"""

    trust_remote_code: bool = False
    """run Python code that comes with the checkpoint; it can do whatever you can"""


@dataclass(frozen=True)
class Vlm:
    """A loaded model: `model` answers, `processor` prepares images and text (None for kind "text")."""

    model: Any
    processor: Any | None
    tokenizer: Any
    kind: Kind
    eos_ids: tuple[int, ...]
    pad_id: int
    folder: Path
    adapter: Path | None
    device: str

    @property
    def core(self) -> Any:
        """The transformers model itself; the layers of an adapter are inside it."""
        return self.model.get_base_model() if self.adapter else self.model


def load(name: str | Path, adapter: str | Path | None = None, *, options: LoadOptions | None = None) -> Vlm:
    """Load a model for answering: evaluation mode, left padding, on its device.

    Args:
        name: a folder, or a hub id (downloaded unless the hub is offline).
        adapter: folder or hub id of a PEFT adapter made for this model.
        options: device, dtype and so on.

    Raises:
        UserError: no such folder or hub id, only pickled weights, a device or dtype that this machine lacks,
            an adapter of another model, or an extra that is not installed.
    """
    options = options or LoadOptions()
    device, dtype = placement(options)
    folder, adapter_folder = checked_folders(name, adapter, options)
    kind = kind_of(folder)
    with quietly():
        processor, tokenizer = _load_texts(folder, kind, options)
        check_templates(folder, processor, tokenizer)
        model = _load_model(folder, kind, options, (device, dtype))
        if adapter_folder:
            check_base(adapter_folder, folder)
            model = _with_adapter(model, adapter_folder)
    tokenizer.padding_side = "left"
    eos = _eos_ids(model, tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (eos[0] if eos else 0)
    model.eval()
    return Vlm(model, processor, tokenizer, kind, eos, pad, folder, adapter_folder, device)


def checked_folders(name: str | Path, adapter: str | Path | None, options: LoadOptions) -> tuple[Path, Path | None]:
    """Resolve the folders of a model and its adapter, and check that they are safe to load.

    Raises:
        UserError: not to be had, or see `integrity`.
    """
    check_implementation(options.attn_implementation, "attn_implementation")
    folder = resolve(name, revision=options.revision, trust_remote_code=options.trust_remote_code)
    kind_of(folder)  # its errors come first: they say more
    check_checkpoint(folder)
    if adapter is None:
        return folder, None
    adapter_folder = resolve_adapter(adapter)
    check_adapter(adapter_folder)
    return folder, adapter_folder


def placement(options: LoadOptions) -> tuple[str, str]:
    """Choose the device and dtype that the options mean on this machine. Raises UserError: this machine lacks it."""
    torch = import_torch()
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    device = options.device
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps else "cpu"
    kind, colon, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and not (kind == "cuda" and index.isdigit())):
        raise UserError(f"device: expected auto, cpu, cuda, cuda:N or mps, got '{device}'")
    there = {"cpu": True, "mps": mps, "cuda": cuda and (not index or int(index) < torch.cuda.device_count())}
    if not there[kind]:
        here = ", ".join(["cpu", *(["mps"] if mps else []), *(["cuda"] if cuda else [])])
        raise UserError(f"device '{device}' is not on this machine; there is {here}")
    if options.quantisation != "none" and not (kind == "cuda" and importlib.util.find_spec("bitsandbytes")):
        raise UserError(f"quantisation {options.quantisation} needs CUDA and bitsandbytes; here the device is {device}")
    if options.dtype != "auto":
        return device, options.dtype
    if kind == "cpu":
        return device, "float32"
    return device, "bfloat16" if kind == "cuda" and torch.cuda.is_bf16_supported() else "float16"


def _load_texts(folder: Path, kind: Kind, options: LoadOptions) -> tuple[Any, Any]:
    """Load the processor (None for kind "text") and the tokenizer."""
    if kind == "image_text":
        processor = load_processor(
            folder,
            trust_remote_code=options.trust_remote_code,
            min_pixels=options.min_pixels,
            max_pixels=options.max_pixels,
        )
        return processor, processor.tokenizer
    from transformers import AutoTokenizer

    try:
        return None, AutoTokenizer.from_pretrained(folder, trust_remote_code=options.trust_remote_code)
    except (ImportError, OSError, ValueError, KeyError) as problem:
        raise UserError(f"{folder}: its tokenizer can't be loaded: {one_line(problem)}") from problem


def check_templates(folder: Path, *owners: Any) -> None:
    """Try the chat templates of processors and tokenizers. Raises UserError: one runs long or writes very much."""
    for found in (getattr(owner, "chat_template", None) for owner in owners):
        for template in found.values() if isinstance(found, dict) else [found] if found else []:
            if problem := trouble(str(template)):
                raise UserError(f"{folder}: its chat template {problem}; expected a short text, it is not used")


def _load_model(folder: Path, kind: Kind, options: LoadOptions, place: tuple[str, str]) -> Any:
    import torch
    import transformers

    device, dtype = place[0], getattr(torch, place[1])
    classifies = read_json(folder / "config.json").get("model_type") == "shieldgemma2"  # a Gemma 3 inside a classifier
    automatic = transformers.AutoModelForImageTextToText if kind == "image_text" else transformers.AutoModelForCausalLM
    automatic = transformers.ShieldGemma2ForImageClassification if classifies else automatic
    arguments: dict[str, Any] = {"dtype": dtype, "trust_remote_code": options.trust_remote_code}
    if options.attn_implementation:
        arguments["attn_implementation"] = options.attn_implementation
    if options.quantisation != "none":
        bits = {"8bit": {"load_in_8bit": True}, "4bit": {"load_in_4bit": True, "bnb_4bit_compute_dtype": dtype}}
        arguments["quantization_config"] = transformers.BitsAndBytesConfig(**bits[options.quantisation])
    if options.device_map or device != "cpu":
        arguments["device_map"] = options.device_map or {"": device}
    try:
        model, report = automatic.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **arguments)
    except (ImportError, OSError, ValueError, KeyError, RuntimeError) as problem:
        if isinstance(problem, torch.OutOfMemoryError):
            raise UserError(f"{folder}: not enough memory on {device}: try device_map=auto or quantisation") from None
        raise UserError(f"{folder}: the model can't be loaded: {one_line(problem)}") from problem
    model = model.model if classifies else model
    if model.config.is_encoder_decoder:
        raise UserError(f"{folder}: expected a decoder-only model, got an encoder-decoder")
    absent = sorted(report["missing_keys"])
    if absent:  # transformers would go on with random numbers in their place
        raise UserError(f"{folder}: {len(absent)} weights are not in the checkpoint, the first is {absent[0]}")
    return model


def check_base(adapter: Path, folder: Path) -> None:
    """Models may be alike in shape and not in weights; an adapter of our training says which weights it is for.

    Raises:
        UserError: the adapter was trained on other weights.
    """
    if not (adapter / manifest.FILE).is_file():
        return
    base = manifest.read(adapter).get("base", {})
    if base.get("weights", "") not in ("", here := weights_hash(folder)):
        raise UserError(
            f"{adapter}: the adapter is of another model: it was trained on {base.get('name')} with the weights "
            f"{base['weights']}, {folder} has {here}"
        )


def _with_adapter(model: Any, folder: Path) -> Any:
    try:
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    except ImportError:
        raise UserError("an adapter needs peft: pip install 'foresee[local]'") from None
    from safetensors import safe_open

    try:
        config = PeftConfig.from_pretrained(str(folder))
        if config.is_prompt_learning:
            raise UserError(f"{folder}: expected LoRA or another adapter inside the layers, got {config.peft_type}")
        adapted = PeftModel.from_pretrained(model, str(folder))
    except (ValueError, RuntimeError, KeyError, TypeError) as problem:
        raise UserError(f"{folder}: the adapter is of another model: {one_line(problem)}") from problem
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        stored = set(file.keys())
    placed = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    lost = (placed - stored) | {key for key in stored - placed if "lora" in key}  # whole embeddings may be stored too
    if lost:  # PEFT would leave these out
        raise UserError(f"{folder}: the adapter is of another model: {len(lost)} weights have no place ({min(lost)})")
    return adapted


def _eos_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    eos_ids: list[int] = []
    text = model.config.get_text_config()
    for ids in (getattr(model.generation_config, "eos_token_id", None), text.eos_token_id, tokenizer.eos_token_id):
        eos_ids.extend(ids if isinstance(ids, list) else [ids] if ids is not None else [])
    return tuple(dict.fromkeys(eos_ids))
