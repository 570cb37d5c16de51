"""Preview a training (`--dry-run`): model, data as the model sees it, and the cost of one batch. Nothing is kept."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from foresee.training import method
from foresee.training._common import card, inspection
from foresee.training._common import policy as policies
from foresee.training._common import run as running
from foresee.training._common.config import TrainingConfig
from foresee.training._common.run import Session

_EXAMPLES = 2


def preview(name: str, config: TrainingConfig) -> str:
    """Report settings, model, data, examples and cost as text. One batch is computed, forward and backward.

    Raises:
        UserError: whatever would stop the training itself before its first step.
    """
    file = method(name)
    with tempfile.TemporaryDirectory() as folder:
        session = running.prepare(name, file, config.model_copy(update={"out": folder}), lambda progress: None)
        try:
            measured = list(_measure(session))
        finally:
            session.watcher.close()
        lines = ["settings:", *(f"  {key} = {value!r}" for key, value in card.flat(config.model_dump()))]
        lines += _about_model(session) + _about_data(session)
        if file.preview is not None:
            lines += file.preview(config, session.parts, session.trainer)
        else:
            lines += ["examples as the model sees them («what the loss is on»):"]
            lines += _examples(session, measured[0].inputs)
        return "\n".join([*lines, *_cost(session, [each.seconds for each in measured])])


def render(ids: Sequence[int], learnt: Sequence[bool], tokenizer: Any, image_token: int | None) -> str:
    """Render tokens as text: a run of image placeholders as `<image> x 9`, what the loss is on between « and »."""
    shown = []
    for counts, run in groupby(zip(ids, learnt, strict=True), key=lambda pair: pair[1]):
        parts = []
        for token, same in groupby([token for token, _ in run]):
            number = len(list(same))
            if token == image_token:
                parts.append(f"{tokenizer.convert_ids_to_tokens(token)} x {number} ")
            else:
                parts.append(tokenizer.decode([token] * number) + " ")
        text = "".join(parts).strip()
        shown.append(f"«{text}»" if counts else text)
    return " ".join(shown)


class _Measured:
    def __init__(self, inputs: Any, seconds: float) -> None:
        self.inputs, self.seconds = inputs, seconds


def _measure(session: Session) -> Iterator[_Measured]:
    """Time a first batch, and a second where gradients are accumulated (the first may include the sampling)."""
    trainer = session.trainer
    trainer.model.to(trainer.args.device)
    trainer.current_gradient_accumulation_steps = session.config.accumulate
    batches = iter(trainer.get_train_dataloader())
    for _ in range(min(2, session.config.accumulate)):
        inputs = next(batches, None)
        if inputs is None:
            return
        begun = time.monotonic()
        trainer.training_step(trainer.model, inputs, None)
        seconds = time.monotonic() - begun
        yield _Measured(getattr(trainer, "_buffered_inputs", None) or [inputs], seconds)
    trainer.model.zero_grad()


def _about_model(session: Session) -> list[str]:
    policy, trainer = session.parts.policy, session.trainer
    trainable, total = policies.trainable(trainer.model)
    kind = "bfloat16" if policy.bf16 else "float32"
    return [
        "model:",
        f"  {policy.folder} on {policy.device}, {kind}, {trainer.accelerator.num_processes} process(es)",
        f"  {trainable:,} of {total:,} parameters are trained ({trainable / total:.2%}), by {session.config.tune}",
    ]


def _about_data(session: Session) -> list[str]:
    parts = session.parts
    with_images = sum(bool(row.images) for row in parts.rows.rows)
    lines = ["data:", f"  {parts.rows.folder}: {len(parts.rows):,} rows, {with_images:,} with images"]
    lines += [f"  {note}" for note in inspection.notes(parts.rows)]
    if parts.eval_rows is not None:
        lines.append(
            f"  held out: {parts.eval_rows.folder}: {len(parts.eval_rows):,} rows, on which nothing is trained"
        )
    if parts.replay is not None:
        lines.append(f"  replay: {parts.replay.folder}: {len(parts.replay):,} rows")
    return lines


def _examples(session: Session, batches: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Show a few sequences of the batches, with and without images where there are both."""
    image = getattr(session.trainer.model.config, "image_token_id", None)
    tokenizer = session.parts.policy.tokenizer
    sequences = [sequence for batch in batches for sequence in _sequences(batch)]
    kinds = [[s for s in sequences if (image in s[0]) is with_images] for with_images in (True, False)]
    shown = [*kinds[0][:1], *kinds[1][:1], *kinds[0][1:], *kinds[1][1:]]
    for ids, learnt in shown[:_EXAMPLES]:
        images = sum(token == image for token in ids)
        yield f"  {len(ids)} tokens, {images} of images, {sum(learnt)} with loss:"
        yield f"    {render(ids, learnt, tokenizer, image)}"


def _sequences(inputs: Mapping[str, Any]) -> Iterator[tuple[list[int], list[bool]]]:
    """Yield ids and loss mask of each sequence of a trainer's batch, padding left out."""
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    learnt = inputs["labels"] != -100 if "labels" in inputs else inputs["completion_mask"]
    for row, kept, counts in zip(ids, mask.bool(), learnt.bool(), strict=True):
        yield row[kept].tolist(), counts[kept].tolist()


def _cost(session: Session, seconds: Sequence[float]) -> list[str]:
    trainer, config = session.trainer, session.config
    trainable, _ = policies.trainable(trainer.model)
    each = seconds[0] + (config.accumulate - 1) * seconds[-1]
    steps = config.steps or math.ceil(config.epochs * max(1, len(trainer.get_train_dataloader()) // config.accumulate))
    optimiser = 8 * trainable  # two moments of AdamW in float32
    return [
        "cost:",
        f"  memory: {_memory(trainer) / 2**30:.2f} GiB at the peak of one batch, "
        f"and {optimiser / 2**30:.2f} GiB for the optimiser",
        f"  time: {each:.2f} s a step here (measured once, first use included), {steps:,} steps: "
        f"about {_clock(each * steps)}, evaluation left out",
    ]


def _memory(trainer: Any) -> int:
    import resource
    import sys

    import torch

    if trainer.args.device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _clock(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
