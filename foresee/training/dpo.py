"""Direct preference optimisation: prefer the chosen answer of a pair to the rejected one, near the first model.

TRL's DPOTrainer for vision; the baseline of the "preference ceiling" (arXiv 2603.09706). The reference is the model as
it was: the adapter switched off, or a copy.

    foresee train dpo --set model=organism/base --set data=datasets/pairs --out runs/dpo
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from foresee.training._common.config import SupervisedConfig

if TYPE_CHECKING:
    from foresee.training._common.run import Parts

COLUMNS = ("chosen", "rejected")


class Config(SupervisedConfig):
    """Settings of preference optimisation."""

    beta: float = pydantic.Field(default=0.1, gt=0)
    """weight of the divergence from the reference model (DPO's paper, arXiv 2305.18290, uses 0.1)"""

    loss: Literal["sigmoid", "ipo", "hinge", "robust"] = "sigmoid"
    """DPO's own, or a relative of it, as TRL calls them"""

    label_smoothing: float = pydantic.Field(default=0.0, ge=0, lt=0.5)
    """the share of pairs that may be the wrong way round (conservative DPO)"""


def trainer(config: Config, parts: Parts) -> Any:
    """Build TRL's DPOTrainer on the data's pairs."""
    from trl import DPOConfig, DPOTrainer

    arguments = DPOConfig(
        **parts.arguments,
        max_length=None,
        beta=config.beta,
        loss_type=config.loss,
        label_smoothing=config.label_smoothing,
    )
    return DPOTrainer(
        model=parts.policy.model,
        args=arguments,
        train_dataset=parts.data,
        eval_dataset=parts.eval_data,
        processing_class=parts.policy.processor,
        peft_config=parts.policy.peft,
        callbacks=list(parts.callbacks),
    )
