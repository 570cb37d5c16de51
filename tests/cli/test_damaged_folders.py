"""Run folders that somebody or something edited: one line with the place, never a bug of ours, never a figure."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture
def run(cli: Cli, server: str, tmp_path: Path) -> tuple[str, ...]:
    """A finished run in `run/`, and the command that made it."""
    rows = [{"id": str(n), "prompt": "hello", "expected": "safe"} for n in range(2)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = ("--model", "custom/rules", "-M", f"base_url={server}", "--no-judge")
    command = ("eval", "jsonl", "--data", "d.jsonl", *model, "--out", "run")
    assert cli(*command).code == 0
    return command


def in_manifest(*keys: str) -> Callable[[Any], str]:
    def change(value: Any) -> str:
        path = Path("run/manifest.json")
        content = json.loads(path.read_text())
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        path.write_text(json.dumps(content))
        return "manifest.json"

    return change


def in_line(file: str, number: int, *keys: str) -> Callable[[Any], str]:
    def change(value: Any) -> str:
        path = Path("run", file)
        lines = path.read_text().splitlines()
        content = json.loads(lines[number - 1])
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        lines[number - 1] = json.dumps(content)
        path.write_text("\n".join(lines) + "\n")
        return f"{file}, line {number}"

    return change


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (in_manifest("benchmark"), []),
        (in_manifest("model"), None),
        (in_manifest("options"), None),
        (in_manifest("made_by"), 5),
        (in_manifest("judges"), -1.5),
        (in_manifest("judges"), [{"judge": {}}]),
        (in_manifest("configuration"), "x"),
        (in_manifest("configuration", "defense"), [{"a": 1}]),
        (in_manifest("defense"), -1.5),
        (in_manifest("base_urls"), None),
        (in_manifest("wall_seconds"), []),
        (in_manifest("usage"), {"input_tokens": "x"}),
        (in_manifest("versions"), nested(200)),
        (in_line("journal.jsonl", 2, "record"), {}),
        (in_line("journal.jsonl", 2, "record", "text"), True),
        (in_line("journal.jsonl", 2, "record", "usage"), -1.5),
        (in_line("journal.jsonl", 2, "record", "usage", "input_tokens"), None),
        (in_line("journal.jsonl", 3, "record", "judge"), []),
        (in_line("items.jsonl", 1, "item"), []),
        (in_line("items.jsonl", 2, "keys"), 5),
        (in_line("items.jsonl", 1, "item", "metadata"), nested(200)),
    ],
)
def test_a_damaged_place_is_one_line_that_names_it(
    place: Callable[[Any], str], value: Any, cli: Cli, run: tuple[str, ...]
) -> None:
    where = place(value)
    done = cli("export", "run", "--out", "rows.csv")
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert where in done.err
    assert cli("report", "run").code == 2
    assert cli(*run).code in (0, 2), "written anew, or refused"


def test_a_folder_whose_name_is_no_utf8_holds_a_run(cli: Cli, run: tuple[str, ...]) -> None:
    name = os.fsdecode(b"bad\xff")
    try:
        shutil.copytree("run", name)
    except OSError:
        pytest.skip("this file system has no such names")
    shutil.rmtree(name)
    for _ in range(2):
        assert cli(*run[:-1], name).code == 0
    for command in (("report", name), ("export", name, "--out", "e.csv"), ("judge", "sheet", name)):
        assert cli(*command).code == 0
    assert cli("export", name, "--format", "parquet", "--out", "e.parquet").code == 0
