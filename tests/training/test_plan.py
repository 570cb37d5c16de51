"""Plans of memory: known models by name, what fits, and what to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from foresee import training
from foresee.errors import UserError
from foresee.training._plan import devices, memory, words
from foresee.training._plan.live import LiveTensors

SEVEN = "model=local/Qwen/Qwen2.5-VL-7B-Instruct"


def test_live_tensors_are_followed_until_they_are_freed() -> None:
    weights = torch.ones(1000)
    with LiveTensors([weights]) as live:
        twice = weights * 2
        view = twice[:10]
        del twice
        assert (live.now, live.peak) == (4000, 4000), "a view keeps its memory"
        del view
        assert (live.now, live.peak, weights.view(10, 100).sum().item()) == (0, 4000, 1000)


@pytest.mark.slow
def test_the_recipe_with_an_adapter_fits_the_device_that_its_head_names_and_the_full_one_does_not() -> None:
    device = devices.named("A100")
    lora = training.configure("caspo", "papers/ood_mmsafe/caspo_lora.toml", [SEVEN, "data=DATA", "out=OUT"])
    small = memory.plan("caspo", lora, True, device)
    assert small.shape.total == 8_292_166_656
    assert small.held["weights"] == 2 * small.shape.total
    assert 20e9 < small.needed <= device.memory
    full = training.configure("caspo", "papers/ood_mmsafe/caspo.toml", [SEVEN, "data=DATA", "out=OUT"])
    lines = words.describe("caspo", full, "A100")
    assert any("DOES NOT FIT" in line for line in lines)
    assert any("to fit" in line and "--set tune=lora" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "recipe", "device", "more"),
    [
        ("sft", "ood_mmsafe/cross_sft", "24GB", []), ("sft", "vsfa/vsfa", "24GB", []),
        ("sft", "mmsafeaware/vrf", "24GB", []),
        ("dpo", "ood_mmsafe/dpo", "24GB", []), ("caspo", "ood_mmsafe/caspo_moving", "A100", []),
        ("caspo", "ood_mmsafe/caspo", "H100", ["processes=8", "trl.fsdp=true"]),
        ("caspo", "ood_mmsafe/copsd", "H200", ["processes=8", "trl.fsdp=true", SEVEN.replace("model", "teacher")]),
    ],
)  # fmt: skip
def test_every_recipe_for_real_models_fits_the_device_that_its_head_names(
    method: str, recipe: str, device: str, more: list[str]
) -> None:
    config = training.configure(method, f"papers/{recipe}.toml", [SEVEN, "data=DATA", "out=OUT", *more])
    lines = words.describe(method, config, device)
    assert any(line.strip().startswith("fits") for line in lines), lines


def test_devices_are_named_by_memory_or_name() -> None:
    assert devices.named("24GB").memory == 24 * 10**9
    assert devices.named("h100").name == "H100"
    with pytest.raises(UserError, match="--fits: expected a memory"):
        devices.named("a toaster")


def test_rows_that_are_here_are_measured(models: Any, folders: Any, tmp_path: Path) -> None:
    name = next(iter(folders))
    config = training.configure("sft", None, [SEVEN, f"data={folders[name]}", "out=OUT"])
    lengths = memory.plan("sft", config, True).lengths
    assert not lengths.assumed
    assert lengths.rows
    assert lengths.prompt > 1


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen/Qwen2.5-VL-3B-Instruct", 3_754_622_976),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656),
        ("Qwen/Qwen3-VL-4B-Instruct", 4_437_815_808),
        ("Qwen/Qwen3-VL-8B-Instruct", 8_767_123_696),
        ("llava-hf/llava-1.5-7b-hf", 7_063_427_072),
    ],
)
def test_known_models_have_the_parameters_that_the_hub_states(name: str, parameters: int) -> None:
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"):
        model: Any = AutoModelForImageTextToText.from_config(memory.configuration(name))
    model.tie_weights()
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_weights_in_the_cache_of_the_hub_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    name = "local/Qwen/Qwen2.5-VL-7B-Instruct"
    assert memory.weights_are_elsewhere(name)
    place = tmp_path / "models--Qwen--Qwen2.5-VL-7B-Instruct"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("a" * 40)
    (place / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (place / "snapshots" / ("a" * 40) / "model.safetensors.index.json").write_text("{}")
    assert not memory.weights_are_elsewhere(name)
    assert not memory.weights_are_elsewhere("local/somebody/else")
