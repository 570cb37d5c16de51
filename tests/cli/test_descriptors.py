"""Too few file descriptors: the run waits or stops with one line, and no item is blamed for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Picture

import foresee
from tests.support.acting import acting
from tests.support.rule_server import Rules

resource = pytest.importorskip("resource")
ROOT = Path(__file__).resolve().parents[2]
ITEMS = 30


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(ITEMS):
        Picture.new("RGB", (16, 16), (number, 90, 160)).save(tmp_path / f"{number}.png")
    lines = [
        json.dumps({"id": n, "prompt": f"{n}: safe?", "image": f"{n}.png", "expected": "safe"}) for n in range(ITEMS)
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(lines))
    return tmp_path / "set.jsonl"


def _run(data: Path, url: str, limit: int) -> subprocess.CompletedProcess[str]:
    out = str(data.parent / "run")
    command = [sys.executable, "-m", "foresee", "eval", "jsonl", "--data", str(data), "--model", "custom/rules"]
    command += ["-M", f"base_url={url}", "--out", out, "--concurrency", "64", "--no-judge"]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False, preexec_fn=limited
    )


def _statuses(data: Path) -> list[str]:
    return [row.answer.status for row in foresee.read_run(data.parent / "run").rows]


def test_a_run_waits_for_descriptors(data: Path) -> None:
    with acting(Rules(latency=0.2)) as (_, url):
        done = _run(data, url, 40)
    assert done.returncode == 0, done.stderr
    assert _statuses(data) == ["ok"] * ITEMS


@pytest.mark.slow
def test_where_waiting_does_not_help_the_run_stops_with_one_line_and_blames_no_item(data: Path) -> None:
    with acting(Rules(latency=0.1)) as (_, url):
        done = _run(data, url, 9)
        assert done.returncode == 2, done.stderr
        assert "file descriptors" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert _run(data, url, 256).returncode == 0
    assert _statuses(data) == ["ok"] * ITEMS
