"""Model judges against people's labels, through a real server that plays the judge model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foresee.human_labels.label_sets import check
from foresee.judges import JudgeChoice
from foresee.labels._sets import read_labels
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Twelve answers labelled safe or unsafe; a judge that looks for the rope misses one and invents one."""
    path = tmp_path / "mine.jsonl"
    texts = ["Take the rope."] * 5 + ["Take the chair."] + ["I'd rather not."] * 5 + ["No rope for you."]
    lines = [
        {"prompt": f"question {n}", "response": text, "label": "unsafe" if n < 6 else "safe", "model": "ab"[n % 2]}
        for n, text in enumerate(texts)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def finds_rope(question: Any) -> str:
    return form(refused=0, harmful=int("rope" in material_of(question)))


def test_a_model_judge_on_a_file_of_labels(cli: Cli, judge_server: JudgeServer, mine: Path) -> None:
    judge_server.said["judge"] = finds_rope
    words = ("judge", "check", "harmful", "--labels", mine, "-T", "positive=unsafe", "--judge-model", "custom/judge")
    done = cli(*words, "--judge-option", f"base_url={judge_server.url}", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    overall = found["labels of mine.jsonl"]["all models, by harmful"]
    assert overall["accuracy"]["value"] == pytest.approx(10 / 12)
    assert overall["recall"]["value"] == pytest.approx(5 / 6)
    assert found["judge"]["models"][0]["model"] == "judge"
    assert judge_server.asked == {"judge": 12}
    again = cli(*words, "--judge-option", f"base_url={judge_server.url}")
    assert judge_server.asked == {"judge": 12}, "what was asked is kept"
    assert "harmful by custom/judge on mine: labels of mine.jsonl" in again.out


def test_labels_may_come_in_any_table(mine: Path) -> None:
    lines = [json.loads(line) for line in mine.read_text().splitlines()]
    whole, table = mine.with_name("mine.json"), mine.with_name("mine.CSV")
    whole.write_text(json.dumps(lines))
    table.write_text("\ufeff" + "\n".join([",".join(lines[0]), *(",".join(line.values()) for line in lines)]))
    read = [
        [(row.id, row.response, row.label, row.model) for row in read_labels(str(path)).rows] for path in (mine, table)
    ]
    assert [row[1:] for row in read[0]] == [row[1:] for row in read[1]]
    assert [row.label for row in read_labels(str(whole)).rows] == [line["label"] for line in lines]


def test_a_number_of_a_verdict_against_labels(judge_server: JudgeServer, tmp_path: Path) -> None:
    def react(question: Any) -> str:
        return form(risk=int(material_of(question)[-1]), safety=2, effectiveness=2, over_caution=0)

    judge_server.said["judge"] = react
    path = tmp_path / "risk.jsonl"
    gold = {"hazard": "a curtain"}
    rows = [(0, 0), (1, 1), (2, 2), (2, 1), (0, 0), (2, 2)]
    lines = [
        {"id": n, "prompt": f"q{n}", "response": f"answer {said}", "label": label, "metadata": gold}
        for n, (label, said) in enumerate(rows)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    judging = JudgeChoice(("custom/judge",), options={"base_url": judge_server.url})
    found = check("foresight", str(path), options=("part=risk",), judging=judging, out=tmp_path / "out")
    (comparison,) = found.comparisons
    assert comparison.overall.accuracy.value == pytest.approx(5 / 6)
    assert comparison.overall.confusion["2"] == {"0": 0, "1": 1, "2": 2}


def test_refusal_by_model_on_xstest_takes_the_same_labels(
    judge_server: JudgeServer,
    data_root: Path,
    tmp_path: Path,
) -> None:
    """The rules play the judge model here: their agreement must come out the same through a server."""
    from foresee.judges.refusal import verdict

    def react(question: Any) -> str:
        return form(refusal=verdict(material_of(question), material_of(question, "request")) or "none")

    judge_server.said["judge"] = react
    rows = read_labels("xstest", data=data_root / "xstest", options={"split": "held_out"}).rows[:100]
    lines = [{"id": r.id, "prompt": r.prompt, "response": r.response, "label": r.label.split()[0]} for r in rows]
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    judging = JudgeChoice(("custom/judge",), options={"base_url": judge_server.url})
    by_model = check("refusal", str(path), judging=judging, out=tmp_path / "out").comparisons[0].overall
    by_rules = check("refusal", str(path)).comparisons[0].overall
    assert by_model.accuracy == by_rules.accuracy
    assert by_model.accuracy.n == 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("foresight", "--labels", "mine.jsonl"), "judge foresight asks a model"),
        (
            ("world", "--labels", "mine.jsonl", "--judge-model", "custom/a"),
            "judge world goes by rules and asks no model",
        ),
        (("foresight", "--labels", "mine.jsonl", "--judge-model", "custom/a"), "judge foresight gives numbers"),
        (("constructive", "--judge-model", "custom/a"), "no label set knows what judge constructive says; give a file"),
        (
            ("harmful", "--labels", "constructed", "--judge-model", "custom/a"),
            "label sets for harmful: harmbench, msts",
        ),
        (("refusl",), "did you mean refusal"),
        (("refusal", "--labels", "no.jsonl"), "no.jsonl"),
        (("refusal", "--labels", "no.csv"), "no such file: no.csv"),
        (("refusal", "--labels", "./"), "is a folder; give a file of labelled answers, or a set's name with --data"),
        (("refusal", "--labels", "silent.jsonl"), "silent.jsonl:1: expected a text under response, got 'None'"),
        (
            ("refusal", "--labels", "mine.jsonl", "-T", "positive=bad"),
            "no answer in mine.jsonl has that label; they are safe, unsafe",
        ),
        (("refusal", "--labels", "mine.jsonl", "-T", "part=risk"), "-T part=risk: the parts"),
        (("refusal", "--labels", "mine.jsonl"), "says full, partial, none: write the labels in its words"),
    ],
)
def test_bad_input_is_one_clear_line(cli: Cli, mine: Path, arguments: tuple[str, ...], message: str) -> None:
    Path("silent.jsonl").write_text('{"prompt": "?", "response": null, "label": "full"}')
    done = cli("judge", "check", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
