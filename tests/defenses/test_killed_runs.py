# ruff: noqa: F401, F811  (fixtures)
"""A defended run of every kind, killed with SIGKILL, goes on where it was and ends as one that nobody killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from foresee import organism
from foresee.defenses._shared import vectors
from foresee.runner.journal import read_records
from tests.judges.conftest import JudgeServer, judge_server
from tests.support.tiny_models import reward_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # eight processes that load the model
SCRIPT = Path(__file__).with_name("killed_runs.py")


def direction(folder: Path) -> str:
    import torch

    config = json.loads((organism.folder("base") / "config.json").read_text())
    width = config["text_config"]["hidden_size"]
    pair = {"origin": torch.zeros(width), "direction": torch.linspace(-1, 1, width)}
    vectors.write(folder, "refusal_direction", vectors.Fitted(pair, {"layer": 1, "gate": 0.0}), {"fitted_to": ""})
    return str(folder)


def content(folder: Path) -> dict[tuple[str, str], Any]:
    """Everything in a journal but the times, by kind and key."""
    kept = {}
    for line in read_records(folder / "journal.jsonl"):
        assert (line.kind, line.key) not in kept, "nothing is written twice"
        kept[line.kind, line.key] = json.loads(json.dumps(line.record), object_hook=_without_times)
    return kept


def _without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("seconds", "time", "served_by")}


def test_runs_under_every_kind_of_defense_are_taken_up_again(judge_server: JudgeServer, tmp_path: Path) -> None:
    judge_server.said["second"] = "unsafe\nS1"
    guarded = {"guard": "guard:llama_guard=custom/second", "guard_options": {"base_url": judge_server.url}}
    cases: dict[str, dict[str, Any]] = {
        "edit": {"defense": "constitution"},
        "filter": {"defense": "guard_filter", "defense_options": {**guarded, "on": "answer"}},
        "decoding": {
            "defense": "immune",
            "defense_options": {"reward": str(reward_model(tmp_path / "reward")), "top": 2},
        },
        "hidden": {
            "defense": "refusal_direction",
            "defense_options": {"vectors": direction(tmp_path / "v"), "gate": "none"},
        },
        "answer": {"defense": "smooth", "defense_options": {"copies": 3}},
        "guarded answer": {"defense": "eta", "defense_options": {**guarded, "samples": 2}},
    }
    left = {name: killed_within(name, tmp_path / "killed", cases) for name in cases}
    for folder in ("killed", "whole"):
        subprocess.run(command(tmp_path / folder, cases), check=True, capture_output=True)
    for name in cases:
        killed, whole = content(tmp_path / "killed" / name), content(tmp_path / "whole" / name)
        assert 1 < left[name] <= len(killed), f"{name} was killed before or after the work"
        assert killed == whole, name


def command(folder: Path, cases: dict[str, Any]) -> list[str]:
    return [sys.executable, str(SCRIPT), str(folder), json.dumps(cases)]


def killed_within(name: str, folder: Path, cases: dict[str, Any]) -> int:
    """Start the runs, kill them once this one has begun to write answers, and count the lines that are left."""
    journal, enough = folder / name / "journal.jsonl", random.Random(name).randrange(3, 8)
    process = subprocess.Popen(command(folder, cases), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and lines(journal) < enough:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL, f"{name} ended before it was killed"
    return lines(journal)


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
