"""Batches are put together by rules on shapes: they hold for architectures whose images come in tiles or odd shapes.

The models are tiny and random, but of the real classes; every answer in a batch must be the one that transformers
alone gives to the same request by itself.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.models import open_model
from foresee.models.checkpoints import load
from foresee.models.local.model import LocalModel
from foresee.records import Generation, Image, Message, Request
from tests.support.tiny_models import byte_tokenizer

GRID = [[64, 128], [128, 64], [128, 128]]
VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 16,
    "initializer_range": 0.12,
}


def text_settings(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 4096,
        "initializer_range": 0.12,
        "eos_token_id": 2,
        "bos_token_id": None,
        **more,
    }


def llava_next(tokenizer: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaNextConfig

    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**VISION, projection_dim=64),
        text_config=LlamaConfig(**text_settings(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=GRID,
        vision_feature_layer=-1,
    )
    images = {
        "image_processor_type": "LlavaNextImageProcessor",
        "size": {"shortest_edge": 64},
        "crop_size": {"height": 64, "width": 64},
        "image_grid_pinpoints": GRID,
    }
    own = {"patch_size": 16, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return config, images, {"processor_class": "LlavaNextProcessor", **own}


def llava_onevision(tokenizer: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    from transformers import LlavaOnevisionConfig, Qwen2Config, SiglipVisionConfig

    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=Qwen2Config(**text_settings(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=0,
        image_grid_pinpoints=[[64, 64], *GRID],
        vision_feature_layer=-1,
    )
    images = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "size": {"height": 64, "width": 64},
        "image_grid_pinpoints": [[64, 64], *GRID],
    }
    own = {"num_image_tokens": 16, "vision_feature_select_strategy": "full", "video_token": "<pad>"}
    return config, images, {"processor_class": "LlavaOnevisionProcessor", **own}


def internvl(tokenizer: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    from transformers import InternVLConfig, Qwen2Config

    config = InternVLConfig(
        vision_config={**VISION, "image_size": [64, 64], "patch_size": [8, 8]},
        text_config=Qwen2Config(**text_settings(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    images = {
        "image_processor_type": "GotOcr2ImageProcessor",
        "size": {"height": 64, "width": 64},
        "crop_to_patches": True,
        "min_patches": 1,
        "max_patches": 4,
    }
    return config, images, {"processor_class": "InternVLProcessor", "image_seq_length": 16}


def mllama(tokenizer: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Llama 3.2 Vision and Llama Guard 3 Vision: images are seen by cross-attention."""
    from transformers import MllamaConfig
    from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig

    config = MllamaConfig(
        vision_config=MllamaVisionConfig(
            **{key: value for key, value in VISION.items() if key != "num_attention_heads"},
            attention_heads=4,
            num_global_layers=1,
            intermediate_layers_indices=[0],
            vision_output_dim=128,
            max_num_tiles=4,
            supported_aspect_ratios=[[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
        ),
        text_config=MllamaTextConfig(
            **{**text_settings(tokenizer), "bos_token_id": 1}, cross_attention_layers=[1], pad_token_id=0
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = {
        "image_processor_type": "MllamaImageProcessor",
        "size": {"height": 64, "width": 64},
        "max_image_tiles": 4,
    }
    return config, images, {"processor_class": "MllamaProcessor"}


FAMILIES: dict[str, Callable[[Any], tuple[Any, dict[str, Any], dict[str, Any]]]] = {
    "llava_next": llava_next,
    "llava_onevision": llava_onevision,
    "internvl": internvl,
    "mllama": mllama,
}


def save(family: str, folder: Path) -> Path:
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    tokenizer = byte_tokenizer("llava")
    config, images, own = FAMILIES[family](tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    for name, weight in model.named_parameters():
        if name.endswith(("attn_gate", "mlp_gate")):
            weight.data.fill_(1.0)  # Mllama's, which begins blind
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({**images, "processor_class": own["processor_class"]}))
    (folder / "processor_config.json").write_text(json.dumps(own))
    roles = {"context_image_token": "<image>", "start_image_token": "<unk>", "end_image_token": "<unk>"}
    tokens = {"image_token": "<image>", "video_token": "<pad>", **(roles if family == "internvl" else {})}
    begins = {"bos_token": "<unk>"} if family == "mllama" else {}
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    changed = {**settings, **begins, **tokens, "extra_special_tokens": tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(changed))
    return folder


def pictures(seed: int) -> bytes:
    from PIL import Image as Pil

    draw = random.Random(seed)
    small = Pil.new("RGB", (4, 4))
    small.putdata([(draw.randrange(256), draw.randrange(256), draw.randrange(256)) for _ in range(16)])
    size = (draw.choice([32, 48, 64, 100, 160]), draw.choice([32, 64, 90, 150]))
    buffer = io.BytesIO()
    small.resize(size, Pil.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def alone(vlm: Any, request: Request) -> str:
    import torch
    from PIL import Image as Pil

    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "image": Pil.open(io.BytesIO(part.read())).convert("RGB")}
        for part in request.messages[0].content
    ]
    made = vlm.processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        tokens = vlm.core.generate(**made, do_sample=False, max_new_tokens=12)
    return str(vlm.tokenizer.decode(tokens[0, made["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=pytest.mark.slow if name == "mllama" else ()) for name in FAMILIES]
)
async def test_tiles_and_odd_shapes_are_batched_exactly(family: str, tmp_path: Path) -> None:
    folder = save(family, tmp_path)
    vlm = load(folder)
    requests = []
    for n in range(16):
        texts = ("Is it safe?", "What could happen next? " * 4)
        images = [Image.from_bytes(pictures(n % 9)), Image.from_bytes(pictures(40 + n))][: n % 3]
        requests.append(Request((Message("user", (*images, texts[n % 2])),), Generation(max_tokens=12)))
    expected = [alone(vlm, request) for request in requests]
    assert len(set(expected)) > 8
    model = open_model(f"local/{folder}", {"batch_size": 8})
    assert isinstance(model, LocalModel)
    replies = await asyncio.gather(*(model.generate(request) for request in requests))
    assert [reply.text for reply in replies] == expected
    assert model._shared is not None
    assert max(model._shared.batcher.batches) > 2
    made = model._shared.engine.encoded.made
    assert made > 5 or (family == "mllama" and made == 0), "cross-attention leaves no features of images to keep"
    await model.close()
