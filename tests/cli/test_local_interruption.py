"""A local model's run, killed at a bad moment and begun again, ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import foresee
from foresee.runner.journal import read_records
from tests.cli.conftest import Cli
from tests.support.tiny_models import Kind, build

pytest.importorskip("torch")


def command(model: Path, data: Path, out: Path) -> list[str]:
    run = ["eval", "mmsafeaware", "--model", f"local/{model}", "-M", "batch_size=4"]
    return [*run, "--data", str(data), "--out", str(out), "--max-tokens", "24", "--concurrency", "4"]


def answers(journal: Path) -> Counter[str]:
    if not journal.exists():
        return Counter()
    return Counter(line.key for line in read_records(journal) if line.kind == "answer")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl"])
def test_killed_and_continued_equals_uninterrupted(kind: Kind, mmsa: Path, tmp_path: Path, cli: Cli) -> None:
    model = build(kind, tmp_path / "model")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert cli(*command(model, mmsa, whole)).code == 0
    asked = [sys.executable, "-m", "foresee", *command(model, mmsa, killed)]
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(answers(killed / "journal.jsonl")) < 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = answers(killed / "journal.jsonl")
    assert len(before) >= 4
    assert cli(*command(model, mmsa, killed)).code == 0
    after = answers(killed / "journal.jsonl")
    assert set(after.values()) == {1}, "nothing that was finished is asked again"
    assert before.keys() <= after.keys()
    left, right = foresee.read_run(whole), foresee.read_run(killed)
    assert [(r.item.id, r.answer.text) for r in left.rows] == [(r.item.id, r.answer.text) for r in right.rows]
    assert left.estimates == right.estimates
