"""Judge models as rewards: beside rules, with options and a price, never asked in vain, and what silence is worth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from foresee import manifest, training
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError
from foresee.judges import open_judge
from foresee.models.checkpoints.rewards import rewards as rewards_of
from foresee.organism.world import examples
from foresee.training._caspo import rewards
from foresee.training._common import judges, metrics, run
from foresee.training._common import rows as training_rows
from tests.judges.conftest import JudgeServer, form
from tests.training.running import session, settings

MODEL = "judge_models=['custom/judge']"


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer.running() as running:
        running.said["judge"] = form(risk=2, safety=1, effectiveness=1, over_caution=0, score=0.5)
        yield running


@pytest.fixture(scope="module")
def hazards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hazards with their twins, of the drawn world, with what `foresight` wants to know of them."""
    folder = tmp_path_factory.mktemp("hazards")
    with RowWriter.open(folder) as writer:
        for example in list(examples.consequences(4)):
            twin = example.kind != "hazard"
            facts = {**example.facts, "hazard": "" if twin else "a flame", "reference": "42"}
            turn = Turn(role="user", content=example.request)
            row = DataRow(id=example.id, prompt=(turn,), facts=facts, source="twin" if twin else "drawn")
            writer.add(row.model_copy(update={"images": (writer.store(example.image),)}))
    return folder


def answers(*texts: str) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in texts]


def test_rules_and_a_judge_model_are_rewards_together_and_the_calls_are_counted(
    server: JudgeServer, models: Any, hazards: Path, tmp_path: Path
) -> None:
    server.said["judge"] = lambda question: form(risk=len(question.text) % 3, safety=1, effectiveness=1, over_caution=0)
    options = (f"judge_options.base_url={server.url}", "judge_options.price=2.5,10", f"data={hazards}")
    given = (MODEL, *options, "reward.foresight.risk=0.5", "reward.foresight.over_caution=-1")
    config = settings("caspo", models, {"prompt": hazards}, tmp_path / "run", *given, kind="qwen2_5_vl")
    folder = training.train("caspo", config)
    lines = [line for line in metrics.read(folder) if "loss" in line]
    assert len(lines) == 2
    for name in ("world.effectiveness", "foresight.risk", "foresight.over_caution"):
        assert f"rewards/{name}/mean" in lines[0]
    assert all(line["reward/unscored"] == 0 for line in lines)
    assert server.asked["judge"] > 0
    told = manifest.read(folder, "training")
    reward = {each["judge"]: each for each in told["rewarded_by"]}
    assert reward["foresight"]["models"][0]["model"] == "judge"
    assert reward["foresight"]["rubrics"][0].startswith("foresight 1 ")
    assert (reward["world"]["rubrics"], rewards_of(folder)) == ([], told["rewarded_by"])
    cost = told["judge_cost"]
    assert cost["judge/usd"] == pytest.approx(
        (cost["judge/input_tokens"] * 2.5 + cost["judge/output_tokens"] * 10) / 1e6
    )
    assert cost["judge/input_tokens"] > 0
    assert lines[-1]["judge/usd"] <= cost["judge/usd"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["reward.foresight.risk=1"], r"""--set judge_models='["PROVIDER/NAME"]'"""),
        (["reward.foresight.risk=1", MODEL], "--set judge_options.base_url=http"),
        (["reward.foresight.risk=1", MODEL, "judge_options.base_ulr=x"], "did you mean base_url"),
        (["reward.foresight.risk=1", MODEL, "judge_options.price=cheap"], "judge_options.price: expected IN,OUT"),
        (["reward.foresight.risk=1", "judge_models=['nobody/x']"], "no model provider named 'nobody'"),
        ([MODEL], "goes by rules and asks no model; leave it out"),
        (["probe.data=world_consequence", "probe.judge=foresight"], "--set probe.judge_models="),
        (
            ["probe.data=world_consequence", "probe.judge=foresight", "probe.judge_models=['custom/judge']"],
            "--set probe.judge_options.base_url=http",
        ),
    ],
)
def test_hints_name_the_setting(
    given: list[str], message: str, models: Any, folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUSTOM_BASE_URL", raising=False)
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        session("caspo", settings("caspo", models, folders, tmp_path / "run", *given))
    assert " -M " not in str(raised.value)
    assert "--judge-" not in str(raised.value)


def test_a_bug_is_not_blamed_on_trl(models: Any, folders: Any, tmp_path: Path) -> None:
    config = settings("sft", models, folders, tmp_path / "run")
    for problem in (TypeError("unhashable type: 'dict'"), ValueError("of our own")):
        method = ModuleType("broken")

        def trainer(config: Any, parts: Any, problem: Exception = problem) -> Any:
            raise problem

        method.trainer = trainer  # type: ignore[attr-defined]
        with pytest.raises(type(problem), match=str(problem)):
            run._make(method, config, None)  # type: ignore[arg-type]


def test_rows_that_learn_from_tokens_alone_ask_no_judge_model(
    server: JudgeServer, models: Any, hazards: Path, tmp_path: Path
) -> None:
    options = (MODEL, f"judge_options.base_url={server.url}", f"data={hazards}")
    given = (*options, "reward={capability={score=1.0}}", "batch=32", "limit=8")
    for extra, share in (("outcome_sources=['twin']", 0.5), ("token_weight=1", 0.0), ("token_weight=0", 1.0)):
        server.asked.clear()
        folders = {"prompt": hazards}
        prepared = session("caspo", settings("caspo", models, folders, tmp_path / "run", *given, extra))
        inputs = next(iter(prepared.trainer.get_train_dataloader()))
        prepared.trainer.model.train()
        prepared.trainer._generate_and_score_completions(inputs)
        prepared.watcher.close()
        assert server.asked["judge"] <= 32 * share
        assert (server.asked["judge"] > 0) is (share > 0)


def test_saying_nothing_gets_the_lowest_reward_and_a_judges_failure_none(server: JudgeServer, hazards: Path) -> None:
    rows = training_rows.load(hazards, ())
    weights = {"risk": 0.5, "effectiveness": 0.5, "over_caution": -0.5}
    opened = judges.open_judges(["foresight"], ["custom/judge"], {"base_url": server.url})
    server.said["judge"] = lambda q: (
        "no form" if "gibberish" in q.text else form(risk=0, safety=0, effectiveness=1, over_caution=0)
    )
    outcomes = rewards.Outcomes([(opened.by_name["foresight"], weights)], rows)
    functions, worth = outcomes.functions()
    logged: dict[str, float] = {}
    texts = ("light it", "", "<think>it burns</think>", "gibberish")
    twin = next(index for index, row in enumerate(rows.rows) if row.source == "twin")
    for index in (0, twin):
        columns = {"row": [index] * 4, "log_metric": logged.__setitem__}
        said = answers(*texts)
        parts = [function(completions=said, **columns) for function in functions]
        totals = [
            sum(w * one for w, p in zip(worth, parts, strict=True) if (one := p[i]) is not None) for i in range(3)
        ]
        assert totals[1] == totals[2] < totals[0], "below a bad answer that says something"
        assert all(part[3] is None for part in parts), "the judge failed: no reward at all"
        assert logged == {"reward/unscored": 0.25, "reward/empty": 0.5}
    opened.close()


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("refusal", {"full": -1.0, "none": 0.5}, {"refusal.full": 1.0, "refusal.none": 0.0}),
        ("refusal", {"none": 0.5}, {"refusal.none": 0.0}),
        ("world", {"risk": 0.25, "over_caution": -0.5}, {"world.risk": 0.0}),
    ],
)
def test_silence_before_judges_by_rules(
    name: str, weights: dict[str, float], expected: dict[str, float], hazards: Path
) -> None:
    rows = training_rows.load(hazards, ())
    hazard = next(index for index, row in enumerate(rows.rows) if row.source == "drawn")
    parts = rewards.Outcomes([(open_judge(name), weights)], rows).parts([hazard], ["<think>…</think>"])
    assert parts == [expected]


def test_a_judge_that_is_out_of_order_stops_the_training(server: JudgeServer, hazards: Path) -> None:
    opened = judges.open_judges(["foresight"], ["custom/judge"], {"base_url": server.url})
    server.said["judge"] = "I'd rather not."
    outcomes = rewards.Outcomes([(opened.by_name["foresight"], {"risk": 1.0})], training_rows.load(hazards, ()))
    (function,), _ = outcomes.functions()
    columns = {"row": [0, 0], "log_metric": lambda name, value: None}
    for _ in range(2):
        function(completions=answers("light it", "wait"), **columns)
    with pytest.raises(UserError, match="no answer of 3 batches in a row has a verdict: unusable reply"):
        function(completions=answers("light it", "wait"), **columns)
    opened.close()
