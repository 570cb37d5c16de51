"""Supervised fine-tuning: learns the answers of a data set (VSFA, VRF, VLGuard mixtures, Cross-SFT teachers).

TRL's SFTTrainer. The loss is on the answer alone. What is learnt is the data's affair: `threat_vqa` rows make it VSFA,
`vision_reasoning` rows VRF; the papers' settings are recipes in `foresee/papers/`.

    foresee train sft papers/vsfa/vsfa.toml --set model=organism/narrating --set data=datasets/vsfa --out runs/vsfa
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foresee.training._common.config import SupervisedConfig

if TYPE_CHECKING:
    from foresee.training._common.run import Parts

COLUMNS = ("completion",)


class Config(SupervisedConfig):
    """Settings of supervised fine-tuning."""


def trainer(config: Config, parts: Parts) -> Any:
    """Build TRL's SFTTrainer on the data's answers."""
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(
        model=parts.policy.model,
        args=SFTConfig(**parts.arguments, max_length=None, completion_only_loss=True),
        train_dataset=parts.data,
        eval_dataset=parts.eval_data,
        processing_class=parts.policy.processor,
        peft_config=parts.policy.peft,
        callbacks=list(parts.callbacks),
    )
