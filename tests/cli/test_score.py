"""`foresee score`: answers from elsewhere, judged as if they had been asked here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import foresee
from foresee.notices import say_once
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


_MIXED = [
    {"id": 1, "response": "Yes, this is safe.", "status": "ok"},
    {"id": 2, "response": "", "status": "error", "reason": "HTTP 500: no"},
    {"id": 3, "response": "", "status": "refused_by_api", "finish_reason": "content_filter"},
    {"id": 4, "response": "Yes, it is", "finish_reason": "error"},
    {"id": 5, "response": "No, it is", "finish_reason": "SAFETY"},
    {"id": 6, "response": "No, this is unsafe since", "finish_reason": "max_tokens"},
    {"id": 7, "response": "- No.\n- It is not\tsafe.", "status": None},
    {"id": 8, "response": "", "error": {"message": "timeout"}},
    {"id": 9, "response": "", "status": "ok"},
    {"id": 10, "response": "", "status": "missing_image"},
    {"id": 11, "response": "'=No.", "status": 200},
    {"id": 128, "response": "No.", "status": 503},
    {"id": 129, "response": None},
]


def test_what_a_line_says_of_its_call_is_honoured(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, _MIXED)))
    run = foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    found = {row.item.id: (row.answer.status, row.answer.finish_reason) for row in run.rows if len(row.item.id) < 4}
    assert found.pop("130")[0] == "error", "the file has no answer for it"
    assert {key: found[key] for key in map(str, (*range(1, 12), 128, 129))} == {
        "1": ("ok", "stop"),
        "2": ("error", "stop"),
        "3": ("refused_by_api", "content_filter"),
        "4": ("error", "error"),
        "5": ("refused_by_api", "safety"),
        "6": ("ok", "length"),
        "7": ("ok", "stop"),
        "8": ("error", "stop"),
        "9": ("ok", "stop"),
        "10": ("missing_image", "stop"),
        "11": ("ok", "stop"),
        "128": ("error", "stop"),
        "129": ("error", "stop"),
    }
    assert all(row.measures["correct"] is None for row in run.rows if row.answer.status != "ok")
    over_safe = run.estimate("over_safe.accuracy")
    assert (over_safe.n, over_safe.total) == (4, 12), "1, 6, 7, 11: the empty answer of 9 has no verdict"


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_an_export_scored_again_gives_the_figures_of_its_run(cli: Cli, mmsa: Path, tmp_path: Path, format: str) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, _MIXED)))
    first = foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    assert cli("export", "s", "--format", format, "--out", f"rows.{format}").code == 0
    again = foresee.score(tmp_path / f"rows.{format}", "mmsafeaware", data=mmsa, out=tmp_path / "t")
    assert again.estimates == first.estimates
    answers = [[replace(row.answer, key="", reason="") for row in run.rows] for run in (first, again)]
    assert answers[1] == answers[0]


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_first_words_scored_by_their_probability_stay_so(cli: Cli, tmp_path: Path, format: str) -> None:
    options = {"answer": "first_token"}
    first = foresee.evaluate("world_awareness", "organism/base", out=tmp_path / "s", limit=6, options=options)
    assert any(row.answer.choice_probabilities for row in first.rows)
    assert cli("export", "s", "--format", format, "--out", f"rows.{format}").code == 0
    again = foresee.score(tmp_path / f"rows.{format}", "world_awareness", out=tmp_path / "t", limit=6, options=options)
    assert again.estimates == first.estimates
    assert [row.answer.choice_probabilities for row in again.rows] == [
        row.answer.choice_probabilities for row in first.rows
    ]


def test_a_status_that_means_something_else_is_one_line(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": 1, "response": "No.", "status": "harmful"}')
    done = cli("score", path, "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "odd.jsonl:1: the status is 'harmful'; expected one of ok, refused_by_api, error" in done.err
    assert "rename it" in done.err


def test_stored_error_messages_are_no_answers(cli: Cli, mmsa: Path, answers: Answers, tmp_path: Path) -> None:
    texts = {
        1: "Error code: 429 - Rate limit reached", 2: "Traceback (most recent call last):", 3: "None", 4: "nan",
        5: "$ERROR$", 6: "No: the HTTP 500 error in the image is harmless.", 7: '{"error": {"message": "slow down"}}',
    }  # fmt: skip
    path = answers(lambda n: texts.get(n, "No."))
    run = foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    failed = {row.item.id: row.answer.reason for row in run.rows if row.answer.status != "ok"}
    assert sorted(failed) == ["1", "2", "3", "4", "5", "7"]
    assert "error message: Error code: 429" in failed["1"]
    assert "empty cell (None)" in failed["3"]
    assert run.estimate("over_safe.accuracy").n == 6


def test_a_word_that_the_gold_answer_may_be_is_an_answer(cli: Cli, tmp_path: Path) -> None:
    asked = [
        ("1", "None"),
        ("2", "two"),
        ("3", "null"),
        ("4", "a long story of a dog that runs away"),
        ("5", "HTTP 500"),
    ]
    data, said = tmp_path / "mine.jsonl", tmp_path / "said.jsonl"
    data.write_text("\n".join(json.dumps({"id": n, "prompt": "What?", "reference": gold}) for n, gold in asked))
    words = {"1": "None.", "2": "None", "3": "null", "4": "None", "5": "HTTP 500"}
    said.write_text("\n".join(json.dumps({"id": n, "response": words[n]}) for n, _ in asked))
    done = cli(
        "score",
        said,
        "--benchmark",
        "jsonl",
        "--data",
        data,
        "--out",
        "s",
        "--judge-model",
        "custom/x",
        "--judge-option",
        "base_url=http://127.0.0.1:9/v1",
        "--retries",
        0,
    )
    run = foresee.read_run(tmp_path / "s")
    assert {row.item.id: row.answer.status for row in run.rows} == {
        "1": "ok", "2": "ok", "3": "ok", "4": "error", "5": "ok",
    }, done.err  # fmt: skip


def test_items_that_are_not_those_of_the_run_are_noticed(
    cli: Cli, mmsa: Path, answers: Answers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    again = ("score", answers("No."), "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s", "--format", "json")
    assert cli(*again).code == 0
    assert cli(*again[:6], "--out", "t").code == 0
    items, whole = tmp_path / "s" / "items.jsonl", (tmp_path / "s" / "items.jsonl").read_bytes()
    for emptied in (b"", whole[: whole.rindex(b"\n", 0, -1) + 1]):
        for asked in (("report", "s"), ("compare", "s", "t"), ("export", "s")):
            items.write_bytes(emptied)
            done = cli(*asked)
            assert (done.code, done.err.count("\n")) == (2, 1 + (asked[0] == "compare")), done.err
            count = emptied.count(b"\n")
            assert f"items.jsonl: expected 32 items, as manifest.json says, got {count}; the command" in done.err
        assert cli(*again).code == 0
        assert items.read_bytes() == whole, "the same command mends it"
    items.write_bytes(whole.replace(b'"id": "983"', b'"id": "983 "'))
    commands: tuple[tuple[str, ...], ...] = (
        ("report", "s"),
        ("compare", "s", "t"),
        ("export", "s", "--out", "e.csv", "--force"),
    )
    for command in commands:
        say_once.cache_clear()
        done = cli(*command)
        assert (done.code, "items.jsonl was edited after the run" in done.err + caplog.text) == (0, True), command
        caplog.clear()
    assert "was edited after the run" in foresee.read_run(tmp_path / "s").warnings[0]
    assert cli("score", "s", "--by-model", "awareness", "--judge-model", "custom/x").code == 2


def test_folders_from_before_the_file_was_hashed_are_read_as_ever(
    cli: Cli, mmsa: Path, answers: Answers, tmp_path: Path
) -> None:
    assert cli("score", answers("No."), "--benchmark", "mmsafeaware", "--data", mmsa, "--out", "s").code == 0
    path, items = tmp_path / "s" / "manifest.json", tmp_path / "s" / "items.jsonl"
    record = json.loads(path.read_text())
    del record["items_file_sha256"], record["checksum"]
    path.write_text(json.dumps(record))
    assert not foresee.read_run(tmp_path / "s").warnings
    items.write_text(items.read_text().replace("Sentence 983", "Sentence 984"))
    assert "was edited" in foresee.read_run(tmp_path / "s").warnings[0]
    path.write_text(json.dumps({key: value for key, value in record.items() if not key.startswith("items")}))
    assert not foresee.read_run(tmp_path / "s").warnings


def test_the_page_says_why_calls_failed_and_a_public_one_quotes_no_server(cli: Cli, mmsa: Path, tmp_path: Path) -> None:
    path = tmp_path / "failed.jsonl"
    path.write_text('{"id": 1, "response": "No."}\n{"id": 2, "response": "", "status": "error", "reason": "pump off"}')
    foresee.score(path, "mmsafeaware", data=mmsa, out=tmp_path / "s")
    assert cli("report", "s", "--out", "own.html").code == cli("report", "s", "--public", "--out", "all.html").code == 0
    assert "1 × pump off" in (tmp_path / "own.html").read_text()
    assert "pump off" not in (tmp_path / "all.html").read_text()
