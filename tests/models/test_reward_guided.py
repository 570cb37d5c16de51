"""Reward-guided decoding: against one step after the other without a cache, alone and in batches; bad rewards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foresee.defenses import open_defense
from foresee.errors import ModelError, UserError
from foresee.models.local.model import LocalModel
from foresee.models.local.reward_guided import RewardGuided, reward_model
from foresee.records import Generation, Json, Request
from tests.models.test_contrast import replies, requests, texts_of, tokens_of
from tests.support import tiny_models

Folders = Callable[[str], Path]
Opened = Callable[..., LocalModel]


@dataclass(frozen=True)
class Likes:
    """Likes one letter, at the end most, and knows what was asked."""

    letter: str = "e"

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"likes": self.letter}

    def score(self, requests: Sequence[Request], texts: Sequence[str]) -> list[float]:
        return [
            text.count(self.letter)
            + 2.0 * text.endswith(self.letter)
            + 0.1 * len(request.messages[-1].text) * len(text)
            for request, text in zip(requests, texts, strict=True)
        ]


def one_by_one(model: LocalModel, request: Request, steps: int = 6) -> list[int]:
    """One request alone, each token from a whole pass, every likely one scored by itself."""
    import torch

    engine = model._shared.engine  # type: ignore[union-attr]
    core, prompts = engine.loaded().vlm.core, engine.loaded().prompts
    strategy: RewardGuided = request.decoding
    look = prompts.make(request.messages)
    ids: list[int] = []
    for _ in range(steps):
        new = torch.tensor([ids], dtype=torch.long)
        whole = {**look.text, **look.images, "input_ids": torch.cat([look.text["input_ids"], new], 1)}
        whole["attention_mask"] = torch.ones_like(whole["input_ids"])
        if "mm_token_type_ids" in look.text:
            whole["mm_token_type_ids"] = torch.cat([look.text["mm_token_type_ids"], torch.zeros_like(new)], 1)
        with torch.no_grad():
            scores = core(**whole).logits[0, -1].float()
        best = max(
            scores.topk(strategy.top).indices.tolist(),
            key=lambda token: (
                float(scores[token])
                + strategy.weight * strategy.scorer.score([request], prompts.decode([[*ids, token]]))[0]
            ),
        )
        ids.append(best)
    return ids


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
async def test_the_tokens_are_those_of_one_step_after_the_other(
    kind: str, folders: Folders, opened: Opened, tmp_path: Path
) -> None:
    model = opened(folders(kind))
    plain = tokens_of(model, requests(None))
    trained = reward_model(str(tiny_models.reward_model(tmp_path / "reward")), "")
    for scorer, count in ((Likes(), 4), (trained, 2)):
        asked = requests(RewardGuided(scorer, 3.0, 7))[:count]
        together = tokens_of(model, asked)
        assert together == [one_by_one(model, request) for request in asked]
        assert together == [tokens_of(model, [request])[0] for request in asked], "batched equals alone"
        assert together != plain[:count]


async def test_without_weight_it_is_plain_sampled_or_not(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"))
    for generation in (Generation(max_tokens=6), Generation(max_tokens=6, temperature=1.5, seed=3)):
        asked = requests(RewardGuided(Likes(), 0.0), generation)
        assert await texts_of(model, asked) == await texts_of(model, requests(None, generation))
    tried = requests(RewardGuided(Likes(), 1.0, 1))
    assert await texts_of(model, tried) == await texts_of(model, requests(None)), "one token leaves no choice"


async def test_rewards_that_are_no_numbers_are_an_error(folders: Folders, opened: Opened) -> None:
    @dataclass(frozen=True)
    class Broken(Likes):
        def score(self, requests: Sequence[Request], texts: Sequence[str]) -> list[float]:
            return [math.nan] * len(texts)

    with pytest.raises(ModelError, match="not finite"):
        await replies(opened(folders("llava")), requests(RewardGuided(Broken()))[:1])


def test_padding_changes_no_reward_and_a_template_is_used(tmp_path: Path) -> None:
    asked = requests(None)[:2]
    for template in (False, True):
        scorer = reward_model(str(tiny_models.reward_model(tmp_path / str(template), template=template)), "")
        texts = ["no", "yes, and more than that"]
        assert scorer.score(asked, texts) == pytest.approx(
            [scorer.score([one], [text])[0] for one, text in zip(asked, texts, strict=True)], abs=1e-5
        )
        assert scorer._written(asked[0], "no").startswith("Given the image, Is it safe?\nno") is not template


def test_what_is_no_reward_model_is_one_line(folders: Folders, tmp_path: Path) -> None:
    two = tiny_models.reward_model(tmp_path / "two", outputs=2)
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "immune needs a reward model: -S reward="),
        ({"reward": str(folders("llava"))}, "expected a checkpoint that classifies sequences, .* is Llava"),
        ({"reward": str(two)}, "has 2 outputs .*-S output=NAME"),
        ({"reward": str(two), "output": "harm"}, "-S output: expected one of LABEL_0, LABEL_1, got 'harm'"),
        ({"reward": str(tmp_path / "none")}, "none"),
    ]
    for options, complaint in cases:
        with pytest.raises(UserError, match=complaint) as refused:
            open_defense("immune", options)
        assert "\n" not in str(refused.value)
    defense = open_defense("immune", {"reward": str(two), "output": "LABEL_1"})
    assert defense is not None
    assert str(two) not in str(defense.identity), "it counts by its content"
    assert isinstance(defense.decoding, RewardGuided)
    assert defense.decoding.scorer.identity["output"] == 1
