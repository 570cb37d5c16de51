"""`foresee score RUN`: judge later, judge again, several judgings beside each other; the model is asked nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import foresee
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form, material_of


def by_knife(question: Any) -> str:
    return form(refused=0, harmful=int("knife" in material_of(question, "request")))


@pytest.fixture
def stored(cli: Cli, toy: str, judge_server: JudgeServer) -> Path:
    """A run whose answers are stored and not judged by a model."""
    judge_server.said |= {"judge": form(refused=0, harmful=1), "second": form(refused=1, harmful=0), "third": by_knife}
    done = cli(
        "eval", toy, "--model", "custom/tested", "-M", f"base_url={judge_server.url}", "--no-judge", "--out", "run"
    )
    assert done.code == 0, done.err
    assert "toy: not judged by harmful; later: foresee score RUN --judge-model PROVIDER/NAME" in done.err
    assert judge_server.asked == {"tested": 8}
    judge_server.asked.clear()
    return Path("run")


def test_judged_later_by_several_who_stand_beside_each_other(cli: Cli, stored: Path, judge_server: JudgeServer) -> None:
    url = ("--judge-option", f"base_url={judge_server.url}")
    first = cli("score", stored, "--judge-model", "custom/judge", *url, "--judge-price", "1,2")
    assert first.code == 0, first.err
    assert "custom/tested on toy, judged by custom/judge" in first.out
    assert "judged by custom/judge: " in first.out
    assert "cost 0.0" in first.out
    assert judge_server.asked == {"judge": 8}
    second = cli("score", stored, "--judge-model", "custom/second", *url, "--format", "json")
    assert json.loads(second.out)[0]["metrics"]["asr"]["value"] == 0.0
    judge_server.asked.clear()
    panel = cli("score", stored, "--judge-model", "custom/judge,custom/second,custom/third", *url)
    assert panel.code == 0, panel.err
    assert judge_server.asked == {"third": 8}, "what the other two said is known"
    judge_server.asked.clear()
    again = cli("score", stored, "--judge-model", "custom/judge", *url)
    assert again.out.split() == first.out.replace(", cost 0.00 USD", "").split()
    assert not judge_server.asked
    runs = foresee.read_runs([stored])
    assert {run.title.partition("judged by ")[2]: run.estimate("asr").value for run in runs} == {
        "custom/judge": 1.0,
        "custom/second": 0.0,
        "custom/judge, custom/second, custom/third": 0.5,
    }
    compared = cli("compare", runs[0].folder, runs[1].folder)
    notes = " ".join(compared.out.split())
    assert "judges differ: A harmful by custom/judge, B harmful by custom/second" in notes or (
        "judges differ: A harmful by" in notes and "{" not in notes
    )
    with_base = cli("compare", stored, runs[0].folder)
    assert "A: custom/tested on toy B: custom/tested on toy, judged by custom/judge" in " ".join(with_base.out.split())


def test_what_a_judging_of_a_run_found_can_be_read_back(cli: Cli, stored: Path, judge_server: JudgeServer) -> None:
    run = foresee.rescore(
        stored, foresee.JudgeChoice(("custom/third", "custom/second"), options={"base_url": judge_server.url})
    )
    read = foresee.read_run(run.folder)
    assert [row.verdicts for row in read.rows] == [row.verdicts for row in run.rows]
    assert run.estimate("asr").n == 4, "a tie decides nothing"
    agreed, tied = (run.rows[n].verdicts["harmful"] for n in (0, 1))
    assert (agreed.value, tied.value) == ({"harmful": 0}, None)
    assert tied.reason == "the judge models disagree: harmful 1/0; refused 0/1"
    assert run.manifest["judging_usage"].keys() == {"custom/third", "custom/second"}
    assert run.manifest["model"] == "custom/tested"
    votes = run.frame()
    assert list(votes["harmful.vote.custom/third"])[:2] == ["harmful=0, refused=0", "harmful=1, refused=0"]


def test_a_guard_model_judges_from_the_command_line(cli: Cli, stored: Path, judge_server: JudgeServer) -> None:
    judge_server.said["second"] = lambda question: "unsafe\nS9" if "knife" in question.text else "safe"
    url = ("--judge-option", f"base_url={judge_server.url}", "--format", "json")
    done = cli("score", stored, "--judge-model", "guard:llama_guard=custom/second", *url)
    assert json.loads(done.out)[0]["metrics"]["asr"]["value"] == 0.5
    mixed = cli("score", stored, "--judge-model", "custom/third,guard:llama_guard=custom/second,custom/judge", *url)
    assert json.loads(mixed.out)[0]["metrics"]["asr"]["value"] == 0.5
    assert judge_server.asked == {"second": 12, "third": 8, "judge": 8}, "of the four unsafe ones it says what they are"


def test_another_judge_stands_beside_the_first_and_replaces_no_verdict(
    cli: Cli, toy: str, stored: Path, judge_server: JudgeServer
) -> None:
    base = ("eval", toy, "--model", "custom/tested", "-M", f"base_url={judge_server.url}", "--out", stored)
    judge = ("--judge-option", f"base_url={judge_server.url}", "--format", "json", "--judge-model")
    first = json.loads(cli(*base, *judge, "custom/judge").out)[0]
    kept = (stored / "manifest.json").read_bytes()
    other = json.loads(cli(*base, *judge, "custom/third").out)[0]
    assert (first["metrics"]["asr"]["value"], other["metrics"]["asr"]["value"]) == (1.0, 0.5)
    assert (stored / "manifest.json").read_bytes() == kept, "what the first judge said stays"
    assert Path(other["folder"]).parent == stored / "judged"
    assert f"the verdicts of custom/judge stay in {stored}, these are beside them" in other["warnings"]
    titles = {run.title: run.estimate("asr").value for run in foresee.read_runs([stored])}
    assert titles == {"custom/tested on toy": 1.0, "custom/tested on toy, judged by custom/third": 0.5}
    assert cli("score", stored, *judge, "custom/third").code == 0
    assert [run.title for run in foresee.read_runs([stored])] == list(titles), "score knows the same folder"
    again = json.loads(cli(*base, *judge, "custom/judge").out)[0]
    assert (again["metrics"]["asr"]["value"], again["folder"]) == (1.0, str(stored))
    assert judge_server.asked == {"judge": 8, "third": 8}, "and nobody is asked twice"


def test_another_judge_may_read_more_or_fewer_items_than_the_first(
    cli: Cli, toy: str, judge_server: JudgeServer
) -> None:
    judge_server.said |= {"judge": form(refused=0, harmful=1), "third": by_knife}
    base = ("eval", toy, "--model", "custom/tested", "-M", f"base_url={judge_server.url}", "--out", "run")
    judge = ("--judge-option", f"base_url={judge_server.url}", "--format", "json", "--judge-model")
    assert cli(*base, *judge, "custom/judge", "--limit", 3).code == 0
    assert json.loads(cli(*base, *judge, "custom/third").out)[0]["metrics"]["asr"]["n"] == 8
    assert json.loads(cli(*base, *judge, "custom/third", "--limit", 2).out)[0]["metrics"]["asr"]["n"] == 2
    found = [(run.estimate("asr").value, run.estimate("asr").n) for run in foresee.read_runs([Path("run")])]
    assert found == [(1.0, 3), (0.5, 8)]
    assert judge_server.asked == {"tested": 8, "judge": 3, "third": 8}
    assert cli(*base, *judge, "custom/judge").code == 0
    assert [run.estimate("asr").n for run in foresee.read_runs([Path("run")])] == [8, 8]
    assert judge_server.asked == {"tested": 8, "judge": 8, "third": 8}


def test_no_judge_takes_no_verdict_away(cli: Cli, toy: str, stored: Path, judge_server: JudgeServer) -> None:
    base = ("eval", toy, "--model", "custom/tested", "-M", f"base_url={judge_server.url}", "--out", stored)
    judge = ("--judge-option", f"base_url={judge_server.url}", "--judge-model", "custom/judge")
    assert cli(*base, *judge).code == 0
    before = foresee.read_run(stored)
    assert cli(*base, "--no-judge").code == 0
    after = foresee.read_run(stored)
    assert after.rows == before.rows
    assert after.manifest["judging_usage"] == before.manifest["judging_usage"]


def test_stored_answers_of_a_file_are_judged_by_a_model(
    cli: Cli, toy: str, judge_server: JudgeServer, tmp_path: Path
) -> None:
    judge_server.said["judge"] = by_knife
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "response": "Sure."}) + "\n" for n in range(8)))
    out = ("--benchmark", toy, "--out", "scored", "--judge-option", f"base_url={judge_server.url}")
    done = cli("score", path, *out, "--judge-model", "custom/judge", "--format", "json")
    assert json.loads(done.out)[0]["metrics"]["asr"]["value"] == 0.5
    assert cli("score", path, *out).code == 2
    assert judge_server.asked == {"judge": 8}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "judge harmful asks a model"),
        (
            ("run", "--benchmark", "toy", "--judge-model", "custom/judge"),
            "--benchmark: of a run folder these are known",
        ),
        (("run", "--judge-model", "custom/judge", "--judge-rubric", "harmful=strong"), "no rubric of judge harmful"),
        (("run", "--judge-model", "custom/judge", "--by-model", "refusel"), "did you mean refusal"),
        (("run", "--judge-model", "custom/judge", "--judge-price", "a"), "--judge-price: expected IN,OUT"),
        (("nothing.jsonl",), "nothing.jsonl does not exist: give --benchmark and --out, or name a run folder"),
        ((".",), "has no manifest.json"),
    ],
)
def test_what_can_go_wrong_is_one_clear_line(cli: Cli, stored: Path, arguments: tuple[str, ...], message: str) -> None:
    done = cli("score", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_a_file_of_answers_judged_by_another_model_keeps_the_first_verdicts(
    cli: Cli, toy: str, judge_server: JudgeServer, tmp_path: Path
) -> None:
    judge_server.said |= {"judge": form(refused=0, harmful=1), "third": by_knife}
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "response": "Sure."}) + "\n" for n in range(8)))
    out = ("score", path, "--benchmark", toy, "--out", "scored", "--judge-option", f"base_url={judge_server.url}")
    assert cli(*out, "--judge-model", "custom/judge").code == 0
    assert cli(*out, "--judge-model", "custom/third").code == 0
    assert cli(*out, "--judge-model", "custom/judge", "--limit", 3).code == 0
    found = [(run.estimate("asr").value, run.estimate("asr").n) for run in foresee.read_runs([Path("scored")])]
    assert found == [(1.0, 8), (0.5, 8)]
