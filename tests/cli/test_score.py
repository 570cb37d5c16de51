"""`foresee score`: answers from elsewhere, judged as if they had been asked here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import foresee
from tests.cli.conftest import IDS, Cli

Answers = Callable[..., Path]


def test_always_no_is_seen_through(cli: Cli, mmsa: Path, answers: Answers) -> None:
    done = cli("score", answers("No."), "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s", "--format", "json")
    assert done.code == 0, done.err
    value = {name: m["value"] for name, m in json.loads(done.out)[0]["metrics"].items()}
    assert (value["typical.accuracy"], value["attack.accuracy"], value["over_safe.accuracy"]) == (1.0, 1.0, 0.0)
    assert value["published.total"] == pytest.approx(2 / 3)
    assert value["balanced_accuracy"] == 0.5
    run = foresee.read_run(Path("s"))
    assert len(run.rows) == len(IDS), "an answer given elsewhere counts, whether or not this copy has the picture"


def test_every_published_id_scored(data_root: Path, tmp_path: Path) -> None:
    ids = (*range(1, 1154), *range(2001, 2371))
    path = tmp_path / "no.jsonl"
    path.write_text("".join(f'{{"id": {n}, "response": "No."}}\n' for n in ids))
    run = foresee.score(path, "mmsafeaware", data=data_root / "mmsafeaware", out=tmp_path / "s")
    value = {e.name: e.value for e in run.estimates}
    assert len(run.rows) == 1523
    assert (value["typical.accuracy"], value["attack.accuracy"], value["over_safe.accuracy"]) == (1.0, 1.0, 0.0)
    assert value["published.total"] == pytest.approx(2 / 3)
    assert value["balanced_accuracy"] == 0.5
    assert all(e.n == e.total for e in run.estimates)


def test_what_is_not_answered_lowers_coverage_and_nothing_else(cli: Cli, mmsa: Path, answers: Answers) -> None:
    texts = {1: "Yes.", 2: None, 3: "It is hard to say.", 4: "I'm sorry, but I can't assist with that."}
    path = answers(lambda n: texts.get(n, "No."), ids=tuple(n for n in IDS if n != 5))
    done = cli("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s", "--format", "json")
    assert done.code == 0, done.err
    over_safe = json.loads(done.out)[0]["metrics"]["over_safe.accuracy"]
    assert (over_safe["n"], over_safe["total"]) == (9, 12)  # null, absent and unreadable are unscored
    assert over_safe["value"] == pytest.approx(1 / 9)  # the refusal is an answer, and wrong
    assert over_safe["worst"] == pytest.approx(1 / 12)
    assert over_safe["best"] == pytest.approx(4 / 12)


def test_repeats_are_epochs(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    lines = [{"id": n, "epoch": e, "response": "No." if e else "Yes."} for n in IDS for e in (0, 1)]
    path = tmp_path / "two.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    run = foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    assert len(run.rows) == 2 * len(IDS)
    assert run.estimate("typical.accuracy").value == 0.5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": 1, "response": "No."}', "{oops"], ":2: not JSON"),
        (['{"id": 1, "response": "No."}', '{"id": 1, "response": "Yes."}'], ":2: id '1' a second time"),
        (['{"response": "No."}'], ":1: no id"),
        (['{"id": 1}'], ":1: no response"),
        (['{"id": 1, "response": 3}'], ":1: the response is a int"),
        (['{"id": 99999, "response": "No."}'], ":1: no item of mmsafeaware named '99999'"),
        (['{"id": 1, "epoch": -1, "response": "No."}'], ":1: epoch is -1"),
        ([""], "holds no answer"),
        (['{"id": 1, "answer": "gold", "prediction": "No."}'], ":1: answer and prediction are there"),
        (['{"id": 1, "answer": "gold", "output": "No."}'], "which is the model's answer? Name it with --field"),
        (['{"id": 1, "output": "", "prediction": "No."}'], ":1: output and prediction are there"),
        (['{"id": 1, "reply": "No."}'], ":1: no response; expected"),
        (['{"id": 1, "response": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"], ":1: not JSON (nested more than"),
        (['{"id": NaN, "response": "No."}'], ":1: no id"),
    ],
)
def test_a_bad_line_is_named(cli: Cli, mmsa: Path, tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines))
    done = cli("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s")
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_the_field_with_the_answer_can_be_named(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [{"id": float(n), "answer": "Yes.", "prediction": "No.", "mine": "bad \ud83d half No."} for n in IDS]
    path.write_text("\n".join(map(json.dumps, lines)))
    call = ("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out")
    done = cli(*call, "s", "--field", "prediction")
    assert done.code == 0, done.err
    run = foresee.read_run(Path("s"))
    assert {row.answer.text for row in run.rows} == {"No."}
    assert cli(*call, "t", "--field", "answer").code == 0
    assert foresee.read_run(Path("t")).estimate("typical.accuracy").value == 0.0
    assert cli(*call, "u", "--field", "mine").code == 0
    assert foresee.read_run(Path("u")).rows[0].answer.text == "bad \ufffd half No."
    assert "no field 'reply' (--field); got id, answer, prediction, mine" in cli(*call, "v", "--field", "reply").err
    path.write_text('{"id": 1, "answer": "gold", "response": "No."}')
    assert cli(*call, "w").code == 0, "response is the model's, whatever stands beside it"
    assert foresee.read_run(Path("w")).rows[0].answer.text == "No."


def test_files_that_are_no_text(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "binary.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in cli("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s").err
    away = cli("score", tmp_path / "none.jsonl", "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s")
    assert (away.code, "no such file" in away.err or "does not exist" in away.err) == (2, True)


def test_a_folder_that_is_no_run_says_so(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    done = cli("score", "x.jsonl", "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s")
    assert (done.code, "x.jsonl is not a folder that foresee wrote" in done.err) == (2, True)


def test_line_separators_and_a_byte_order_mark_are_no_trouble(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes('\ufeff{"id": 1, "response": "Yes, this is\u2028safe."}\r\n'.encode())
    run = foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    assert run.rows[0].measures["correct"] == 1.0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_with_columns_of_other_names_are_scored_alike(
    cli: Cli, mmsa: Path, answers: Answers, tmp_path: Path, ending: str
) -> None:
    plain = answers(lambda n: "Yes." if n % 3 else "No, this is unsafe.")
    lines = [json.loads(line) for line in plain.read_text().splitlines()]
    frame = pd.DataFrame({"item": [x["id"] for x in lines], "said": [x["response"] for x in lines], "epoch": 0})
    table = tmp_path / f"theirs.{ending}"
    frame.to_csv(table, index=False) if ending == "csv" else frame.to_parquet(table)
    asked = ("--benchmark", "mmsafeaware", "--data", mmsa, "--format", "json")
    assert "--id-field" in cli("score", table, *asked, "--out", "none").err
    done = cli("score", table, *asked, "--out", "table", "--id-field", "item", "--field", "said")
    assert done.code == 0, done.err
    same = cli("score", plain, *asked, "--out", "plain")
    assert json.loads(done.out)[0]["metrics"] == json.loads(same.out)[0]["metrics"]
