"""How fast and how large the local provider is on a tiny model, beside a plain loop over transformers; peak memory.

    python -m performance.local_provider [--kind llava] [--items 64] [--tokens 32] [--repeats 5] [--memory]
    python -m performance.local_provider --batched
    python -m performance.local_provider --uneven

Prints items per second and CPU milliseconds per item (the best of the repeats; on a busy machine the latter is the
figure to trust) and their ratios, all measured in one run, with caches off so that every image is processed and
encoded. "plain" is a hand-written loop over transformers: processor, `generate`, decoding; one by one, as wrappers of
single requests do it (VLMEvalKit, lmms-eval), and in the same batches. `--batched` leaves out all that is one by one
(most of the time). `--uneven` measures something else: answers of very different length in batches of 16, as a whole
and refilled (`-M refill=true`), with the forward passes and the rows in them. With `--memory` the peak resident memory
of a process of its own that answers 100, 1,000 and 10,000 items, each with an image of its own, 64 at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than free cores spin against each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from foresee.models import open_model
from foresee.records import Generation, Image, Message, Model, Reply, Request
from tests.support.tiny_models import build

CHOICES = ("Yes", "No")


def item(number: int, tokens: int, choices: tuple[str, ...] = ()) -> Request:
    """A yes/no question about an image that no other item has."""
    from PIL import Image as Pil

    draw = random.Random(number)
    image = Pil.new("RGB", (64, 64), (draw.randrange(256), draw.randrange(256), draw.randrange(256)))
    image.paste((number % 256, number // 256 % 256, 0), (8, 8, 40, 40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    text = "Is it safe to do what the picture and the text say?" + " Answer yes or no." * (number % 3)
    message = Message("user", (Image.from_bytes(buffer.getvalue()), text))
    return Request((message,), Generation(max_tokens=tokens), choices)


async def together(model: Model, requests: list[Request]) -> list[Reply]:
    return list(await asyncio.gather(*(model.generate(request) for request in requests)))


async def alone(model: Model, requests: list[Request]) -> list[Reply]:
    return [await model.generate(request) for request in requests]


async def plain(folder: Path, requests: list[Request], at_once: int) -> list[str]:
    """The answers of a loop that nobody would write shorter, so many at once."""
    from PIL import Image as Pil

    vlm = opened(folder)
    said: list[str] = []
    for start in range(0, len(requests), at_once):
        chats = []
        for message in (request.messages[0] for request in requests[start : start + at_once]):
            image = Pil.open(io.BytesIO(message.images[0].read())).convert("RGB")
            parts = [{"type": "image", "image": image}, {"type": "text", "text": message.text}]
            chats.append([{"role": "user", "content": parts}])
        inputs = vlm.processor.apply_chat_template(
            chats,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            processor_kwargs={"padding": True, "padding_side": "left", "return_tensors": "pt"},
        )
        most = requests[0].generation.max_tokens
        made = vlm.model.generate(**inputs, max_new_tokens=most, do_sample=False)
        said += vlm.processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return said


@cache
def opened(folder: Path) -> Any:
    from foresee.models.checkpoints import LoadOptions, load

    return load(folder, options=LoadOptions(device="cpu", dtype="float32"))


class Pace(NamedTuple):
    """Items per second, and CPU milliseconds per item (all threads), each the best of the repeats."""

    rate: float
    cpu: float


async def paces(work: dict[str, Callable[[], Awaitable[object]]], items: int, repeats: int) -> dict[str, Pace]:
    """Measure each in turn, and all again: what else the machine does meets all of them alike."""
    best = dict.fromkeys(work, Pace(0.0, float("inf")))
    for _ in range(repeats):
        for name, one in work.items():
            wall, cpu = time.perf_counter(), time.process_time()
            await one()
            rate, spent = items / (time.perf_counter() - wall), 1000 * (time.process_time() - cpu) / items
            best[name] = Pace(max(best[name].rate, rate), min(best[name].cpu, spent))
    return best


async def speeds(folder: Path, items: int, tokens: int, repeats: int, *, batched: bool) -> None:
    model = open_model(f"local/{folder}", {"image_cache_mb": 0, "batch_size": min(items, 64)})
    generate = [item(n, tokens) for n in range(items)]
    first = [item(n, tokens, CHOICES) for n in range(items)]
    expected = [reply.text for reply in await together(model, generate)]
    if not batched:
        assert expected == [reply.text for reply in await alone(model, generate)], "batched answers differ"
    await together(model, first)
    same = sum(a == b.strip() for a, b in zip(expected, await plain(folder, generate, items), strict=True))
    print(f"  answers as the plain loop's: {same} of {items}")
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "plain, one by one": lambda: plain(folder, generate, 1),
        "plain, batched": lambda: plain(folder, generate, min(items, 64)),
        "one by one, generate": lambda: alone(model, generate),
        "batched, generate": lambda: together(model, generate),
        "one by one, first token": lambda: alone(model, first),
        "batched, first token": lambda: together(model, first),
    }
    found = await paces(
        {name: one for name, one in work.items() if not (batched and "one by one" in name)}, items, repeats
    )
    await model.close()
    for name, value in found.items():
        print(f"  {name:<26} {value.rate:8.1f} items/s {value.cpu:8.2f} CPU ms/item")
    for title, fast, slow in (
        ("plain batched : foresee batched", "plain, batched", "batched, generate"),
        ("batched foresee : plain one by one", "batched, generate", "plain, one by one"),
        ("batched : one by one", "batched, generate", "one by one, generate"),
        ("first token : generate, batched", "batched, first token", "batched, generate"),
        ("first token : generate, one by one", "one by one, first token", "one by one, generate"),
    ):
        if not {fast, slow} <= found.keys():
            continue
        wall, cpu = found[fast].rate / found[slow].rate, found[slow].cpu / found[fast].cpu
        print(f"  {title:<36} {wall:5.1f} by the clock {cpu:6.1f} in CPU time")


async def uneven(folder: Path, items: int, tokens: int, repeats: int) -> None:
    """Some tokens that a few answers hold are made ends of answers, so that their lengths spread from 1 to `tokens`."""
    requests = [item(n, tokens) for n in range(items)]
    vlm = opened(folder)
    said = [vlm.tokenizer.encode(text, add_special_tokens=False) for text in await plain(folder, requests, 32)]
    common = Counter(token for answer in said for token in set(answer))
    ends = [token for token, count in common.most_common() if count <= items // 4][:2]
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": ends}))
    models = [open_model(f"local/{folder}", {"batch_size": 16, "refill": refill}) for refill in (False, True)]
    passes: list[tuple[int, int]] = []
    answers = []
    for model in models:
        answers.append(await together(model, requests[:1]) + await together(model, requests[1:]))
        core: Any = cast(Any, model)._shared.engine.loaded().vlm.core
        core.register_forward_pre_hook(lambda _, args, given: passes.append(given["input_ids"].shape), with_kwargs=True)
    assert [reply.text for reply in answers[0]] == [reply.text for reply in answers[1]], "refilled answers differ"
    lengths = sorted(reply.usage.output_tokens for reply in answers[0])
    print(f"  tokens an answer: {lengths[0]} to {lengths[-1]}, median {lengths[items // 2]}")
    for name, model in zip(("whole", "refilled"), models, strict=True):
        passes.clear()
        found = await paces({name: partial(together, model, requests)}, items, repeats)
        one = len([shape for shape in passes if shape[1] == 1]) // repeats
        rows = sum(shape[0] for shape in passes if shape[1] == 1) // repeats
        print(f"  {name:<10}{one:6d} steps{rows:8d} rows{found[name].cpu:8.2f} CPU ms/item")
        await model.close()


async def answer_many(folder: Path, items: int) -> None:
    """As the runner does: 64 workers take one item after the other."""
    model = open_model(f"local/{folder}", {"image_cache_mb": 16})
    numbers = iter(range(items))

    async def worker() -> None:
        for number in numbers:
            await model.generate(item(number, 2))

    await asyncio.gather(*(worker() for _ in range(64)))
    await model.close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="llava", choices=["llava", "qwen2_5_vl", "qwen3_vl", "idefics3", "gemma3"])
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--batched", action="store_true")
    parser.add_argument("--uneven", action="store_true")
    parser.add_argument("--answer", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        asyncio.run(answer_many(Path(arguments.answer[0]), int(arguments.answer[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        wide: dict[str, Any] = {"initializer_range": 0.12} if arguments.uneven else {}  # answers that differ
        build(arguments.kind, Path(folder), **wide)
        cores, threads = os.cpu_count(), os.environ["OMP_NUM_THREADS"]
        print(f"tiny {arguments.kind}, {platform.machine()}, {cores} cores, {threads} torch thread(s)")
        print(f"{arguments.items} items with an image each, {arguments.tokens} tokens:")
        if arguments.uneven:
            asyncio.run(uneven(Path(folder), arguments.items, arguments.tokens, arguments.repeats))
            return
        asyncio.run(
            speeds(Path(folder), arguments.items, arguments.tokens, arguments.repeats, batched=arguments.batched)
        )
        if arguments.memory:
            for count in (100, 1_000, 10_000):
                command = [sys.executable, "-m", "performance.local_provider", "--answer", folder, str(count)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                print(f"  peak memory, {count:>6,} items   {int(done.stdout):5d} MB")


if __name__ == "__main__":
    main()
