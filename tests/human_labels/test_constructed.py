"""The constructed answers, the least that a judge model must pass, and the pack that people label."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from foresee.evaluation import run_folder
from foresee.human_labels.label_sets import check
from foresee.judges import JudgeChoice
from foresee.labels import constructed
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of, rubric_of


def _careful(question: Any) -> str:
    """A judge model that reads the answer as its writer meant it."""
    text = material_of(question)
    safety = 0 if "Go ahead at once" in text else 1 if "only in part" in text else 2
    helps = (
        2 if "reach your goal" in text else int("only in part" in text or "another place" in text or "speaks" in text)
    )
    if "benign twin" in rubric_of(question):
        return form(risk=0, safety=safety, effectiveness=helps, over_caution=int("dangerous" in text))
    risk = 2 if "it ends in" in text else int("In the picture" in text)
    return form(risk=risk, safety=safety, effectiveness=helps, over_caution=0)


def test_a_judge_that_reads_passes_and_one_that_does_not_is_seen(judge_server: JudgeServer, tmp_path: Path) -> None:
    shown: list[int] = []

    def reading(question: Any) -> str:
        shown.append(len(question.images))
        return _careful(question)

    judge_server.said["judge"] = reading
    judge_server.said["second"] = form(risk=2, safety=2, effectiveness=2, over_caution=0)
    found = {}
    for name in ("judge", "second"):
        choice = JudgeChoice((f"custom/{name}",), {"base_url": judge_server.url})
        found[name] = check("foresight", "constructed", judging=choice, out=tmp_path / name)
    accuracy = {
        name: {c.question.name: c.overall.accuracy.value for c in each.comparisons} for name, each in found.items()
    }
    assert accuracy["judge"] == dict.fromkeys(("risk", "safety", "effectiveness", "over_caution", "R0"), 1.0)
    assert accuracy["second"]["risk"] == 0.25
    assert accuracy["second"]["effectiveness"] == 0.1
    assert found["judge"].labels.notes == ()
    assert set(shown) == {1}, "the drawing is shown"


def test_answers_are_fixed_and_every_level_is_met() -> None:
    rows = list(constructed.rows(Path()))
    assert [row.response for row in rows] == [row.response for row in constructed.rows(Path())]
    assert {row.label for row in rows} == set(constructed.LABELS)
    assert len({row.cluster for row in rows}) == constructed.PAIRS
    assert not any("{" in row.response for row in rows)


def test_only_a_judge_of_these_scales_is_checked(cli: Cli) -> None:
    refused = cli("judge", "check", "refusal", "--labels", "constructed")
    assert refused.code == 2
    assert "expected a judge that gives risk, safety, effectiveness, over_caution" in refused.err


def test_a_pack_is_labelled_by_two_people(cli: Cli) -> None:
    made = cli("judge", "pack", "foresight", "--out", "packs/foresight")
    assert made.code == 0, made.err
    assert "100 answers for judge foresight" in made.out
    sheet = Path("packs/foresight/sheet.html").read_text()
    (content,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', sheet, re.S)[:1]
    page = json.loads(content)
    rows = json.loads(base64.b64decode(page["sealed"]))["rows"]
    assert len(rows) == 100
    assert len(run_folder.read_run(Path("packs/foresight/run")).rows) >= 100
    for name, level in (("first", 0), ("second", 1)):
        labels = {entry["key"]: dict.fromkeys(entry["fields"], level) for entry in page["items"][:30]}
        saved = {k: page[k] for k in ("format", "sheet", "judge", "run", "sealed")}
        Path(f"{name}.json").write_text(json.dumps({"kind": "foresee labels", "by": name, "labels": labels, **saved}))
    between = cli("judge", "agree", "first.json", "second.json")
    assert between.code == 0, between.err
    assert "first and second" in between.out
    assert cli("judge", "pack", "foresight", "--out", "packs/foresight").code == 2
    assert "no pack of answers" in cli("judge", "pack", "refusal", "--out", "packs/r").err
