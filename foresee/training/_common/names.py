"""Names that people know from transformers, TRL and PEFT, with the settings of foresee that they mean."""

from __future__ import annotations

from collections.abc import Mapping

from foresee.config import Settings

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
    "test_size": "eval_split",
    "eval_share": "eval_split",
    "eval_ratio": "eval_split",
    "eval_size": "eval_split",
    "val_split": "eval_split",
    "val_size": "eval_split",
    "val_set_size": "eval_split",
    "validation_split": "eval_split",
    "eval_dataset": "eval_data",
    "validation_data": "eval_data",
    "val_data": "eval_data",
}
"""Their name -> ours; dots reach inside."""


def known(cls: type[Settings]) -> Mapping[str, str]:
    """Map the names that people know to these settings: `eval_steps` is the loss's where one is measured."""
    return {**KNOWN, "eval_steps": "eval_every"} if "eval_every" in cls.model_fields else KNOWN
