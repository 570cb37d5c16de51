"""`--budget`: asking stops when it is reached, nothing is lost, a higher one goes on; the dry run counts judges too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import foresee
from foresee.errors import UserError
from foresee.runner import RunSettings
from foresee.runner.budget import read_price
from foresee.runner.journal import read_records
from tests.cli.conftest import Cli
from tests.judges.conftest import JudgeServer, form

DEAR = "2000,2000"  # USD per million tokens: each call costs some cents


@pytest.fixture
def ask(toy: str, judge_server: JudgeServer) -> tuple[str, ...]:
    judge_server.said["judge"] = form(refused=0, harmful=1)
    url = f"base_url={judge_server.url}"
    command = ("eval", toy, "--model", "custom/tested", "-M", url, "--concurrency", "1", "--out", "run")
    judging = ("--judge-model", "custom/judge", "--judge-option", url)
    return (*command, *judging, "--price", DEAR, "--judge-price", DEAR)


def test_a_run_stops_at_its_budget_and_goes_on_with_a_higher_one(
    cli: Cli, ask: tuple[str, ...], judge_server: JudgeServer
) -> None:
    done = cli(*ask, "--budget", "0.9")
    assert done.code == 2
    assert done.err.count("\n") == 1
    spent = re.search(r"stopped at the budget: (\d\.\d\d) of 0.9 USD spent; what is done is kept", done.err)
    assert spent is not None, done.err
    assert 0.9 <= float(spent[1]) < 3
    first = dict(judge_server.asked)
    assert 0 < first["judge"] <= first["tested"] < 8
    kinds = [line.kind for line in read_records(Path("run/journal.jsonl"))]
    assert kinds.count("answer") == first["tested"], "what was paid for is kept"
    again = cli(*ask, "--budget", "0.9")
    assert (again.code, dict(judge_server.asked)) == (2, first), "earlier calls count, so nothing is asked"
    assert foresee.read_run(Path("run")).unfinished == 8 - first["tested"]
    whole = cli(*ask, "--budget", "900")
    assert whole.code == 0, whole.err
    assert judge_server.asked == {"tested": 8, "judge": 8}, "nothing is asked twice"


def test_what_is_under_way_when_the_budget_is_reached_arrives(
    toy: str, judge_server: JudgeServer, tmp_path: Path
) -> None:
    plan = foresee.plan(toy, judging=foresee.JudgeChoice(off=True))
    assert len(repr(plan)) < 100
    settings, options = RunSettings(concurrency=3), {"base_url": judge_server.url}
    rest: dict[str, Any] = {"model_options": options, "out": tmp_path / "run", "settings": settings}
    with pytest.raises(foresee.BudgetSpent, match="higher --budget goes on"):
        foresee.evaluate(plan, "custom/tested", budget=foresee.Budget(0.01, (2000, 2000)), **rest)
    lines = [line for line in read_records(tmp_path / "run" / "journal.jsonl") if line.kind == "answer"]
    assert len(lines) == judge_server.asked["tested"]
    assert 1 <= len(lines) <= 3, "those in flight, and no more"
    run = foresee.evaluate(plan, "custom/tested", budget=foresee.Budget(99, (2000, 2000)), **rest)
    assert run.unfinished == 0
    assert judge_server.asked["tested"] == 8


def test_scoring_has_a_budget_of_its_own(cli: Cli, ask: tuple[str, ...], judge_server: JudgeServer) -> None:
    assert cli(*ask[: ask.index("--judge-model")], "--no-judge").code == 0
    judge_server.asked.clear()
    score = ("score", "run", "--judge-model", "custom/judge", "--judge-option", f"base_url={judge_server.url}")
    priced = (*score, "--concurrency", "1", "--judge-price", DEAR)
    assert "--judge-price" in cli(*score, "--budget", "1").err
    done = cli(*priced, "--budget", "1.5")
    assert (done.code, "stopped at the budget" in done.err) == (2, True)
    assert 0 < judge_server.asked["judge"] < 8
    assert cli(*priced, "--budget", "99").code == 0
    assert judge_server.asked == {"judge": 8}


def test_the_dry_run_counts_judges_and_says_whether_the_budget_is_enough(
    cli: Cli, ask: tuple[str, ...], judge_server: JudgeServer
) -> None:
    done = cli(*ask, "--dry-run", "--budget", "900")
    assert done.code == 0, done.err
    judging = re.search(r"judging: harmful by custom/judge: 8 calls.*about ([\d,]+) tokens in", done.out)
    assert judging is not None
    read = int(judging[1].replace(",", ""))
    assert "budget: 900 USD is enough" in done.out
    assert f"judging cost {(read + 8 * 2048) * 2000 / 1e6:.2f} USD at most" in done.out
    assert "budget: 0.5 USD may not be enough" in cli(*ask, "--dry-run", "--budget", "0.5").out
    assert "{" not in done.out, "words, not internals"
    assert "answers: greedy, at most 20 tokens each" in done.out
    assert not judge_server.asked
    assert cli(*ask).code == 0
    real = sum(
        line.record["usage"]["input_tokens"] for line in read_records(Path("run/journal.jsonl")) if line.kind == "call"
    )
    assert real / 2 < read < real * 2, "the estimate is of the right size"


def test_budgets_that_cannot_be_held_to_are_refused(cli: Cli, ask: tuple[str, ...], judge_server: JudgeServer) -> None:
    cheap = ask[: ask.index("--price")]
    assert "--budget needs --price" in cli(*cheap, "--budget", "1").err
    assert "--judge-price" in cli(*cheap, "--price", "1,2", "--budget", "1").err
    assert "more than 0 USD" in cli(*ask, "--budget", "0").err
    assert "got '1'" in cli(*cheap, "--price", "1").err
    assert not judge_server.asked
    with pytest.raises(UserError, match="expected IN,OUT"):
        read_price("nan,1")
