"""TRL's GRPOTrainer with advantages of CASPO's: the only change is what `advantages` holds.

TRL samples the answers, has them judged and computes the clipped loss; its loss takes advantages of shape (B, T) as
well as (B,). Overridden: the advantages; sampling, to keep the log-probabilities that it computes anyway; the loss,
where there are replay rows; and the tokenising of text-only prompts beside others, on which TRL 1.16 fails, as towers
do on what it then hands them (a hook on the model mends that).
"""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, SuppressTokensLogitsProcessor
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages
from trl.models.utils import disable_gradient_checkpointing

from foresee.training._caspo import advantages, scoring
from foresee.training._caspo.rewards import WithoutRows
from foresee.training._caspo.served import Served
from foresee.training._caspo.teachers import Teacher
from foresee.training._common import judges, sharding
from foresee.training._common.prompts import Turn, read, with_constitution


class CaspoTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO whose advantage of a token is a blend of the answer's outcome and of what a teacher thinks of the token.

    Args:
        settings: a `caspo.Config`.
        constitution: what the teacher reads besides.
        dense: row index -> whether it learns from its tokens alone; None where no row is routed.
        replay_loss: the loss on the next replay rows, given the bare model; None where there are none.
        record: keep the probabilities with which tokens were sampled (TRL must then not bar placeholders by itself).
        arguments: GRPOTrainer's.
    """

    def __init__(
        self,
        *,
        settings: Any,
        constitution: str,
        dense: Callable[[int], bool] | None,
        replay_loss: Callable[[Any, int], Any] | None,
        record: bool,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.teacher: Teacher | Served | None = None
        self.judges = judges.NONE
        self._settings, self._constitution, self._dense, self._replay_loss = settings, constitution, dense, replay_loss
        self._record = record
        self._rewards: Any = None
        self._sampled: Any = None
        logging.getLogger("trl.trainer.grpo_trainer").addFilter(WithoutRows())
        self.model.register_forward_pre_hook(_without_empty_images, with_kwargs=True)

    @property
    def _needs_teacher(self) -> bool:
        return self._dense is not None or self._settings.token_weight > 0

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[Any, Any, Any]:
        """Tokenize as TRL does, but give a prompt without images among others an empty list, which processors take."""
        ids, images, fields = super()._tokenize_prompts(prompts)
        return ids, images and [each or [] for each in images], fields

    def _calculate_rewards(self, *arguments: Any, **keywords: Any) -> Any:
        """Keep the rewards (N, parts) of TRL, which hands on nothing but its own advantages."""
        self._rewards = super()._calculate_rewards(*arguments, **keywords)
        return self._rewards

    def _generate_single_turn(self, *arguments: Any, **keywords: Any) -> Any:
        """Keep the probability of each token that TRL samples, which saves scoring the answers once more."""
        self._sampled = None
        sharding.gather_root(self)
        if not self._record:
            return super()._generate_single_turn(*arguments, **keywords)
        model, hidden = self.accelerator.unwrap_model(self.model_wrapped), self._placeholders
        with _recorded(model, self.temperature, hidden) as recorder:
            ids, logprobs = super()._generate_single_turn(*arguments, **keywords)
        self._sampled = recorder.logprobs(ids, self.accelerator.device)
        return ids, logprobs

    @property
    def _placeholders(self) -> list[int]:
        """Token ids of image placeholders, which must not be sampled."""
        token = getattr(self.model.config, "image_token_id", None)
        return [] if token is None else [token]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out: dict[str, Any] = super()._generate_and_score_completions(inputs)
        out.update(self._blend(inputs, out))
        return out

    def _blend(self, inputs: Sequence[Mapping[str, Any]], out: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the advantages (B, T), and each of the two terms that they are the sum of, weighted."""
        mode = "train" if self.model.training else "eval"
        group = self.num_generations if mode == "train" else self.num_generations_eval
        mask, config = out["completion_mask"], self._settings
        outcome = self._mine(advantages.outcome_advantage(self._weighted(), group, config.deviation_floor), len(inputs))
        token = torch.zeros(mask.shape, device=mask.device)
        if self._needs_teacher:
            reward = self._token_reward(inputs, out)
            token = self._token_advantage(reward, mask, group, mode)
        dense = None
        if self._dense is not None:
            dense = torch.tensor([self._dense(row["row"]) for row in inputs], device=mask.device)
        weight = advantages.weights(config.token_weight, config.form, dense, outcome)
        none = torch.zeros_like(weight.token)
        return {
            "advantages": advantages.combine(outcome, token, weight, mask),
            "outcome_term": advantages.combine(outcome, token, weight._replace(token=none), mask),
            "token_term": advantages.combine(outcome, token, weight._replace(outcome=none), mask),
        }

    def _weighted(self) -> Any:
        """Sum the weighted rewards (N,); NaN where no part has a number."""
        rewards = (self._rewards * self.reward_weights.to(self._rewards.device)).nansum(1)
        return rewards.masked_fill(self._rewards.isnan().all(1), torch.nan)

    def _mine(self, everyone: Any, rows: int) -> Any:
        start = self.accelerator.process_index * rows
        return everyone[start : start + rows]

    def _token_advantage(self, reward: Any, mask: Any, group: int, mode: str) -> Any:
        config = self._settings
        credit = advantages.return_to_go(reward, mask, config.discount)
        sums = self.accelerator.gather(advantages.token_sums(credit, mask))
        moments = self._mine(advantages.group_moments(sums, group), len(mask))
        self._log_gap(reward, mask, mode)
        if not config.normalise:
            return credit
        return advantages.token_advantage(credit, mask, moments, config.deviation_floor)

    def _log_gap(self, reward: Any, mask: Any, mode: str) -> None:
        clipped = (reward <= self._settings.token_clip[0]) | (reward >= self._settings.token_clip[1])
        sums = torch.stack([reward.sum(), reward.abs().sum(), (clipped * mask).sum(), mask.sum()]).double()
        total, size, at_bound, tokens = self.accelerator.reduce(sums, reduction="sum").tolist()
        for name, value in (("mean", total), ("size", size), ("clipped", at_bound)):
            self._metrics[mode][f"token_gap/{name}"].append(value / max(tokens, 1.0))

    def _token_reward(self, inputs: Sequence[Mapping[str, Any]], out: Mapping[str, Any]) -> Any:
        """Compute (B, T): the teacher's log-probability of each sampled token less the student's, clipped."""
        assert self.teacher is not None
        student = out.get("old_per_token_logps")  # TRL has them where the answers serve more than one update
        student = self._sampled if student is None else student
        with torch.no_grad(), disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            if student is None:
                student = self._score(self.model, inputs, out, "")
            if isinstance(self.teacher, Served):
                teacher = self._read_elsewhere(self.teacher, inputs, out, student)
            else:
                with self.teacher.model(self) as model:
                    teacher = self._score(model, inputs, out, self._constitution)
        low, high = self._settings.token_clip
        return advantages.token_reward(teacher, student, out["completion_mask"], low, high)

    def _read_elsewhere(self, teacher: Served, inputs: Sequence[Mapping[str, Any]], out: Any, student: Any) -> Any:
        """Have a server score (B, T); where it can't, scores are the student's, so that nothing is learnt there."""
        found = teacher.score(inputs, out, self._constitution, self._settings.constitution_turn)
        unread = found.isnan() & out["completion_mask"].bool()
        share = unread.sum() / out["completion_mask"].sum().clamp(min=1)
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["token_gap/unread"].append(self.accelerator.gather(share).mean().item())
        return torch.where(found.isnan(), student, found)

    def _score(self, model: Any, inputs: Sequence[Mapping[str, Any]], out: Mapping[str, Any], constitution: str) -> Any:
        """Score (B, T) the sampled tokens after the prompt with a constitution, at the temperature."""
        step, turn, scored = self.args.per_device_train_batch_size, self._settings.constitution_turn, []
        for start in range(0, len(inputs), step):
            rows = inputs[start : start + step]
            distinct = {row["row"]: row for row in rows}
            prompts = [_conversation(row, constitution, turn) for row in distinct.values()]
            order = {index: place for place, index in enumerate(distinct)}
            answers, mask = (out[name][start : start + step] for name in ("completion_ids", "completion_mask"))
            which = torch.tensor([order[row["row"]] for row in rows], device=answers.device)
            inputs_of = read(self.processing_class, prompts, **self.chat_template_kwargs)
            prompt_inputs = {name: value.to(answers.device) for name, value in inputs_of.items()}
            with self.accelerator.autocast():
                scored.append(scoring.logprobs(model, prompt_inputs, which, answers, mask))
        return torch.cat(scored)

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        every = self._settings.log_terms_every
        if every and self.model.training and self.state.global_step % every == 0:
            self._log_terms(self.accelerator.unwrap_model(model), inputs)
        loss = super()._compute_loss(model, inputs)
        if self._replay_loss is None or not self.model.training:
            return loss
        general = self._replay_loss(self.accelerator.unwrap_model(model), self._step)
        self._metrics["train"]["replay/loss"].append(self.accelerator.gather(general.detach()).mean().item())
        return loss + self._settings.replay_weight * general / self.current_gradient_accumulation_steps

    def _log_terms(self, model: Any, inputs: Mapping[str, Any]) -> None:
        """Log the norm of the gradient that each term alone would give, and the cosine of the two.

        They add up to the whole where no ratio is clipped, as in the first pass over new answers.
        """
        learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
        trl: Any = self  # its metrics and its weight of the divergence, set aside meanwhile
        kept, beta = trl._metrics["train"], trl.beta
        trl._metrics["train"], trl.beta = defaultdict(list), 0.0
        found = []
        for term in ("outcome_term", "token_term"):
            loss = super()._compute_loss(model, {**inputs, "advantages": inputs[term]})
            parts = torch.autograd.grad(loss, learnt, allow_unused=True)
            found.append(torch.cat([part.detach().flatten().float() for part in parts if part is not None]))
        trl._metrics["train"], trl.beta = kept, beta
        outcome, token = found
        logged = {
            "outcome": outcome.norm(),
            "token": token.norm(),
            "cosine": torch.cosine_similarity(outcome, token, dim=0),
        }
        for name, value in logged.items():
            kept[f"gradient/{name}"].append(self.accelerator.gather(value).mean().item())


def _conversation(row: Mapping[str, Any], constitution: str, turn: Turn) -> Any:
    turns = with_constitution(row["prompt"], constitution, turn)
    return prepare_multimodal_messages(turns, images=row["images"]) if "images" in row else turns


def _without_empty_images(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Drop the empty image tensor that TRL hands the part of a mixed batch without images."""
    pixels = kwargs.get("pixel_values")
    if pixels is None or len(pixels):
        return None
    return args, {name: value for name, value in kwargs.items() if not name.startswith(("pixel_", "image_"))}


class _Recorder(LogitsProcessor):  # type: ignore[misc]
    """Keeps the log-probability of each token that sampling chose; changes nothing."""

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature
        self._last: Any = None
        self._columns: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self._last is not None:
            self._columns.append(self._last.gather(1, input_ids[:, -1:]))
        self._last = (scores.float() / self._temperature).log_softmax(-1)
        return scores

    def logprobs(self, ids: Sequence[Sequence[int]], device: Any) -> Any:
        """Return (B, T) for answers of up to T tokens; values after an answer's end mean nothing."""
        longest = max(map(len, ids))
        ends = [row[-1] if len(row) == longest else 0 for row in ids]
        last = self._last.gather(1, torch.tensor(ends, device=self._last.device).unsqueeze(1))
        return torch.cat([*self._columns, last], dim=1)[:, :longest].to(device)


@contextmanager
def _recorded(model: Any, temperature: float, hidden: list[int]) -> Iterator[_Recorder]:
    """Record what `model.generate` samples while this lasts, and bar `hidden` tokens."""
    recorder = _Recorder(temperature)
    bars = [SuppressTokensLogitsProcessor(hidden, device=model.device)] if hidden else []
    model.generate = functools.partial(model.generate, logits_processor=LogitsProcessorList([recorder, *bars]))
    try:
        yield recorder
    finally:
        del model.generate
