"""Long runs: half an hour of a faulty server and two thousand steps of training leave memory flat (`make chaos`)."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import foresee
from foresee import manifest
from tests.chaos.commands import ENVIRONMENT, data_set, model
from tests.chaos.faults import Faulty
from tests.support.acting import acting
from tests.support.rule_server import Rules

ITEMS, MINUTES = 100_000, 30.0
STEPS = 2_000
MARGIN = 1.02
"""By how much the last third may stand above the middle one; allocators give back late."""


@pytest.fixture
def share(request: pytest.FixtureRequest) -> float:
    """How much of the whole is run: 1 in `make chaos`."""
    part: float = request.config.getoption("--long-share")
    if not part:
        pytest.skip("takes half an hour: make chaos, or --long-share 0.05")
    return part


def watched(command: list[str], folder: Path, **environment: str) -> list[float]:
    """Run a command to its good end and return its resident memory in MB, looked at every second or so."""
    log = folder / "stderr.txt"
    with log.open("w") as errors:
        asked = [sys.executable, "-m", "foresee", *command]
        process = subprocess.Popen(
            asked, cwd=folder, env={**ENVIRONMENT, **environment}, stdout=subprocess.DEVNULL, stderr=errors
        )
        seen = []
        while process.poll() is None:
            pages = Path(f"/proc/{process.pid}/statm").read_text().split()
            seen.append(int(pages[1]) * 4096 / 2**20 if len(pages) > 1 else 0.0)
            time.sleep(1)
    assert process.returncode == 0, log.read_text()[-2000:]
    return seen


def assert_flat(memory: list[float], what: str) -> None:
    third = len(memory) // 3
    first, middle, last = (median(memory[at * third : (at + 1) * third]) for at in range(3))
    print(
        f"{what}: {first:.0f}, {middle:.0f}, {last:.0f} MB in the thirds of {len(memory)} looks; most {max(memory):.0f}"
    )
    assert last <= MARGIN * middle, memory[:: max(1, len(memory) // 60)]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_items_of_a_faulty_server(tmp_path: Path, share: float) -> None:
    items = int(ITEMS * share)
    with (tmp_path / "set.jsonl").open("w") as file:
        for n in range(items):
            row = {"id": n, "prompt": f"Question {n}: what of the lantern?", "expected": ("harmful", "benign")[n % 2]}
            file.write(json.dumps(row) + "\n")
    faulty = Faulty(random.Random(0), share=0.04, late=25, pace=ITEMS / MINUTES / 60 * 1.02, burst=(60, 2))
    command = ["eval", "jsonl", "--data", "set.jsonl", "--model", "openai/rules", "--out", "run", "--no-judge"]
    began = time.monotonic()
    with acting(Rules(react=faulty)) as (server, url):
        memory = watched([*command, "--concurrency", "64", "--timeout", "20"], tmp_path, OPENAI_BASE_URL=url)
    run = foresee.read_run(tmp_path / "run")
    answered = sum(row.answer.status == "ok" for row in run.rows)
    print(
        f"{items} items in {time.monotonic() - began:.0f} s, {server.total} requests, {faulty.met}, {answered} answered"
    )
    assert len(run.rows) == items
    assert answered >= 0.999 * items
    assert all(row.answer.status == "ok" or not any(row.measures.values()) for row in run.rows)
    assert max(server.answered.values()) == 1, "nothing that was answered is asked again"
    assert_flat(memory, "evaluation")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_thousand_steps_of_training(tmp_path: Path, share: float) -> None:
    model(tmp_path / "model")
    data_set(tmp_path / "data")
    steps = int(STEPS * share)
    given: dict[str, Any] = {"model": "model", "data": "data", "out": "run", "steps": steps, "batch": 2}
    given |= {"device": "cpu", "save_every": max(1, steps // 8)}
    command = ["train", "sft", *(f"--set={key}={value}" for key, value in given.items())]
    began = time.monotonic()
    memory = watched(command, tmp_path)
    print(f"{steps} steps in {time.monotonic() - began:.0f} s")
    assert manifest.read(tmp_path / "run", "training")["finished"]
    assert_flat(memory, "training")
