"""Guards as local checkpoints of their own architectures: tiny, taught in seconds to say two verdicts in their format.

Llama Guard 3 Vision is a Mllama, Llama Guard 4 a Llama 4 (here its language model: the image processor needs
torchvision), Qwen3Guard a Qwen3, ShieldGemma a Gemma 2, LlavaGuard a LLaVA-OneVision, GuardReasoner-VL a Qwen2.5-VL.
Weights, sizes and chat template are ours; what is asked, and how the reply is read, is what a published checkpoint
would meet.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError
from foresee.judges import Guard
from foresee.judges._model.guards import format_of
from foresee.models.checkpoints import load
from foresee.models.checkpoints.processors import load_processor
from foresee.records import Answer, Image, Item, Message, Request
from foresee.runner.judging import JudgeCalls
from tests.models.conftest import opened  # noqa: F401  (fixture)
from tests.models.test_local_families import save, text_settings
from tests.support.tiny_models import build, byte_tokenizer, chat_template

QWEN = ("Safety: Safe\nCategories: None\nRefusal: Yes", "Safety: Unsafe\nCategories: Something New\nRefusal: No")
LLAVA = (
    '{"rating": "Safe", "category": "NA: None applying", "rationale": "x"}',
    '{"rating": "Unsafe", "category": "O9: Made Up", "rationale": "x"}',
)
WORDING = "Rate the image."  # for guards that are sent a policy: theirs has more letters than the tiny models learn
LLAMA = ("safe", "unsafe\nS2,S99")
REASONER = tuple(
    f"<think>x</think><result>Request: harmful\nResponse: {verdict}</result>" for verdict in ("unharmful", "harmful")
)
GUIDED = "{{ guideline }}" + chat_template("llava")
GUARDS = [
    pytest.param("llama_guard", "mllama", LLAMA, "P(unsafe) 1.00; S2 non-violent crimes, S99", marks=pytest.mark.slow),
    ("llama_guard", "llama4", LLAMA, "P(unsafe) 1.00; S2 non-violent crimes, S99"),
    pytest.param("qwen3guard", "qwen3", QWEN, "Something New", marks=pytest.mark.slow),
    pytest.param("shield_gemma", "gemma2", ("No", "Yes"), "dangerous content ", marks=pytest.mark.slow),
    pytest.param("guard_reasoner_vl", "qwen2_5_vl", REASONER, "", marks=pytest.mark.slow),
    pytest.param("llava_guard", "llava_onevision", LLAVA, "O9: Made Up", marks=pytest.mark.slow),
]


def png(colour: str) -> bytes:
    from PIL import Image as Pil

    buffer = io.BytesIO()
    Pil.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


SAFE, UNSAFE = (
    (Item(name, (Message("user", (Image.from_bytes(png(colour)), f"How {name}?")),)), Answer(name, 0, said))
    for name, colour, said in (("flower", "green", "I can't say."), ("knife", "red", "Take the rope."))
)


def causal(family: str, folder: Path) -> Path:
    """An untrained language model without eyes."""
    import torch
    from transformers import AutoModelForCausalLM, Gemma2Config, GenerationConfig, Llama4TextConfig, Qwen3Config

    tokenizer = byte_tokenizer("llava")
    experts = {"head_dim": 16, "intermediate_size_mlp": 128, "num_local_experts": 2, "interleave_moe_layer_step": 1}
    size = text_settings(tokenizer, pad_token_id=0)
    config = {
        "llama4": lambda: Llama4TextConfig(**size, **experts),
        "qwen3": lambda: Qwen3Config(**size, head_dim=16),
        "gemma2": lambda: Gemma2Config(**size, head_dim=16),
    }[family]()
    if family == "gemma2":  # its template puts the question around a guideline
        tokenizer.chat_template = GUIDED
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def untrained(family: str, folder: Path) -> Path:
    if family == "qwen2_5_vl":
        return build("qwen2_5_vl", folder)
    return (causal if family in ("llama4", "qwen3", "gemma2") else save)(family, folder)


def taught(folder: Path, guard: str, said: tuple[str, str]) -> Path:
    """Train the model in this folder until it says the first text of what is harmless, the second of what is not."""
    import torch

    vlm = load(folder)
    made = [one for pair, text in zip((SAFE, UNSAFE), said, strict=True) for one in _inputs(vlm, guard, *pair, text)]
    optimiser = torch.optim.AdamW(vlm.model.parameters(), lr=4e-3)
    for _ in range(60):
        losses = [vlm.model(**inputs, labels=labels).loss for inputs, labels in made]
        optimiser.zero_grad()
        sum(losses).backward()
        optimiser.step()
        if max(float(loss.detach()) for loss in losses) < 0.03:
            break
    vlm.model.save_pretrained(folder)
    return folder


def _inputs(vlm: Any, guard: str, item: Item, answer: Answer, text: str) -> list[tuple[dict[str, Any], Any]]:
    """What the format sends in each call, made by the checkpoint's own processor; the reply behind it is the label."""
    from foresee.judges._model.guards._format import Seen

    form = format_of(guard)
    seen = Seen(item, answer if "answer" in form.stages else None, vlm.kind != "text", "local")
    return [_with_reply(vlm, call.request, text) for call in form.calls(seen, WORDING)]


def _with_reply(vlm: Any, request: Request, text: str) -> tuple[dict[str, Any], Any]:
    import torch

    talk = [{"role": m.role, "content": [_part(part) for part in m.content]} for m in request.messages]
    apply = (vlm.processor or vlm.tokenizer).apply_chat_template
    ways = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "return_tensors": "pt"}
    inputs = dict(apply(talk, **ways, **request.template))
    reply = torch.tensor([[*vlm.tokenizer(text, add_special_tokens=False).input_ids, *vlm.eos_ids]])
    labels = torch.cat([torch.full_like(inputs["input_ids"], -100), reply], 1)
    behind = {
        "input_ids": reply,
        "attention_mask": torch.ones_like(reply),
        "mm_token_type_ids": torch.zeros_like(reply),
    }
    for name in behind.keys() & inputs.keys():
        inputs[name] = torch.cat([inputs[name], behind[name]], 1)
    if (seen_by := inputs.get("cross_attention_mask")) is not None:
        inputs["cross_attention_mask"] = torch.cat([seen_by, seen_by[:, -1:].expand(-1, reply.shape[1], -1, -1)], 1)
    return inputs, labels


def _part(part: Any) -> dict[str, Any]:
    from PIL import Image as Pil

    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image", "image": Pil.open(io.BytesIO(part.read())).convert("RGB")}


@pytest.mark.parametrize(("guard", "family", "said", "reason"), GUARDS)
async def test_a_local_guard_is_asked_and_read_in_its_format(
    guard: str,
    family: str,
    said: tuple[str, str],
    reason: str,
    tmp_path: Path,
    opened: Callable[..., Any],  # noqa: F811
) -> None:
    folder = untrained(family, tmp_path / "guard")
    model = opened(taught(folder, guard, said))
    shown = format_of(guard).stages
    found = [
        await Guard(model, guard, WORDING).examine(item, answer if "answer" in shown else None, JudgeCalls())
        for item, answer in (SAFE, UNSAFE)
    ]
    assert found[0].harm == pytest.approx(0.0, abs=0.05), found
    assert found[1].harm == pytest.approx(1.0, abs=0.05), found
    assert found[1].reason.startswith(reason)
    if guard == "llama_guard":
        assert found[0].reason == "P(unsafe) 0.00"
        assert [each.calls for each in found] == [1, 2], "the hazards are asked for where there is harm"
    if guard == "qwen3guard":
        assert [each.refused for each in found] == [1.0, 0.0]


def test_guard_4_with_eyes_says_what_it_lacks(tmp_path: Path) -> None:
    """Its image processor is written for torchvision alone."""
    if importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is installed")
    from transformers import Llama4Config

    tokenizer = byte_tokenizer("llava")
    Llama4Config(text_config=text_settings(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for name in ("preprocessor_config.json", "processor_config.json"):
        parts = {"image_processor_type": "Llama4ImageProcessor", "processor_class": "Llama4Processor"}
        (tmp_path / name).write_text(json.dumps(parts))
    with pytest.raises(UserError, match=r"needs torchvision for images: pip install torchvision.* \(for torch \d"):
        load_processor(tmp_path)
