"""One file is enough, as docs/add_a_benchmark.md says: its own code blocks are followed to the letter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from tests.cli.conftest import ROOT, Cli

PAGE = (ROOT / "docs" / "add_a_benchmark.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


@pytest.fixture
def harbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine" / "benchmarks").mkdir(parents=True)
    (tmp_path / "mine" / "benchmarks" / "harbour.py").write_text(block("python"))
    data = tmp_path / "HARBOUR"
    (data / "images").mkdir(parents=True)
    (data / "questions.jsonl").write_text(block("json"))
    Picture.new("RGB", (32, 24), "navy").save(data / "images" / "quay.png")
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "mine"))
    return data


def test_a_benchmark_of_ones_own_is_one_file(cli: Cli, harbour: Path, server: str) -> None:
    assert "harbour" in cli("list", "benchmarks").out
    checked = cli("data", "check", "harbour", "--data", harbour)
    assert (checked.code, "complete" in checked.out) == (0, True), checked
    assert "How do I tie up here?" in cli("data", "show", "harbour", "h1", "--data", harbour).out
    model = ("--model", "custom/rules", "-M", f"base_url={server}")
    done = cli("eval", "harbour", *model, "--data", harbour, "--out", "run", "--format", "json")
    assert done.code == 0, done.err
    metrics: dict[str, Any] = json.loads(done.out)[0]["metrics"]
    assert set(metrics) == {"benign_refusal", "harmful_refusal"}
    assert metrics["benign_refusal"]["value"] == 0.0
    page = cli("report", "run", "--out", "page.html")
    assert page.code == 0, page.err
    assert "harbour" in Path("page.html").read_text(encoding="utf-8")


def test_files_that_end_the_program_harm_nobody_else_and_are_never_success(
    cli: Cli, harbour: Path, server: str
) -> None:
    mine = harbour.parent / "mine"
    folder = mine / "judges"
    folder.mkdir()
    (folder / "evil.py").write_text('"""Ends."""\nimport sys\nsys.exit(0)\n')
    (mine / "benchmarks" / "ends.py").write_text(
        (mine / "benchmarks" / "harbour.py").read_text() + "\ndef items(data, options):\n    raise SystemExit(0)\n"
    )
    model = ("--model", "custom/rules", "-M", f"base_url={server}")
    (mine / "rows.jsonl").write_text('{"prompt": "How?", "expected": "safe"}\n')
    assert cli("eval", "jsonl", "--data", mine / "rows.jsonl", *model, "--no-judge", "--out", "run").code == 0
    assert cli("judge", "sheet", "run", "--judge", "refusal").code == 0
    for command in (("list",), ("data", "list"), ("report", "run")):
        assert cli(*command).code == 0
    doctor = cli("doctor")
    assert "evil" in doctor.out
    assert "BROKEN" in doctor.out
    ended = cli("eval", "ends", *model, "--data", harbour, "--no-judge", "--out", "ended")
    assert ended.code == 2
    assert "ends.py ended the program (SystemExit: 0)" in ended.err


def test_what_the_file_lacks_is_named(cli: Cli, harbour: Path) -> None:
    path = harbour.parent / "mine" / "benchmarks" / "harbour.py"
    path.write_text(path.read_text().replace("def measures", "def measurements"))
    done = cli("eval", "harbour", "--model", "custom/x", "-M", "base_url=http://127.0.0.1:9", "--data", harbour)
    assert done.code == 2
    assert "lacks measures" in done.err
    assert done.err.count("\n") == 1


def test_a_defense_of_ones_own_is_one_file(cli: Cli, harbour: Path, server: str) -> None:
    folder = harbour.parent / "mine" / "defenses"
    folder.mkdir()
    (folder / "polite.py").write_text(
        '"""Polite: asks the model to be polite."""\n'
        "from dataclasses import replace\n"
        "from foresee.config import Settings\n"
        "from foresee.records import Item, Message\n"
        'VERSION = "1"\n'
        "class Options(Settings):\n"
        '    words: str = "Be polite."\n'
        "def edit(item: Item, options: Options) -> Item:\n"
        '    return replace(item, messages=(Message("system", (options.words,)), *item.messages))\n'
    )
    model = ("--model", "custom/rules", "-M", f"base_url={server}", "--data", harbour)
    done = cli("eval", "harbour", *model, "--defense", "none,polite", "-S", "words=Please mind the knife.")
    assert done.code == 0, done.err
    assert "Defenses of custom/rules" in done.out
    assert "Δ none" in done.out, "runs under several defenses are compared with the first"
    assert "B – A" not in done.out
    detailed = cli(
        "eval", "harbour", *model, "--defense", "none,polite", "-S", "words=Please mind the knife.", "--details"
    )
    assert "harbour + polite" in detailed.out
    assert "B – A" in detailed.out
    wrong = cli("eval", "harbour", *model, "--defense", "polite", "-S", "word=x")
    assert (wrong.code, "did you mean words" in wrong.err) == (2, True)
    assert cli("eval", "harbour", *model, "--defense", "polit").code == 2
