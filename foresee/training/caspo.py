"""CASPO: on-policy learning from outcomes and from a teacher that reads a constitution, token by token (also COPSD).

For an image and a request x, a constitution C and G answers y_i sampled from the plain prompt:
    r(i,t)   = clip(log p_T(y_it | C, x, y_i<t) - log p(y_it | x, y_i<t), low, high)          what the teacher thinks
    A_tok    = r normalised over all tokens of the group (or as it is); A_out = the answer's reward normalised likewise
    A(i,t)   = (1 - token_weight) A_out(i) + token_weight A_tok(i,t)
and GRPO's clipped loss, which is TRL's. The teacher p_T is the model itself as it stands (moving), as it was (frozen),
its running mean (ema), or another (a folder: COPSD). What the papers say and leave open: `foresee/papers/ood_mmsafe`.

    foresee train caspo papers/ood_mmsafe/caspo.toml --set model=organism/base --set data=datasets/world --out runs/c
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from foresee.errors import UserError
from foresee.training._common.config import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from foresee.training._common.run import Parts

COLUMNS = ()
_SHOWN = 2  # answers of a dry run
OWN_REPLAY = True  # replay rows have completions, which the prompts' rows need not have


class Config(TrainingConfig):
    """Settings of CASPO."""

    generations: int = pydantic.Field(default=8, ge=2)
    """answers sampled to each prompt (G); batch * accumulate * processes must be a multiple"""

    updates: int = pydantic.Field(default=1, ge=1)
    """passes over the answers of one sampling"""

    max_new_tokens: int = pydantic.Field(default=256, ge=1)
    """longest answer"""

    temperature: float = pydantic.Field(default=1.0, gt=0)
    """of sampling; probabilities are compared at it too"""

    top_p: float = pydantic.Field(default=1.0, gt=0, le=1)
    """of sampling"""

    clip: float = pydantic.Field(default=0.2, gt=0)
    """how far the ratio to the sampling model may move before the loss no longer pulls"""

    loss: Literal["dapo", "grpo", "bnpo", "dr_grpo"] = "dapo"
    """how tokens are averaged (TRL's names): dapo over all tokens, grpo within each answer first"""

    kl_weight: float = pydantic.Field(default=0.0, ge=0)
    """weight of the k3 estimate of the divergence from the initial model"""

    constitution: str = "foresight"
    """a constitution of ours or a file of your own; empty for none"""

    constitution_turn: Literal["system", "user"] = "system"
    """where the teacher reads it"""

    teacher: str = "frozen"
    """moving, frozen, ema, the folder of a model or an adapter, or PROVIDER/NAME of a server (docs/training.md)"""

    teacher_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """options of a server that is the teacher (base_url, timeout, …)"""

    ema_rate: float = pydantic.Field(default=0.05, gt=0, le=1)
    """share of the student that goes into the running mean at each step (teacher=ema)"""

    token_weight: float = pydantic.Field(default=0.3, ge=0, le=1)
    """lambda: 0 learns from outcomes alone (GRPO), 1 from the teacher alone"""

    form: Literal["mix", "sum"] = "mix"
    """(1 - lambda) outcome + lambda tokens, or outcome + lambda tokens"""

    token_clip: tuple[float, float] = (-3.0, 3.0)
    """lowest and highest reward of a token, in nats"""

    normalise: bool = True
    """scale token rewards to mean 0 and deviation 1 over the group's tokens, or take them as they are"""

    discount: float = pydantic.Field(default=0.0, ge=0, le=1)
    """how much a token answers for those after it: 0 not at all"""

    deviation_floor: float = pydantic.Field(default=0.0, ge=0)
    """least standard deviation that rewards are divided by"""

    student_scores: Literal["auto", "sampled", "again"] = "auto"
    """the student's probabilities: as it sampled, or scored again; auto: again where sampling is in bfloat16"""

    outcome_sources: tuple[str, ...] = ()
    """route rows (COPSD): those of these sources or subsets learn from outcomes alone, all others from tokens alone"""

    reward: dict[str, dict[str, float]] = pydantic.Field(default_factory=dict)
    """judge -> part of its value (or word it says) -> weight"""

    judge_models: tuple[str, ...] = ()
    """models that fill in the judges' rubrics, for judges that need one; several decide by majority"""

    judge_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """options of the judge models (base_url, temperature, …; `2.base_url` for the second alone) and their price:
    `judge_options.price=2.5,10` in USD per million tokens, read and written"""

    log_terms_every: int = pydantic.Field(default=0, ge=0)
    """steps between logs of the gradient of outcomes and of tokens alone, two passes more each time; 0: none"""

    replay_weight: float = pydantic.Field(default=0.1, ge=0)
    """weight of the loss on replay rows, whose answers are learnt as in sft"""

    replay_batch: int = pydantic.Field(default=8, ge=1)
    """replay rows beside each batch of answers"""

    @pydantic.model_validator(mode="after")
    def _holds_together(self) -> Config:
        low, high = self.token_clip
        if not low < 0 < high:
            raise ValueError(f"token_clip: expected a negative and a positive bound, got {low:g} and {high:g}")
        if self.max_length is not None:
            raise ValueError("max_length: no text of the data is learnt here; max_new_tokens is the longest answer")
        learns_from_outcomes = self.token_weight < 1 or self.form == "sum" or self.outcome_sources
        if learns_from_outcomes and not self.reward:
            raise ValueError("no reward for outcomes: set one (reward.world.risk=0.5), or token_weight=1")
        return self


def trainer(config: Config, parts: Parts) -> Any:
    """Build a CaspoTrainer with its teacher, its judges and its replay rows."""
    from trl import GRPOConfig

    from foresee import constitutions
    from foresee.training._caspo import replay
    from foresee.training._caspo.rewards import Outcomes
    from foresee.training._caspo.teachers import Shadow, open_teacher
    from foresee.training._caspo.trainer import CaspoTrainer
    from foresee.training._common.judges import open_judges
    from foresee.training._common.prompts import check_system_role

    words = constitutions.text(config.constitution) if config.constitution else ""
    if words and config.constitution_turn == "system":
        check_system_role(parts.policy.processor)
    tokens_alone = _tokens_alone(config, parts)
    judges = open_judges(
        list(config.reward), config.judge_models, config.judge_options, parts.rows.for_checks(), where=""
    )
    weighed = [(judges.by_name[name], weights) for name, weights in config.reward.items()]
    functions, weights = Outcomes(weighed, parts.rows, tokens_alone).functions()
    record = _records(config, parts)
    caspo_trainer = CaspoTrainer(
        settings=config,
        constitution=words,
        dense=tokens_alone if config.outcome_sources else None,
        replay_loss=replay.loss_of(parts.replay, parts.policy.processor, config) if parts.replay else None,
        record=record,
        model=parts.policy.model,
        args=GRPOConfig(**_arguments(config, parts, weights, record)),
        reward_funcs=functions,
        train_dataset=parts.data,
        processing_class=parts.policy.processor,
        peft_config=parts.policy.peft,
        callbacks=list(parts.callbacks),
    )
    caspo_trainer.judges = judges
    caspo_trainer.teacher = open_teacher(
        config.teacher, parts.policy, caspo_trainer, config.ema_rate, config.teacher_options
    )
    if isinstance(caspo_trainer.teacher, Shadow):
        caspo_trainer.add_callback(caspo_trainer.teacher)
    return caspo_trainer


def preview(config: Config, parts: Parts, trainer: Any) -> list[str]:
    """Describe for `--dry-run` both views of a prompt, and answers sampled now with their rewards."""
    from trl.data_utils import prepare_multimodal_messages

    from foresee import constitutions
    from foresee.training._common.prompts import with_constitution

    words = constitutions.text(config.constitution) if config.constitution else ""
    row = next((row for row in parts.data if row.get("images")), parts.data[0])
    lines = ["what is learnt from: answers that the model samples itself, not those of the data"]
    for reader, law in (("the model", ""), (f"the teacher ({config.teacher})", words)):
        conversation = with_constitution(row["prompt"], law, config.constitution_turn)
        turns = prepare_multimodal_messages(conversation, images=row["images"]) if "images" in row else conversation
        text = parts.policy.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        lines += [f"  a prompt as {reader} reads it:", f"    {text}"]
    weights = dict(zip(trainer.reward_func_names, trainer.reward_weights.tolist(), strict=True))
    rewards = trainer._logs["rewards"]
    answers = [each if isinstance(each, str) else each[-1]["content"] for each in trainer._logs["completion"]]
    for answer in list(dict.fromkeys(answers))[:_SHOWN]:
        values = {name: rewards[name][answers.index(answer)] for name in weights}
        earned = [f"{name} {value:g} x {weights[name]:g}" for name, value in values.items() if value == value]
        lines += [
            f"  an answer sampled now: {' '.join(answer.split())!r}",
            f"    rewards: {', '.join(earned) or 'none'}",
        ]
    gap = trainer._metrics["train"].get("token_gap/mean")
    if gap:
        lines.append(f"  the teacher's log-probability of a token less the model's: {gap[-1]:+.3f} nats on average")
    return [
        *lines,
        f"  the outcome counts {1 - config.token_weight if config.form == 'mix' else 1:g}, the tokens "
        f"{config.token_weight:g}" + ("; rows are routed by their source" if config.outcome_sources else ""),
    ]


def _tokens_alone(config: Config, parts: Parts) -> Callable[[int], bool]:
    """Row index -> whether it learns from its tokens alone, so that its outcome need not be known."""
    rows, routed = parts.rows.rows, frozenset(config.outcome_sources)
    if routed:
        return lambda index: not {rows[index].source, rows[index].subset} & routed
    return lambda index: config.form == "mix" and config.token_weight == 1


def _records(config: Config, parts: Parts) -> bool:
    """Whether the student's probabilities are taken from sampling."""
    needed = config.token_weight > 0 or bool(config.outcome_sources)
    exact = not parts.policy.bf16 if config.student_scores == "auto" else config.student_scores == "sampled"
    return needed and exact and not parts.arguments.get("use_vllm")


def _arguments(config: Config, parts: Parts, weights: list[float], record: bool) -> dict[str, Any]:
    import os

    batches = int(parts.arguments.get("steps_per_generation", config.accumulate))
    together = config.batch * batches * int(os.environ.get("WORLD_SIZE", "1"))
    if together % config.generations:
        raise UserError(
            f"batch {config.batch} x {batches} batches x processes make {together} answers sampled at once, "
            f"which is no multiple of generations={config.generations}"
        )
    arguments = {
        "log_multimodal": False,  # TRL gathers them from the processes that have images, and waits for the others
        **parts.arguments,
        "num_generations": config.generations,
        "num_iterations": config.updates,
        "max_completion_length": config.max_new_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "epsilon": config.clip,
        "loss_type": config.loss,
        "beta": config.kl_weight,
        "reward_weights": weights,
    }
    if record:  # placeholders are barred after the recording, so that what is recorded is what scoring would give
        arguments["generation_kwargs"] = {**parts.arguments.get("generation_kwargs", {}), "suppress_tokens": None}
    between = max(1, config.updates * batches // config.accumulate)  # steps between two samplings
    arguments["save_steps"] = -(-config.save_every // between) * between  # a checkpoint lies where new answers begin
    return arguments
