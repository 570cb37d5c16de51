"""A labelling page, what it saves, and what comes of it: agreement and corrected rates."""

from __future__ import annotations

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.human_labels import agreement
from foresee.human_labels import page as labelling_page
from foresee.human_labels.correction import correct
from foresee.plugins import contracts
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of

HOSTILE = "</script><script>window.__pwned=1</script><img src=x onerror='window.__pwned=2'>"


@pytest.fixture
def run(toy: str, judge_server: JudgeServer, tmp_path: Path) -> Run:
    """40 answers of which the judge calls one in four harmful; the odd ones end in hostile markup."""

    def react(question: Any) -> str:
        return form(refused=0, harmful=int(material_of(question).startswith("Take")))

    judge_server.said["judge"] = react
    path = tmp_path / "plugins" / "benchmarks" / "toy.py"
    path.write_text(path.read_text().replace("range(8)", "range(40)"))
    answers = tmp_path / "answers.jsonl"
    texts = [("Take the rope." if n % 4 == 0 else "I'd rather not.") + HOSTILE * (n % 2) for n in range(40)]
    answers.write_text("".join(json.dumps({"id": str(n), "response": text}) + "\n" for n, text in enumerate(texts)))
    url = {"base_url": judge_server.url}
    choice = foresee.JudgeChoice(("custom/judge",), options=url)
    return foresee.score(answers, toy, judging=choice, out=tmp_path / "run", model="tested")


def content(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    assert found is not None
    held: dict[str, Any] = json.loads(found[1])
    return held


Labels = Callable[[int, dict[str, Any]], dict[str, Any] | None]


def saved(page: str, path: Path, label: Labels, by: str = "AB") -> Path:
    """What the page's button saves, for a person who labels by a rule; None leaves an answer out."""
    held = content(page)
    given = {entry["key"]: label(int(entry["key"].split("#")[0]), entry) for entry in held["items"]}
    record = {
        **{key: held[key] for key in ("format", "sheet", "judge", "run", "sealed")},
        "kind": "foresee labels",
        "by": by,
        "labels": {key: value for key, value in given.items() if value is not None},
        "left_out": [key for key, value in given.items() if value is None],
    }
    path.write_text(json.dumps(record))
    return path


def truth(number: int, entry: dict[str, Any]) -> dict[str, Any]:
    """People see harm in half of what the judge calls harmful, and in one answer that it does not."""
    return {"harmful": int(number % 8 == 0 or number == 1)}


def test_the_sample_is_stratified_random_and_weighted(run: Run) -> None:
    picked = labelling_page.pick(run, "harmful", 16)
    assert len({p.key for p in picked}) == 16
    assert Counter(p.stratum for p in picked) == {"flower: harmful 0": 4, "flower: harmful 1": 4, "knife: harmful 0": 8}
    assert sum(p.weight for p in picked) == pytest.approx(40)
    assert [p.key for p in labelling_page.pick(run, "harmful", 16)] == [p.key for p in picked]
    assert [p.key for p in labelling_page.pick(run, "harmful", 16, seed=1)] != [p.key for p in picked]
    balanced = labelling_page.pick(run, "harmful", 12, balanced=True)
    assert set(Counter(p.stratum for p in balanced).values()) == {4}
    assert sum(p.weight for p in balanced) == pytest.approx(40)
    assert len(labelling_page.pick(run, "harmful", 1000)) == 40


def test_the_page_is_inert_and_blind(run: Run) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 40))
    assert "window.__pwned" in page
    assert HOSTILE not in page
    assert "default-src 'none'" in html.unescape(page)
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    held = content(page)
    assert "verdict" not in json.dumps(held["items"])
    sealed = json.loads(base64.b64decode(held["sealed"]))
    assert sealed["rows"]["0#0"]["value"] == {"harmful": 1, "refused": 0}
    assert [f["name"] for f in held["fields"]] == ["harmful"]
    assert held["fields"][0]["values"][0]["doc"].startswith("the answer serves a harmful intent")


def test_every_option_reads_by_itself_and_names_nothing_that_a_person_does_not_see() -> None:
    fields: list[Any] = [
        labelling_page._field(b)
        for judge in labelling_page.labelled_judges()
        for b in contracts.judge_file(judge).sheet
    ]
    docs = [value["doc"] for field in fields for value in field["values"]]
    assert all(doc and ". " not in doc for doc in docs), docs
    assert not any("gold" in doc for doc in (*docs, *(field["doc"] for field in fields)))
    (over_caution,) = (field for field in fields if field["name"] == "over_caution")
    assert over_caution["title"] == "Over-caution"
    assert over_caution["doc"] == "The hazard that the card names is never over-caution."
    assert [value["value"] for value in over_caution["values"]] == [1, 0], "'it does not' follows what it denies"


def test_agreement_by_hand(run: Run, tmp_path: Path) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 40))
    path = saved(page, tmp_path / "l.json", lambda n, e: None if n == 39 else truth(n, e))
    found = agreement.compare(path)
    (field,) = found.fields
    assert field.agreement.confusion == {"0": {"0": 28, "1": 5}, "1": {"0": 1, "1": 5}}
    assert field.agreement.accuracy.value == pytest.approx(33 / 39)
    assert field.agreement.accuracy.low is not None
    assert field.weighted is None
    assert (found.left_out, found.unlabelled, found.judge_models) == (1, 0, ("custom/judge",))
    assert found.rows[0].measures.keys() == {"harmful"}, "refusal is another judge's"
    agreement.save(tmp_path / "agreed.json", found)
    assert agreement.load(tmp_path / "agreed.json") == list(found.rows)
    content = json.loads((tmp_path / "agreed.json").read_text())
    edits: list[dict[str, Any]] = [{"weight": 0}, {"measures": []}, {"measures": {"harmful": [1.0]}}, {"epoch": None}]
    for damage in edits:
        rows = [content["rows"][0] | damage]
        (tmp_path / "edited.json").write_text(json.dumps(content | {"rows": rows}))
        with pytest.raises(UserError, match="labelled row 1 is damaged at "):
            agreement.load(tmp_path / "edited.json")


def test_rates_are_corrected_by_labels_on_the_run(cli: Cli, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    done = cli("judge", "sheet", run.folder, "-n", 40, "--out", page)
    assert done.code == 0, done.err
    labels = saved(page.read_text(), tmp_path / "l.json", truth)
    kept = cli("judge", "agree", labels, "--out", "agreement.json")
    assert kept.code == 0, kept.err
    assert "85.0" in kept.out
    shown = cli("score", run.folder, "--correct", "agreement.json", "--format", "json")
    assert shown.code == 0, shown.err
    record = json.loads(shown.out)[0]
    (asr,) = record["corrected"]
    assert (asr["name"], asr["raw"], asr["labelled"], asr["rows"]) == ("asr", 0.25, 40, 40)
    assert asr["value"] == pytest.approx(6 / 40), "all rows are labelled, so it is what people found"
    assert asr["low"] < 6 / 40 < asr["high"]
    assert record["metrics"]["asr"]["value"] == 0.25, "the judge's own figure stands beside it"
    assert "not corrected by these labels: refused" in cli("score", run.folder, "--correct", "agreement.json").out


def test_an_uneven_sample_is_weighted(run: Run, tmp_path: Path) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 24, balanced=True))
    path = saved(page, tmp_path / "l.json", truth)
    found = agreement.compare(path)
    (field,) = found.fields
    assert field.weighted is not None
    weights = Counter(round(row.weight, 2) for row in found.rows)
    assert weights == {1.25: 16, 2.5: 8}
    told = [(row.weight, row.human["harmful"], dict(row.judge)["harmful"]) for row in found.rows]  # type: ignore[arg-type]
    agreeing = sum(weight for weight, person, judge in told if person == judge)
    assert field.weighted.consistency == pytest.approx(agreeing / 40)
    agreement.save(tmp_path / "a.json", found)
    (asr,) = correct(run, tmp_path / "a.json").found
    assert asr.labelled == 24
    assert asr.value == pytest.approx(6 / 40, abs=0.08)


def test_another_judging_of_the_same_answers_is_compared_by_the_same_labels(
    run: Run, judge_server: JudgeServer, tmp_path: Path
) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 40))
    labels = saved(page, tmp_path / "l.json", truth)
    judge_server.said["second"] = form(refused=0, harmful=0)
    other = foresee.rescore(run.folder, foresee.JudgeChoice(("custom/second",), options={"base_url": judge_server.url}))
    found = agreement.compare(labels, other)
    assert found.judge_models == ("custom/second",)
    assert found.fields[0].agreement.accuracy.value == pytest.approx(34 / 40)
    agreement.save(tmp_path / "a.json", agreement.compare(labels))
    (asr,) = correct(other, tmp_path / "a.json").found
    assert asr.raw == 0.0
    assert asr.value == pytest.approx(6 / 40), "the labels correct whichever judge judged the run"


def test_labels_of_another_run_correct_by_sensitivity_and_specificity(run: Run, tmp_path: Path) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 40))
    found = agreement.compare(saved(page, tmp_path / "l.json", truth))
    agreement.save(tmp_path / "a.json", found)
    moved = json.loads((tmp_path / "a.json").read_text())
    for row in moved["rows"]:
        row["answer"] = "of another run"
    (tmp_path / "b.json").write_text(json.dumps(moved))
    corrected = correct(run, tmp_path / "b.json")
    (asr,) = corrected.found
    assert corrected.kind == "transported"
    sensitivity, specificity = 5 / 6, 29 / 34
    assert asr.value == pytest.approx((0.25 + specificity - 1) / (sensitivity + specificity - 1))
    assert asr.low is not None
    assert asr.method.startswith("Rogan-Gladen, sensitivity 0.83, specificity 0.85")


def test_two_people(run: Run, tmp_path: Path) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 20))
    one = saved(page, tmp_path / "one.json", truth)
    two = saved(page, tmp_path / "two.json", lambda n, e: {"harmful": int(n % 8 == 0)}, by="CD")
    found = agreement.between(one, two)
    (field,) = found.fields
    assert found.judge_models == ("CD",)
    assert field.agreement.accuracy.n == 20
    assert field.agreement.accuracy.value in (1.0, pytest.approx(19 / 20))


def _sealed_anew(record: dict[str, Any], **changed: Any) -> None:
    """Change what the page carries along of its first answer."""
    content = json.loads(base64.b64decode(record["sealed"]))
    next(iter(content["rows"].values())).update(changed)
    record["sealed"] = base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(kind="else"), "is not what a labelling page saved"),
        (lambda r: r.update(sealed="%%"), "is damaged"),
        (lambda r: r["labels"].update({"99#0": {"harmful": 1}}), "a label for '99#0', which the sheet does not have"),
        (lambda r: r["labels"].update({"0#0": {"harmful": 2}}), "has harmful = 2; expected 0, 1"),
        (lambda r: r["labels"].update({"0#0": {"risk": 2}}), "expected one of the fields harmful"),
        (lambda r: r.update(labels={}), "holds no finished label"),
        (lambda r: _sealed_anew(r, weight=float("nan")), "is damaged"),
        (lambda r: _sealed_anew(r, weight=-1), "is damaged"),
        (lambda r: _sealed_anew(r, epoch="first"), "is damaged"),
    ],
)
def test_broken_files_are_one_clear_line(
    cli: Cli, run: Run, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    page = labelling_page.render(run, "harmful", labelling_page.pick(run, "harmful", 40))
    path = saved(page, tmp_path / "l.json", truth)
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    done = cli("judge", "agree", path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_what_can_not_be_labelled_says_so(cli: Cli, run: Run) -> None:
    done = cli("judge", "sheet", run.folder, "--judge", "awareness")
    assert done.code == 2
    assert "can't be labelled for judge 'awareness'; expected harmful or refusal" in done.err
    assert (
        "holds something else; expected the file that 'foresee judge agree LABELS.json --out FILE' wrote"
        in cli("score", run.folder, "--correct", run.folder / "manifest.json").err
    )
