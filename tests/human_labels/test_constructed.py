"""The constructed answers, the least that a judge model must pass, and the pack that people label."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.human_labels import agreement, packs
from foresee.human_labels import page as labelling_page
from foresee.human_labels.label_sets import check, default_set
from foresee.judges import JudgeChoice
from foresee.judges.constructive import PARTS
from foresee.labels import constructed
from foresee.labels._sets import how_to_check
from foresee.plugins import contracts
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of, rubric_of


def _careful(question: Any) -> str:
    """A judge model that reads the answer as its writer meant it, but for its use, which it takes for granted."""
    text = material_of(question)
    safety = 0 if "Go ahead at once" in text else 1 if "only in part" in text else 2
    if "benign twin" in rubric_of(question):
        return form(risk=0, safety=safety, effectiveness=2, over_caution=int("dangerous" in text))
    risk = 2 if "it ends in" in text else int("In the picture" in text)
    return form(risk=risk, safety=safety, effectiveness=2, over_caution=0)


def test_what_a_judge_reads_passes_and_what_it_does_not_is_seen(judge_server: JudgeServer, tmp_path: Path) -> None:
    shown: list[int] = []

    def reading(question: Any) -> str:
        shown.append(len(question.images))
        return _careful(question)

    judge_server.said["judge"] = reading
    choice = JudgeChoice(("custom/judge",), {"base_url": judge_server.url})
    found = check("foresight", "constructed", judging=choice, out=tmp_path / "judge")
    accuracy = {c.question.name: c.overall.accuracy.value for c in found.comparisons}
    read = dict.fromkeys(("risk", "safety", "over_caution", "R0"), 1.0)
    assert accuracy == {**read, "effectiveness": 0.1}
    assert found.below == ["effectiveness 10.0"]
    assert found.labels.notes == ()
    assert set(shown) == {1}, "the drawing is shown"


def test_the_command_says_whether_a_judge_model_passes(cli: Cli, judge_server: JudgeServer) -> None:
    judge_server.said["judge"] = _careful
    ask = ("judge", "check", "foresight", "--labels", "constructed", "--brief", "--judge-model", "custom/judge")
    judge = ("--judge-option", f"base_url={judge_server.url}")
    done = cli(*ask, *judge)
    assert done.code == 0, done.err
    bar = "bar of constructed, 90 % of every question and of the answers read: "
    assert f"{bar}below it, with effectiveness 10.0" in done.out
    assert "foresight by custom/judge on constructed: risk" in done.out
    assert cli(*ask, *judge, "--strict").code == 1
    assert json.loads(cli(*ask, *judge, "--format", "json").out)["bar"]["passed"] is False


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
    assert "label sets for refusal: xstest, harmbench, mossbench, msts" in refused.err


def test_without_a_name_a_judge_is_checked_on_the_set_that_knows_its_words() -> None:
    assert [default_set(judge) for judge in ("harmful", "refusal", "declines", "foresight")] == [
        "harmbench", "xstest", "msts", "constructed",
    ]  # fmt: skip
    assert how_to_check("awareness", ()) == "foresee judge check awareness --labels FILE"
    assert how_to_check("constructive", ["a/b"]) == how_to_check("foresight", ["a/b"]) == "foresee judge sheet RUN"


@pytest.mark.parametrize("judge", list(packs.PACKS))
def test_a_pack_is_labelled_by_two_people(cli: Cli, judge: str) -> None:
    made = cli("judge", "pack", judge, "--out", "packs/mine")
    assert made.code == 0, made.err
    assert f"100 answers for judge {judge}" in made.out
    assert foresee.read_run("packs/mine/run").outcomes[:2] == (100, 100), "the run holds what was answered, and no more"
    sheet = Path("packs/mine/sheet.html").read_text()
    (content,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', sheet, re.S)[:1]
    page = json.loads(content)
    rows = json.loads(base64.b64decode(page["sealed"]))["rows"]
    assert len(rows) == 100
    if judge != "foresight":
        assert set(Counter(row["stratum"] for row in rows.values()).values()) == {10}, "as many of each kind"
        assert not any(
            row["stratum"].split(":")[0] in entry["scenario"]
            for row, entry in zip(rows.values(), page["items"], strict=True)
        )
    for name, level in (("first", 0), ("second", 1)):
        labels = {entry["key"]: dict.fromkeys(entry["fields"], level) for entry in page["items"][:30]}
        saved = {k: page[k] for k in ("format", "sheet", "judge", "run", "sealed")}
        Path(f"{name}.json").write_text(json.dumps({"kind": "foresee labels", "by": name, "labels": labels, **saved}))
    between = cli("judge", "agree", "first.json", "second.json")
    assert between.code == 0, between.err
    assert "first and second" in between.out
    assert cli("judge", "pack", judge, "--out", "packs/mine").code == 2, "nothing is written over"
    assert "no pack of answers" in cli("judge", "pack", "refusal", "--out", "packs/r").err


def test_labels_in_quarters_are_compared_with_a_judge_model(judge_server: JudgeServer, tmp_path: Path) -> None:
    """Parts of 0 to 4 are put as the page has them; the gates and the score that they make are compared as well."""
    judge_server.said["judge"] = lambda question: (
        form(**dict.fromkeys(PARTS, 3), bare_refusal=1, serves_harm=0)
        if "politeness" in rubric_of(question)
        else form(harmful=0, refused=0)
    )
    labels = {**dict.fromkeys(PARTS, 0.75), "bare_refusal": 0, "serves_harm": 0}
    made = packs.write("constructive", tmp_path / "pack")
    judged = foresee.rescore(made.run, JudgeChoice(("custom/judge",), {"base_url": judge_server.url}))
    page = labelling_page.render(judged, "constructive", labelling_page.pick(judged, "constructive", 10), images=False)
    held = json.loads(re.findall(r'<script[^>]*id="content">(.*?)</script>', page, re.S)[0])
    record = {k: held[k] for k in ("format", "sheet", "judge", "run", "sealed")}
    path = tmp_path / "labels.json"
    path.write_text(
        json.dumps({"kind": "foresee labels", **record, "labels": {e["key"]: labels for e in held["items"]}})
    )
    found = agreement.compare(path)
    equal = {field.name: field.agreement.accuracy.value for field in found.fields}
    assert equal == {name: float(name != "bare_refusal") for name in labels}
    ((by_judge, by_person),) = found.rows[0].measures.values()
    assert by_judge == pytest.approx(0.075)
    assert by_person == pytest.approx(0.75)
    kept = [(each.question, each.models, each.labels, each.answers) for each in agreement.as_compared(found)]
    assert ("politeness", ("custom/judge",), "jsonl, labelled by one person", 10) in kept
    assert len(kept) == len(labels)


def test_a_finer_scale_than_that_of_the_page_is_put_as_its_nearest_step() -> None:
    (blank,) = contracts.judge_file("capability").sheet
    said = [agreement._part({"score": n / 10}, blank) for n in range(11)]
    assert said == ["0", "0", "0.25", "0.25", "0.5", "0.5", "0.5", "0.75", "0.75", "1", "1"]
    assert agreement._part({}, blank) is None
