"""`docs/security.md` names a test for each claim, and each named test is there; and what has no better place."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foresee.evaluation.run_folder import slug

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "security.md"
KEY = "hunter2-is-no-key-of-any-provider"


def claims() -> list[str]:
    held = PAGE.read_text(encoding="utf-8").partition("## What holds\n")[2].partition("\n## ")[0]
    return re.findall(r"^- .*(?:\n  .*)*", held, re.MULTILINE)


def test_each_claim_names_a_test_and_each_named_test_is_there() -> None:
    assert len(claims()) > 40
    without = [claim for claim in claims() if not re.search(r"`tests/[\w/]+\.py::test_\w+`", claim)]
    assert without == []
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8")))
    there = {
        (file, each.name)
        for file in {file for file, _ in named}
        if (ROOT / file).is_file()
        for each in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert named - there == set()


def foresee(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUSTOM_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    command = [sys.executable, "-m", "foresee", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


def rows(path: Path) -> Path:
    path.write_text(json.dumps({"id": "1", "prompt": "hello", "expected": "safe"}) + "\n")
    return path


def test_no_key_of_the_environment_is_shown_by_doctor_or_debug(tmp_path: Path) -> None:
    rows(tmp_path / "d.jsonl")
    model = ("--model", "custom/m", "-M", "base_url=http://127.0.0.1:9/v1", "-M", "max_retries=0", "--no-judge")
    for arguments in (("doctor",), ("eval", "jsonl", "--data", "d.jsonl", *model, "--debug", "--out", "run")):
        done = foresee(tmp_path, *arguments)
        assert done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in "".join(kept)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_pipe_or_an_endless_device_is_no_data_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name, kind in (("pipe.jsonl", "a pipe"), ("zero.csv", "a device")):
        done = foresee(tmp_path, "eval", "jsonl", "--data", name, "--model", "custom/m", "--no-judge", "--dry-run")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert f"expected a regular file, it is {kind}" in done.stderr


@pytest.mark.parametrize(
    "name", ["..", ".", "...", "../../x", "/etc/x", "a/../b", "custom/..", "a\x00b", "-rf", "\u202ex"]
)
def test_no_name_leads_to_another_folder(name: str, tmp_path: Path) -> None:
    written = slug(name)
    assert (tmp_path / written).parent == tmp_path
    assert (tmp_path / written).resolve().parent == tmp_path.resolve()
    assert written.isprintable()
