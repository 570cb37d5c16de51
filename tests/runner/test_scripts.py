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
from performance.__main__ import aims, verdict

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


def test_the_aims_are_read_in_what_the_scripts_print() -> None:
    printed = {
        "API path": "foresee            128       493     1.30         0.81       66\n"
        "foresee            128       466     1.37         0.87       66\n"
        "foresee : bare at 128: 0.91 of the rate, 1.75 times the CPU\n",
        "Many items": "    30000 again         4.5     0.15      4.6       52\n"
        "  1000000 figures      33.4     0.03     33.7      563\n",
        "Pages": "    7000          80      4.0    0.96   1.03      0.24   0.30\n"
        "    7000        6000     11.5    1.88   0.92      3.91   1.41\n",
        "Local models": "tiny llava, x\n  plain, batched                180.8 items/s     5.00 CPU ms/item\n"
        "  batched, generate             169.7 items/s     5.40 CPU ms/item\n",
        "Training": "tiny-llava: 2 x 8 answers of 32 tokens a step\n"
        "                    s a step   : grpo    MiB   : grpo\n"
        "  grpo                0.326    1.000    739    1.000\n"
        "  caspo, again        0.426    1.200    727    0.984\n"
        "tiny-qwen2.5-vl: 2 x 8 answers of 32 tokens a step\n",
    }
    told = {aim.text: verdict(aim, printed[aim.title]).split(" | ", 1)[1] for aim in aims()}
    assert {text: line for text, line in told.items() if line != "not measured | – |"} == {
        "API path, 128 in flight: at least 0.9 of a bare loop's items a second": "0.91 | yes |",
        "API path, 128 in flight: at most 0.8 ms of CPU an item": "0.81 | **no** |",
        "API path: at most 100 MB": "66 | yes |",
        "figures of 10⁶ items: at most 500 MB": "563 | **no** |",
        "the same call again, imports included: at most 0.1 ms of CPU an item": "0.15 | **no** |",
        "a page, however long the answers: open in at most 1 s": "1.88 | **no** |",
        "llava: at most 1.10 times the CPU of a loop in the same batches": "1.08 | yes |",
        "caspo, again, tiny-llava: at most 1.15 times GRPO's time": "1.2 | **no** |",
    }
