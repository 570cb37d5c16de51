"""Run folders that somebody or something edited: one line with the place, never a bug of ours, never a figure."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee.evaluation import run_folder
from tests.cli.conftest import Cli


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture
def run(cli: Cli, server: str, tmp_path: Path) -> tuple[str, ...]:
    """A finished run in `run/`, and the command that made it."""
    rows = [{"id": str(n), "prompt": f"hello {n}", "expected": "safe"} for n in range(2)]
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


def in_line(file: str, number: int, *keys: str, sums: bool = False) -> Callable[[Any], str]:
    """Change a value; without `sums` in a file as older versions wrote it, whose lines have no checksums."""

    def change(value: Any) -> str:
        path = Path("run", file)
        lines = path.read_text().splitlines()
        if not sums:
            lines = [re.sub(r',"sum":"\w{8}"}$', "}", line) for line in lines]
        content = json.loads(lines[number - 1])
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        lines[number - 1] = json.dumps(content, separators=(",", ":"))
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
        (in_manifest("items"), "x"),
        (in_manifest("tries"), "q"),
        (in_manifest("figures"), {"refusal_rate": []}),
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


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("record", "text"), "I can't help with that."),
        (("record", "item_id"), "1"),
        (("record",), {}),
        (("key",), "f" * 32),
        (("sum",), "00000000"),
        (("final",), False),
    ],
)
def test_an_edited_answer_is_named_never_scored_and_asked_again(
    keys: tuple[str, ...], value: Any, cli: Cli, run: tuple[str, ...]
) -> None:
    def rows() -> list[dict[str, Any]]:
        done = cli("export", "run", "--format", "jsonl", "--out", "rows.jsonl", "--force")
        assert done.code == 0, done.err
        return [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]

    whole, journal = rows(), Path("run/journal.jsonl")
    in_line("journal.jsonl", 2, *keys, sums=True)(value)
    foreign, lost = keys == ("key",), json.loads(journal.read_text().splitlines()[1])["record"]
    found = rows()
    kept = [row for row in found if row["status"] == "ok"]
    assert len(kept) == 1, "the one edited is gone, or has failed"
    assert kept[0] in whole
    assert foreign or [row["reason"] for row in found if row not in kept] == [
        "journal.jsonl, line 2 changed after being written"
    ], lost
    asked = len(journal.read_bytes().splitlines())
    assert cli(*run).code == 0
    assert len(journal.read_bytes().splitlines()) == asked + 1, "that answer alone"
    assert [{**row, "seconds": 0} for row in rows()] == [{**row, "seconds": 0} for row in whole]


def test_an_edited_verdict_is_no_verdict(cli: Cli, mmsa: Path, server: str) -> None:
    command = ("eval", "mmsafeaware", "--data", mmsa, "--model", "custom/rules", "-M", f"base_url={server}")
    assert cli(*command, "--out", "run").code == 0
    whole, path = run_folder.read_run(Path("run")), Path("run/journal.jsonl")
    number, line = next(
        (n, text) for n, text in enumerate(path.read_text().splitlines(), 1) if text.startswith('{"kind":"verdict"')
    )
    was = json.loads(line)["record"]["value"]
    in_line("journal.jsonl", number, "record", "value", sums=True)("safe" if was != "safe" else "unsafe")
    edited = run_folder.read_run(Path("run"))
    unscored = [name for name, n, total in ((e.name, e.n, e.total) for e in edited.estimates) if n < total]
    assert "unparsed_rate" in unscored, "what was edited is no fault of the model either"
    assert sum(e.n for e in edited.estimates) < sum(e.n for e in whole.estimates)
    assert f"line {number} changed after being written" in edited.warnings[0]
    assert cli(*command, "--out", "run").code == 0
    healed = run_folder.read_run(Path("run"))
    assert (healed.estimates, healed.warnings) == (whole.estimates, whole.warnings)


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
