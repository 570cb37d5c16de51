"""docs/add_a_defense.md, followed to the letter: the ten lines are a defense, listed and measured against none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foresee import plugins
from foresee.evaluation import plan

DOC = Path(__file__).resolve().parents[2] / "docs" / "add_a_defense.md"


def test_ten_lines_are_a_defense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert code.count("\n") == 10
    (tmp_path / "defenses").mkdir()
    (tmp_path / "defenses" / "polite.py").write_text(code)
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path))
    assert "polite" in plugins.names("defenses")
    assert plugins.summary("defenses", "polite").line == "Polite: asks the model to be polite."
    planned = plan.plan("world_awareness", defense="polite", defense_options=["words=Be kind."], limit=1)
    assert planned.protection is not None
    assert planned.protection.edit(planned.items[0]).messages[0].text == "Be kind."
