"""Every method on both tiny architectures: what moves, what is written, and what must come out equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foresee import manifest
from foresee.training._common import run
from tests.training.running import DATA, session, settings, weights

KINDS = ("llava", "qwen2_5_vl")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", DATA)
@pytest.mark.parametrize("tune", ["lora", "full"])
def test_only_the_language_model_moves(
    method: str, tune: str, kind: str, models: dict[str, Path], folders: dict[str, Path], tmp_path: Path
) -> None:
    config = settings(method, models, folders, tmp_path / "run", f"tune={tune}", kind=kind)
    prepared = session(method, config)
    before = weights(prepared.trainer.model)
    folder = run.run(prepared)
    moved = {name for name, value in weights(prepared.trainer.model).items() if not torch.equal(value, before[name])}
    assert moved
    assert all("language_model" in name or name.startswith("lm_head") for name in moved), moved
    if tune == "lora":
        assert all("lora_" in name for name in moved)
        assert (folder / "adapter_model.safetensors").is_file()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2]
    about = manifest.read(folder, "training")
    assert about["finished"]
    assert about["method"] == method
    assert not list(folder.glob("*.bin"))
    assert not list(folder.glob("checkpoint-*"))
    assert "## Settings" in (folder / "README.md").read_text()


@pytest.mark.parametrize("method", DATA)
def test_one_by_eight_is_eight_by_one(
    method: str, models: dict[str, Path], folders: dict[str, Path], tmp_path: Path
) -> None:
    ended = []
    for batch, accumulate in ((8, 1), (1, 8)):
        # AdamW's first step is the gradient's sign, which hides its size
        given = (
            f"batch={batch}",
            f"accumulate={accumulate}",
            "steps=1",
            "tune=full",
            "trl.optim=sgd",
            "learning_rate=1",
        )
        config = settings(method, models, folders, tmp_path / f"{batch}", *given)
        prepared = session(method, config)
        run.run(prepared)
        ended.append(weights(prepared.trainer.model))
    for name, value in ended[0].items():
        torch.testing.assert_close(value, ended[1][name], atol=2e-6, rtol=1e-4, msg=name)
