"""Painters beside the images endpoint: a diffusion pipeline on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foresee.curation.image_models import open_painter
from foresee.errors import UserError


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A tiny untrained Stable Diffusion."""
    diffusers = pytest.importorskip("diffusers", reason="needs the extra [paint]")
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    down, up = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    shared = {"block_out_channels": (32, 64), "norm_num_groups": 8}
    unet = diffusers.UNet2DConditionModel(
        layers_per_block=1,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=down,
        up_block_types=up,
        cross_attention_dim=32,
        **shared,
    )
    vae = diffusers.AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, **shared
    )
    letters = [chr(code) for code in range(97, 123)]
    words = ["<|startoftext|>", "!", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (tmp_path / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    tokenizer.model_max_length = 77
    sizes = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 2}
    text = CLIPTextModel(CLIPTextConfig(bos_token_id=0, eos_token_id=2, pad_token_id=1, vocab_size=1000, **sizes))
    made = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.save_pretrained(tmp_path / "pipeline")
    return tmp_path / "pipeline"


async def test_a_local_pipeline_paints_the_same_for_the_same_seed(pipeline: Path) -> None:
    options = {"steps": 2, "side": 64, "device": "cpu"}
    painters = [open_painter(f"diffusers/{pipeline}", options) for _ in range(2)]
    one, same = [await painter.paint("a red box", 1) for painter in painters]
    other = await painters[0].paint("a red box", 2)
    assert one.data is not None
    assert one.data == same.data
    assert one.data != other.data


@pytest.mark.parametrize("spec", ["dall-e", "openai/gpt-image-1", "diffusers/", "nobody-images/x"])
def test_what_is_no_painter_is_refused(spec: str) -> None:
    with pytest.raises(UserError, match="painter"):
        open_painter(spec, {})


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import asyncio
    import sys

    monkeypatch.setitem(sys.modules, "diffusers", None)
    painter = open_painter(f"diffusers/{tmp_path}", {})
    with pytest.raises(UserError, match=r"foresee\[paint\]"):
        asyncio.run(painter.paint("a box", 1))
