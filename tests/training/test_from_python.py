"""Training from Python in one call: settings by name lie over those of a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

import foresee
from foresee import training
from foresee.errors import UserError


def test_settings_by_name_lie_over_those_of_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('model = "organism/base"\ndata = "a"\nlearning_rate = 0.5\n')
    config = training.configure("sft", recipe, settings={"data": tmp_path / "b", "out": tmp_path / "c"})
    assert config.learning_rate == 0.5
    assert (str(config.data), str(config.out)) == (str(tmp_path / "b"), str(tmp_path / "c"))
    with pytest.raises(UserError, match="takes no further settings"):
        foresee.train("sft", config, data="d")


def test_what_is_lacking_or_unknown_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train sft needs"):
        foresee.train("sft", model="organism/base")
    with pytest.raises(UserError, match="learnin_rate"):
        foresee.train("sft", model="organism/base", data="a", out=tmp_path, learnin_rate=1)
