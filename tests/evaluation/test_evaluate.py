"""The library's front door: one run, several runs, and how they show themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import foresee
from foresee.errors import UserError
from foresee.evaluation.evaluate import EvaluateOptions
from foresee.evaluation.plan import PlanOptions, plan
from foresee.evaluation.run_plan import opened
from foresee.plugins import contracts
from foresee.report.defense_table import headline_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> foresee.Runs:
    out = tmp_path_factory.mktemp("runs")
    models = ["organism/base", "organism/qwen"]
    return foresee.evaluate("suite/world", models, defense=["none", "constitution"], limit=4, out=out)


def test_a_suite_on_two_models_under_two_defenses_is_one_call(runs: foresee.Runs) -> None:
    assert len({run.benchmark for run in runs}) == 4
    assert {(run.model, run.defense) for run in runs} == {
        (model, defense) for model in ("organism/base", "organism/qwen") for defense in ("none", "constitution")
    }
    assert len({run.folder for run in runs}) == len(runs) == 4 * len(set(runs.labels))
    assert {run.folder.parent.name for run in runs} == {"organism_base", "organism_qwen"}
    assert all((run.folder / "manifest.json").exists() for run in runs)
    frame = runs.frame()
    assert list(frame.columns[:3]) == ["model", "defense", "label"]
    assert len(frame) == sum(len(run.rows) for run in runs)


def test_runs_show_themselves_in_one_line_and_one_table(runs: foresee.Runs) -> None:
    shown = repr(runs[0])
    assert "\n" not in shown
    assert len(shown) < 400
    assert "organism/base on" in shown
    assert str(runs[0].folder) in shown
    assert len(repr(runs)) < 200
    assert runs._repr_html_().count("<tr>") == 1 + len(runs)
    assert isinstance(runs[1:3], foresee.Runs)


def test_what_a_notebook_shows_is_escaped(runs: foresee.Runs) -> None:
    from dataclasses import replace

    evil = replace(runs[0], model="<script>x</script>", warnings=("<img src=x>",))
    figure = replace(runs[0].estimates[0], name="<script>")
    planned = replace(foresee.plan("world_awareness", limit=3), benchmark="<script>")
    page = "".join(each._repr_html_() for each in (evil, foresee.Runs([evil]), figure, planned))
    assert f"{figure.n} of {figure.total} scored" in page
    assert f"<th>items</th><td>{len(planned.items)} of {len(planned.everything)}" in page
    assert "<script>" not in page
    assert "<img" not in page


def test_one_of_each_is_one_run_and_open_models_stay_open(tmp_path: Path) -> None:
    from foresee.models import open_model

    planned = plan("world_awareness", limit=2)
    model = open_model("organism/base")
    with opened([planned], model) as tested:
        assert tested is model
    run = foresee.evaluate(planned, model, out=tmp_path / "a")
    again = foresee.evaluate(planned, model, out=tmp_path / "a")
    assert isinstance(run, foresee.Run)
    assert (again.manifest["asked"], again.manifest["reused"]) == (0, len(run.rows))


@pytest.mark.parametrize(
    ("given", "defense"),
    [("suite/world", None), ("world_attack,world_awareness", None), ("world_attack", "none,constitution")],
)
def test_one_string_for_several_runs_is_refused_in_one_line(given: str, defense: str | None) -> None:
    with pytest.raises(UserError, match="give a list"):
        foresee.evaluate(given, "organism/base", defense=defense)


def test_models_and_lists_are_checked_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="asked for twice"):
        foresee.evaluate("world_attack", ["organism/base", "organism/base"], out=tmp_path, limit=2)
    with pytest.raises(UserError, match="empty list"):
        foresee.evaluate("world_attack", [], out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_typed_options_are_those_of_the_functions() -> None:
    parameters = dict(inspect.signature(plan).parameters)
    del parameters["benchmark"]
    assert set(get_type_hints(PlanOptions)) == set(parameters)
    assert set(parameters) - {"attack", "defense"} <= set(get_type_hints(EvaluateOptions))


def test_public_names_are_listed_before_they_are_imported() -> None:
    assert set(foresee.__all__) < set(dir(foresee))
    found: list[Any] = [getattr(foresee, name) for name in foresee.__all__]
    assert None not in found


def test_a_benchmarks_own_headline_metrics_come_first() -> None:
    file = contracts.benchmark("world_attack")
    assert file.headline
    assert [metric.name for metric in headline_of(file, file.all_metrics)] == list(file.headline)
