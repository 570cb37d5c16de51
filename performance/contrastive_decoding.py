"""What contrastive decoding costs: plain greedy decoding, the fused form, and two passes a token, in one run.

    python -m performance.contrastive_decoding                                        # CPU, tiny models
    python -m performance.contrastive_decoding --device cuda --config qwen2.5-vl-7b    # real size, random weights

Prints times and ratios at each batch size: CPU time on a CPU (all threads; the best of the repeats), by the clock on a
GPU. Every sequence gets the same number of new tokens. The fused form is `foresee.models.local.contrast` with
transformers' own `generate`, as the local provider runs it (which besides keeps encoded images); two passes keep a
second cache and call the model a second time for each token. Says how many tokens of both forms agree: all of them in
float32; in bfloat16 a matrix product depends on its batch. Needs torch and transformers alone.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than free cores spin against each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForImageTextToText, DynamicCache, GenerationConfig, LogitsProcessorList

from foresee.models.local.contrast import ContrastiveDecoding, contrasted

IMAGE, START, END, WORDS = 5, 6, 7, 64  # token ids: image, vision start and end; words of text beside the image
STRATEGY = ContrastiveDecoding()


class Size(NamedTuple):
    """A language model's width, inner width, depth, heads, key-value heads and vocabulary."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int


class Tower(NamedTuple):
    """A vision tower's width, inner width, depth and heads, and the side of the images that it gets, in pixels."""

    hidden: int
    inner: int
    layers: int
    heads: int
    side: int


TINY = Size(128, 256, 4, 4, 4, 512)
CONFIGS: dict[str, tuple[str, Size, Tower]] = {
    "tiny-llava": ("llava", TINY, Tower(64, 128, 2, 4, 56)),
    "tiny-qwen2.5-vl": ("qwen2.5", TINY, Tower(64, 128, 2, 4, 112)),
    "tiny-qwen3-vl": ("qwen3", TINY, Tower(64, 128, 2, 4, 128)),
    "llava-7b": ("llava", Size(4096, 11008, 32, 32, 32, 32064), Tower(1024, 4096, 24, 16, 336)),
    "qwen2.5-vl-3b": ("qwen2.5", Size(2048, 11008, 36, 16, 2, 151936), Tower(1280, 3420, 32, 16, 448)),
    "qwen2.5-vl-7b": ("qwen2.5", Size(3584, 18944, 28, 28, 4, 152064), Tower(1280, 3420, 32, 16, 448)),
}


def config_of(name: str) -> Any:
    import transformers

    kind, size, tower = CONFIGS[name]
    text: dict[str, Any] = {
        "vocab_size": size.vocabulary,
        "hidden_size": size.hidden,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": 8192,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": 0,
        "tie_word_embeddings": name == "qwen2.5-vl-3b",
    }
    if kind == "llava":
        vision = transformers.CLIPVisionConfig(
            hidden_size=tower.hidden,
            intermediate_size=tower.inner,
            num_hidden_layers=tower.layers,
            num_attention_heads=tower.heads,
            image_size=tower.side,
            patch_size=14,
        )
        words = transformers.LlamaConfig(**text)
        return transformers.LlavaConfig(
            vision_config=vision, text_config=words, image_token_index=IMAGE, image_seq_length=(tower.side // 14) ** 2
        )
    half = size.hidden // size.heads // 2
    side = half * 3 // 8
    rope = {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [half - 2 * side, side, side]}
    seen: dict[str, Any] = {
        "depth": tower.layers,
        "hidden_size": tower.hidden,
        "intermediate_size": tower.inner,
        "num_heads": tower.heads,
        "patch_size": 14 if kind == "qwen2.5" else 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": size.hidden,
    }
    ids = {"image_token_id": IMAGE, "video_token_id": 4, "vision_start_token_id": START, "vision_end_token_id": END}
    if kind == "qwen2.5":
        seen |= {
            "window_size": 112,
            "fullatt_block_indexes": list(range(max(0, tower.layers // 4 - 1), tower.layers, 8)),
        }
        return transformers.Qwen2_5_VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=seen, **ids)
    seen |= {"num_position_embeddings": (tower.side // 16) ** 2, "deepstack_visual_indexes": [0]}
    rope["mrope_interleaved"] = True
    words = {**text, "head_dim": 2 * half, "rope_parameters": rope}
    return transformers.Qwen3VLConfig(text_config=words, vision_config=seen, **ids)


def build(name: str, device: str) -> Any:
    """The model with random weights, made where it is to run."""
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(
            config_of(name), dtype=torch.float32 if device == "cpu" else torch.bfloat16
        )
    model.generation_config = GenerationConfig()
    return model.eval()


def inputs_of(name: str, model: Any, rows: int) -> list[dict[str, Any]]:
    """One request a row: an image of its own, and words before and behind it."""
    kind, size, tower = CONFIGS[name]
    made = []
    for row in range(rows):
        generator = torch.Generator().manual_seed(row)
        if kind == "llava":
            images = {"pixel_values": torch.randn(1, 3, tower.side, tower.side, generator=generator)}
            tokens = (tower.side // 14) ** 2
        else:
            patch = 14 if kind == "qwen2.5" else 16
            grid = tower.side // patch
            still = torch.randn(grid * grid, 3, 1, patch * patch, generator=generator).expand(-1, -1, 2, -1)
            images = {"pixel_values": still.reshape(grid * grid, -1), "image_grid_thw": torch.tensor([[1, grid, grid]])}
            tokens = (grid // 2) ** 2
        words = torch.randint(10, size.vocabulary, (WORDS,), generator=generator).tolist()
        ids = torch.tensor([[*words[:10], START, *[IMAGE] * tokens, END, *words[10:]]])
        text = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if "mm_token_type_ids" in inspect.signature(model.forward).parameters:
            text["mm_token_type_ids"] = (ids == IMAGE).int()
        made.append({**text, **images})
    return made


def joined(parts: list[dict[str, Any]], model: Any) -> dict[str, Any]:
    batch = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return {k: v.to(model.device, model.dtype if v.is_floating_point() else None) for k, v in batch.items()}


def seconds_looks(parts: list[dict[str, Any]], model: Any) -> list[dict[str, Any]]:
    return [{**part, **STRATEGY.second_branch(part, seed, model)} for seed, part in enumerate(parts)]


def generate(model: Any, inputs: dict[str, Any], tokens: int, processors: list[Any]) -> Any:
    settings = GenerationConfig(do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=0)
    with torch.no_grad():
        made = model.generate(**inputs, generation_config=settings, logits_processor=LogitsProcessorList(processors))
    return made[:, inputs["input_ids"].shape[1] :]


def plain(model: Any, parts: list[dict[str, Any]], tokens: int) -> Any:
    return generate(model, joined(parts, model), tokens, [])


def fused(model: Any, parts: list[dict[str, Any]], tokens: int) -> Any:
    def process(ids: Any, scores: Any) -> Any:
        clean, distorted = scores.chunk(2)
        return contrasted(clean, distorted, STRATEGY.alpha, STRATEGY.beta).repeat(2, 1)

    inputs = joined([*parts, *seconds_looks(parts, model)], model)
    return generate(model, inputs, tokens, [process])[: len(parts)]


def two_passes(model: Any, parts: list[dict[str, Any]], tokens: int) -> Any:
    """The second branch as a forward pass of its own for each token, with its own cache."""
    second = joined(seconds_looks(parts, model), model)
    cache = DynamicCache(config=model.config.get_text_config())
    mask = second["attention_mask"]
    started = False

    def look(ids: Any) -> Any:
        nonlocal mask, started
        if not started:
            started = True
            return model(**second, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        places = mask.sum(-1, keepdim=True) - 1
        if getattr(model.model, "rope_deltas", None) is not None:  # both branches have the same text, so the same shift
            places = (places + model.model.rope_deltas.to(places.device)).expand(3, -1, -1)
        step = {"input_ids": ids[:, -1:], "attention_mask": mask, "position_ids": places}
        return model(**step, past_key_values=cache, use_cache=True, logits_to_keep=1).logits

    def process(ids: Any, scores: Any) -> Any:
        return contrasted(scores, look(ids)[:, -1].float(), STRATEGY.alpha, STRATEGY.beta)

    return generate(model, joined(parts, model), tokens, [process])


FORMS: dict[str, Callable[[Any, list[dict[str, Any]], int], Any]] = {
    "plain": plain,
    "fused": fused,
    "two passes": two_passes,
}


def timed(work: Callable[[], Any], device: str) -> tuple[float, Any]:
    if device == "cpu":
        begun = time.process_time()
        made = work()
        return time.process_time() - begun, made
    torch.cuda.synchronize()
    begun = time.perf_counter()
    made = work()
    torch.cuda.synchronize()
    return time.perf_counter() - begun, made


def measure(name: str, model: Any, rows: int, arguments: argparse.Namespace, until: float) -> dict[str, Any]:
    """The best time of each form; they take turns, so that a busy spell hits all."""
    parts = inputs_of(name, model, rows)
    best: dict[str, float] = {}
    memory: dict[str, float] = {}
    tokens: dict[str, Any] = {}
    for work in FORMS.values():
        work(model, parts, 4)  # warm
    for repeat in range(arguments.repeats):
        if repeat and time.monotonic() > until:
            break
        for form, work in FORMS.items():
            if arguments.device != "cpu":
                torch.cuda.reset_peak_memory_stats()
            took, tokens[form] = timed(partial(work, model, parts, arguments.tokens), arguments.device)
            best[form] = min(took, best.get(form, took))
            if arguments.device != "cpu":
                memory[form] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return {
        "config": name,
        "batch": rows,
        "prompt tokens": int(parts[0]["input_ids"].shape[1]),
        "new tokens": arguments.tokens,
        "seconds": {form: round(value, 4) for form, value in best.items()},
        "fused : plain": round(best["fused"] / best["plain"], 3),
        "two passes : plain": round(best["two passes"] / best["plain"], 3),
        "tokens alike": float((tokens["fused"] == tokens["two passes"]).float().mean()),
        **({"peak GiB": memory} if memory else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--config", nargs="*", choices=[*CONFIGS], help="default: the tiny ones")
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=90, help="begin nothing new after this long")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.seconds
    machine = platform.machine() if arguments.device == "cpu" else torch.cuda.get_device_name()
    print(f"{machine}, torch {torch.__version__}, {arguments.tokens} new tokens, best of {arguments.repeats}")
    print(f"{'':24}{'plain':>10}{'fused':>10}{'two passes':>12}{'fused : plain':>15}{'two : plain':>13}{'alike':>8}")
    found = []
    for name in arguments.config or [name for name in CONFIGS if name.startswith("tiny")]:
        model = build(name, arguments.device)
        for rows in arguments.batch:
            if time.monotonic() > until:
                print(f"  {name}, batch {rows}: no time left")
                continue
            figures = measure(name, model, rows, arguments, until)
            found.append(figures)
            times = "".join(
                f"{value:>{12 if form == 'two passes' else 10}.3f}" for form, value in figures["seconds"].items()
            )
            print(
                f"{name + ', batch ' + str(rows):<24}{times}{figures['fused : plain']:>15.2f}"
                f"{figures['two passes : plain']:>13.2f}{figures['tokens alike']:>8.0%}",
                flush=True,
            )
            if arguments.json:
                record = {"device": machine, "torch": torch.__version__, "figures": found}
                arguments.json.write_text(json.dumps(record, indent=2) + "\n")
        del model
        if arguments.device != "cpu":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
