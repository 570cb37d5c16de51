"""docs/benchmarks.md says what the files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foresee import plugins
from foresee.evaluation import suites

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
LISTED = [name for name in plugins.names("benchmarks") if not name.startswith("world_")]


@pytest.mark.parametrize("name", LISTED)
def test_every_benchmark_has_its_row(name: str) -> None:
    module = plugins.load("benchmarks", name)
    rows = [line for line in PAGE.split("\n") if line.startswith((f"| `{name}` |", f"| [`{name}`]("))]
    assert rows, f"docs/benchmarks.md lacks {name}"
    items, _, judges, companion, licence = (cell.strip() for cell in rows[0].strip("| ").split(" | ")[1:])
    numbers = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", items)}
    assert set(module.SOURCE.get("expected", {}).values()) <= numbers
    assert set(re.findall(r"\w+", judges)) == set(module.JUDGES)
    declared = module.SOURCE.get("companion", name)
    assert f"`{declared}`" in companion or (declared == name and not companion.startswith("`"))
    assert licence.split(" (")[0].rstrip(";") in module.SOURCE["licence"] or module.SOURCE["licence"].startswith(
        licence
    )


def test_every_suite_has_its_row() -> None:
    for name in suites.names():
        row = next(line for line in PAGE.split("\n") if line.startswith(f"| `suite/{name}` |"))
        named = {member.benchmark for member in suites.members(name)}
        assert named <= set(re.findall(r"\w+", row)) or name == "world"
