"""Random models of published configurations, shrunk in width and depth alone: head size, vocabulary, patches are kept.

    build("Qwen/Qwen2.5-VL-7B-Instruct", folder, tokenizer=word_tokenizer("qwen2_5_vl", words), heads=1, layers=2)

The tokenizer is a small one, whose ids of special tokens go into the configuration; the embedding keeps its rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foresee.models.checkpoints import known
from foresee.models.checkpoints.find import quietly
from tests.support.tiny_tokenizers import END, PAD, Kind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_TOKENS = {  # where the configuration says which token is what
    "qwen2_5_vl": {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    },
    "llava": {"image_token_index": "<image>"},
}
_IMAGES: dict[str, dict[str, Any]] = {  # of the published preprocessor_config.json
    "qwen2_5_vl": {
        "processor_class": "Qwen2_5_VLProcessor",
        "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": 3136, "longest_edge": 12845056},
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
    },
    "llava": {
        "processor_class": "LlavaProcessor",
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 336},
        "crop_size": {"height": 336, "width": 336},
    },
}


def kind_of(name: str) -> Kind:
    """Tell which of the tiny kinds a published model is of."""
    return "llava" if known.CONFIGS[name]["type"] == "llava" else "qwen2_5_vl"


def shrunk(name: str, *, heads: int, layers: int, vision_heads: int = 1, vision_layers: int = 2) -> Any:
    """Return a published configuration with so many heads (and a width to match) and layers, of either tower."""
    config: Any = known.config(name)
    text, vision = config.text_config, config.vision_config
    size = text.hidden_size // text.num_attention_heads
    text.intermediate_size = text.intermediate_size * heads // text.num_attention_heads // 8 * 8
    text.num_key_value_heads = max(1, text.num_key_value_heads * heads // text.num_attention_heads)
    text.num_attention_heads, text.hidden_size, text.num_hidden_layers = heads, heads * size, layers
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:layers]
    of = "num_heads" if hasattr(vision, "num_heads") else "num_attention_heads"
    eye = vision.hidden_size // getattr(vision, of)
    vision.intermediate_size = vision.intermediate_size * vision_heads // getattr(vision, of) // 4 * 4
    vision.hidden_size = vision_heads * eye
    setattr(vision, of, vision_heads)
    setattr(vision, "depth" if hasattr(vision, "depth") else "num_hidden_layers", vision_layers)
    if hasattr(vision, "fullatt_block_indexes"):
        vision.fullatt_block_indexes = [vision_layers - 1]
    if hasattr(vision, "out_hidden_size"):
        vision.out_hidden_size = text.hidden_size
    return config


def build(name: str, folder: Path, *, tokenizer: PreTrainedTokenizerFast, seed: int = 0, **size: int) -> Path:
    """Write a random model of a published one's shrunken configuration (`shrunk`), with processor, as a folder."""
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    kind, config = kind_of(name), shrunk(name, **size)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in _TOKENS[kind].items()}
    for key, value in ids.items():
        setattr(config, key, value)
    ends = {"eos_token_id": tokenizer.convert_tokens_to_ids(END), "pad_token_id": tokenizer.convert_tokens_to_ids(PAD)}
    for key, value in ends.items():
        setattr(config.text_config, key, value)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    model.generation_config = GenerationConfig(**ends)
    with quietly():
        model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_IMAGES[kind]), encoding="utf-8")
    more = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    processor = {"processor_class": _IMAGES[kind]["processor_class"], **(more if kind == "llava" else {})}
    (folder / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    tokenizer.save_pretrained(folder)
    return folder
