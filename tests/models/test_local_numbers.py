"""Logits that are no numbers are an error of their own request, never the first choice or token 0."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from foresee.errors import ModelError
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Message, Reply, Request
from tests.models.test_decoding import Ban

GREEDY = Generation(max_tokens=4)


@pytest.fixture
def broken(folders: Callable[[Any], Path], tmp_path: Path) -> Callable[[float], Path]:
    """A model whose last norm has one weight of this value."""

    def folder(value: float) -> Path:
        shutil.copytree(folders("qwen2_5_vl"), tmp_path / "broken")
        path = tmp_path / "broken" / "model.safetensors"
        weights = load_file(path)
        (name,) = (name for name in weights if name.endswith("model.norm.weight"))
        weights[name][0] = value
        save_file(weights, path, metadata={"format": "pt"})
        return tmp_path / "broken"

    return folder


def asked(text: str = "is it safe ?", **more: Any) -> Request:
    return Request((Message("user", (text,)),), more.pop("generation", GREEDY), **more)


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_model_whose_logits_are_no_numbers_answers_nothing(
    value: float, broken: Callable[[float], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(broken(value))
    every = [
        asked(choices=("Yes", "No")),
        asked(),
        asked(generation=Generation(temperature=1.0, max_tokens=4, seed=1)),
        asked(logprobs=True),
    ]
    replies = await asyncio.gather(*(model.generate(each) for each in every), return_exceptions=True)
    for reply in replies:
        assert isinstance(reply, ModelError)
        assert "the model's logits are not finite (dtype float32; try dtype=bfloat16" in str(reply)


class Spoil(Ban):
    """NaN for the second request of a batch alone."""

    def processors(self, batch: Any) -> list[Any]:
        def process(ids: Any, scores: Any) -> Any:
            scores = scores.clone()
            scores[1, 7] = math.nan
            return scores

        return [process]


async def test_the_neighbours_of_a_broken_row_are_answered(
    folders: Callable[[Any], Path], opened: Callable[..., LocalModel]
) -> None:
    engine = opened(folders("llava"))._shared.engine  # type: ignore[union-attr]
    jobs = [engine.prepare(asked(f"{n} ?", decoding=Spoil((5,)))) for n in range(3)]
    replies = engine.run(jobs)
    assert [isinstance(reply, ModelError) for reply in replies] == [False, True, False]
    alone = engine.run([engine.prepare(asked("0 ?", decoding=Ban(())))])[0]
    assert isinstance(alone, Reply)
    assert isinstance(replies[0], Reply)
    assert replies[0].text == alone.text


async def test_choices_without_any_probability_are_no_answer(
    folders: Callable[[Any], Path], opened: Callable[..., LocalModel]
) -> None:
    engine = opened(folders("llava"))._shared.engine  # type: ignore[union-attr]
    starts = engine.loaded().prompts.first_tokens(("Yes", "No"))
    barred = Ban(tuple(token for ids in starts.values() for token in ids))
    (reply,) = engine.run([engine.prepare(asked(choices=("Yes", "No"), decoding=barred))])
    assert isinstance(reply, Reply)
    assert reply.text == ""
    assert reply.choice_probabilities == {"Yes": 0.0, "No": 0.0}


def test_infinities_that_bar_tokens_are_no_fault() -> None:
    from foresee.models.local.decoding import Chooser

    chooser = Chooser(Generation(), (1, 2), record=False)
    chooser(None, torch.tensor([[0.0, -math.inf], [-math.inf, -math.inf]]))
    assert chooser.broken.tolist() == [False, True]
