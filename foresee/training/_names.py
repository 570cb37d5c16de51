"""Names that people know from transformers, TRL and PEFT, taken for the settings of foresee that they mean."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from foresee.errors import UserError
from foresee.training._settings import TrainingConfig

_log = logging.getLogger(__name__)

KNOWN = {
    "lr": "learning_rate",
    "per_device_train_batch_size": "batch",
    "train_batch_size": "batch",
    "batch_size": "batch",
    "gradient_accumulation_steps": "accumulate",
    "grad_accum": "accumulate",
    "num_train_epochs": "epochs",
    "num_epochs": "epochs",
    "max_steps": "steps",
    "lr_scheduler_type": "schedule",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "warmup_ratio": "warmup",
    "warmup_steps": "warmup",
    "logging_steps": "log_every",
    "save_steps": "save_every",
    "eval_steps": "probe.every",
    "output_dir": "out",
    "model_name_or_path": "model",
    "dataset": "data",
    "dataset_name": "data",
    "max_seq_length": "max_length",
    "lora_r": "lora.rank",
    "lora_rank": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "lora_target_modules": "lora.targets",
    "target_modules": "lora.targets",
    "lora.r": "lora.rank",
    "lora.lora_alpha": "lora.alpha",
    "lora.target_modules": "lora.targets",
    "num_generations": "generations",
    "num_iterations": "updates",
    "max_completion_length": "max_new_tokens",
    "epsilon": "clip",
    "beta": "kl_weight",
    "loss_type": "loss",
}
"""Their name -> ours; dots reach inside."""


def known_names(values: Mapping[str, Any], config: type[TrainingConfig]) -> dict[str, Any]:
    """The values under foresee's names; each that was renamed is told. Names of neither are left for others to refuse.

    Raises:
        UserError: a setting under both names.
    """
    found = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for theirs, ours in KNOWN.items():
        if theirs.partition(".")[0] in config.model_fields and "." not in theirs:
            continue  # a setting of that name is the method's own
        place, name = _inside(found, theirs)
        if ours.partition(".")[0] not in config.model_fields or name not in place:
            continue
        target, own = _inside(found, ours, make=True)
        if own in target:
            raise UserError(f"{theirs} is {ours} here, and both are given; leave one out")
        target[own] = place.pop(name)
        _log.warning("%s is called %s here", theirs, ours)
    return found


def _inside(values: dict[str, Any], dotted: str, *, make: bool = False) -> tuple[dict[str, Any], str]:
    *path, name = dotted.split(".")
    for step in path:
        inner = values.setdefault(step, {}) if make else values.get(step, {})
        values = inner if isinstance(inner, dict) else {}
    return values, name
