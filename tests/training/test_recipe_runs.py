"""Every recipe that ships, run: dry on a tiny model, and two real steps of the model that it names, shrunk."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foresee import training
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError
from foresee.organism.world import examples, language
from foresee.training._common import dry_run, metrics
from tests.judges.conftest import JudgeServer, form
from tests.support import shrunken_models
from tests.support.tiny_models import word_tokenizer

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


@pytest.fixture(scope="module")
def shrunken(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A random model of a published configuration, one head wide and two layers deep; made when it is asked for."""

    @functools.cache
    def made(name: str) -> Path:
        kind = shrunken_models.kind_of(name)
        tokenizer = word_tokenizer(kind, language.vocabulary())
        folder = tmp_path_factory.mktemp("shrunken") / kind
        return shrunken_models.build(name, folder, tokenizer=tokenizer, heads=1, layers=2)

    return made


def head(path: Path) -> str:
    """Return a recipe's head, a command on a line."""
    return re.sub(r"\n# {7,}", " ", path.read_text(encoding="utf-8"))


def configured(
    path: Path, model: Path | str, data: dict[str, Path], judge: str, out: Path, *given: str
) -> tuple[str, Any]:
    recipe = f"papers/{path.parent.name}/{path.name}"
    (method,) = set(re.findall(rf"^# .*foresee train (\w+) {recipe}", head(path), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    asks = "[reward.foresight]" in text or "[reward.capability]" in text
    own = [*SHORT[: 1 + (method == "caspo")], f"model={model}", f"data={data[method]}", f"out={out}"]
    own += ["judge_models=['custom/judge']", f"judge_options.base_url={judge}"] if asks else []
    own += ["trl.use_vllm=false"] if "use_vllm" in text else []
    own += ["probe.limit=4"] if "[probe]" in text else []
    return method, training.configure(method, recipe, [*own, *given])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_dry(path: Path, models: Any, data: dict[str, Path], judge: str, tmp_path: Path) -> None:
    method, config = configured(path, models["qwen2_5_vl"], data, judge, tmp_path / "run")
    text = dry_run.preview(method, config)
    assert "s a step here" in text


def named() -> list[tuple[Path, str]]:
    """Each recipe with each model that its commands name."""
    found = []
    for path in RECIPES:
        names = set(re.findall(rf"{path.name}.* --set model=(\S+)", head(path))) - {"M"}
        assert names, f"{path.name}: expected a command that names a model (--set model=…)"
        found += [(path, name) for name in sorted(names)]
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("path", "name"), named(), ids=lambda each: each.stem if isinstance(each, Path) else each)
def test_a_recipe_takes_two_steps_of_the_model_that_it_names(
    path: Path,
    name: str,
    shrunken: Callable[[str], Path],
    data: dict[str, Path],
    judge: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = name if name.startswith("organism/") else shrunken(name.removeprefix("local/"))
    given = ["steps=2"]
    if "teacher=runs/" in head(path):
        first = path.with_name("cross_sft_world.toml" if path.stem.endswith("world") else "cross_sft.toml")
        teacher = training.train(
            *configured(first, model, data, judge, tmp_path / "teacher", "steps=1", "accumulate=1")
        )
        given.append(f"teacher={teacher}")
        caplog.clear()
    method, config = configured(path, model, data, judge, tmp_path / "run", *given)
    folder = training.train(method, config)
    lines = [line for line in metrics.read(folder) if "loss" in line]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(line["grad_norm"] > 0 for line in lines)
    if method == "caspo":
        assert any(key.startswith("rewards/") for key in lines[0]) or not config.reward
        assert not caplog.records, "TRL would show whole rows"
    if "judge_models" in config.model_fields_set:
        assert lines[0]["reward/unscored"] == 0, "the answers of one sampling serve several steps"
        assert lines[-1]["judge/input_tokens"] > 0
    assert list(folder.glob("*.safetensors"))


def test_a_recipe_that_samples_by_vllm_says_what_to_do_without(
    models: Any, data: dict[str, Path], judge: str, tmp_path: Path
) -> None:
    path = next(path for path in RECIPES if path.stem == "caspo_lora")
    method, config = configured(path, models["qwen2_5_vl"], data, judge, tmp_path / "run")
    config = config.model_copy(update={"trl": {**config.trl, "use_vllm": True}})
    with pytest.raises(UserError, match=r"pip install vllm .* --set trl\.use_vllm=false"):
        dry_run.preview(method, config)
