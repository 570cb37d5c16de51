"""A model is not measured by what it was rewarded for without saying so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foresee import organism
from foresee.evaluation.own_reward import marked_by_reward
from foresee.models.checkpoints.rewards import rewards
from tests.cli.conftest import Cli, cli  # noqa: F401

JUDGE = {"judge": "foresight", "version": "1", "models": [{"model": "j", "sampling": {"temperature": 0}}]}
REWARD = {**JUDGE, "rubrics": ["foresight 1 aaaa"]}


@pytest.mark.parametrize(
    ("now", "rubric", "marked"),
    [
        (JUDGE, "foresight 1 aaaa", True),
        (JUDGE, "foresight+chain 1 bbbb", True),  # the same rubric with more facts of the item
        (JUDGE, "foresight 2 aaaa", False),
        (JUDGE, "siuo 1 aaaa", False),
        ({**JUDGE, "models": [{"model": "other"}]}, "foresight 1 aaaa", False),
        ({**JUDGE, "models": [{"model": "other"}, {"model": "j"}]}, "foresight 1 aaaa", True),
        ({**JUDGE, "judge": "harmful"}, "foresight 1 aaaa", False),
    ],
)
def test_same_judge_rubric_and_model(now: dict[str, object], rubric: str, marked: bool) -> None:
    assert marked_by_reward([REWARD], [now], {str(now["judge"]): [rubric]}) == (["foresight"] if marked else [])


def test_rules_are_a_reward_too() -> None:
    rules = {"judge": "world", "version": "1"}
    assert marked_by_reward([{**rules, "rubrics": []}], [rules], {}) == ["world"]
    assert marked_by_reward([{**rules, "rubrics": []}], [{**rules, "version": "2"}], {}) == []
    assert marked_by_reward([REWARD], [{"judge": "foresight", "version": "1"}], {}) == []


def test_odd_manifests_name_no_reward(tmp_path: Path) -> None:
    for text in ("", "[]", '{"rewarded_by": 3}', '{"rewarded_by": [1, "x"]}', '{"kind": "training"}'):
        (tmp_path / "manifest.json").write_text(text)
        assert rewards(tmp_path, None, tmp_path / "nowhere") == []


def test_figures_say_what_they_are_and_strict_refuses(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    model = tmp_path / "merged"
    shutil.copytree(organism.folder("base"), model)
    told = {"kind": "merged model", "rewarded_by": [{"judge": "world", "version": "1", "rubrics": []}]}
    (model / "manifest.json").write_text(json.dumps(told))
    command = ("eval", "world_consequence", "--model", f"local/{model}", "--limit", 2, "--out", "run")
    refused = cli(*command, "--strict")
    assert refused.code == 2
    assert "was trained for the verdicts of world" in refused.err
    done = cli(*command)
    assert done.code == 0, done.err
    assert "its training's own objective" in " ".join(done.out.split())
    assert json.loads(Path("run/manifest.json").read_text())["rewarded_by"] == told["rewarded_by"]
    assert cli("report", "run", "--out", "page.html").code == 0
    assert "own objective" in Path("page.html").read_text()
    assert cli("score", "run", "--strict").code == 2
    assert cli("eval", "world_consequence", "--model", "organism/base", "--limit", 2, "--strict").code == 0
