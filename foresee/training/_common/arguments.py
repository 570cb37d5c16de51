"""Our settings as arguments of TRL's configurations, and the checks of how the processes were launched."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from foresee.errors import UserError
from foresee.training._common.config import TrainingConfig


def arguments(config: TrainingConfig, device: str, bf16: bool) -> dict[str, Any]:
    """Build the arguments that SFTConfig, DPOConfig and GRPOConfig share (all are TrainingArguments).

    Raises:
        UserError: one of TRL's that foresee sets, or vLLM is wanted and not there.
    """
    checkpointing = device != "cpu" if config.gradient_checkpointing is None else config.gradient_checkpointing
    values = {
        "output_dir": config.out,
        "seed": config.seed,
        "per_device_train_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "max_steps": config.steps or -1,
        "num_train_epochs": config.epochs,
        "logging_steps": config.log_every,
        "logging_nan_inf_filter": False,  # a loss that is not a number is to be seen, and stops the training
        "save_strategy": "steps",
        "save_steps": config.save_every,
        "save_total_limit": 2,  # one may be torn by a kill
        "bf16": bf16,
        "use_cpu": device == "cpu",
        "gradient_checkpointing": checkpointing,
        "report_to": list(config.report_to),
        "disable_tqdm": True,
        "dataloader_pin_memory": device == "cuda",
        "remove_unused_columns": False,
    }
    clash = sorted(values.keys() & config.trl.keys())
    if clash:
        raise UserError(f"trl.{clash[0]} is set by foresee's own settings; use those")
    if config.trl.get("use_vllm") and find_spec("vllm") is None:
        raise UserError(
            "trl.use_vllm samples answers by vLLM, which is not installed: pip install vllm on a machine with a GPU, "
            "or --set trl.use_vllm=false, which samples by transformers and takes longer"
        )
    return {"per_device_eval_batch_size": config.batch, **values, **config.trl}


def check_launch(config: TrainingConfig, running: int, *, sharded: bool = False) -> None:
    """Check the number of processes, and that they share the weights where that was asked for.

    `torchrun` without the right backend, and `accelerate launch --cpu`, may start processes that each train alone;
    accelerate leaves `fsdp` out on a CPU without a word.

    Raises:
        UserError: fewer train together than were started or requested, or each would hold all weights though
            `trl.fsdp` is set.
    """
    if config.trl.get("fsdp") and running > 1 and not sharded:
        raise UserError("trl.fsdp is set, but accelerate shards no weights on a CPU: leave it out")
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if running != started:
        raise UserError(
            f"{started} processes were started but {running} train(s) together: each would train alone. "
            "On a CPU use `torchrun --standalone --nproc_per_node N -m foresee train … --set device=cpu`"
        )
    if config.processes is not None and running != config.processes:
        raise UserError(
            f"processes={config.processes} was requested and {running} run(s): start with "
            f"`torchrun --standalone --nproc_per_node {config.processes} -m foresee train …`"
        )
