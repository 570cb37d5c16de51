"""The page about trainings: every number that was logged, nothing that could run, no path where it is to be shared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from foresee import manifest
from foresee.errors import UserError
from foresee.report import training


def a_training(folder: Path, lines: list[dict[str, object]], **more: object) -> Path:
    record = {
        "method": "caspo",
        "config": {"tune": "lora", "learning_rate": 0.001, "teacher": "frozen", "token_weight": 0.3},
        "base": {"name": "organism/base"},
        "data": {"folder": "/home/me/secret/consequences", "rows_used": 1234},
        "trainable_parameters": 10,
        "parameters": 100,
        "processes": 2,
        "device": "cpu",
        "finished": True,
        "steps": 2,
        **more,
    }
    manifest.write(folder, "training", record)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def shown(*folders: Path, public: bool = False) -> str:
    return training.render(folders, public=public).replace("<wbr>", "")


LINES: list[dict[str, object]] = [
    {"step": 0, "probe/r0": 1.0},
    {"step": 1, "loss": 0.5, "token_gap/mean": -0.25, "rewards/world.risk/mean": 0.125, "reward_std": 9.0},
    {"step": 2, "loss": None, "token_gap/mean": -0.5, "rewards/world.risk/mean": 0.75},
    {"step": 2, "probe/r0": 0.0625},
]


def test_curves_stand_beside_their_numbers(tmp_path: Path) -> None:
    page = shown(a_training(tmp_path / "one", LINES))
    for name in ("r0 ↓", "token_gap/mean", "rewards/world.risk/mean", "On held-out rows", "10 of 100"):
        assert name in page
    assert "reward_std" not in page
    assert re.search(r"1 at step 0 → <b>0\.0625</b> at step 2", page)
    points = re.findall(r'<polyline class="curve series-0" points="([^"]+)"', page)
    assert "0.00,2.00 100.00,38.00" in points, "r0 falls from the top at the left to the bottom at the right"
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org", "", page), "nothing is loaded"


def test_several_trainings_side_by_side_and_those_that_ended_early(tmp_path: Path) -> None:
    one = a_training(tmp_path / "one", LINES)
    two = a_training(tmp_path / "two", LINES[:2], stopped="entropy <fell> to 0", finished=True)
    three = a_training(tmp_path / "three", [], finished=False)
    page = shown(one, two, three)
    assert "entropy &lt;fell&gt; to 0" in page
    assert "is unfinished" in page
    assert 'class="curve series-1"' in page


def test_public_pages_hold_no_path(tmp_path: Path) -> None:
    folder = a_training(tmp_path / "one", LINES)
    assert "/home/me/secret" in shown(folder)
    public = shown(folder, public=True)
    assert "/home/me" not in public
    assert "consequences" in public


def test_what_can_not_be_drawn_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no metrics yet"):
        training.render([a_training(tmp_path / "none", [])])
    with pytest.raises(UserError, match="1 to 6 trainings, got 0"):
        training.render([])
    manifest.write(tmp_path / "run", "evaluation", {"benchmark": "xstest", "model": "m", "defense": "none"})
    assert not training.is_training(tmp_path / "run")
    with pytest.raises(UserError, match="expected a 'training'"):
        training.render([tmp_path / "run"])
