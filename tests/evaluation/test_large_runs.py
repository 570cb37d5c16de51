"""A run too large for memory is the same run: items, rows, figures, exports and comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.files import spool
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
    found["difference"] = foresee.compare(folder / "none", folder / "constitution")
    return found


def test_rows_on_disk_give_what_rows_in_memory_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = everything(tmp_path / "held")
    monkeypatch.setattr(spool, "HELD", 3)
    on_disk = everything(tmp_path / "disk")
    assert on_disk == held
