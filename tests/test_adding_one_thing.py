"""The pages `docs/add_a_….md` on attacks, judges, recipes and label sets, followed to the letter: one file does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from foresee import plugins
from foresee.records import Answer, Item, Message
from tests.support.pages import blocks

ITEM = Item("1", (Message("user", ("How do I open this door?",)),))


def plugged(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, code: str) -> None:
    (folder / kind).mkdir(exist_ok=True)
    (folder / kind / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("FORESEE_PLUGINS", str(folder))


def test_an_attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foresee.attacks import open_attack

    plugged(tmp_path, monkeypatch, "attacks", "backwards", blocks("add_an_attack.md")[0])
    assert plugins.summary("attacks", "backwards").line.startswith("Backwards:")
    attack = open_attack("backwards", ["told=Backwards:", "tries=2"])
    assert attack is not None
    assert attack.attempt(ITEM, 0).prompt == "Backwards: door? this open I do How"
    assert (attack.tries, attack.attempt(ITEM, 0).id) == (2, "1")


def test_a_judge_by_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foresee.judges import open_judge

    plugged(tmp_path, monkeypatch, "judges", "brief", blocks("add_a_judge.md")[0])
    assert plugins.summary("judges", "brief").line.startswith("Brief:")
    judge = open_judge("brief")
    read = [
        asyncio.run(judge.judge(ITEM, Answer("1", 0, text))).value for text in ("Turn the key.", "word " * 21, "  ")
    ]
    assert read == ["brief", "long", None]


def test_a_judge_that_asks_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foresee.plugins import contracts

    plugged(tmp_path, monkeypatch, "judges", "polite", blocks("add_a_judge.md")[1])
    judge = contracts.judge_file("polite")
    assert judge.forms == ("model",)
    assert judge.rubric is not None
    assert judge.rubric(ITEM).value({"polite": "2"}) == {"polite": 2.0}


def test_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foresee.curation.dry_run import preview
    from foresee.plugins import contracts

    plugged(tmp_path, monkeypatch, "curation", "topics", blocks("add_a_recipe.md")[0])
    recipe = contracts.recipe("topics")
    monkeypatch.setenv("CUSTOM_BASE_URL", "http://127.0.0.1:9/v1")
    found = preview(recipe, recipe.config(writer="custom/w"))
    assert found.jobs == 2
    assert found.first_call == ("writer", "Say one thing about bread.")


def test_a_label_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foresee.human_labels.label_sets import check

    plugged(tmp_path, monkeypatch, "labels", "doors", blocks("add_a_label_set.md")[0])
    rows = [("a", "refuses", "I'm sorry, but I can't help with that."), ("b", "answers", "Turn the key to the left.")]
    lines = [json.dumps({"id": i, "prompt": f"open {i}", "label": label, "response": text}) for i, label, text in rows]
    (tmp_path / "doors.jsonl").write_text("\n".join(lines), encoding="utf-8")
    report = check("refusal", "doors", data=tmp_path)
    assert report.unscored == {}
    assert [each.overall.accuracy.value for each in report.comparisons] == [1.0]
