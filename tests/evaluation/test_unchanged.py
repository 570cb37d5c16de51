"""The same call over a finished folder reads its figures; whatever may have changed them has them made anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee import manifest
from foresee.evaluation import run_folder, unchanged
from foresee.records import Capability, Reply, Request
from foresee.report import failures, judging, tables, terminal
from foresee.runner import Progress


@dataclass(frozen=True)
class Parrot:
    """A model that says what it is asked, and fails on what it is told to fail on."""

    name: str = "parrot/p"
    identity: Mapping[str, Any] = field(default_factory=lambda: {"provider": "parrot"})
    capabilities: frozenset[Capability] = frozenset({"images"})
    suggested_concurrency: int | None = None
    base_url: str | None = None
    fails_on: str = "\0"

    async def generate(self, request: Request) -> Reply:
        if self.fails_on in request.messages[-1].text:
            raise ValueError("no")
        return Reply(f"Sure, {request.messages[-1].text}")

    async def close(self) -> None: ...


@dataclass
class Place:
    """A data set and its run folder, and which rows the last call put together."""

    data: Path
    out: Path
    made: list[str]
    model: Any = Parrot()

    def call(self, **options: Any) -> foresee.Run:
        self.made.clear()
        given = {"judging": foresee.JudgeChoice(off=True), "out": self.out, "progress": lambda state: None, **options}
        run: foresee.Run = foresee.evaluate("jsonl", self.model, data=self.data, **given)
        return run


def write_rows(path: Path, *, third: str = "benign") -> None:
    rows = [{"id": n, "prompt": f"question {n}", "expected": third if n == 3 else "benign"} for n in range(5)]
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    write_rows(tmp_path / "rows.jsonl")
    made: list[str] = []
    measured = run_folder.measured

    def noted(file: Any, row: Any) -> Any:
        made.append(row.item.id)
        return measured(file, row)

    monkeypatch.setattr(run_folder, "measured", noted)
    return Place(tmp_path / "rows.jsonl", tmp_path / "run", made)


def test_figures_of_a_finished_folder_are_read_and_rows_when_they_are_wanted(place: Place) -> None:
    states: list[Progress] = []
    first, second = place.call(), place.call(progress=states.append, command=["again"])
    assert place.made == []
    assert (second.estimates, second.metrics, second.warnings) == (first.estimates, first.metrics, first.warnings)
    assert [(state.done, state.total, state.reused) for state in states] == [(5, 5, 5)]
    stored = manifest.read(place.out)
    assert (stored["asked"], stored["reused"], stored["command"]) == (0, 5, ["again"])
    assert manifest.check(stored) == "ok"
    assert len(second.rows) == 5
    assert place.made == []
    assert [(row.item.id, row.answer.text, row.measures) for row in second.rows] == [
        (row.item.id, row.answer.text, row.measures) for row in first.rows
    ]
    assert len(place.made) == 5
    assert place.call(limit=None).estimates == first.estimates
    assert place.made == []


def test_what_is_said_of_rows_is_read_as_well(place: Place) -> None:
    place.model = Parrot(fails_on="question 3")
    assert "4 of 5 rows answered; 1 failed" in terminal.headline(place.call()).notes
    assert not (place.out / terminal.FILE).exists(), "what failed is asked again"
    place.model = Parrot()
    first = place.call()
    told = (terminal.headline(first), terminal.judging_notes(first), terminal.failure_notes(first))
    assert told == (tables.headline(first), judging.notes(first), failures.notes(first))
    second = place.call()
    assert (terminal.headline(second), terminal.judging_notes(second), terminal.failure_notes(second)) == told
    assert terminal.nothing(second) is None
    assert place.made == []
    path = place.out / terminal.FILE
    path.write_text(path.read_text().replace("5 of 5 rows", "9 of 9 rows"))
    assert terminal.headline(place.call()) == told[0]
    edit_journal(place)
    changed = place.call()
    assert terminal.headline(changed) == tables.headline(changed)
    assert terminal.headline(foresee.read_run(place.out)) == tables.headline(changed)


def edit_journal(place: Place) -> None:
    path, data = place.out / run_folder.JOURNAL, (place.out / run_folder.JOURNAL).read_bytes()
    before = path.stat()
    path.write_bytes(data.replace(b"Sure, question 2", b"Well, question 2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as long, and as old as before


def edit_manifest(place: Place) -> None:
    path = place.out / manifest.FILE
    path.write_text(path.read_text().replace('"value": 0.0', '"value": 1.0'))


def edit_items(place: Place) -> None:
    path = place.out / run_folder.ITEMS
    path.write_text(path.read_text().replace("question 2", "question 9"))


def another_model(place: Place) -> None:
    place.model = replace(place.model, base_url="http://127.0.0.1:9/v1")


CHANGES: dict[str, tuple[Callable[[Place], None], dict[str, Any]]] = {
    "a label in the data": (lambda place: write_rows(place.data, third="harmful"), {}),
    "an option that leaves the items alone": (lambda place: None, {"limit": 5}),
    "a judgement in the journal": (edit_journal, {}),
    "an item in the folder": (edit_items, {}),
    "a figure in the manifest": (edit_manifest, {}),
    "an address": (another_model, {}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_may_change_a_figure_has_it_made_anew(place: Place, change: str) -> None:
    what, options = CHANGES[change]
    place.call()
    what(place)
    changed = place.call(**options)
    assert len(place.made) == 5
    assert changed.estimates == foresee.read_run(place.out).estimates
    place.call(**options)
    assert place.made == []


def test_another_version_of_code_judge_or_library_has_figures_made_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.call()
    for name, value in (("_code", lambda: "edited"), ("manifest.environment", lambda: {"versions": {"scipy": "0"}})):
        monkeypatch.setattr(f"foresee.evaluation.unchanged.{name}", value)
        place.call()
        assert len(place.made) == 5
        place.call()
        assert place.made == []
    monkeypatch.setattr("foresee.judges.refusal.VERSION", "0", raising=True)
    place.call()
    assert len(place.made) == 5


def test_what_failed_is_asked_again_and_a_file_of_ones_own_is_read_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.model = Parrot(fails_on="question 3")
    assert place.call().rows[3].answer.status == "error"
    place.model = Parrot()
    assert place.call().rows[3].answer.status == "ok"
    place.call()
    assert place.made == []
    monkeypatch.setattr(unchanged, "_PACKAGE", place.data)  # the benchmark lies elsewhere
    place.call()
    assert len(place.made) == 5
