"""A run too large for memory is the same run: items, rows, figures, exports and comparisons."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.evaluation import run_folder, unchanged
from foresee.files import spool
from foresee.report import gallery, judging, page, run_text, tables
from foresee.report.export import write


def judged(run: foresee.Run) -> list[Any]:
    """Read what was found; the images of these items are drawn, and become files in the folder."""
    return [(row.item.id, row.answer, row.verdicts, row.measures) for row in run.rows]


def everything(folder: Path) -> dict[str, Any]:
    """Whatever comes of two runs, their folders read again, and their exports."""
    found: dict[str, Any] = {}
    for defense in ("none", "constitution"):
        made = foresee.evaluate("world_awareness", "organism/base", defense=defense, limit=12, out=folder / defense)
        again = foresee.evaluate("world_awareness", "organism/base", defense=defense, limit=12, out=folder / defense)
        read = foresee.read_run(folder / defense)
        assert judged(made) == judged(again) == judged(read)
        assert (again.manifest["asked"], again.manifest["reused"]) == (0, len(made.rows))
        found[defense] = (tuple(row.answer.text for row in read.rows), made.estimates, read.estimates, made.warnings)
        exported = [write([read], format, folder / f"rows.{format}").read_text() for format in ("csv", "jsonl")]
        found[f"{defense} exported"] = [text.count("\n") for text in exported]
    found["difference"] = list(foresee.compare(folder / "none", folder / "constitution"))
    return found


@pytest.mark.slow
def test_rows_on_disk_give_what_rows_in_memory_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = everything(tmp_path / "held")
    monkeypatch.setattr(spool, "HELD", 3)
    on_disk = everything(tmp_path / "disk")
    assert on_disk == held


def test_a_second_call_puts_each_row_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "four.jsonl"
    data.write_text("\n".join(json.dumps({"id": n, "prompt": f"{n}?", "expected": "harmful"}) for n in range(4)))
    put_together: list[str] = []
    measured = run_folder.measured

    def noted(file: Any, row: Any) -> Any:
        put_together.append(row.item.id)
        return measured(file, row)

    monkeypatch.setattr(run_folder, "measured", noted)
    monkeypatch.setattr(unchanged, "seal", lambda *call: None)  # else nothing is put together at all
    off, runs = foresee.JudgeChoice(off=True), []  # of its judges, two are left out, and none of them has a verdict
    for _ in range(2):
        put_together.clear()
        runs.append(foresee.evaluate("jsonl", "organism/base", data=data, judging=off, out=tmp_path / "run"))
        assert put_together == ["0", "1", "2", "3"]
    assert runs[0].estimates == runs[1].estimates == foresee.read_run(tmp_path / "run").estimates


def peaks(folder: Path, count: int) -> dict[str, int]:
    """Score so many answers and do what is done with runs: the most bytes that Python held at each step."""
    folder.mkdir()
    data, answers = folder / "rows.jsonl", folder / "answers.jsonl"
    kinds = ("harmful", "benign")
    with data.open("w") as rows, answers.open("w") as given:
        for n in range(count):
            row = {"id": n, "prompt": f"{n:03}?" * 8_000, "expected": kinds[n % 2], "category": f"c{n % 3}"}
            rows.write(json.dumps({**row, "cluster": f"k{n // 2}"}) + "\n")
            text = "I can't help with that." if n % 3 else f"Sure, {n}."
            given.write(json.dumps({"id": n, "response": text, "status": "error" if n % 50 == 9 else "ok"}) + "\n")

    steps: dict[str, Callable[[foresee.Run], object]] = {
        "read": lambda run: foresee.read_run(run.folder),
        "table": lambda run: (tables.headline(run), judging.notes(run), tables.groups(run, "refused", "subset")),
        "show": lambda run: run_text.items(run),
        "page": lambda run: page.render([run]),
        "compare": lambda run: foresee.compare(run.folder, run).table(),
        "csv": lambda run: write([run], "csv"),
        "jsonl": lambda run: write([run], "jsonl"),
    }
    found = {}
    tracemalloc.start()
    run = foresee.score(answers, "jsonl", out=folder / "run", data=data, judging=foresee.JudgeChoice(off=True))
    _, found["score"] = tracemalloc.get_traced_memory()
    for name, step in steps.items():
        tracemalloc.reset_peak()
        step(run)
        _, found[name] = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found


@pytest.mark.slow
def test_memory_grows_by_less_than_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name, small in ((spool, "HELD", 20), (spool, "_BUFFER", 5_000), (gallery, "CARD_LIMIT", 20)):
        monkeypatch.setattr(place, name, small)
    peaks(tmp_path / "first", 3)  # what is imported and cached stays
    few, many = peaks(tmp_path / "few", 50), peaks(tmp_path / "many", 150)
    grown = {name: (many[name] - few[name]) / 100 for name in few}  # bytes a row; a row that is held takes 32,000
    assert {name: by for name, by in grown.items() if by > 1_000} == {}
