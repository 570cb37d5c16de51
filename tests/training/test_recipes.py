"""The recipes that ship, and docs/add_a_training_method.md: both are followed to the letter."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from foresee import _discovery, training
from foresee.report import training as report
from tests.training.running import settings

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPES = sorted(path for path in (ROOT / "foresee" / "papers").glob("*/*.toml") if path.name != "published.toml")
PAGE = (ROOT / "docs" / "add_a_training_method.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_fits_its_method_and_says_where_each_value_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^# +foresee train (\w+) (papers/\S+)", text, re.MULTILINE)
    methods = {method for method, recipe in named if recipe == f"papers/{path.parent.name}/{path.name}"}
    assert len(methods) == 1, "a recipe's head has the command that uses it"
    given = ["model=x", "data=y", "out=z"]
    config = training.configure(methods.pop(), f"papers/{path.parent.name}/{path.name}", given)
    assert config.model == "x"
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            heading = re.fullmatch(r"\[[\w.]+\]", line.strip())
            assert heading or "#" in line or _under_a_sourced_heading(text, line), f"{line}: source, or 'ours'?"


def _under_a_sourced_heading(text: str, line: str) -> bool:
    """A table whose heading says where all of its values come from."""
    before = text[: text.index(line)]
    headings = [each for each in before.splitlines() if each.startswith("[")]
    return bool(headings) and "#" in headings[-1]


def test_recipes_are_found_by_their_short_name_and_others_by_theirs(tmp_path: Path) -> None:
    assert training.recipe_path("papers/vsfa/vsfa.toml").is_file()
    mine = tmp_path / "mine.toml"
    mine.write_text("steps = 7\n")
    assert training.configure("sft", mine, ["model=x", "data=y", "out=z", "lora.rank=3"]).steps == 7
    with pytest.raises(training.UserError, match=r"no such file: papers/none\.toml"):
        training.configure("sft", "papers/none.toml")
    with pytest.raises(training.UserError, match=r"needs model, out: --set model=… --set out=…"):
        training.configure("sft", mine, ["data=y"])


def test_a_method_of_ones_own_is_one_file(
    models: Any, folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = re.search(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block is not None
    (tmp_path / "mine" / "training").mkdir(parents=True)
    (tmp_path / "mine" / "training" / "noisy.py").write_text(block.group(1))
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "mine"))
    assert _discovery.summary("training", "noisy").line.startswith("Noisy fine-tuning")
    plain = settings("sft", models, folders, tmp_path / "run", "trl.neftune_noise_alpha=0.1")
    values = {key: getattr(plain, key) for key in ("model", "data", "steps", "batch", "device", "learning_rate")}
    config = training.configure("noisy", None, [f"{k}={v}" for k, v in values.items()] + [f"out={tmp_path / 'run'}"])
    folder = training.train("noisy", config)
    assert (folder / "adapter_model.safetensors").is_file()
    page = report.render([folder])
    assert "noisy" in page
    (tmp_path / "mine" / "training" / "empty.py").write_text('"""Empty: lacks everything."""\n')
    with pytest.raises(training.UserError, match=r"needs class Config\(TrainingConfig\)"):
        training.method("empty")


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`(_\w+\.py)`", PAGE):
        assert (ROOT / "foresee" / "training" / name).is_file(), name
    parts = set(re.findall(r"`(\w+)` \(", PAGE))
    assert {"policy", "data", "rows", "arguments", "callbacks"} <= parts


def test_settings_are_explained() -> None:
    for name in _discovery.names("training"):
        for key, field in training.method(name).Config.model_fields.items():
            assert field.description, f"{name}.{key} has no docstring"


def test_published_figures_are_not_taken_for_recipes() -> None:
    for path in (ROOT / "foresee" / "papers").glob("*/published.toml"):
        assert "learning_rate" not in tomllib.loads(path.read_text(encoding="utf-8"))
