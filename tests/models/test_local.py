"""Local models answer in batches exactly as one by one, whatever the architecture, the images and the company."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.models.local.model import LocalModel
from foresee.records import Generation, Image, Message, Model, Reply, Request
from tests.models.pictures import picture, user
from tests.support.figures import known
from tests.support.tiny_models import KINDS, Kind, build

GREEDY = Generation(max_tokens=16)
QUESTIONS = (
    "Is it safe?",
    "Say what you see in the picture, and what could happen next to the person near the water.",
    "Answer yes or no. " * 12,
    "Why?",
)


def mixed(*, varying: bool) -> list[Request]:
    """Text alone, one image, several, images between texts, long and short, with and without a system message."""
    draw = random.Random(5)
    requests = []
    for i in range(20):
        size = (draw.choice([32, 48, 64, 90, 128]), draw.choice([32, 50, 64, 100])) if varying else (64, 64)
        image, question = picture(i % 6, *size), QUESTIONS[i % 4]
        shapes = (
            user(image, question),
            user(question),
            user(question, image),
            user(image, picture(90 + i, *size), question),
            (*user("Look.", image, question), Message("assistant", ("I see.",)), *user("And now?")),
        )
        rules = (Message("system", ("Be safe.",)),) if i % 3 == 0 else ()
        requests.append(Request((*rules, *shapes[i % 5]), GREEDY))
    return requests


def plainly(folder: Path, request: Request) -> str:
    tokens = plain_tokens(folder, request)
    return str(_PLAIN[folder].tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def plain_tokens(folder: Path, request: Request) -> list[int]:
    """The answer by transformers alone: its processor, its generate, one request, nothing of ours in between."""
    import torch
    from PIL import Image as Pil

    from foresee.models.checkpoints import load

    if folder not in _PLAIN:
        _PLAIN[folder] = load(folder)
    vlm = _PLAIN[folder]
    turns = []
    for message in request.messages:
        parts: list[dict[str, Any]] = []
        for part in message.content:
            if isinstance(part, Image):
                parts.append({"type": "image", "image": Pil.open(io.BytesIO(part.read())).convert("RGB")})
            else:
                parts.append({"type": "text", "text": part})
        turns.append({"role": message.role, "content": parts})
    made = vlm.processor.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.no_grad():
        penalty = request.generation.repetition_penalty
        made |= {} if penalty == 1 else {"repetition_penalty": penalty}  # else whatever the checkpoint has
        tokens = vlm.core.generate(**made, do_sample=False, max_new_tokens=request.generation.max_tokens)
    answer: list[int] = tokens[0, made["input_ids"].shape[1] :].tolist()
    return answer[:-1] if answer[-1] in vlm.eos_ids else answer


_PLAIN: dict[Path, Any] = {}


async def together(model: Model, requests: list[Request]) -> list[Reply]:
    return list(await asyncio.gather(*(model.generate(request) for request in requests)))


@pytest.mark.parametrize("varying", [False, True], ids=["fixed", "varying"])
@pytest.mark.parametrize("kind", KINDS)
async def test_batched_answers_are_those_of_transformers_alone(
    kind: Kind, varying: bool, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    requests = mixed(varying=varying)
    expected = [plainly(folders(kind), request) for request in requests]
    assert len(set(expected)) > 8, "the tiny model says nearly the same to everything: a weak test"
    model = opened(folders(kind), batch_size=8)
    batched = await together(model, requests)
    assert [reply.text for reply in batched] == expected
    assert max(known(model._shared).batcher.batches) > 3
    again = [await model.generate(request) for request in requests[:6]]
    assert [(r.text, r.usage) for r in again] == [(r.text, r.usage) for r in batched[:6]]


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_made_together_are_those_made_alone_to_the_last_bit(
    kind: Kind, folders: Callable[[Kind], Path]
) -> None:
    from foresee.models.checkpoints import load
    from foresee.models.local.prompting import Ask, Prompt, Prompts, same

    requests = [*mixed(varying=False), *mixed(varying=True)]
    alone, together = (Prompts(load(folders(kind)), cache_bytes=0) for _ in range(2))
    made = together.make_all([Ask(request.messages) for request in requests])
    assert together._works == {True: True, False: True}
    assert known(together.images)._shared
    for prompt, request in zip(made, requests, strict=True):
        assert isinstance(prompt, Prompt)
        expected = alone.make(request.messages)
        assert same(prompt, expected)
        assert prompt.image_hashes == expected.image_hashes


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl", "qwen3_vl"])
async def test_answers_end_where_each_ends(
    kind: Kind, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel], tmp_path: Path
) -> None:
    requests = mixed(varying=False)
    long = [plain_tokens(folders(kind), request) for request in requests]
    common = Counter(token for answer in long for token in set(answer[1:]))
    ends = [token for token, count in common.most_common() if count < len(long) / 2][:3]  # of some answers, not of all
    folder = tmp_path / "model"
    build(kind, folder, initializer_range=0.12, hidden=64, layers=3, seed=1)
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": ends}))
    model = opened(folder)
    assert model.identity != opened(folders(kind)).identity
    replies = await together(model, requests)
    assert [reply.text for reply in replies] == [plainly(folder, request) for request in requests]
    assert {reply.finish_reason for reply in replies} == {"stop", "length"}
    assert len({reply.usage.output_tokens for reply in replies}) > 3
    refilled = opened(folder, batch_size=6, refill=True)
    again = await together(refilled, requests)
    assert [(r.text, r.finish_reason, r.usage) for r in again] == [(r.text, r.finish_reason, r.usage) for r in replies]
    assert max(known(refilled._shared).batcher.batches) > 6, "nobody came in for those that had ended"


@pytest.mark.parametrize(("kind", "fits"), [("gemma3", False), ("idefics3", True)])
async def test_where_a_cache_slides_a_batch_is_answered_as_a_whole(
    kind: Kind, fits: bool, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model, requests = opened(folders(kind), batch_size=6, refill=True), mixed(varying=True)[: 20 if fits else 8]
    refilled = await together(model, requests)
    assert (max(known(model._shared).batcher.batches) > 6) == fits
    whole = await together(opened(folders(kind), batch_size=6), requests)
    assert [reply.text for reply in refilled] == [reply.text for reply in whole]


async def test_sampling_defaults_of_the_checkpoint_are_left_out(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel], tmp_path: Path
) -> None:
    folder = build("llava", tmp_path / "model", initializer_range=0.12, hidden=64, layers=3, seed=1)
    settings = json.loads((folder / "generation_config.json").read_text())
    own = {"do_sample": True, "temperature": 5.0, "top_k": 3, "repetition_penalty": 9.0, "suppress_tokens": [40, 41]}
    (folder / "generation_config.json").write_text(json.dumps({**settings, **own}))
    requests = mixed(varying=False)
    assert [plain_tokens(folder, request) for request in requests[:3]] != [
        plain_tokens(folders("llava"), request) for request in requests[:3]
    ]
    changed = await together(opened(folder), requests)
    plain = await together(opened(folders("llava")), requests)
    assert [reply.text for reply in changed] == [reply.text for reply in plain]


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
async def test_a_repetition_penalty_is_that_of_transformers_in_any_company(
    kind: Kind, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    penalty = Generation(max_tokens=16, repetition_penalty=1.3)
    requests = [Request(request.messages, penalty) for request in mixed(varying=True)]
    alone = [plain_tokens(folders(kind), request) for request in requests[:6]]
    plain = [plain_tokens(folders(kind), Request(request.messages, GREEDY)) for request in requests[:6]]
    assert alone != plain, "the penalty changes something here"
    replies = await together(opened(folders(kind)), requests)
    assert [reply.text for reply in replies[:6]] == [plainly(folders(kind), request) for request in requests[:6]]
    refilled = await together(opened(folders(kind), batch_size=6, refill=True), requests)
    assert [reply.text for reply in refilled] == [reply.text for reply in replies]


@pytest.mark.parametrize("kind", ["llava", "qwen3_vl"])
async def test_sampling_with_a_seed_does_not_depend_on_the_company(
    kind: Kind, folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    def sampled(seed: int | None) -> list[Request]:
        sampling = Generation(temperature=1.3, top_p=0.95, max_tokens=16, seed=seed)
        return [Request(request.messages, sampling) for request in mixed(varying=True)]

    model = opened(folders(kind), batch_size=8)
    first = [reply.text for reply in await together(model, sampled(11))]
    assert first == [reply.text for reply in reversed(await together(model, sampled(11)[::-1]))]
    assert first[:8] == [(await model.generate(request)).text for request in sampled(11)[:8]]
    refilled = opened(folders(kind), batch_size=4, refill=True)
    assert first == [reply.text for reply in await together(refilled, sampled(11))]
    assert first != [reply.text for reply in await together(model, sampled(12))]
    free = sampled(None)[0]
    assert len({reply.text for reply in await together(model, [free] * 6)}) > 1


async def test_different_settings_are_not_mixed(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(folders("llava"))
    short = Request(user("Is it safe?"), Generation(max_tokens=3))
    long = Request(user("Is it safe?"), Generation(max_tokens=11))
    replies = await together(model, [short, long, short, long])
    assert [reply.usage.output_tokens for reply in replies] == [3, 11, 3, 11]
    assert replies[1].text.startswith(replies[0].text)
    assert {reply.finish_reason for reply in replies} == {"length"}


async def test_a_stop_text_ends_the_answer(folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]) -> None:
    model = opened(folders("llava"))
    requests = mixed(varying=False)
    whole = [reply.text for reply in await together(model, requests)]
    pairs = Counter(text[i : i + 2] for text in whole for i in range(1, len(text) - 4))
    stop = next(pair for pair, count in pairs.most_common() if pair.isascii() and pair.isprintable() and count < 10)
    asked = [Request(r.messages, Generation(max_tokens=16, stop=(stop, "\u2603"))) for r in requests]
    replies = await together(model, asked)
    for text, reply in zip(whole, replies, strict=True):
        assert reply.text == text.split(stop)[0].strip()
        assert reply.finish_reason == ("stop" if stop in text else "length")
    assert any(stop in text for text in whole)
    assert {reply.usage.output_tokens < 16 for reply in replies if reply.finish_reason == "stop"} == {True}
    refilled = await together(opened(folders("llava"), batch_size=4, refill=True), asked)
    assert [(r.text, r.finish_reason, r.usage) for r in refilled] == [
        (r.text, r.finish_reason, r.usage) for r in replies
    ]


async def test_logprobs_are_those_of_the_model(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    import torch

    from foresee.models.checkpoints import load

    model = opened(folders("llava"))
    sampling = Generation(temperature=1.5, seed=3, max_tokens=6)
    asked = [Request(user(text), sampling, logprobs=True) for text in QUESTIONS]
    replies = await together(model, asked)
    vlm = load(folders("llava"))
    engine = known(model._shared).engine
    for request, reply in zip(asked, replies, strict=True):
        assert reply.logprobs is not None
        assert len(reply.logprobs) == reply.usage.output_tokens == 6
        job = engine.prepare(request)
        raw = engine._generate([job.content])[0]
        ids = torch.tensor([job.content.prompt.ids + raw.tokens])
        with torch.no_grad():
            table = vlm.core(input_ids=ids).logits[0].log_softmax(-1)
        start = job.content.prompt.length
        expected = [float(table[start + i - 1, token]) for i, token in enumerate(raw.tokens)]
        assert reply.logprobs == pytest.approx(expected, abs=1e-4)
    refilled = await together(opened(folders("llava"), batch_size=2, refill=True), asked)
    for one, other in zip(refilled, replies, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


async def test_equal_images_are_processed_and_encoded_once(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    model = opened(folders("qwen3_vl"), batch_size=8)
    requests = [Request(user(picture(i % 3, 32 + 16 * (i % 3), 64), f"{i} is it safe?"), GREEDY) for i in range(24)]
    replies = await together(model, requests)
    engine = known(model._shared).engine
    seen: list[int] = []
    visual = engine.loaded().vlm.core.model.visual
    hook = visual.register_forward_hook(lambda *_: seen.append(1))
    assert known(engine.loaded().prompts.images).cache.made == 3
    assert engine.encoded.made == 3
    assert [r.text for r in await together(model, requests)] == [r.text for r in replies]
    assert not seen
    await model.generate(Request(user(picture(77), "new")))
    assert len(seen) == 1
    hook.remove()


async def test_a_small_cache_changes_nothing(
    folders: Callable[[Kind], Path], opened: Callable[..., LocalModel]
) -> None:
    requests = mixed(varying=True)
    with_cache, without = opened(folders("qwen2_5_vl")), opened(folders("qwen2_5_vl"), image_cache_mb=0)
    first, second = await together(with_cache, requests), await together(without, requests)
    assert [r.text for r in first] == [r.text for r in second]
    assert not known(without._shared).engine.encoded._values
    assert not known(known(without._shared).engine.loaded().prompts.images).cache._values
