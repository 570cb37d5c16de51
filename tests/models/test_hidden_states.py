"""Hidden states: what is read and edited, for each request of a batch by itself, against passes without any cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import ModelError, UserError
from foresee.models import open_model
from foresee.models.local.contrast import ContrastiveDecoding
from foresee.models.local.hidden_states import Pass, Positions
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Message, Request
from tests.models.pictures import picture

Folders = Callable[[str], Path]
Opened = Callable[..., LocalModel]
KINDS = ["llava", "qwen2_5_vl", "qwen3_vl"]
GREEDY = Generation(max_tokens=6)
TEXTS = ["Is it safe?", "Say what could happen next, and then say it again.", "No.", "Look at the image: what is it?"]


@dataclass(frozen=True)
class Push:
    """Adds a fixed direction, and reads how far the last position of the prompt lies along it."""

    strength: float
    layer: int = 1
    positions: Positions = "all"
    fitted_to: str = ""

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"push": [self.strength, self.layer, self.positions]}

    @property
    def layers(self) -> tuple[int, ...]:
        return (self.layer,)

    def session(self, model: Any) -> Pushing:
        return Pushing(self)


class Pushing:
    def __init__(self, push: Push) -> None:
        self.push = push
        self.read: list[float] = []

    def edit(self, layer: int, states: Any, now: Pass) -> Any:
        if now.prompt:
            self.read = (states[:, -1] @ direction(states)).tolist()
        return states + self.push.strength * now.chosen(self.push.positions)[..., None] * direction(states)

    def readings(self, row: int) -> Mapping[str, float]:
        return {"along": self.read[row]}


def direction(states: Any) -> Any:
    import torch

    return torch.linspace(-1, 1, states.shape[-1], dtype=states.dtype)


def request(number: int, hidden: Any = None, **fields: Any) -> Request:
    asked = Message("user", (picture(number), TEXTS[number % len(TEXTS)]))
    return Request((asked,), GREEDY, hidden=hidden, **fields)


async def alone(model: LocalModel, requests: list[Request]) -> list[Any]:
    return [await model.generate(each) for each in requests]


@pytest.mark.parametrize("kind", KINDS)
async def test_steered_and_plain_requests_share_a_batch_and_are_answered_as_alone(
    kind: str, folders: Folders, opened: Opened
) -> None:
    model = opened(folders(kind), max_wait_ms=300)
    strategies = [None, Push(4.0), Push(4.0), Push(-3.0, layer=0, positions="new"), None, Push(6.0, positions="prompt")]
    requests = [request(number, hidden) for number, hidden in enumerate(strategies)]
    one_by_one = await alone(model, requests)
    model._shared.batcher.batches.clear()  # type: ignore[union-attr]
    together = await asyncio.gather(*map(model.generate, requests))
    assert max(model._shared.batcher.batches) > 1, "they shared a batch"  # type: ignore[union-attr]
    assert [reply.text for reply in together] == [reply.text for reply in one_by_one]
    for reply, single in zip(together, one_by_one, strict=True):
        assert (reply.readings is None) == (single.readings is None)
        if reply.readings is not None:
            assert reply.readings["along"] == pytest.approx(single.readings["along"], abs=1e-3)
    plain = await alone(model, [replace(each, hidden=None) for each in requests])
    changed = [reply.text != before.text for reply, before in zip(together, plain, strict=True)]
    assert [not each for each in changed] == [each is None for each in strategies], "each was steered by its own"
    nothing = await alone(model, [replace(each, hidden=Push(0.0)) for each in requests])
    assert [reply.text for reply in nothing] == [reply.text for reply in plain], "strength 0 is plain"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("positions", ["all", "prompt", "new"])
async def test_cached_generation_is_that_of_whole_passes(
    kind: str, positions: Positions, folders: Folders, opened: Opened
) -> None:
    import torch

    model, push = opened(folders(kind)), Push(3.0, positions=positions)
    reply = await model.generate(request(1, push))
    loaded = model._shared.engine.loaded()  # type: ignore[union-attr]
    core, prompt = loaded.vlm.core, loaded.prompts.make(request(1).messages)
    length = prompt.length
    tokens: list[int] = []

    def hook(module: Any, arguments: Any, output: Any) -> Any:
        here = torch.arange(output.shape[1])
        where = {"all": here >= 0, "prompt": here < length, "new": here >= length - 1}[positions]
        return output + push.strength * where[None, :, None] * direction(output)

    held = core.get_decoder().layers[push.layer].register_forward_hook(hook)
    try:
        with torch.no_grad():
            for _ in range(GREEDY.max_tokens):
                more = torch.tensor([tokens], dtype=torch.long)
                whole = {key: grown(key, value, more) for key, value in prompt.text.items()}
                scores = core(**whole, **prompt.images, use_cache=False).logits[0, -1]
                tokens.append(int(scores.argmax()))
    finally:
        held.remove()
    (text,) = loaded.prompts.decode([tokens])
    assert reply.text == text.strip()


def grown(key: str, value: Any, more: Any) -> Any:
    import torch

    new = more if key == "input_ids" else torch.full_like(more, 1 if key == "attention_mask" else 0)
    return torch.cat([value, new.to(value.dtype)], dim=1)


async def test_what_is_read_is_what_the_layer_put_out(folders: Folders, opened: Opened) -> None:
    import torch

    model = opened(folders("llava"))
    reply = await model.generate(request(0, Push(0.0, layer=0), choices=("Yes", "No")))
    loaded = model._shared.engine.loaded()  # type: ignore[union-attr]
    prompt = loaded.prompts.make(request(0).messages)
    with torch.no_grad():
        states = loaded.vlm.core(**prompt.text, **prompt.images, output_hidden_states=True).hidden_states[1][0, -1]
    assert reply.readings is not None
    assert reply.readings["along"] == pytest.approx(float(states @ direction(states)), abs=1e-4)


async def test_both_branches_of_a_contrast_are_steered(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"), max_wait_ms=300)
    contrast = ContrastiveDecoding(distorted="blank")
    requests = [request(n, Push(4.0) if n % 2 else None, decoding=contrast) for n in range(4)]
    one_by_one = await alone(model, requests)
    together = await asyncio.gather(*map(model.generate, requests))
    assert [reply.text for reply in together] == [reply.text for reply in one_by_one]
    unsteered = await alone(model, [replace(each, hidden=None) for each in requests])
    assert [a.text != b.text for a, b in zip(together, unsteered, strict=True)] == [False, True, False, True]


async def test_what_can_not_be_is_said(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"))
    with pytest.raises(UserError, match="layer 7: this model has 3 decoder layers, 0 to 2"):
        await model.generate(request(0, Push(1.0, layer=7)))
    with pytest.raises(UserError, match="fitted to a model with the weights abc"):
        await model.generate(request(0, Push(1.0, fitted_to="abc")))
    away = open_model("custom/m", {"base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(ModelError, match="shows no hidden states"):
        await away.generate(request(0, Push(1.0)))
    await away.close()
    assert (await model.generate(request(0))).text, "and the model goes on"
