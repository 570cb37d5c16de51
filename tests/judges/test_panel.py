"""Several judge models on one verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from foresee.errors import UserError
from foresee.judges import open_judge
from foresee.judges._model.panel import agreed, decide
from foresee.models import open_model
from foresee.records import Vote
from foresee.runner import RunSettings
from foresee.runner.judging import JudgeCalls
from tests.judges.conftest import answer, form, item, panel
from tests.runner.conftest import Serve


def votes(*values: Any) -> list[Vote]:
    return [Vote(f"m{n}", value, "" if value is not None else "down") for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "decided"),
    [
        (["full", "full", "none"], "full"),
        (["full", "none"], None),
        (["full"], "full"),
        (["full", None, None], None),
        (["full", "full", None], "full"),
        (["full", None], None),
        ([{"harmful": 1.0}, {"harmful": 0.0}, {"harmful": 1.0}], {"harmful": 1.0}),
        ([{"harmful": 1.0}, {"harmful": 0.0}], None),
        ([{"harmful": 1.0, "refused": 0.0}, {"harmful": 1.0, "refused": 1.0}], {"harmful": 1.0}),
        ([{"risk": 2.0}, {"risk": 0.0}, {"risk": 1.0}], {"risk": 1.0}),
        ([{"score": 0.2}, {"score": 0.9}, {"score": 0.4}], {"score": 0.4}),
        ([{"harmful": 1.0, "refused": 0.0}, {"harmful": 1.0}, {"harmful": 0.0}], {"harmful": 1.0, "refused": 0.0}),
        ([{"harmful": 1.0}, "unsafe"], None),
        ([None, None], None),
    ],
)
def test_majority_and_median(values: list[Any], decided: Any) -> None:
    assert decide(votes(*values), required=("harmful",))[0] == decided


def test_a_median_of_two_on_a_scale_of_three_lies_between() -> None:
    assert decide(votes({"risk": 2.0}, {"risk": 1.0}))[0] == {"risk": 1.5}
    halved = decide(votes({"risk": 1.0, "over_caution": 1.0}, {"risk": 0.0, "over_caution": 1.0}), graded=("risk",))
    assert halved[0] == {"risk": 0.5, "over_caution": 1.0}, "0 and 1 are two of three steps here, not no and yes"
    assert agreed(votes({"risk": 2.0}, {"risk": 1.0})) is False
    assert agreed(votes({"risk": 2.0}, {"risk": 2.0})) is True
    assert agreed(votes("full", None)) is None


def test_reasons_say_who_said_what() -> None:
    assert decide(votes("full", "none"))[1] == "the judge models disagree: full/none"
    assert decide(votes("full", None))[1] == "m1: down"
    partly = votes({"harmful": 1.0, "refused": 0.0}, {"harmful": 1.0, "refused": 1.0})
    assert decide(partly, required=("harmful",))[1] == "harmful 1/1; tied, left out: refused 0/1"
    assert decide(partly) == (None, "the judge models disagree: refused 0/1")


async def test_a_panel_keeps_every_vote(serve: Serve) -> None:
    def react(question: Any) -> str:
        return form(refused=0, harmful=0 if question.body["model"] == "b" else 1)

    served = await serve(react=react, models=("a", "b", "c"))
    judge = open_judge("harmful", [served.model(name) for name in "abc"])
    verdict = await judge.judge(item(), answer("x"))
    assert verdict.value == {"harmful": 1, "refused": 0}
    assert [(v.model, v.value) for v in verdict.votes if isinstance(v.value, Mapping)] == [
        ("custom/a", {"harmful": 1, "refused": 0}),
        ("custom/b", {"harmful": 0, "refused": 0}),
        ("custom/c", {"harmful": 1, "refused": 0}),
    ]
    assert "harmful 1/0/1" in verdict.reason
    assert verdict.judge_model == "custom/a, custom/b, custom/c"
    assert verdict.usage == sum((v.usage for v in verdict.votes[1:]), verdict.votes[0].usage)


async def test_one_dead_judge_of_three_is_outvoted_and_of_two_leaves_no_verdict(serve: Serve) -> None:
    def react(question: Any) -> Any:
        return web.Response(status=500) if question.body["model"] == "b" else form(refused=1, harmful=0)

    served = await serve(react=react, models=("a", "b", "c"))
    calls = JudgeCalls(RunSettings(retries=0))
    three = panel("harmful", [served.model(name) for name in "abc"]).attached(calls)
    verdict, failure = await three.read(item(), answer("x"))
    assert verdict.value == {"harmful": 0, "refused": 1}
    assert failure is not None, "so that the dead one is asked again by the next run"
    two = panel("harmful", [served.model(name) for name in "ab"]).attached(calls)
    verdict, _ = await two.read(item(), answer("x"))
    assert verdict.value is None
    assert "custom/b: the judge failed" in verdict.reason


def test_the_same_judge_model_twice_is_refused(serve: Serve) -> None:
    model = open_model("custom/a", {"base_url": "http://127.0.0.1:1/v1"})
    with pytest.raises(UserError, match="custom/a is named twice"):
        open_judge("harmful", [model, model])
