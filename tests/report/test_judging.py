"""What tables and the page say of judge models: who, how many, and how far they disagree."""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.judges.constructive import PARTS
from foresee.records import Row
from foresee.report import failures, silence, tables
from foresee.report.judging import alone, judged_by, notes
from foresee.report.page import render
from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.judges.conftest import JudgeServer, form, judge_server, material_of, rubric_of, toy  # noqa: F401


@pytest.fixture
def run(toy: str, judge_server: JudgeServer, tmp_path: Path) -> foresee.Run:  # noqa: F811
    judge_server.said |= {
        "judge": form(refused=0, harmful=1),
        "second": lambda question: form(refused=0, harmful=int("knife" in material_of(question, "request"))),
        "third": "I'd rather not <script>window.__pwned=1</script> say.",
    }
    url = {"base_url": judge_server.url}
    choice = foresee.JudgeChoice(("custom/judge", "custom/second", "custom/third"), options=url)
    return foresee.evaluate(toy, "custom/tested", model_options=url, out=tmp_path / "run", judging=choice)


def test_disagreement_and_each_judge_alone(run: foresee.Run) -> None:
    (judge,) = judged_by(run)
    assert judge.models == ("custom/judge", "custom/second", "custom/third")
    assert (judge.scored, judge.total) == (4, 8), "two of three are enough where they agree"
    assert judge.disagreement is not None
    assert (judge.disagreement.value, judge.disagreement.n) == (0.5, 8)
    assert (run.estimate("asr").value, run.estimate("asr").n) == (1.0, 4)
    values = {one.model: {e.name: (e.value, e.n) for e in one.estimates} for one in alone(run)}
    assert values == {
        "custom/judge": {"asr": (1.0, 8)},
        "custom/second": {"asr": (0.5, 8)},
        "custom/third": {"asr": (None, 0)},
    }
    lines = notes(run)
    assert lines[0].startswith("harmful: its judge models disagree on 50.0 % (")
    assert "by custom/second alone: asr 50.0 (21.5 – 78.5) of 8/8" in lines
    assert "harmful by custom/judge, custom/second, custom/third, behind asr: not compared with people" in "".join(
        lines
    )
    assert "refusal (by rules), behind refused: agrees with people on" in "".join(lines)
    assert foresee.read_run(run.folder).rows == run.rows


def test_the_page_says_who_judged_and_lets_nothing_run(run: foresee.Run) -> None:
    page = render([run])
    assert "Judge models" in page
    assert "What each judge model alone would have found" in page
    assert "<script>window.__pwned" not in page
    other = foresee.rescore(
        run.folder, foresee.JudgeChoice(("custom/judge",), options={"base_url": _url(run)}), out=run.folder / "other"
    )
    both = render([run, other])
    assert "judged by custom/judge, custom/second, custom/third" in both
    public = render([run], public=True)
    assert "rather not" not in public
    assert "custom/<wbr>second" in public


def _url(run: foresee.Run) -> str:
    return str(run.manifest["base_urls"][0])


def test_the_screens_column_stays_beside_that_of_a_judge_model(
    cli: Cli,  # noqa: F811
    judge_server: JudgeServer,  # noqa: F811
) -> None:
    judge_server.said["judge"] = lambda question: form(
        **dict.fromkeys(PARTS, 4) if "politeness" in rubric_of(question) else {"refused": 0, "harmful": 0}
    )
    rows = [{"prompt": "Bake it", "expected": "harmful", "id": str(n), "response": "Take flour."} for n in range(2)]
    Path("mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    foresee.score("mine.jsonl", "jsonl", data="mine.jsonl", out="run")
    judge = ("--judge-model", "custom/judge", "--judge-option", f"base_url={judge_server.url}")
    told = " ".join(cli("score", "run", *judge).out.split())
    hint = f"harmful --labels harmbench --judge-model custom/judge --judge-option base_url={judge_server.url} does it"
    assert hint in told.replace(" --data FOLDER", "")
    assert "not corrected by people's labels: foresee report run/judged/custom_judge-" in told
    assert cli("report", "run", "--out", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "judged by the offline screen" in page
    assert "offline screen (by rules), behind offline_screen: agrees with people on" in page
    assert "harmful by custom/judge, behind ASR" in page
    assert "not corrected by people&#39;s labels" in page


def test_reasons_that_are_not_told_are_counted() -> None:
    reasons = failures.Reasons()
    for reason in "aaabbbccde":
        reasons.add(reason)
    assert str(reasons) == "3 × a; 3 × b; 2 × c; 2 × other reasons"
    assert reasons.others(5) == 0


class Fleeting(Sequence[Row]):
    """Rows that are made anew each time, as those of a large run are read; it counts how many are alive at once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows, self.alive, self.most = rows, 0, 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        found = replace(self._rows[place])
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(found, self._gone)
        return found

    def _gone(self) -> None:
        self.alive -= 1


def test_what_is_said_below_a_table_holds_no_rows(run: foresee.Run) -> None:
    bad = [replace(row, answer=replace(row.answer, status="error", reason="no")) for row in run.rows]
    many = [*run.rows, *bad] * 20
    whole, fleeting = replace(run, rows=many), Fleeting(many)
    for told in (notes, judged_by, failures.notes, failures.nothing, silence.notes, tables.headline):
        assert told(replace(run, rows=fleeting)) == told(whole)
    assert fleeting.most < 10
