"""Load the model to train, and decide which of its parameters are trainable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresee import organism
from foresee.errors import UserError
from foresee.models.checkpoints import LoadOptions, Vlm, load, placement
from foresee.models.checkpoints.find import one_line, weights_hash
from foresee.training._common.config import TrainingConfig

NOT_LANGUAGE = r"vision|visual|image_newline|projector|connector|aligner|audio|video"
_LANGUAGE = rf"(?!.*({NOT_LANGUAGE})).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
_VISION = (
    r".*(vision|visual)(?!.*patch_embed).*"
    r"\.(q_proj|k_proj|v_proj|o_proj|out_proj|qkv|proj|fc1|fc2|linear_fc1|linear_fc2|gate_proj|up_proj|down_proj)"
)


@dataclass(frozen=True)
class Policy:
    """The model to train, and the adapter that is still to be put on it (None: full tuning, or one is on it)."""

    model: Any
    processor: Any
    peft: Any | None
    folder: Path
    device: str
    bf16: bool

    @property
    def tokenizer(self) -> Any:
        return getattr(self.processor, "tokenizer", self.processor)

    def record(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "weights": weights_hash(self.folder)}


def folder_or_id(name: str) -> str:
    """Turn `local/FOLDER`, `organism/NAME`, a folder or a hub id into what `checkpoints.load` takes.

    Raises:
        UserError: no such organism, or an adapter in the name.
    """
    if name.startswith("organism/"):
        return str(organism.folder(name.removeprefix("organism/")))
    bare = name.removeprefix("local/") if not Path(name).is_dir() else name
    if ":" in bare and not re.match(r"[A-Za-z]:[\\/]", bare):
        base, _, adapter = bare.partition(":")
        raise UserError(f"model: expected a base alone, got '{name}'; say model={base} and adapter={adapter}")
    return bare


def open_policy(config: TrainingConfig) -> Policy:
    """Load the model on the CPU (the trainer moves it) in the right type, with the adapter it goes on from.

    Raises:
        UserError: no such model or device, an adapter of another base, or options that do not go together.
    """
    device, dtype = placement(LoadOptions(device=config.device))
    bf16 = config.dtype == "bfloat16" or (config.dtype == "auto" and dtype == "bfloat16")
    if config.quantisation != "none" and config.tune == "full":
        raise UserError(f"quantisation {config.quantisation} needs tune=lora: quantised weights can't be trained")
    if config.adapter and config.tune == "full":
        raise UserError("adapter: going on from an adapter needs tune=lora; or merge it first: foresee merge")
    options = LoadOptions(
        device=device if config.quantisation != "none" else "cpu",
        dtype="bfloat16" if bf16 and config.tune == "lora" else "float32",  # trained weights need full precision
        quantisation=config.quantisation,
        min_pixels=config.min_pixels,
        max_pixels=config.max_pixels,
    )
    vlm = load(folder_or_id(config.model), config.adapter or None, options=options)
    processor = vlm.processor if vlm.processor is not None else vlm.tokenizer
    peft = None
    if config.tune == "full":
        _free(vlm.model, config.vision)
    elif config.adapter:
        _free_adapter(vlm)
    else:
        peft = _lora(vlm, config)
    return Policy(vlm.model, processor, peft, vlm.folder, device, bf16)


def trainable(model: Any) -> tuple[int, int]:
    """Count the trainable parameters, and all parameters."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return trained, sum(p.numel() for p in model.parameters())


def targets(model: Any, pattern: str) -> Iterator[str]:
    """Yield the names of the modules that a pattern matches."""
    return (name for name, _ in model.named_modules() if re.fullmatch(pattern, name))


def lora_pattern(config: TrainingConfig) -> str:
    """Return the regular expression of the modules that get an adapter."""
    if config.lora.targets:
        return config.lora.targets
    return f"(?:{_LANGUAGE})|(?:{_VISION})" if config.vision else _LANGUAGE


def _lora(vlm: Vlm, config: TrainingConfig) -> Any:
    try:
        from peft import LoraConfig
    except ImportError:
        raise UserError("training an adapter needs peft: pip install 'foresee[train]'") from None
    pattern = lora_pattern(config)
    try:
        hit = next(targets(vlm.model, pattern), None)
    except re.error as problem:
        raise UserError(f"lora.targets is not a regular expression: {one_line(problem)}") from None
    if hit is None:
        raise UserError(f"lora.targets: no module of {vlm.folder} fits {pattern!r}")
    return LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=pattern,
        task_type="CAUSAL_LM",
    )


def _free(model: Any, vision: bool) -> None:
    """Make the language model trainable; the rest with it only with `vision`."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(vision or not re.search(NOT_LANGUAGE, name))


def _free_adapter(vlm: Vlm) -> None:
    trained = 0
    for name, parameter in vlm.model.named_parameters():
        parameter.requires_grad_("lora_" in name or "modules_to_save" in name)
        trained += parameter.requires_grad
    if not trained:
        raise UserError(f"{vlm.adapter}: expected a LoRA adapter to go on from, it has none of its weights")
    vlm.model.peft_config["default"].inference_mode = False
