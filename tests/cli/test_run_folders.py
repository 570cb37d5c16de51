"""`report` and `export` over folders of runs: one that can't be read holds nothing up, nothing is overwritten."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import Cli
from tests.cli.test_plugin_files import harbour

__all__ = ["harbour"]  # a fixture


@pytest.fixture
def runs(cli: Cli, mmsa: Path, harbour: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of mmsafeaware, one of a benchmark whose file is out of sight by now, and a damaged one."""
    model = ("--model", "custom/rules", "-M", f"base_url={server}")
    assert cli("eval", "mmsafeaware", *model, "--data", mmsa, "--out", "runs/known").code == 0
    assert cli("eval", "harbour", *model, "--data", harbour, "--out", "runs/own").code == 0
    assert cli("eval", "harbour", *model, "--data", harbour, "--out", "runs/damaged").code == 0
    Path("runs/damaged/manifest.json").write_text("{")
    monkeypatch.delenv("FORESEE_PLUGINS")
    return Path("runs")


def test_a_run_that_cannot_be_read_is_one_line(cli: Cli, runs: Path) -> None:
    done = cli("report", runs)
    assert done.code == 0, done.err
    assert Path("runs/report.html").exists()
    unknown = next(line for line in done.err.splitlines() if "runs/own" in line)
    assert "left out" in unknown
    assert "FORESEE_PLUGINS" in unknown
    assert any("runs/damaged" in line for line in done.err.splitlines())
    alone = cli("report", "runs/own")
    assert (alone.code, alone.err.count("\n")) == (2, 1)
    assert "FORESEE_PLUGINS" in alone.err


def test_every_cell_of_a_csv_stays_a_cell(cli: Cli, server: str, tmp_path: Path) -> None:
    texts = [
        "x\r=cmd|' /C calc'!A0", "\n=1+1", " =1+1", "|=1", "＝1+1", "\t=1", "+1", "-1", "@SUM(1)", "\r\n=1",
        '"=1', "'=1", "\ufeff=1", "a,b;c", "plain", "\x00=1", "\u200b=1",
    ]  # fmt: skip
    rows = [{"id": f"i{n}", "prompt": t, "category": t, "expected": "safe"} for n, t in enumerate(texts)]
    (tmp_path / "cr.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = ("--model", "custom/rules", "-M", f"base_url={server}", "--no-judge", "--out", "crrun")
    assert cli("eval", "jsonl", "--data", "cr.jsonl", *model).code == 0
    assert cli("export", "crrun", "--out", "cr.csv").code == 0
    with Path("cr.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))
    assert len(found) == len(texts) + 1
    assert len({len(row) for row in found}) == 1
    assert not [cell for row in found for cell in row if re.match(r"[\s\ufeff\u200b|\"]*[=+@＝-]\D", cell)]
    assert len(pd.read_csv("cr.csv")) == len(texts)


def test_rows_are_exported_without_the_benchmarks_code(cli: Cli, runs: Path) -> None:
    done = cli("export", runs, "--out", "all.csv")
    assert done.code == 0, done.err
    frame = pd.read_csv("all.csv")
    assert set(frame["run"]) == {"runs/known", "runs/own"}
    assert set(frame["model"]) == {"custom/rules"}
    own = frame[frame["run"] == "runs/own"]
    assert own["answer"].notna().all()
    assert own["measure.correct"].isna().all()
    assert "runs/own: the benchmark's file is not here" in done.err
    assert cli("export", runs, "--format", "jsonl").code == 0
    assert Path("runs/known/rows.jsonl").exists()
    assert Path("runs/own/rows.jsonl").exists()


def test_a_page_is_never_written_over_silently(cli: Cli, runs: Path) -> None:
    assert cli("report", "runs/known").code == 0
    first = Path("runs/known/report.html")
    before = first.read_bytes()
    assert "report-2.html" in cli("report", "runs/known", "--public").err
    assert first.read_bytes() == before
    refused = cli("report", "runs/known", "--out", first)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert cli("report", "runs/known", "--out", first, "--force", "--public").code == 0
    assert first.read_bytes() != before
