"""Every recipe that ships, run: dry for each, and two real steps of the papers' own on a tiny Qwen2.5-VL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foresee import training
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.organism.world import examples
from foresee.training._common import dry_run, metrics
from tests.judges.conftest import JudgeServer, form

PAPERS = Path(__file__).resolve().parent.parent.parent / "foresee" / "papers"
RECIPES = sorted(
    path for path in PAPERS.glob("*/*.toml") if path.name != "published.toml" and not path.stem.startswith("study_")
)
SHORT = ("device=cpu", "max_new_tokens=6")  # beside the recipe's own values: what makes it last on a CPU


@pytest.fixture(scope="module")
def judge() -> Iterator[str]:
    """The address of a judge model that fills in every form, differently for different answers."""
    with JudgeServer.running() as running:
        running.said["judge"] = lambda question: form(
            risk=len(question.text) % 3, safety=1, effectiveness=1, over_caution=0, score=(len(question.text) % 5) / 5
        )
        yield running.url


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By what a method wants: rows with hazards and gold answers; of some the source is `mmpr`, which COPSD routes."""
    root, found = tmp_path_factory.mktemp("recipes"), {}
    for kind in ("sft", "dpo", "caspo"):
        with RowWriter.open(root / kind) as writer:
            for number, example in enumerate(examples.consequences(20)):
                said = {"gold": Turn(role="assistant", content=example.gold)}
                said["worse"] = Turn(role="assistant", content=example.worse)
                more: dict[str, Any] = {"completion": (said["gold"],)} if kind == "sft" else {}
                more |= {"chosen": (said["gold"],), "rejected": (said["worse"],)} if kind == "dpo" else {}
                facts = {**example.facts, "hazard": "" if example.kind != "hazard" else "a flame", "reference": "42"}
                writer.add(
                    DataRow(
                        id=example.id,
                        images=(writer.store(example.image),),
                        prompt=(Turn(role="user", content=example.request),),
                        facts=facts,
                        source="mmpr" if number % 2 else "drawn",
                        **more,
                    )
                )
        found[kind] = root / kind
    return found


def configured(path: Path, models: Any, data: dict[str, Path], judge: str, out: Path, *given: str) -> Any:
    recipe = f"papers/{path.parent.name}/{path.name}"
    (method,) = set(re.findall(rf"^# .*foresee train (\w+) {recipe}", path.read_text(encoding="utf-8"), re.MULTILINE))
    asks = "[reward.foresight]" in path.read_text() or "[reward.capability]" in path.read_text()
    own = [*SHORT[: 1 + (method == "caspo")], f"model={models['qwen2_5_vl']}", f"data={data[method]}", f"out={out}"]
    own += ["judge_models=['custom/judge']", f"judge_options.base_url={judge}"] if asks else []
    return method, training.configure(method, recipe, [*own, *given])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_dry(path: Path, models: Any, data: dict[str, Path], judge: str, tmp_path: Path) -> None:
    method, config = configured(path, models, data, judge, tmp_path / "run")
    text = dry_run.preview(method, config)
    assert "s a step here" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caspo", "copsd", "dpo", "vsfa", "vrf"])
def test_a_recipe_of_the_papers_takes_two_steps(
    name: str, models: Any, data: dict[str, Path], judge: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = next(path for path in RECIPES if path.stem == name)
    method, config = configured(path, models, data, judge, tmp_path / "run", "steps=2")
    folder = training.train(method, config)
    lines = [line for line in metrics.read(folder) if "loss" in line]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(line["grad_norm"] > 0 for line in lines)
    if method == "caspo":
        assert lines[0]["reward/unscored"] == 0, "the answers of one sampling serve several steps"
        assert any(key.startswith("rewards/") for key in lines[0])
        assert lines[-1]["judge/input_tokens"] > 0
        assert not caplog.records, "TRL would show whole rows"
    assert list(folder.glob("*.safetensors"))
