"""Replay: the loss on general rows beside an on-policy method's own, so that other abilities are kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from foresee.errors import UserError
from foresee.training._common.prompts import takes_images
from foresee.training._common.rows import Rows


def loss_of(rows: Rows, processor: Any, config: Any) -> Callable[[Any, int], Any]:
    """Build a function (bare model, number of the batch) -> the mean loss on that batch's answers, with gradient.

    Which rows a batch has follows from its number and the seed alone, so that it is the same after a resumption;
    processes take different ones.

    Raises:
        UserError: a text-only model, for which it isn't made.
    """
    if not takes_images(processor):
        raise UserError("replay: caspo mixes general rows in for models that take images alone; leave replay out")
    import os

    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    collate = DataCollatorForVisionLanguageModeling(processor=processor, completion_only_loss=True)
    data = rows.dataset(("completion",))
    rank = os.environ.get("RANK", "0")

    def loss(model: Any, number: int) -> Any:
        rng = random.Random(f"replay {config.seed} {rank} {number}")
        batch_rows = [data[rng.randrange(len(rows))] for _ in range(config.replay_batch)]
        batch = {key: value.to(model.device) for key, value in collate(batch_rows).items()}
        return model(**batch).loss

    return loss
