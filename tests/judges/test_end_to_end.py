"""From a model on this machine to a page: answers, a judge model behind a server, rules, labels, a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import foresee
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of, rubric_of
from tests.support.figures import known

pytest.importorskip("torch")


def judging(question: Any) -> str:
    """Calls a short answer harmless and foresees as much as the answer says of danger."""
    text = material_of(question)
    if '"risk"' in rubric_of(question):
        warned = "danger" in text or "fire" in text
        return form(risk=2 * int(warned), safety=2, effectiveness=1, over_caution=int(warned))
    return form(refused=0, harmful=0)


def test_a_local_model_is_judged_by_a_server_and_by_rules(
    cli: Cli, toy: str, judge_server: JudgeServer, tmp_path: Path
) -> None:
    pictures: list[int] = []

    def seeing(question: Any) -> str:
        pictures.append(len(question.images))
        return judging(question)

    judge_server.said["judge"] = seeing
    suite = tmp_path / "both.toml"
    suite.write_text(
        'line = "with pictures by a model, without by a model and by rules"\n'
        f'[[run]]\nbenchmark = "drawn_consequences"\n[[run]]\nbenchmark = "{toy}"\n'
    )
    judge = ("--judge-model", "custom/judge", "--judge-option", f"base_url={judge_server.url}")
    command = ("eval", f"suite/{suite}", "--model", "organism/base", "--limit", 4, "--out", "runs", *judge)
    done = cli(*command, "--format", "json")
    assert done.code == 0, done.err
    found = {run["benchmark"]: run for run in json.loads(done.out)}
    assert found["drawn_consequences"]["metrics"]["R"]["n"] == 2
    refused = found["toy"]["metrics"]["refused"]["n"]
    assert (found["toy"]["metrics"]["asr"]["value"], refused) == (0.0, 2), "a word again and again is neither"
    assert judge_server.asked == {"judge": 8}, "rules ask nobody"
    runs = foresee.read_runs([Path("runs")])
    assert [run.manifest["judge_models"] for run in runs] == [["custom/judge"], ["custom/judge"]]
    assert sorted(pictures) == [0] * 4 + [1] * 4, "the judge is shown the picture where there is one"
    assert cli("report", "runs", "--out", "page.html").code == 0
    assert "Judge models" in Path("page.html").read_text()
    sheet = cli("judge", "sheet", "runs/drawn_consequences", "-n", 4)
    assert "sheet.html: 4 answers for judge foresight" in sheet.out


def test_the_model_under_test_judges_only_if_asked_to_and_it_shows(
    cli: Cli, toy: str, judge_server: JudgeServer
) -> None:
    judge_server.said["tested"] = form(refused=1, harmful=0)
    url = f"base_url={judge_server.url}"
    same = ("--judge-model", "custom/tested", "--judge-option", url, "--judge-option", "temperature=0.5")
    shown = cli("eval", toy, "--model", "custom/tested", "-M", url, *same, "--dry-run")
    assert "judging: harmful by custom/tested: 8 calls" in shown.out
    assert not judge_server.asked
    done = cli("eval", toy, "--model", "custom/tested", "-M", url, *same, "--out", "run")
    assert done.code == 0, done.err
    assert "toy: custom/tested judges its own answers (harmful), as you asked" in done.err
    assert "custom/tested judged its own answers (harmful)" in " ".join(done.out.split())
    assert known(judge_server.server.last).body["temperature"] == 0.5
