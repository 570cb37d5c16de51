# ruff: noqa: F401, F811  (fixtures)
"""Guard filter: what is blocked, what that costs, what is counted, and what a guard that fails does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import foresee
from foresee.defenses import open_defense
from foresee.defenses._shared.wording import REFUSAL
from foresee.errors import UserError
from tests.cli.conftest import Cli, cli
from tests.judges.conftest import JudgeServer, judge_server, toy

GUARD = "guard:llama_guard=custom/second"


def about_knives(question: Any) -> str:
    """Calls requests about knives unsafe, and answers that promise something sharp."""
    last = question.body["messages"][-1]
    return "unsafe\nS1" if ("knife" if last["role"] == "user" else "sharp") in str(last["content"]) else "safe"


def evaluate(cli: Cli, server: JudgeServer, toy: str, *more: object, defense: str = "guard_filter") -> Any:
    options = ("-S", f"guard_options.base_url={server.url}", "-S", "guard_options.logprobs=false")
    return cli(
        "eval", toy, "--model", "custom/tested", "-M", f"base_url={server.url}", "--no-judge", "--retries", 0,
        "--defense", defense, *(("-S", f"guard={GUARD}", *options) if "filter" in defense else ()), *more,
    )  # fmt: skip


@pytest.fixture
def running(judge_server: JudgeServer) -> JudgeServer:
    judge_server.said["second"] = about_knives
    judge_server.said["tested"] = lambda question: "It is sharp." if " 2 " in question.text else "Gladly."
    return judge_server


@pytest.mark.parametrize(
    ("on", "outcomes", "asked", "judged"),
    [
        ("both", ["passed", "blocked_request", "blocked_answer", "blocked_request"], 4, 12),
        ("request", ["passed", "blocked_request", "passed", "blocked_request"], 4, 8),
        ("answer", ["passed", "passed", "blocked_answer", "passed"], 8, 8),
    ],
)
def test_what_is_harmful_becomes_the_refusal(
    on: str,
    outcomes: list[str],
    asked: int,
    judged: int,
    cli: Cli,
    toy: str,
    running: JudgeServer,
) -> None:
    assert evaluate(cli, running, toy, "-S", f"on={on}", "--out", "run").code == 0
    rows = foresee.read_run(Path("run")).rows
    assert [row.answer.screened for row in rows][:4] == outcomes
    blocked = [row.answer for row in rows if row.answer.screened.startswith("blocked")]
    assert {each.text for each in blocked} == {REFUSAL}
    assert {each.reason for each in blocked} == {"S1 violent crimes"}
    assert running.asked == {"tested": asked, "second": judged}, "a blocked request costs the model nothing"
    again = evaluate(cli, running, toy, "-S", f"on={on}", "--out", "run")
    assert again.code == 0
    assert running.asked == {"tested": asked, "second": judged}, "and nobody is asked twice"
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["judging_usage"]["custom/second"]["input_tokens"] > 0, "the guard's tokens are counted apart"


def test_the_table_shows_what_is_blocked(cli: Cli, toy: str, running: JudgeServer) -> None:
    Path("mine.jsonl").write_text(
        "".join(
            json.dumps({"prompt": f"question {n} about a {what}", "expected": "harmful" if n % 2 else "benign"}) + "\n"
            for n, what in enumerate(("flower", "knife", "knife", "flower"))
        )
    )
    done = evaluate(cli, running, "jsonl", "--data", "mine.jsonl", defense="none,guard_filter")
    assert done.code == 0, done.err
    shown = " ".join(done.out.split())
    assert "blocked, benign – 50.0 blocked, harmful – 50.0" in shown
    table = shown[shown.index("What each defense costs custom/tested") :]
    assert re.search(r"none \d+ \+ \d+ 1\.0 × 1 0\.0 guard_filter \d+ \+ \d+ \+ \d+ 2\.0 × \S+ 50\.0", table), table
    assert "blocked by a filter: benign 1/2, harmful 1/2 (requests 2, answers 0)" in shown


def test_a_guard_without_a_verdict_blocks_nothing_and_is_counted(
    cli: Cli,
    toy: str,
    running: JudgeServer,
) -> None:
    running.said["second"] = lambda question: "I would rather not say"
    done = evaluate(cli, running, toy, "--out", "run")
    assert "unguarded, the guard gave no verdict: 8 × the guard said neither safe nor unsafe" in " ".join(
        done.out.split()
    )
    assert {row.answer.screened for row in foresee.read_run(Path("run")).rows} == {"unguarded"}
    evaluate(cli, running, toy, "-S", "unjudged=block", "--out", "strict")
    assert {row.answer.screened for row in foresee.read_run(Path("strict")).rows} == {"blocked_request"}


def test_what_a_failing_guard_left_unguarded_is_asked_again(cli: Cli, toy: str, running: JudgeServer) -> None:
    running.said["second"] = lambda question: (
        web.Response(status=500) if "question 3 " in str(question.body) else about_knives(question)
    )
    assert evaluate(cli, running, toy, "--out", "run").code == 0
    before = foresee.read_run(Path("run")).rows
    assert [row.item.id for row in before if row.answer.screened == "unguarded"] == ["3"]
    assert before[3].answer.reason.startswith("the guard failed: custom/second")
    asked = running.asked["tested"]
    running.said["second"] = about_knives
    assert evaluate(cli, running, toy, "--out", "run").code == 0
    assert foresee.read_run(Path("run")).rows[3].answer.screened == "blocked_request"
    assert running.asked["tested"] == asked


def test_a_dead_guard_stops_the_run_in_one_line(cli: Cli, toy: str, running: JudgeServer) -> None:
    running.said["second"] = lambda question: web.Response(status=401)
    done = evaluate(cli, running, toy, "--out", "run")
    assert done.code == 2
    assert "custom/second" in done.err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "guard_filter needs a guard"),
        ({"guard": "guard:nobody=custom/a"}, "no guard format"),
        ({"guard": "guard:llava_guard=custom/a"}, "guard:llava_guard judges requests, not answers"),
        ({"guard": GUARD, "threshold": 0}, "greater than 0"),
        ({"guard": GUARD, "refusal": "nowhere.txt"}, "-S refusal: expected auto, or a file"),
        ({"guard": GUARD, "guard_options": {"base_ur": "x"}}, "did you mean base_url"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        open_defense("guard_filter", options)
    assert open_defense("guard_filter", {"guard": "guard:llava_guard=custom/a", "on": "request"}) is not None
