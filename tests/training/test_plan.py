"""Plans of memory: known models by name, what fits, and what to change."""

from __future__ import annotations

import itertools
import re
import shlex
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
def test_what_does_not_fit_is_told_what_to_change() -> None:
    device = devices.named("A100")
    full = training.configure("caspo", "papers/ood_mmsafe/caspo.toml", [SEVEN, "data=DATA", "out=OUT"])
    planned = memory.plan("caspo", full, True, device)
    assert planned.shape.total == 8_292_166_656
    assert planned.held["weights"] == 4 * planned.shape.total
    lines = words.describe("caspo", full, "A100")
    assert any("DOES NOT FIT" in line for line in lines)
    assert any("to fit" in line and "--set tune=lora" in line for line in lines)


def test_an_adapter_that_takes_the_students_place_is_no_second_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 32}')
    given = [SEVEN, "data=DATA", "out=OUT", f"teacher={tmp_path}"]
    same = training.configure("caspo", "papers/ood_mmsafe/copsd_lora.toml", given)
    other = training.configure("caspo", "papers/ood_mmsafe/copsd_lora.toml", [*given, "lora.rank=16"])
    shape = memory._shape(same)
    assert "teacher" not in memory._held("caspo", same, shape, half=True)
    assert memory._held("caspo", other, shape, half=True)["teacher"] == 2 * shape.total


PAPERS = Path(training.__file__).parent.parent / "papers"
PAGE = PAPERS.parent.parent / "docs" / "real_models.md"


def planned() -> list[list[str]]:
    """Return the words of each `--fits` command, of recipes' heads (the drawn world's name no device) and of a page."""
    found = re.findall(r"^foresee train (.* --fits .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for path in sorted(PAPERS.glob("*/*.toml")):
        head = re.sub(r"\n# {7,}", " ", path.read_text(encoding="utf-8"))
        lines = re.findall(rf"^# +foresee train (\w+ papers/{path.parent.name}/{path.name} .*--fits .*)$", head, re.M)
        without = path.name == "published.toml" or path.stem.startswith("study_") or path.stem.endswith("_world")
        assert without or lines, f"{path.name}: expected `foresee train METHOD RECIPE --set model=… --fits DEVICE`"
        found += lines
    return [shlex.split(line) for line in dict.fromkeys(found)]


@pytest.mark.parametrize("line", planned(), ids=lambda line: f"{Path(line[1]).stem} {line[3].split('/')[-1]}")
def test_every_recipe_fits_the_device_that_its_head_names(line: list[str]) -> None:
    method, recipe, *flags = line
    given = [value for flag, value in itertools.pairwise(flags) if flag == "--set"]
    config = training.configure(method, recipe, ["data=DATA", "out=OUT", *given])
    lines = words.describe(method, config, flags[flags.index("--fits") + 1])
    assert any(line.strip().startswith("fits") for line in lines), lines
    assert not any(line.strip().startswith("to fit") for line in lines)


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
