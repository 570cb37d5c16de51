"""Tiny models are what they claim: they load like any checkpoint, by their own seed, with the shape asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foresee.models.checkpoints import load
from tests.support.tiny_models import (
    END,
    KINDS,
    Kind,
    build,
    byte_tokenizer,
    chat_template,
    special_tokens,
    word_tokenizer,
)


def image_tokens(vlm: Any, width: int, height: int) -> int:
    from PIL import Image

    content = [{"type": "image", "image": Image.new("RGB", (width, height), "red")}, {"type": "text", "text": "see"}]
    made = vlm.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=True, return_dict=True, return_tensors="pt"
    )
    return int((made["input_ids"] == vlm.core.config.image_token_id).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_loads_and_answers(kind: Kind, tmp_path: Path) -> None:
    vlm = load(build(kind, tmp_path / "model", image_size=64, patch_size=16))
    assert vlm.core.config.model_type == kind
    assert vlm.kind == "image_text"
    assert vlm.eos_ids == (vlm.tokenizer.convert_tokens_to_ids(END),)
    assert vlm.tokenizer.padding_side == "left"
    assert image_tokens(vlm, 64, 64) == (16 if kind != "idefics3" else 80)  # Idefics3 adds four enlarged quarters
    assert 500_000 < sum(p.numel() for p in vlm.core.parameters()) < 1_500_000


def test_qwen_takes_images_of_any_shape(tmp_path: Path) -> None:
    vlm = load(build("qwen3_vl", tmp_path))
    assert image_tokens(vlm, 128, 32) == 16
    assert image_tokens(vlm, 32, 32) == 4
    assert image_tokens(vlm, 900, 900) == 16
    assert image_tokens(vlm, 48, 64) == 12


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_the_weights_are_those_of_the_seed(kind: Kind, tmp_path: Path) -> None:
    import torch

    before = torch.random.get_rng_state()
    first, again, other = (build(kind, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert torch.equal(before, torch.random.get_rng_state())
    weights = [(folder / "model.safetensors").read_bytes() for folder in (first, again, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_auto_classes_read_the_folder(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    build("llava", tmp_path, hidden=64, layers=2, vision_hidden=32)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert model.config.text_config.hidden_size == 64
    assert len(model.model.language_model.layers) == 2
    assert processor.chat_template == chat_template("llava")


def test_a_saved_processor_loads_again(tmp_path: Path) -> None:
    vlm = load(build("qwen2_5_vl", tmp_path / "a"))
    assert vlm.processor is not None
    vlm.model.save_pretrained(tmp_path / "b")
    vlm.processor.save_pretrained(tmp_path / "b")
    assert image_tokens(load(tmp_path / "b"), 64, 48) == image_tokens(vlm, 64, 48) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_has_three_roles_and_marks_what_the_assistant_says(kind: Kind) -> None:
    tokenizer = byte_tokenizer(kind)
    turns = [
        {"role": "system", "content": "Be safe."},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is it safe?"}]},
        {"role": "assistant", "content": "No, it is not."},
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text.startswith("<|system|>Be safe.<|end|><|user|>")
    assert text.endswith("Is it safe?<|end|><|assistant|>No, it is not.<|end|><|assistant|>")
    made = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    said = [token for token, mark in zip(made["input_ids"], made["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(said) == "No, it is not.<|end|>"


def test_a_word_tokenizer_has_one_token_a_word(tmp_path: Path) -> None:
    tokenizer = word_tokenizer("llava", ["red", "circle", "what", "is", "red"])
    assert len(tokenizer) == len(special_tokens("llava")) + 4
    assert tokenizer.decode(tokenizer("what is red")["input_ids"]) == "what is red"
    assert tokenizer("blue")["input_ids"] == [tokenizer.unk_token_id]
    vlm = load(build("llava", tmp_path, tokenizer=tokenizer))
    assert vlm.core.config.text_config.vocab_size == len(tokenizer)


def test_a_byte_tokenizer_writes_any_text() -> None:
    tokenizer = byte_tokenizer("llava")
    text = "Ünïcode, 汉字 and 🙂 too\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden": 130}, "hidden 130 is not a multiple of heads 4"),
        ({"image_size": 60}, "image_size 60 is not a multiple of patch_size 16"),
        ({"width": 3}, "no shape named 'width'; known: image_size"),
        ({"kind": "gpt"}, "expected one of llava, qwen2_5_vl"),
    ],
)
def test_what_can_not_be_built_is_refused(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    arguments = {"kind": "llava", **arguments}
    with pytest.raises(ValueError, match=message):
        build(arguments.pop("kind"), tmp_path, **arguments)


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the tokenizer lacks <\|image_pad\|>"):
        build("qwen3_vl", tmp_path, tokenizer=byte_tokenizer("llava"))
