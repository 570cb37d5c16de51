"""Data sets from Python in one call."""

from __future__ import annotations

from pathlib import Path

import pytest

import foresee
from foresee import dataset_format
from foresee.errors import UserError


def test_one_call_builds_a_data_set_and_again_for_nothing(tmp_path: Path) -> None:
    first = foresee.curate("threat_vqa", tmp_path / "set", source="world", images=12, rows=8)
    again = foresee.curate("threat_vqa", str(tmp_path / "set"), source="world", images=12, rows=8)
    assert (first.rows, first.new, again.new) == (8, 8, 0)
    assert len(list(dataset_format.read(tmp_path / "set"))) == 8


def test_what_a_recipe_does_not_have_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="imagess"):
        foresee.curate("threat_vqa", tmp_path / "set", source="world", imagess=12)
