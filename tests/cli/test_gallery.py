"""`foresee data gallery`: one sheet, drawn sets clear, pictures of others blurred unless asked for."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from foresee.data import contact_sheet
from foresee.errors import UserError
from foresee.records import Item, Message

from .conftest import Cli


def _detail(path: Path) -> float:
    """How much neighbouring pixels differ in the first tile."""
    grey = np.asarray(Picture.open(path).convert("L").crop((10, 10, 310, 310))).astype(float)
    return float(abs(np.diff(grey, axis=1)).mean())


def test_a_sheet_of_the_drawn_set(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "data",
        "gallery",
        "drawn_consequences",
        "--out",
        "sheet.png",
        "-T",
        "category=fire",
        "--limit",
        4,
        "--columns",
        2,
    )
    assert (done.code, done.out) == (0, "sheet.png: 4 items\n")
    with Picture.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (2 * 310 + 10, 2 * 368 + 10)
        assert len(sheet.getcolors(1_000_000) or ()) > 500


def test_published_pictures_are_blurred_unless_asked_for(cli: Cli, tmp_path: Path, mmsa: Path) -> None:
    noise = Picture.effect_noise((64, 64), 90)
    for path in (mmsa / "data" / "images").iterdir():
        noise.save(path, "PNG")
    assert cli("data", "gallery", "mmsafeaware", "--data", mmsa, "--out", "blurred.png", "--limit", 4).code == 0
    assert (
        cli("data", "gallery", "mmsafeaware", "--data", mmsa, "--out", "clear.png", "--limit", 4, "--clear").code == 0
    )
    assert _detail(tmp_path / "clear.png") > 5 * _detail(tmp_path / "blurred.png")


def test_what_is_wrong_is_one_line(cli: Cli) -> None:
    assert "no benchmark named 'drawn'" in cli("data", "gallery", "drawn", "--out", "x.png").err
    assert "can't write" in cli("data", "gallery", "drawn_consequences", "--out", "no/x.png", "-T", "category=fire").err
    with pytest.raises(UserError, match="at most 200 items"):
        contact_sheet.png([Item("a", ())] * 201)
    with pytest.raises(UserError, match="nothing to show"):
        contact_sheet.png([])


def test_a_caption_takes_the_beginning_of_a_long_request() -> None:
    began = time.process_time()
    contact_sheet.png([Item("a", (Message("user", ("word " * 2_000_000,)),))])
    assert time.process_time() - began < 2
