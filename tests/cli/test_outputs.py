"""No command writes over what foresee needs, or over anything else without being told to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def run(cli: Cli, tmp_path: Path, server: str) -> tuple[str, ...]:
    """A small run in `run`; the arguments that name the model."""
    rows = [json.dumps({"prompt": f"How do I tie knot {n}?", "expected": "safe"}) for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n")
    model = ("--model", "custom/rules", "-M", f"base_url={server}")
    assert cli("eval", "jsonl", "--data", "rows.jsonl", *model, "--no-judge", "--out", "run").code == 0
    return model


def contents(folder: str) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in Path(folder).rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", ["journal.jsonl", "manifest.json", "items.jsonl"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_page_or_table_takes_the_place_of_a_runs_record(
    cli: Cli, run: tuple[str, ...], name: str, force: tuple[str, ...]
) -> None:
    before, part = contents("run"), f"run/{name}"
    Path("link.html").symlink_to(part)
    for out in (part, "link.html"):
        commands: list[tuple[str, ...]] = [
            ("export", "run", "--out", out),
            ("export", "run", "--format", "parquet", "--out", out),
            ("report", "run", "--out", out),
            ("judge", "sheet", "run", "--judge", "refusal", "--out", out),
            ("data", "gallery", "drawn_consequences", "--limit", "2", "--out", out),
            ("data", "show", "drawn_consequences", "candle-curtain", "--html", out),
            ("organism", "show", "1", "--out", out),
            ("organism", "gallery", "--out", out),
        ]
        for command in commands:
            done = cli(*command, *force)
            assert (done.code, done.err.count("\n")) == (2, 1), (command, done)
            assert "part of what foresee reads there" in done.err
            assert contents("run") == before, command


def test_no_file_is_written_over_silently(cli: Cli, run: tuple[str, ...]) -> None:
    Path("mine.txt").write_text("my own notes")
    commands: list[tuple[str, ...]] = [
        ("export", "run", "--out", "mine.txt"),
        ("report", "run", "--out", "mine.txt"),
        ("judge", "sheet", "run", "--judge", "refusal", "--out", "mine.txt"),
        ("data", "gallery", "drawn_consequences", "--limit", "2", "--out", "mine.txt"),
        ("data", "show", "drawn_consequences", "candle-curtain", "--html", "mine.txt"),
        ("organism", "show", "1", "--out", "mine.txt"),
        ("organism", "gallery", "--out", "mine.txt"),
    ]
    for command in commands:
        done = cli(*command)
        assert done.code == 2, command
        assert "mine.txt is there already: give --force" in done.err
        assert Path("mine.txt").read_text() == "my own notes"
        assert cli(*command, "--force").code == 0, command
        assert Path("mine.txt").read_bytes() != b"my own notes"
        Path("mine.txt").write_text("my own notes")


def test_a_labelling_page_that_is_there_is_kept(cli: Cli, run: tuple[str, ...]) -> None:
    for name in ("sheet.html", "sheet-2.html", "sheet-3.html"):
        assert f"{name}: 4 answers" in cli("judge", "sheet", "run", "--judge", "refusal").out
        assert Path(name).exists()


def test_a_folder_of_another_command_is_never_written(cli: Cli, run: tuple[str, ...]) -> None:
    before = contents("run")
    curated = ("curate", "typographic", "--set", "source=run/items.jsonl", "--out", "run")
    trained = ("train", "sft", "--set", "model=organism/base", "--set", "data=nowhere", "--out", "run")
    row = {"id": "a", "prompt": [{"role": "user", "content": "Hi"}], "completion": [], "kind": "sft"}
    Path("set").mkdir()
    Path("set/rows.jsonl").write_text(json.dumps(row) + "\n")
    Path("set/manifest.json").write_text(json.dumps({"kind": "data set"}))
    data = contents("set")
    refused: tuple[tuple[str, ...], ...] = (curated, trained, ("merge", "organism/base", "nowhere", "--out", "run"))
    for command in refused:
        assert cli(*command).code == 2, command
        assert contents("run") == before, command
    commands: tuple[tuple[str, ...], ...] = (
        ("eval", "jsonl", "--data", "rows.jsonl", *run, "--no-judge", "--out", "set"),
        ("score", "run", "--out", "set"),
        ("data", "mix", "rows.jsonl", "rows.jsonl", "--out", "set"),
    )
    for command in commands:
        done = cli(*command)
        assert done.code == 2, (command, done)
        assert contents("set") == data, command
