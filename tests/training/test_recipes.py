"""The recipes that ship, and docs/add_a_training_method.md: both are followed to the letter."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from foresee import plugins, training
from foresee.errors import UserError
from foresee.report import training as report
from tests.training.running import settings

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPES = sorted(
    path
    for path in (ROOT / "foresee" / "papers").glob("*/*.toml")
    if path.name != "published.toml" and not path.name.startswith("study")
)
PAGE = (ROOT / "docs" / "add_a_training_method.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_fits_its_method_and_says_where_each_value_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^# .*foresee train (\w+) (papers/\S+)", text, re.MULTILINE)
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
    assert training.configure("sft", "papers/vsfa/vsfa.toml", ["model=x", "data=y", "out=z"]).epochs == 1
    mine = tmp_path / "mine.toml"
    mine.write_text("steps = 7\n")
    assert training.configure("sft", mine, ["model=x", "data=y", "out=z", "lora.rank=3"]).steps == 7
    with pytest.raises(UserError, match=r"no such file: papers/none\.toml"):
        training.configure("sft", "papers/none.toml")
    with pytest.raises(UserError, match=r"needs model, out: --set model=… --set out=…"):
        training.configure("sft", mine, ["data=y"])


def test_a_method_of_ones_own_is_one_file(
    models: Any, folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = re.search(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block is not None
    (tmp_path / "mine" / "training").mkdir(parents=True)
    (tmp_path / "mine" / "training" / "noisy.py").write_text(block.group(1))
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "mine"))
    assert plugins.summary("training", "noisy").line.startswith("Noisy fine-tuning")
    plain = settings("sft", models, folders, tmp_path / "run", "trl.neftune_noise_alpha=0.1")
    values = {key: getattr(plain, key) for key in ("model", "data", "steps", "batch", "device", "learning_rate")}
    config = training.configure("noisy", None, [f"{k}={v}" for k, v in values.items()] + [f"out={tmp_path / 'run'}"])
    folder = training.train("noisy", config)
    assert (folder / "adapter_model.safetensors").is_file()
    page = report.render([folder])
    assert "noisy" in page
    (tmp_path / "mine" / "training" / "empty.py").write_text('"""Empty: lacks everything."""\n')
    with pytest.raises(UserError, match=r"empty\.py lacks Config, trainer"):
        training.method("empty")


def test_every_file_that_the_page_names_is_there() -> None:
    names = re.findall(r"`(_\w+/\w+\.py)`", PAGE)
    assert names
    for name in names:
        assert (ROOT / "foresee" / "training" / name).is_file(), name
    parts = set(re.findall(r"`(\w+)` \(", PAGE))
    assert {"policy", "data", "rows", "arguments", "callbacks"} <= parts


def test_settings_are_explained() -> None:
    for name in plugins.names("training"):
        for key, field in training.method(name).config.model_fields.items():
            assert field.description, f"{name}.{key} has no docstring"


def test_published_figures_are_not_taken_for_recipes() -> None:
    for path in (ROOT / "foresee" / "papers").glob("*/published.toml"):
        assert "learning_rate" not in tomllib.loads(path.read_text(encoding="utf-8"))


def test_names_that_people_know_are_taken_and_the_own_ones_said(caplog: pytest.LogCaptureFixture) -> None:
    given = ["model=x", "data=y", "output_dir=z", "lr=3e-5", "gradient_accumulation_steps=4", "lora.r=3"]
    given += ["lr_scheduler_type=cosine", "per_device_train_batch_size=2", "num_train_epochs=3", "lora_alpha=6"]
    config = training.configure("sft", None, [*given, "report_to=tensorboard"])
    assert (config.out, config.learning_rate, config.accumulate, config.lora.rank) == ("z", 3e-5, 4, 3)
    assert (config.schedule, config.batch, config.epochs, config.lora.alpha) == ("cosine", 2, 3.0, 6.0)
    assert config.report_to == ("tensorboard",)
    assert "lr is called learning_rate here" in caplog.messages
    over = ["model=x", "data=y", "out=z", "max_steps=3", "num_generations=2"]
    world = training.configure("caspo", "papers/ood_mmsafe/caspo_world.toml", over)
    assert (world.steps, world.model_dump()["generations"]) == (3, 2), "over the recipe's own value"
    with pytest.raises(UserError, match="lr is learning_rate here, and both are given"):
        training.configure("sft", None, ["model=x", "data=y", "out=z", "lr=1", "learning_rate=2"])
    with pytest.raises(UserError, match="no train sft option named 'generations'"):
        training.configure("sft", None, ["model=x", "data=y", "out=z", "generations=2"])


def test_known_names_lead_to_settings_that_exist() -> None:
    from foresee.training._common.names import KNOWN

    fields = {
        key: field
        for name in ("sft", "dpo", "caspo")
        for key, field in training.method(name).config.model_fields.items()
    }
    for ours in KNOWN.values():
        head, _, inner = ours.partition(".")
        assert head in fields
        assert not inner or inner in getattr(fields[head].annotation, "model_fields", {})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["token_weight=0.5"],
            "train caspo: no reward for outcomes: set one (reward.world.risk=0.5), or token_weight=1",
        ),
        (
            ["reward.world.risk=1", "report_to=paper"],
            "report_to.0: Input should be 'tensorboard', 'wandb' or 'trackio'",
        ),
        (
            ["reward.world.risk=1", "judge_models=custom/a,custom/b", "generations=1"],
            "generations: Input should be greater",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_words(given: list[str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        training.configure("caspo", None, ["model=x", "data=y", "out=z", *given])
    assert message in str(raised.value)
    assert "Value error" not in str(raised.value)
    assert ": :" not in str(raised.value)
