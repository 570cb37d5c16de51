"""Settings of every training: model, data, steps, adapter, evaluation. A method's `Config` adds its own.

Values in a recipe (TOML) are laid over the defaults here, `--set key=value` over both; dotted keys reach inside.
"""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from foresee.config import Settings


class Lora(Settings):
    """Low-rank adapters (PEFT)."""

    rank: int = pydantic.Field(default=16, ge=1)
    """rank of the added matrices"""

    alpha: float = pydantic.Field(default=32.0, gt=0)
    """their scale is alpha / rank"""

    dropout: float = pydantic.Field(default=0.0, ge=0, lt=1)
    """dropout before them"""

    targets: str = ""
    """a regular expression of module names; by default the projections of the language layers (see `vision`)"""


class HeldOutEval(Settings):
    """An evaluation while the model trains: greedy answers to held-out rows, judged."""

    data: str = ""
    """a data set folder, or a benchmark (those of the drawn world: their validation split); empty for no evaluation"""

    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """the benchmark's own options (`probe.options.subset=safe`), as `-T` takes them"""

    files: str = ""
    """folder of the benchmark's published files; by default in $FORESEE_DATA and the cache, as `foresee eval`"""

    judge: str = ""
    """what judges the answers; by default a benchmark's own judges, and "world" for a folder"""

    every: int = pydantic.Field(default=10, ge=1)
    """steps between two evaluations; there is always one before the first step and one after the last"""

    limit: int = pydantic.Field(default=64, ge=1)
    """rows answered, drawn at random and the same each time"""

    max_new_tokens: int = pydantic.Field(default=64, ge=1)
    """longest answer"""

    batch: int = pydantic.Field(default=32, ge=1)
    """answers generated at once"""

    weights: dict[str, float] = pydantic.Field(default_factory=dict)
    """metric of the benchmark, or part of the judge's value -> weight; their sum is the score of `keep=best`"""

    judge_models: tuple[str, ...] = ()
    """models that fill in the judge's rubric, for judges that need one"""

    judge_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """options of these models (`probe.judge_options.base_url=…`); `price` is IN,OUT in USD per million tokens"""


class CollapseBounds(Settings):
    """Bounds outside which a training has collapsed and is stopped. Empty bounds are not watched."""

    entropy_fall: float | None = pydantic.Field(default=0.1, gt=0)
    """stop where the entropy of the answers is below this share of its first value"""

    entropy_rise: float | None = pydantic.Field(default=4.0, gt=1)
    """stop where it is above this multiple of its first value"""

    entropy_slack: float = pydantic.Field(default=0.2, ge=0)
    """nats by which it must have moved besides, so that a model that was sure of everything may become less so"""

    length_floor: float | None = pydantic.Field(default=0.25, gt=0)
    """stop where answers are shorter than this share of their first length"""

    over_caution_ceiling: float | None = pydantic.Field(default=None, ge=0, le=1)
    """stop where the probe's answers claim a larger share of dangers that are not there"""

    patience: int = pydantic.Field(default=2, ge=1)
    """measurements in a row that must be out of bounds"""


class TrainingConfig(Settings):
    """Settings of every training method."""

    model: str
    """what to train: a folder, a hub id, `local/FOLDER` or `organism/NAME`"""

    out: str
    """folder to write; the same command continues an interrupted training there"""

    data: str
    """data set folder (`foresee curate`)"""

    adapter: str = ""
    """go on from this adapter of the model instead of from a new one"""

    replay: str = ""
    """data set folder of general rows, mixed in so that other abilities are kept"""

    replay_share: float = pydantic.Field(default=0.2, gt=0, lt=1)
    """how much of the training the replay rows make up, where there are any"""

    limit: int | None = pydantic.Field(default=None, ge=1)
    """use at most so many rows of the data set, drawn at random and the same each time"""

    bad_rows: float = pydantic.Field(default=0.05, ge=0, lt=1)
    """share of the rows that may be left out because an image can't be opened or processed; with more, none is trained
    on (0: every row must be sound). Those left out are named, and in the manifest"""

    steps: int | None = pydantic.Field(default=None, ge=1)
    """optimiser steps; by default as many as `epochs` need"""

    epochs: float = pydantic.Field(default=1.0, gt=0)
    """passes over the data, where `steps` is not set"""

    batch: int = pydantic.Field(default=8, ge=1)
    """sequences a device takes at once"""

    accumulate: int = pydantic.Field(default=1, ge=1)
    """batches whose gradients make one step"""

    learning_rate: float = pydantic.Field(default=1e-4, gt=0)
    """the highest"""

    schedule: Literal["constant", "linear", "cosine", "constant_with_warmup"] = "linear"
    """how it falls"""

    warmup: float = pydantic.Field(default=0.0, ge=0)
    """steps until it is reached; below 1, that share of all steps"""

    weight_decay: float = pydantic.Field(default=0.0, ge=0)
    """of AdamW"""

    max_grad_norm: float = pydantic.Field(default=1.0, ge=0)
    """gradients are clipped to this norm"""

    tune: Literal["lora", "full"] = "lora"
    """train an adapter, or the weights themselves"""

    vision: bool = False
    """train the vision tower too, not the language model alone"""

    lora: Lora = Lora()
    """the adapter, where `tune` is lora"""

    max_length: int | None = pydantic.Field(default=None, ge=1)
    """cut the end of longer sequences; one whose images or whole answer would be cut is refused"""

    text_only: bool = False
    """allow a data set without a single image"""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """where to train; auto takes an accelerator if there is one"""

    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """of the computation; auto: bfloat16 on CUDA, float32 elsewhere"""

    quantisation: Literal["none", "8bit", "4bit"] = "none"
    """weights below an adapter (bitsandbytes, CUDA)"""

    min_pixels: int | None = None
    """enlarge images to at least this area (processors with a variable image size)"""

    max_pixels: int | None = None
    """shrink images to at most this area (processors with a variable image size)"""

    gradient_checkpointing: bool | None = None
    """compute activations twice to save memory; by default on an accelerator only"""

    processes: int | None = pydantic.Field(default=None, ge=1)
    """refuse to start unless so many processes run"""

    seed: int = 0
    """of new weights, order and sampling"""

    log_every: int = pydantic.Field(default=1, ge=1)
    """steps between two lines of metrics"""

    save_every: int = pydantic.Field(default=50, ge=1)
    """steps between two checkpoints"""

    keep_checkpoints: bool = False
    """leave the last two checkpoints (with the optimiser's state) there at the end"""

    keep: Literal["best", "last", "best_eval_loss"] = "last"
    """which weights to end with: the last, those of the probe's best score, or those of the lowest loss on held-out
    rows; a collapse always takes the best"""

    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    """where else the metrics go"""

    probe: HeldOutEval = HeldOutEval()
    """evaluation by a judge every few steps"""

    guard: CollapseBounds = CollapseBounds()
    """when to stop a collapse"""

    trl: dict[str, Any] = pydantic.Field(default_factory=dict)
    """further arguments of TRL's own configuration, as they are (`--set trl.use_vllm=true`)"""

    @pydantic.model_validator(mode="after")
    def _keeps_by_what_is_measured(self) -> TrainingConfig:
        if self.keep == "best_eval_loss" and not self.measures_loss:
            raise ValueError("keep=best_eval_loss needs held-out rows (sft, dpo: eval_split=0.05, or eval_data=FOLDER)")
        return self

    @property
    def measures_loss(self) -> bool:
        """Whether the loss is measured on held-out rows."""
        return False


class SupervisedConfig(TrainingConfig):
    """Settings of methods that learn answers of the data, whose loss can be measured on rows held out of it."""

    eval_split: float = pydantic.Field(default=0.0, ge=0, lt=1)
    """share of the rows that is held out and never trained on, to measure the loss on; drawn at random and the same
    each time, rows that share an image together"""

    eval_data: str = ""
    """or a data set folder of other rows to measure the loss on; rows to train on that share an image with them go"""

    eval_every: int | None = pydantic.Field(default=None, ge=1)
    """steps between two measurements of that loss (besides before the first step and after the last); by default
    `probe.every`"""

    @pydantic.model_validator(mode="after")
    def _evaluates_something(self) -> SupervisedConfig:
        if self.eval_split and self.eval_data:
            raise ValueError("eval_split holds rows of data out, eval_data names a folder of others: give one of them")
        if self.eval_every is not None and not self.measures_loss:
            raise ValueError(
                "eval_every needs held-out rows: eval_split=0.05, or eval_data=FOLDER (for the probe: probe.every)"
            )
        return self

    @property
    def measures_loss(self) -> bool:
        return bool(self.eval_split or self.eval_data)
