"""Scoring after a prompt that is read once, on every architecture, against a pass of its own for each answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from trl.data_utils import prepare_multimodal_messages
from trl.trainer.utils import add_fused_lm_head

from foresee.models.checkpoints import load
from foresee.organism.world import language, scenes
from foresee.training._caspo import scoring
from foresee.training._common.prompts import read
from tests.support.tiny_models import KINDS, Kind, build, word_tokenizer
from tests.training.test_caspo import direct


@pytest.mark.parametrize("kind", KINDS)
def test_answers_after_a_shared_prompt_score_as_they_would_alone(kind: Kind, tmp_path: Path) -> None:
    words = word_tokenizer(kind, language.vocabulary())
    vlm = load(build(kind, tmp_path, tokenizer=words, hidden=64, layers=2, vision_layers=1, initializer_range=0.2))
    model, rng = vlm.model, random.Random(0)
    rows = [
        {"prompt": [{"role": "user", "content": text}], "images": [scenes.draw(scenes.sample(rng, "train"))]}
        for text in ("what is in the picture ?", "how do i light a candle here ?")
    ]
    answers = torch.tensor([[40, 41, 42], [43, 44, 0], [45, 46, 47]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]])
    which = torch.tensor([0, 1, 0])
    plain = [
        direct(model, vlm.processor, rows[w], a[m.bool()].tolist(), 0.7)
        for w, a, m in zip(which, answers, mask, strict=True)
    ]
    add_fused_lm_head(model, temperature=0.7)
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    with torch.no_grad():
        found = scoring.logprobs(model, read(vlm.processor, prompts), which, answers, mask)
    for row, expected in zip(found, plain, strict=True):
        torch.testing.assert_close(row[: len(expected)], expected, atol=1e-5, rtol=1e-4)
