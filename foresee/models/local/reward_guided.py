"""Reward-guided decoding: the likeliest next tokens, scored by a reward model as continuations of the answer so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from foresee.errors import ModelError, UserError
from foresee.models.checkpoints import check_templates
from foresee.models.checkpoints.find import fingerprint, one_line, quietly, read_json, resolve
from foresee.models.checkpoints.integrity import check_checkpoint

if TYPE_CHECKING:
    from foresee.models.local.decoding import Batch
    from foresee.records import Json, Request

_AT_ONCE = 32  # texts that a reward model reads together


class Scorer(Protocol):
    """What scores answers that are being written. Equal and hashable where it scores alike."""

    @property
    def identity(self) -> Mapping[str, Json]:
        """Whatever changes its scores."""
        ...

    def score(self, requests: Sequence[Request], texts: Sequence[str]) -> Sequence[float]:
        """Score the beginnings of answers, one for each request; higher is better."""
        ...


@dataclass(frozen=True)
class RewardGuided:
    """A `decoding.DecodingStrategy`: of the `top` likeliest tokens, scores become score + weight * reward.

    The reward is that of the answer so far with that token; all other tokens are ruled out (Immune, Ghosal et al.,
    arXiv 2411.18688; itsvaibhav01/Immune at dd91956, `generate_step`). Temperature and top-p come after that.

    Attributes:
        scorer: gives the rewards.
        weight: of the reward; 0 is plain decoding.
        top: how many tokens are scored at each step.
    """

    scorer: Scorer
    weight: float = 0.5
    top: int = 10

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"reward-guided": [self.weight, self.top, dict(self.scorer.identity)]}

    def processors(self, batch: Batch) -> Sequence[Any]:
        """None at weight 0: nothing is scored."""
        if self.weight == 0:
            return []
        start = batch.inputs["input_ids"].shape[1]

        def process(ids: Any, scores: Any) -> Any:
            import torch

            likely, tokens = scores.topk(min(self.top, scores.shape[-1]))
            written = ids[:, None, start:].expand(-1, tokens.shape[1], -1)
            texts = batch.decode(torch.cat([written, tokens[..., None]], dim=-1).flatten(0, 1))
            requests = [request for request in batch.requests for _ in range(tokens.shape[1])]
            found = self.scorer.score(requests, texts)
            if not all(map(math.isfinite, found)):
                raise ModelError("the reward model's scores are not finite")
            rewards = torch.tensor(found, device=scores.device, dtype=scores.dtype).view_as(likely)
            return torch.full_like(scores, -math.inf).scatter(-1, tokens, likely + self.weight * rewards)

        return [process]


@dataclass(frozen=True)
class RewardModel:
    """A `Scorer`: a checkpoint that classifies sequences; its one output, or the one named, is the score.

    It reads the request's last words and the answer so far, by its chat template where it has one, else one after
    the other; of images it is told only that they are there ("Given the image, ", as in the reference code).

    Attributes:
        folder: of the checkpoint.
        output: which of several outputs.
        digest: of its content.
    """

    folder: Path
    output: int
    digest: str

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"reward model": self.digest, "output": self.output}

    def score(self, requests: Sequence[Request], texts: Sequence[str]) -> list[float]:
        """Score answers. Equal texts are read once. Raises UserError: the checkpoint can't be loaded."""
        read = [self._written(request, text) for request, text in zip(requests, texts, strict=True)]
        distinct = list(dict.fromkeys(read))
        scores: dict[str, float] = {}
        for place in range(0, len(distinct), _AT_ONCE):
            some = distinct[place : place + _AT_ONCE]
            scores.update(zip(some, self._read(some), strict=True))
        return [scores[each] for each in read]

    def _written(self, request: Request, text: str) -> str:
        tokenizer, _ = self._loaded
        words = next((turn.text for turn in reversed(request.messages) if turn.role == "user"), "")
        asked = f"Given the image, {words}" if any(turn.images for turn in request.messages) else words
        if not tokenizer.chat_template:
            return f"{asked}\n{text}"
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": text}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False))

    def _read(self, texts: list[str]) -> list[float]:
        import torch

        tokenizer, model = self._loaded
        device = model.device
        longest = getattr(model.config, "max_position_embeddings", None) or 1 << 20
        inputs = tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=longest,
            add_special_tokens=not tokenizer.chat_template,
        )
        known = {key: value.to(device) for key, value in inputs.items() if key in ("input_ids", "attention_mask")}
        with torch.no_grad():
            found: list[float] = model(**known).logits[:, self.output].float().tolist()
        return found

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            with quietly():
                tokenizer = AutoTokenizer.from_pretrained(
                    self.folder, trust_remote_code=False, truncation_side="left", padding_side="right"
                )
                model, report = AutoModelForSequenceClassification.from_pretrained(
                    self.folder, trust_remote_code=False, use_safetensors=True, output_loading_info=True
                )
        except (ImportError, OSError, ValueError, KeyError, RuntimeError) as problem:
            raise UserError(f"-S reward: {self.folder} can't be loaded: {one_line(problem)}") from None
        check_templates(self.folder, tokenizer)
        if report["missing_keys"]:  # transformers would go on with random numbers in their place
            raise UserError(f"-S reward: {self.folder} lacks the weights {min(report['missing_keys'])}")
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
        return tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def reward_model(name: str, output: str) -> RewardModel:
    """Find a reward model; it is loaded by the first score.

    Args:
        name: a folder, or a hub id.
        output: which of its outputs is the score, by name or number; "" where it has one.

    Raises:
        UserError: no such checkpoint, none that classifies sequences, or no such output.
    """
    folder = resolve(name)
    check_checkpoint(folder)
    config = read_json(folder / "config.json")
    made = [str(each) for each in config.get("architectures") or []]
    if not any(each.endswith("ForSequenceClassification") for each in made):
        raise UserError(f"-S reward: expected a checkpoint that classifies sequences, {name} is {', '.join(made)}")
    names = {
        int(place): str(label) for place, label in (config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}).items()
    }
    if not output and len(names) != 1:
        raise UserError(f"-S reward: {name} has {len(names)} outputs ({', '.join(names.values())}); -S output=NAME")
    chosen = [place for place, label in names.items() if output in ("", label, str(place))]
    if not chosen:
        raise UserError(f"-S output: expected one of {', '.join(names.values())}, got '{output}'")
    return RewardModel(folder, chosen[0], fingerprint(folder))
