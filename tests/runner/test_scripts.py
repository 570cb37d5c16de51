"""The scripts beside the package start, answer and print what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foresee.models import open_model
from foresee.records import Item, Message
from foresee.runner import run_sync
from foresee.runner.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
PERFORMANCE = ROOT / "performance"


def test_the_rule_server_serves_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_API_KEY", "k")
    command = [sys.executable, str(ROOT / "tests" / "support" / "rule_server.py"), "--model", "demo", "--key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            items = [Item(text, (Message("user", (text,)),)) for text in ("a flower", "a knife")]
            with Journal.open(tmp_path / "j", {}) as journal:
                model = open_model("custom/demo", {"base_url": line.split()[-1]})
                results = run_sync(items, model, [], journal, close=True)
        finally:
            process.terminate()
    assert process.returncode == 0
    assert [row.answer.text for row in results.rows] == ["Yes, this is safe.", "No, this is not safe."]
    assert results.rows[0].answer.served_by == "demo"


def test_the_timing_script_prints_its_table() -> None:
    arguments = ["--items", "12", "--latency", "0.01", "--concurrency", "4", "--clients", "bare", "foresee"]
    command = [sys.executable, str(PERFORMANCE / "api_path.py"), *arguments, "--kilobytes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[2:]] == [
        ["bare", "4"],
        ["foresee", "4"],
        ["foresee", ":"],
    ]
