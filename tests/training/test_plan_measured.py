"""Planned memory beside the measured peak of two real steps, on random models of 0.4 billion parameters.

    python -m pytest -n 0 -s -m slow tests/training/test_plan_measured.py     # prints the table of docs/training.md

What is measured is torch's own account of its CPU allocator; what was there before the first step is counted apart.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from foresee import training
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.training._common import run
from foresee.training._plan import memory
from tests.support import shrunken_models
from tests.support.tiny_models import word_tokenizer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
NAME = "Qwen/Qwen2.5-VL-7B-Instruct"
WORD = "ab "  # a token of three letters, which is what the plan takes a token for
HALF = ("dtype=bfloat16", "gradient_checkpointing=true")  # as on a GPU
CASES = {
    "sft, adapter": ("sft", ()),
    "sft, adapter, bfloat16": ("sft", HALF),
    "sft, all weights": ("sft", ("tune=full",)),
    "dpo, adapter": ("dpo", ("batch=2",)),
    "dpo, adapter, bfloat16": ("dpo", ("batch=2", *HALF)),
    "dpo, all weights": ("dpo", ("batch=2", "tune=full")),
    "caspo, adapter": ("caspo", ()),
    "caspo, adapter, bfloat16": ("caspo", HALF),
    "caspo, all weights": ("caspo", ("tune=full", "teacher=moving", "kl_weight=0.01")),
    "copsd, adapter": ("caspo", ("teacher=MODEL", "token_weight=1")),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = word_tokenizer("qwen2_5_vl", ["ab", "cd"])
    return shrunken_models.build(NAME, tmp_path_factory.mktemp("model"), tokenizer=tokenizer, heads=8, layers=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rows of equal length: an image of 16 tokens, 40 tokens asked, 40 answered."""
    root, made = tmp_path_factory.mktemp("rows"), dict[str, Path]()
    said, other = ((Turn(role="assistant", content=word * 40),) for word in (WORD, "cd "))
    learnt: dict[str, dict[str, Any]] = {
        "sft": {"completion": said},
        "dpo": {"chosen": said, "rejected": other},
        "caspo": {},
    }
    for method, answers in learnt.items():
        with RowWriter.open(root / method) as writer:
            for number in range(16):
                path = root / f"{number}.png"
                Image.new("RGB", (112, 112), (number, 99, 200)).save(path)
                prompt = (Turn(role="user", content=WORD * 40),)
                row: dict[str, Any] = {"id": str(number), "images": (writer.store(path.read_bytes()),)}
                writer.add(DataRow(**row, prompt=prompt, **answers))
        made[method] = root / method
    return made


def configured(case: str, model: Path, data: dict[str, Path], out: Path) -> tuple[str, Any]:
    method, given = CASES[case]
    sampled = ["generations=4", "max_new_tokens=40", "constitution=world", "constitution_turn=user"]
    own = sampled if method == "caspo" else []
    own += ["reward.world.effectiveness=1"] if method == "caspo" and "token_weight=1" not in given else []
    common = ["device=cpu", "steps=2", f"model={model}", f"data={data[method]}", f"out={out}"]
    pairs = [*common, "batch=4", *own, *(each.replace("MODEL", str(model)) for each in given)]
    return method, training.configure(method, None, list({pair.partition("=")[0]: pair for pair in pairs}.values()))


def storages() -> int:
    """Count the bytes of all tensors that there are, each storage once."""
    gc.collect()
    found = {}
    for each in gc.get_objects():
        if (
            type(each) in (torch.Tensor, torch.nn.Parameter)
            and each.device.type == "cpu"
            and each.layout is torch.strided
        ):
            storage = each.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
    return sum(found.values())


def measured(method: str, config: Any) -> int:
    """Take two steps; return the most bytes that tensors took."""
    before = storages()
    session = run.prepare(method, training.method(method), config, lambda progress: None)
    held = storages() - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        session.trainer.train()
    session.watcher.close()
    return held + max(_running(profile))


def _running(profile: Any) -> Iterator[int]:
    """Yield the bytes that were allocated and not yet freed, after each change."""
    events = [each for each in profile.profiler.kineto_results.events() if each.name() == "[memory]"]
    total = 0
    for each in sorted(events, key=lambda each: int(each.start_ns())):
        total += each.nbytes()
        yield total


OFF = pytest.mark.xfail(reason="2.05 GB, planned 1.27: a CPU copies the head for each sequence")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=OFF if case == "caspo, adapter, bfloat16" else ()) for case in CASES]
)
def test_a_plan_is_within_fifteen_percent_of_what_is_measured(
    case: str, model: Path, data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method, config = configured(case, model, data, tmp_path / "run")
    planned = memory.plan(method, config, half=config.dtype == "bfloat16")
    found = measured(method, config)
    inside = ", ".join(f"{name} {size / 1e9:.2f}" for name, size in planned.held.items())
    with capsys.disabled():
        print(f"\n| {case} | {planned.peak / 1e9:.2f} | {found / 1e9:.2f} | {planned.peak / found - 1:+.0%} | {inside}")
        print({n: {k: round(v / 1e9, 3) for k, v in p.items()} for n, p in planned.phases.items()}, planned.lengths)
    assert planned.shape.total > 300_000_000
    assert planned.peak == pytest.approx(found, rel=0.15)
