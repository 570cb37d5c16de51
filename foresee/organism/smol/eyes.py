"""Graft eyes on a language model: the vision tower of `organism/base`, and a projector fitted to the model's own words.

A cell of the image becomes one token. The projector is drawn to the embedding of the word for the thing in the cell by
the cosine cross-entropy over all things' words; the tower and the language model stay as they are. The features of the
frozen tower are computed once, so that the fit takes seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foresee.organism.world import icons, scenes

IMAGE = "<image>"
SCENES, CHECKED = 1_200, 200
"""Training scenes that the projector is fitted on, and validation scenes that it is checked on."""

STEPS, BATCH, RATE = 400, 64, 2e-3
_TEMPERATURE = 0.07
_EMPTY = "nothing"
_EMPTY_WEIGHT = 0.1  # most cells are empty
_IMAGE_TO_WORD_NORM = 2.0  # as in organism/base
_TEMPLATE = """\
{%- macro content(message) -%}
{%- if message['content'] is string -%}{{- message['content'] -}}
{%- else -%}{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{- '<image>\\n' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
{%- if messages[0]['role'] != 'system' -%}
{{- '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}{{- content(message) -}}{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"""
"""SmolLM2's own, for texts as they are and in parts; the same text for what both take."""


def graft(
    language: Any, tokenizer: Any, out: Path, told: Callable[[str], None] = lambda line: None
) -> dict[str, float]:
    """Write a LLaVA-type checkpoint with its processor.

    Args:
        language: a Llama model.
        tokenizer: its own.
        out: folder to write to.
        told: called with a line on each step.

    Returns:
        How often a thing of a validation scene is nearest to its own word among all (`things`), and an empty cell to
        that for nothing (`empty`).
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaProcessor

    from foresee import organism

    base = organism.folder("base")
    seeing = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    tokenizer.padding_side = "left"
    model = _assembled(language, seeing, tokenizer)
    told(f"fitting the projector on {SCENES:,} scenes")
    figures = _fit(model, tokenizer, processor.image_processor)
    told(f"things nearest to their own word, on validation scenes: {figures['things']:.1%}")
    model.to(torch.float16).save_pretrained(out)
    LlavaProcessor(
        processor.image_processor,
        tokenizer,
        patch_size=processor.patch_size,
        vision_feature_select_strategy=processor.vision_feature_select_strategy,
        num_additional_image_tokens=processor.num_additional_image_tokens,
        image_token=IMAGE,
        chat_template=_TEMPLATE,
    ).save_pretrained(out)
    return figures


def _assembled(language: Any, seeing: Any, tokenizer: Any) -> Any:
    """Put the two models into one, with a word embedding for the image token and a new projector between them."""
    import torch
    from transformers import GenerationConfig, LlavaConfig, LlavaForConditionalGeneration

    language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    text = language.config
    for unfit in ("quantization_config", "_name_or_path"):
        text.__dict__.pop(unfit, None)
    config = LlavaConfig(
        vision_config=seeing.config.vision_config,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=seeing.config.image_seq_length,
        vision_feature_layer=seeing.config.vision_feature_layer,
        vision_feature_select_strategy=seeing.config.vision_feature_select_strategy,
        tie_word_embeddings=text.tie_word_embeddings,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(seeing.model.vision_tower.state_dict())
    model.model.language_model.load_state_dict(language.model.state_dict())
    model.lm_head.load_state_dict(language.lm_head.state_dict())
    model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=text.bos_token_id, eos_token_id=text.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model.eval()


def _fit(model: Any, tokenizer: Any, image_processor: Any) -> dict[str, float]:
    import torch
    from torch.nn import functional

    table = model.get_input_embeddings().weight.detach()
    words = torch.stack([_word(tokenizer, table, name) for name in (_EMPTY, *icons.NAMES)])
    unit = functional.normalize(words, dim=-1)
    features, shown = _seen(model, image_processor, "train", SCENES)
    projector, draw = model.model.multi_modal_projector, torch.Generator().manual_seed(0)
    weight = torch.ones(len(unit))
    weight[0] = _EMPTY_WEIGHT
    optimizer = torch.optim.AdamW(projector.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(features), (BATCH,), generator=draw)
        scores = functional.normalize(projector(features[rows]), dim=-1) @ unit.T
        loss = functional.cross_entropy((scores / _TEMPERATURE).flatten(0, 1), shown[rows].flatten(), weight=weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        factor = _IMAGE_TO_WORD_NORM * words.norm(dim=-1).mean() / projector(features[:64]).norm(dim=-1).mean()
        projector.linear_2.weight.mul_(factor)
        projector.linear_2.bias.mul_(factor)
        features, shown = _seen(model, image_processor, "validation", CHECKED)
        nearest = (functional.normalize(projector(features), dim=-1) @ unit.T).argmax(-1)
    right = (nearest == shown).float()
    return {"things": right[shown > 0].mean().item(), "empty": right[shown == 0].mean().item()}


def _word(tokenizer: Any, table: Any, word: str) -> Any:
    """Return the embedding of a word inside a sentence: the mean over its tokens."""
    return table[tokenizer.encode(f" {word}", add_special_tokens=False)].mean(0)


def _seen(model: Any, image_processor: Any, split: scenes.Split, number: int) -> tuple[Any, Any]:
    """Return the tower's features (scenes, cells, width), and what each cell shows (scenes, cells), 0 for nothing."""
    import torch

    rng = random.Random(f"smol {split}")
    drawn = [scenes.sample(rng, split) for _ in range(number)]
    features = []
    with torch.no_grad():
        for start in range(0, number, 100):
            images = [scenes.draw(scene) for scene in drawn[start : start + 100]]
            pixels = image_processor(images=images, return_tensors="pt")["pixel_values"]
            states = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states
            features.append(states[model.config.vision_feature_layer][:, 1:])
    return torch.cat(features), torch.tensor([_cells(scene) for scene in drawn])


def _cells(scene: scenes.Scene) -> Sequence[int]:
    cells = [0] * (scenes.GRID * scenes.GRID)
    for thing in scene.things:
        cells[thing.cell] = icons.NAMES.index(thing.name) + 1
    return cells
