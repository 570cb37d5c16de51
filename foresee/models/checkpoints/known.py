"""Know the configurations of a few published models by name, so that plans need neither their weights nor a hub.

Sizes are those of the models' own `config.json` on the hub; the parameter counts that follow from them, which are
those that the hub states, are tested.
"""

from __future__ import annotations

from typing import Any


def _qwen2_5(
    hidden: int, inner: int, layers: int, heads: tuple[int, int], vocabulary: int, tied: bool
) -> dict[str, Any]:
    text = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "layer_types": ["full_attention"] * layers,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": hidden}
    return {"type": "qwen2_5_vl", "text_config": text, "vision_config": vision, "tie_word_embeddings": tied}


def _qwen3(hidden: int, inner: int, vision: dict[str, Any], tied: bool) -> dict[str, Any]:
    text = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "tie_word_embeddings": tied,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20]},
    }
    vision = {**vision, "num_heads": 16, "out_hidden_size": hidden, "patch_size": 16}
    return {"type": "qwen3_vl", "text_config": text, "vision_config": vision, "tie_word_embeddings": tied}


_LLAVA = {
    "type": "llava",
    "text_config": {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32064,
        "tie_word_embeddings": False,
    },
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
        "image_size": 336,
        "projection_dim": 768,
        "vocab_size": 32000,
    },
    "tie_word_embeddings": False,
}
_SMALL_EYES = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
_LARGE_EYES = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}

CONFIGS: dict[str, dict[str, Any]] = {
    "Qwen/Qwen2.5-VL-3B-Instruct": _qwen2_5(2048, 11008, 36, (16, 2), 151936, True),
    "Qwen/Qwen2.5-VL-7B-Instruct": _qwen2_5(3584, 18944, 28, (28, 4), 152064, False),
    "Qwen/Qwen3-VL-4B-Instruct": _qwen3(2560, 9728, _SMALL_EYES, True),
    "Qwen/Qwen3-VL-8B-Instruct": _qwen3(4096, 12288, _LARGE_EYES, False),
    "llava-hf/llava-1.5-7b-hf": _LLAVA,
}


def config(name: str) -> Any | None:
    """Build transformers' configuration of a model known by its hub id; None for any other name."""
    values = CONFIGS.get(name)
    if values is None:
        return None
    from transformers import AutoConfig

    return AutoConfig.for_model(values["type"], **{key: value for key, value in values.items() if key != "type"})
