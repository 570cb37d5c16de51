"""Tiny vision-language models with the true architecture of large ones, built offline in a fraction of a second.

They are untrained: for tests, timing and as the body of the model organism. A folder written here loads like any
checkpoint, with `foresee.models.checkpoints.load(folder)` or `AutoModelForImageTextToText` and `AutoProcessor` (the
processors of the Qwen kinds need torchvision in `AutoProcessor`, in `foresee.models.checkpoints.load` they do not).

    build("llava", folder)                                         # byte-level tokenizer, 64 x 64 images
    build("llava", folder, tokenizer=word_tokenizer("llava", ["red", "cat"]), hidden=128, layers=4, seed=1)

Interface: `build(kind, folder, *, tokenizer=None, seed=0, **shape) -> Path`, where `shape` is any of the keys of
`Shape` (image_size, patch_size, hidden, layers, heads, vision_hidden, vision_layers, initializer_range). A tokenizer
of one's own comes from `word_tokenizer` or `byte_tokenizer`, which add the special tokens of the kind and the chat
template. One image of `image_size` squared makes (image_size / patch_size) squared image tokens in every kind; the
Qwen kinds take images of any shape and make a token of each patch_size squared pixels, up to that number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from foresee.models.checkpoints.find import quietly
from tests.support.tiny_tokenizers import (
    END,
    KINDS,
    PAD,
    ROLES,
    UNKNOWN,
    Kind,
    byte_tokenizer,
    chat_template,
    special_tokens,
    word_tokenizer,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = [
    "END",
    "KINDS",
    "PAD",
    "ROLES",
    "UNKNOWN",
    "Kind",
    "Shape",
    "build",
    "byte_tokenizer",
    "chat_template",
    "special_tokens",
    "word_tokenizer",
]


class Shape(TypedDict, total=False):
    """The size of a tiny model; every key may be left out (its default stands behind it)."""

    image_size: int  # 64: pixels along the side of an image (Qwen kinds: the root of the largest area)
    patch_size: int  # 16: pixels along the side of what one image token covers
    hidden: int  # 128: width of the language model
    layers: int  # 4: its depth
    heads: int  # 4: attention heads, of both towers
    vision_hidden: int  # 64: width of the vision tower
    vision_layers: int  # 2: its depth
    initializer_range: float  # 0.02: standard deviation of the random weights


_DEFAULT_SHAPE: dict[str, Any] = {
    "image_size": 64,
    "patch_size": 16,
    "hidden": 128,
    "layers": 4,
    "heads": 4,
    "vision_hidden": 64,
    "vision_layers": 2,
    "initializer_range": 0.02,
}


def build(
    kind: Kind,
    folder: Path,
    *,
    tokenizer: PreTrainedTokenizerFast | None = None,
    seed: int = 0,
    **shape: Unpack[Shape],
) -> Path:
    """Write an untrained model of this kind, with its processor, as a Hugging Face folder.

    Args:
        kind: the architecture.
        folder: where to; it is made if need be and its files of the same names are overwritten.
        tokenizer: from `word_tokenizer` or `byte_tokenizer` of the same kind; by default a small byte-level one.
        seed: of the random weights; the global random state is left alone.
        **shape: see `Shape`.

    Returns:
        The folder.

    Raises:
        ValueError: an unknown kind or shape, sizes that do not divide, or a tokenizer that lacks a special token.
    """
    if kind not in KINDS:
        raise ValueError(f"expected one of {', '.join(KINDS)}, got '{kind}'")
    size = _checked_shape(shape)
    tokenizer = tokenizer if tokenizer is not None else byte_tokenizer(kind)
    missing = [t for t in special_tokens(kind) if t not in tokenizer.get_vocab()]
    if missing:
        raise ValueError(f"the tokenizer lacks {', '.join(missing)}: make it with word_tokenizer or byte_tokenizer")
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = _CONFIGS[kind](size, tokenizer)
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.convert_tokens_to_ids(END), pad_token_id=tokenizer.convert_tokens_to_ids(PAD)
    )
    with quietly():
        model.save_pretrained(folder)
    _save_processor(kind, folder, tokenizer, size)
    return folder


def reward_model(folder: Path, *, outputs: int = 1, seed: int = 0, template: bool = False) -> Path:
    """Write an untrained reward model: a small Llama with this many outputs, on bytes.

    Returns:
        The folder.
    """
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = byte_tokenizer("llava")
    if not template:
        tokenizer.chat_template = None
    size: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LlamaConfig(vocab_size=len(tokenizer), num_labels=outputs, initializer_range=0.5, **size)
        config.pad_token_id = tokenizer.pad_token_id
        model = LlamaForSequenceClassification(config)
    with quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _checked_shape(shape: Shape) -> dict[str, Any]:
    unknown = sorted(set(shape) - set(_DEFAULT_SHAPE))
    if unknown:
        raise ValueError(f"no shape named '{unknown[0]}'; known: {', '.join(_DEFAULT_SHAPE)}")
    size = {**_DEFAULT_SHAPE, **shape}
    for whole, part in (("image_size", "patch_size"), ("hidden", "heads"), ("vision_hidden", "heads")):
        if size[whole] % size[part]:
            raise ValueError(f"{whole} {size[whole]} is not a multiple of {part} {size[part]}")
    if size["patch_size"] % 2:
        raise ValueError(f"patch_size must be even, got {size['patch_size']}")
    return size


def _text(size: dict[str, Any], tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": size["hidden"],
        "intermediate_size": 2 * size["hidden"],
        "num_hidden_layers": size["layers"],
        "num_attention_heads": size["heads"],
        "num_key_value_heads": size["heads"],
        "max_position_embeddings": 4096,
        "initializer_range": size["initializer_range"],
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids(END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
        **more,
    }


def _vision(size: dict[str, Any], patch_size: int) -> dict[str, Any]:
    return {
        "hidden_size": size["vision_hidden"],
        "intermediate_size": 2 * size["vision_hidden"],
        "num_hidden_layers": size["vision_layers"],
        "num_attention_heads": size["heads"],
        "image_size": size["image_size"],
        "patch_size": patch_size,
        "initializer_range": size["initializer_range"],
    }


def _llava(size: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

    return LlavaConfig(
        vision_config=CLIPVisionConfig(**_vision(size, size["patch_size"]), projection_dim=size["vision_hidden"]),
        text_config=LlamaConfig(**_text(size, tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(size["image_size"] // size["patch_size"]) ** 2,
        vision_feature_layer=-1,  # -2 as in LLaVA-1.5 would leave half of a two-layer tower unused
    )


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    names = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    return {f"{key}_token_id": tokenizer.convert_tokens_to_ids(f"<|{name}|>") for key, name in names.items()}


def _qwen_vision(size: dict[str, Any]) -> dict[str, Any]:
    return {
        "depth": size["vision_layers"],
        "hidden_size": size["vision_hidden"],
        "intermediate_size": 2 * size["vision_hidden"],
        "num_heads": size["heads"],
        "patch_size": size["patch_size"] // 2,  # two by two of these are merged into one image token
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": size["hidden"],
        "initializer_range": size["initializer_range"],
    }


def _mrope(size: dict[str, Any]) -> list[int]:
    """How the rotary half of a head is shared out to time, height and width: a quarter, the rest halved."""
    half = size["hidden"] // size["heads"] // 2
    side = half * 3 // 8
    return [half - 2 * side, side, side]


def _qwen2_5_vl(size: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import Qwen2_5_VLConfig

    rope = {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": _mrope(size)}
    vision = {"window_size": 2 * size["patch_size"], "fullatt_block_indexes": [size["vision_layers"] - 1]}
    return Qwen2_5_VLConfig(
        text_config=_text(size, tokenizer, rope_parameters=rope),
        vision_config={**_qwen_vision(size), **vision},
        **_qwen_ids(tokenizer),
    )


def _qwen3_vl(size: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import Qwen3VLConfig

    rope = {
        "rope_type": "default",
        "rope_theta": 5_000_000.0,
        "mrope_section": _mrope(size),
        "mrope_interleaved": True,
    }
    side = 2 * size["image_size"] // size["patch_size"]
    return Qwen3VLConfig(
        text_config=_text(size, tokenizer, head_dim=size["hidden"] // size["heads"], rope_parameters=rope),
        vision_config={
            **_qwen_vision(size),
            "num_position_embeddings": side * side,
            "deepstack_visual_indexes": list(range(size["vision_layers"] - 1)) or [0],
        },
        **_qwen_ids(tokenizer),
    )


def _idefics3(size: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import Idefics3Config

    return Idefics3Config(
        text_config={"model_type": "llama", **_text(size, tokenizer)},
        vision_config=_vision(size, size["patch_size"] // 2),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )


def _gemma3(size: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import Gemma3Config, SiglipVisionConfig

    head = size["hidden"] // size["heads"]
    return Gemma3Config(
        text_config=_text(size, tokenizer, head_dim=head, query_pre_attn_scalar=head, sliding_window=64),
        vision_config=SiglipVisionConfig(**_vision(size, size["patch_size"] // 2), vision_use_head=False),
        mm_tokens_per_image=(size["image_size"] // size["patch_size"]) ** 2,
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
        initializer_range=size["initializer_range"],
    )


_CONFIGS: dict[Kind, Callable[[dict[str, Any], Any], Any]] = {
    "llava": _llava,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "idefics3": _idefics3,
    "gemma3": _gemma3,
}
_PROCESSORS: dict[Kind, tuple[str, str]] = {
    "llava": ("LlavaProcessor", "CLIPImageProcessor"),
    "qwen2_5_vl": ("Qwen2_5_VLProcessor", "Qwen2VLImageProcessor"),
    "qwen3_vl": ("Qwen3VLProcessor", "Qwen2VLImageProcessor"),
    "idefics3": ("Idefics3Processor", "Idefics3ImageProcessor"),
    "gemma3": ("Gemma3Processor", "Gemma3ImageProcessor"),
}


def _save_processor(kind: Kind, folder: Path, tokenizer: Any, size: dict[str, Any]) -> None:
    """Written as the published checkpoints have it, so that no image library is needed to build a folder."""
    processor, image_processor = _PROCESSORS[kind]
    side, patch = size["image_size"], size["patch_size"]
    square = {"height": side, "width": side}
    own: dict[Kind, dict[str, Any]] = {
        "llava": {"size": {"shortest_edge": side}, "crop_size": square},
        "qwen2_5_vl": {
            "size": {"shortest_edge": 4 * patch * patch, "longest_edge": side * side},
            "patch_size": patch // 2,
            "temporal_patch_size": 2,
            "merge_size": 2,
        },
        "idefics3": {"size": {"longest_edge": 2 * side}, "max_image_size": {"longest_edge": side}},
        "gemma3": {"size": square},
    }
    own["qwen3_vl"] = own["qwen2_5_vl"]
    images = {**own[kind], "image_processor_type": image_processor, "processor_class": processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(images, indent=2) + "\n", encoding="utf-8")
    tokens = (side // patch) ** 2
    settings: dict[Kind, dict[str, Any]] = {
        "llava": {
            "patch_size": patch,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
        "idefics3": {"image_seq_len": tokens},
        "gemma3": {"image_seq_length": tokens},
    }
    text = json.dumps({"processor_class": processor, **settings.get(kind, {})}, indent=2)
    (folder / "processor_config.json").write_text(text + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
