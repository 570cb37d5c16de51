"""A judge that fails lowers coverage. It never makes anything safe, and never unsafe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import foresee
from foresee.errors import UserError
from foresee.judges import open_judge
from foresee.runner import RunSettings
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, answer, form, item, material_of
from tests.runner.conftest import Serve

QUICK = RunSettings(retries=1, backoff=0.01, stop_after=0)
HARM = form(refused=0, harmful=1)


async def test_the_judge_is_shown_its_error_once(serve: Serve) -> None:
    replies = iter(["The answer looks fine to me.", HARM])
    served = await serve(react=lambda question: next(replies))
    verdict = await open_judge("harmful", [served.model()]).judge(item(), answer("x"))
    assert verdict.value == {"harmful": 1, "refused": 0}
    assert served.server.total == 2
    last = served.server.last.body["messages"]
    assert [m["role"] for m in last] == ["system", "user", "assistant", "user"]
    assert last[2]["content"] == "The answer looks fine to me."
    assert "no JSON object with the fields refused, harmful" in last[3]["content"]
    assert verdict.usage.output_tokens > len(HARM) // 4, "both calls are paid for"


@pytest.mark.parametrize(
    "reply",
    ["Safe!", '{"refused": 0, "harmful": 1', '{"refused": 0, "harmful": "very"}', '{"refused": 0, "harmful": 2}', ""],
    ids=["nonsense", "truncated", "wrong type", "out of range", "empty"],
)
async def test_twice_unusable_is_unscored(serve: Serve, reply: str) -> None:
    served = await serve(react=lambda question: reply)
    verdict = await open_judge("harmful", [served.model()]).judge(item(), answer("x"))
    assert verdict.value is None
    assert verdict.reason.startswith("unusable reply of the judge model: ")
    assert verdict.raw == reply
    assert served.server.total == 2


async def test_no_more_is_kept_of_a_reply_than_anybody_reads(serve: Serve) -> None:
    served = await serve(react=lambda question: "x" * 1_000_000 + HARM)
    verdict = await open_judge("harmful", [served.model()]).judge(item(), answer("x"))
    assert verdict.value == {"harmful": 1, "refused": 0}
    assert len(verdict.raw) < 201_000
    assert f"[… {800_000 + len(HARM)} characters left out …]" in verdict.raw


@pytest.mark.parametrize("reply", ["```json\n" + HARM + "\n```", "Voici : " + HARM.replace("as it says", "dangereux")])
async def test_fences_and_other_languages_are_no_trouble(serve: Serve, reply: str) -> None:
    served = await serve(react=lambda question: reply)
    verdict = await open_judge("harmful", [served.model()]).judge(item(), answer("x"))
    assert verdict.value == {"harmful": 1, "refused": 0}
    assert served.server.total == 1


async def test_a_filter_and_an_empty_answer_are_unscored(serve: Serve) -> None:
    filtered = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    served = await serve(react=lambda question: filtered)
    judge = open_judge("harmful", [served.model()])
    assert "withheld the reply" in (await judge.judge(item(), answer("x"))).reason
    for text, reason in (("", "the answer is empty"), ("<think>hm", "the answer is thinking alone")):
        verdict = await judge.judge(item(), answer(text))
        assert (verdict.value, verdict.reason) == (None, reason)
    assert served.server.total == 1


async def test_a_server_that_takes_no_schema_is_asked_without(serve: Serve) -> None:
    def react(question: Any) -> web.Response | str:
        if "response_format" in question.body:
            return web.json_response({"error": {"message": "json_schema: enum of integers"}}, status=400)
        return HARM

    served = await serve(react=react)
    judge = open_judge("harmful", [served.model()])
    assert (await judge.judge(item(), answer("x"))).value == {"harmful": 1, "refused": 0}
    assert served.server.total == 2
    await judge.judge(item(), answer("y"))
    assert served.server.total == 3, "it is not offered again"


async def test_the_form_goes_along_as_a_schema(serve: Serve) -> None:
    served = await serve(react=lambda question: HARM)
    await open_judge("harmful", [served.model()]).judge(item(), answer("x"))
    sent = served.server.last.body["response_format"]["json_schema"]["schema"]
    assert sent["required"] == ["reason", "refused", "harmful"]
    assert sent["properties"]["harmful"] == {"type": "integer", "enum": [0, 1]}


def _judged(toy: str, server: JudgeServer, out: Path, **options: Any) -> foresee.Run:
    url = {"base_url": server.url}
    run: foresee.Run = foresee.evaluate(
        toy,
        "custom/tested",
        model_options=url,
        out=out,
        settings=QUICK,
        judging=foresee.JudgeChoice(("custom/judge",), options=url),
        **options,
    )
    return run


def test_a_dead_judge_lowers_coverage_and_is_asked_again(toy: str, judge_server: JudgeServer, tmp_path: Path) -> None:
    def some_fail(question: Any) -> Any:
        return web.Response(status=500) if "knife" in material_of(question, "request") else HARM

    judge_server.said["judge"] = some_fail
    run = _judged(toy, judge_server, tmp_path / "run")
    asr = run.estimate("asr")
    assert (asr.value, asr.n, asr.total) == (1.0, 4, 8)
    assert (asr.worst, asr.best) == (0.5, 1.0)
    assert run.estimate("refused").n == 8, "the rules have read all of them"
    failed = [row.verdicts["harmful"] for row in run.rows if row.verdicts["harmful"].value is None]
    assert all("the judge failed: " in verdict.reason for verdict in failed)
    judge_server.said["judge"] = form(refused=1, harmful=0)
    judge_server.asked.clear()
    again = _judged(toy, judge_server, tmp_path / "run")
    assert (again.estimate("asr").value, again.estimate("asr").n) == (0.5, 8)
    assert judge_server.asked == {"judge": 4}, "what has a verdict keeps it, and the model under test is not asked"


def test_a_judge_with_a_wrong_name_stops_the_run(toy: str, judge_server: JudgeServer, tmp_path: Path) -> None:
    url = {"base_url": judge_server.url}
    with pytest.raises(UserError, match="'nobody' does not exist"):
        foresee.evaluate(
            toy,
            "custom/tested",
            model_options=url,
            out=tmp_path / "run",
            judging=foresee.JudgeChoice(("custom/nobody",), options=url),
        )


def test_a_benchmark_that_needs_a_judge_model_says_so_first(cli: Cli, toy: str, judge_server: JudgeServer) -> None:
    done = cli("eval", toy, "--model", "custom/tested", "-M", f"base_url={judge_server.url}")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "judge harmful asks a model: name it with --judge-model" in done.err
    assert "--no-judge" in done.err
    assert not judge_server.asked
    both = cli("eval", toy, "--model", "custom/tested", "--judge-model", "custom/judge", "--no-judge")
    assert (both.code, both.err.count("\n")) == (2, 1)
