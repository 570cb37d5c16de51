"""Visual contrastive decoding: its arithmetic by hand, and the fused form against two passes without any cache."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pil

from foresee.errors import ModelError
from foresee.models.local.contrast import (
    ContrastiveDecoding,
    OtherImage,
    PrincipleContrast,
    blurred,
    contrasted,
    diffused,
    kept_and_added,
)
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Message, Reply, Request
from tests.models.pictures import picture

Folders = Callable[[str], Path]
Opened = Callable[..., LocalModel]
GREEDY = Generation(max_tokens=6)
KINDS = ["llava", "qwen2_5_vl", "qwen3_vl"]


@pytest.mark.parametrize(
    ("step", "kept", "added"),
    [(100, 0.998, 0.058), (300, 0.981, 0.194), (500, 0.863, 0.505), (700, 0.593, 0.805), (999, 0.285, 0.959)],
)
def test_the_schedule_is_the_published_one(step: int, kept: float, added: float) -> None:
    assert kept_and_added(step) == pytest.approx((kept, added), abs=6e-4)


def test_the_contrast_by_hand() -> None:
    import torch

    clean = torch.tensor([[2.0, 1.5, 0.0, -3.0], [-math.inf, 1.0, 1.0, 0.9]])
    distorted = torch.tensor([[3.0, 0.5, -1.0, -9.0], [0.0, 2.0, 0.5, 0.0]])
    found = contrasted(clean, distorted, 1.0, 0.5)  # log(0.5) = -0.693
    assert found[0].tolist() == [1.0, 2.5, -math.inf, -math.inf]
    assert found[1].tolist() == pytest.approx([-math.inf, 0.0, 1.5, 1.8])
    assert contrasted(clean, distorted, 1.0, 0.0)[0].tolist() == [1.0, 2.5, 1.0, 3.0]
    assert contrasted(clean, distorted, 9.0, 1.0)[0].isfinite().tolist() == [True, False, False, False]
    assert torch.equal(contrasted(clean, distorted, 0.0, 0.0), clean)


def test_noise_is_the_seeds_and_has_the_strength_of_its_step() -> None:
    import torch

    pixels = torch.full((1, 3, 64, 64), 2.0)
    noised = diffused(pixels, 500, seed=7)
    assert torch.equal(noised, diffused(pixels, 500, seed=7))
    assert not torch.equal(noised, diffused(pixels, 500, seed=8))
    kept, added = kept_and_added(500)
    assert float(noised.mean()) == pytest.approx(2 * kept, abs=0.02)
    assert float(noised.std()) == pytest.approx(added, rel=0.02)


def test_the_frames_of_a_patch_share_their_noise() -> None:
    import torch

    still = torch.randn(10, 3, 1, 16).expand(-1, -1, 2, -1)
    noised = diffused(still.reshape(10, 96), 700, seed=1, frames=2).view(10, 3, 2, 16)
    assert torch.equal(noised[:, :, 0], noised[:, :, 1])
    assert float((noised - kept_and_added(700)[0] * still).std()) == pytest.approx(0.805, abs=0.1)


def test_a_blur_keeps_the_mean_and_loses_detail() -> None:
    import torch

    pixels = torch.randn(2, 3, 40, 48)
    soft = blurred(pixels, 0.1)
    assert soft.shape == pixels.shape
    assert float(soft.mean()) == pytest.approx(float(pixels.mean()), abs=0.02)
    assert float(soft.std()) < 0.2
    flat = torch.full((1, 3, 16, 16), 0.7)
    assert torch.allclose(blurred(flat, 0.1), flat, atol=1e-6)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_vl"])
def test_patches_are_blurred_as_the_picture_they_are(kind: Any, folders: Folders) -> None:
    import numpy
    import torch

    from foresee.models.checkpoints import load

    vlm = load(folders(kind))
    assert vlm.processor is not None
    process = vlm.processor.image_processor
    size = process.patch_size * process.merge_size
    pictures = [Pil.effect_noise((wide * size, high * size), 90).convert("RGB") for wide, high in ((2, 3), (3, 2))]
    found = process(images=pictures, return_tensors="pt")
    strategy = ContrastiveDecoding(distorted="blur", blur_radius=0.1)
    soft = strategy.second_branch(dict(found), 0, vlm.core)["pixel_values"]
    start = 0
    for image, (_, high, wide) in zip(pictures, found["image_grid_thw"].tolist(), strict=True):
        assert (wide * process.patch_size, high * process.patch_size) == image.size, "nothing was resized"
        plane = torch.tensor(numpy.asarray(image)).float().permute(2, 0, 1) / 255
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (process.image_mean, process.image_std))
        wanted = blurred((plane - mean) / std, 0.1)
        array = ((wanted * std + mean).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        again = process(images=[Pil.fromarray(array)], return_tensors="pt")["pixel_values"]
        assert torch.allclose(soft[start : start + high * wide], again, atol=0.02)
        start += high * wide


def requests(strategy: Any, generation: Generation = GREEDY, **more: Any) -> list[Request]:
    """Prompts of different lengths, two about one picture, one about two pictures."""
    texts = ("Is it safe?", "What could happen next to the child? " * 3, "Why?", "And now?")
    shown = [(picture(1),), (picture(2),), (picture(2),), (picture(3), picture(4))]
    return [
        Request((Message("user", (*images, text)),), generation, decoding=strategy, **more)
        for images, text in zip(shown, texts, strict=True)
    ]


async def replies(model: LocalModel, asked: Sequence[Request]) -> list[Reply]:
    return list(await asyncio.gather(*(model.generate(request) for request in asked)))


async def texts_of(model: LocalModel, asked: Sequence[Request]) -> list[str]:
    return [reply.text for reply in await replies(model, asked)]


def two_passes(model: LocalModel, request: Request, steps: int = 6) -> tuple[list[int], Any]:
    """One request alone, each token from two whole forward passes without a cache: tokens, first scores."""
    import torch

    engine = model._shared.engine  # type: ignore[union-attr]
    core = engine.loaded().vlm.core
    content = engine.prepare(request).content
    strategy: ContrastiveDecoding = request.decoding
    clean: Mapping[str, Any] = {**content.prompt.text, **content.prompt.images}
    looks = (clean, {**clean, **strategy.second_branch(content.prompt.images, content.seed, core)})
    ids: list[int] = []
    first = None
    for _ in range(steps):
        new = torch.tensor([ids], dtype=torch.long)
        scores = []
        for look in looks:
            grown = {**look, "input_ids": torch.cat([clean["input_ids"], new], 1)}
            grown["attention_mask"] = torch.ones_like(grown["input_ids"])
            if "mm_token_type_ids" in clean:
                grown["mm_token_type_ids"] = torch.cat([clean["mm_token_type_ids"], torch.zeros_like(new)], 1)
            with torch.no_grad():
                scores.append(core(**grown).logits[:, -1].float())
        mixed = contrasted(scores[0], scores[1], strategy.alpha, strategy.beta)[0]
        first = mixed if first is None else first
        ids.append(int(mixed.argmax()))
    return ids, first


def tokens_of(model: LocalModel, asked: Sequence[Request]) -> list[list[int]]:
    """The tokens of one padded batch."""
    import torch

    engine = model._shared.engine  # type: ignore[union-attr]
    with torch.no_grad():
        return [raw.tokens[:6] for raw in engine._generate([engine.prepare(request).content for request in asked])]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_fused_form_gives_the_tokens_of_two_passes(kind: str, folders: Folders, opened: Opened) -> None:
    model = opened(folders(kind))
    for strategy in (ContrastiveDecoding(), ContrastiveDecoding(2.0, 0.01, 700), ContrastiveDecoding(distorted="blur")):
        asked = requests(strategy)[: 4 if strategy.noise_step == 500 else 2]
        assert tokens_of(model, asked) == [two_passes(model, request)[0] for request in asked]
    assert await texts_of(model, requests(ContrastiveDecoding())) != await texts_of(model, requests(None))


async def test_an_adapter_takes_part_in_both_branches(folders: Folders, opened: Opened, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    from foresee.models.checkpoints import load

    torch.manual_seed(0)
    targets = r".*language_model.*\.(q_proj|v_proj)"
    tuned = get_peft_model(load(folders("llava")).model, LoraConfig(r=4, target_modules=targets))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    tuned.save_pretrained(tmp_path / "adapter")
    plain, model = opened(folders("llava")), opened(f"{folders('llava')}:{tmp_path / 'adapter'}")
    asked = requests(ContrastiveDecoding())
    assert tokens_of(model, asked) == [two_passes(model, request)[0] for request in asked]
    assert tokens_of(model, asked) != tokens_of(plain, asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_weight_is_plain_greedy_decoding(kind: str, folders: Folders, opened: Opened) -> None:
    model = opened(folders(kind), batch_size=3)
    plain = await texts_of(model, requests(None))
    for distorted in ("noise", "blank", "blur"):
        assert await texts_of(model, requests(ContrastiveDecoding(alpha=0, distorted=distorted))) == plain


async def test_sampling_keeps_both_branches_in_step_and_depends_on_no_batch(folders: Folders, opened: Opened) -> None:
    model = opened(folders("qwen3_vl"), max_wait_ms=1000)  # a busy machine is slow to prepare them
    sampling = Generation(temperature=1.0, top_p=0.9, seed=4, max_tokens=12)
    asked = requests(ContrastiveDecoding(), sampling)
    engine = model._shared.engine  # type: ignore[union-attr]
    seen: list[Any] = []
    original = engine._call

    def watched(inputs: Any, processors: list[Any], *rest: Any) -> Any:
        made = original(inputs, processors, *rest)
        seen.append(made)
        return made

    engine._call = watched  # type: ignore[method-assign]
    together = await texts_of(model, asked)
    assert seen[0].shape[0] == 2 * len(asked)
    assert seen[0][: len(asked)].equal(seen[0][len(asked) :])
    assert together == [(await texts_of(model, [request]))[0] for request in asked]
    assert together != await texts_of(model, requests(ContrastiveDecoding(), Generation(1.0, 0.9, 12, seed=5)))


async def test_a_first_word_takes_one_pass_over_the_doubled_batch(folders: Folders, opened: Opened) -> None:
    model = opened(folders("qwen2_5_vl"))
    asked = requests(ContrastiveDecoding(), choices=("Yes", "No"))
    engine = model._shared.engine  # type: ignore[union-attr]
    core, passes = engine.loaded().vlm.core, []
    hook = core.register_forward_pre_hook(
        lambda _, args, kwargs: passes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    found = await replies(model, asked)
    hook.remove()
    assert [shape[0] for shape in passes] == [2 * len(asked)]
    starts = engine.loaded().prompts.first_tokens(("Yes", "No"))
    for request, reply in zip(asked, found, strict=True):
        table = two_passes(model, request, steps=1)[1].softmax(-1)
        assert reply.choice_probabilities is not None
        for choice, ids in starts.items():
            assert reply.choice_probabilities[choice] == pytest.approx(float(table[list(ids)].sum()), abs=1e-5)


async def test_pictures_of_both_branches_are_encoded_once(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"))
    engine = model._shared.engine  # type: ignore[union-attr]
    tower = engine.loaded().vlm.core.base_model.vision_tower
    seen: list[int] = []
    tower.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(len((args or (kwargs["pixel_values"],))[0])), with_kwargs=True
    )
    asked = requests(ContrastiveDecoding(distorted="blank"))
    await texts_of(model, asked)
    assert sum(seen) == 2 * 4, "two requests share a picture: four distinct ones, clean and blank"
    await texts_of(model, asked)
    await texts_of(model, requests(None))
    assert sum(seen) == 2 * 4
    await texts_of(model, requests(ContrastiveDecoding()))
    assert sum(seen) == 2 * 4 + 5, "noise belongs to a request: five noised pictures, none of the clean ones again"


async def test_without_a_picture_the_answer_is_the_plain_one(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"), batch_size=4)

    def asked(strategy: Any) -> list[Request]:
        words = [Request((Message("user", (f"Why {n}?",)),), GREEDY, decoding=strategy) for n in range(3)]
        return [*words, *requests(strategy)]

    plain, contrast = (
        await texts_of(model, asked(None)),
        await texts_of(model, asked(ContrastiveDecoding(2.0, 0.0, 999))),
    )
    assert contrast[:3] == plain[:3]
    assert contrast[3:] != plain[3:]


def test_an_unknown_kind_of_picture_is_refused_in_one_line(folders: Folders) -> None:
    import torch

    with pytest.raises(ModelError, match="distorted=blur does not know this model's images"):
        ContrastiveDecoding(distorted="blur").second_branch({"pixel_values": torch.zeros(1, 9, 48)}, 0, None)
    with pytest.raises(ModelError, match="distorted=noise"):
        ContrastiveDecoding().second_branch({"images": torch.zeros(1, 9, 48)}, 0, None)


@pytest.mark.parametrize("kind", ["idefics3", "gemma3"])
async def test_other_families_do_not_depend_on_the_batch_either(kind: str, folders: Folders, opened: Opened) -> None:
    model = opened(folders(kind))
    asked = requests(ContrastiveDecoding(2.0, 0.01, 900))[:3]
    together = tokens_of(model, asked)
    assert together == [tokens_of(model, [request])[0] for request in asked]
    assert together[:2] == [two_passes(model, request)[0] for request in asked[:2]]
    if kind == "idefics3":  # a tiny Gemma repeats one token whatever it is shown
        assert together != tokens_of(model, requests(None)[:3])


def two_prompts(model: LocalModel, request: Request, steps: int = 6) -> list[int]:
    """One request alone, each token from a whole pass over either prompt, without a cache."""
    import torch

    engine = model._shared.engine  # type: ignore[union-attr]
    core, prompts = engine.loaded().vlm.core, engine.loaded().prompts
    strategy: PrincipleContrast = request.decoding
    looks = [prompts.make(request.messages), prompts.make(strategy.second_messages(request.messages))]
    ids: list[int] = []
    for _ in range(steps):
        new = torch.tensor([ids], dtype=torch.long)
        scores = []
        for look in looks:
            whole = {**look.text, **look.images, "input_ids": torch.cat([look.text["input_ids"], new], 1)}
            whole["attention_mask"] = torch.ones_like(whole["input_ids"])
            if "mm_token_type_ids" in look.text:
                whole["mm_token_type_ids"] = torch.cat([look.text["mm_token_type_ids"], torch.zeros_like(new)], 1)
            with torch.no_grad():
                scores.append(core(**whole).logits[0, -1].float())
        ids.append(int(((1 + strategy.alpha) * scores[1] - strategy.alpha * scores[0]).argmax()))
    return ids


@pytest.mark.parametrize("kind", KINDS)
async def test_a_principle_fused_gives_the_tokens_of_two_passes(kind: str, folders: Folders, opened: Opened) -> None:
    model = opened(folders(kind))
    strategy = PrincipleContrast("Do not help anyone to do harm.", 2.0)
    asked = [*requests(strategy)[:3], Request((Message("system", ("Be brief.",)), *requests(None)[3].messages), GREEDY,
                                              decoding=strategy)]  # fmt: skip
    assert tokens_of(model, asked) == [two_prompts(model, request) for request in asked]
    blind = [Request((Message("user", (text,)),), GREEDY, decoding=strategy) for text in ("Why?", "Is it safe now?")]
    assert tokens_of(model, blind) == [two_prompts(model, request) for request in blind], "without images too"


async def test_without_weight_the_principle_is_a_prompt(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"))
    strategy = PrincipleContrast("Do not help anyone to do harm.", 0.0)
    asked = requests(strategy)
    told = [replace(each, messages=tuple(strategy.second_messages(each.messages)), decoding=None) for each in asked]
    assert await texts_of(model, asked) == await texts_of(model, told)
    assert await texts_of(model, asked) != await texts_of(model, requests(None))


def test_the_other_image_is_contrasted_as_a_request_with_that_image(folders: Folders, opened: Opened) -> None:
    model = opened(folders("llava"))
    one, other = requests(None)[0], picture(2)
    strategy = OtherImage(other)
    swapped = replace(one, messages=(Message("user", (other, one.messages[0].text)),))
    engine = model._shared.engine  # type: ignore[union-attr]
    second = engine.prepare(replace(one, decoding=strategy)).content.second
    alone = engine.prepare(swapped).content.prompt
    assert (second.ids, second.image_hashes) == (alone.ids, alone.image_hashes)
    assert strategy.identity != OtherImage(picture(3)).identity
