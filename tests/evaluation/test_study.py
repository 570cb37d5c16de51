"""Studies: a grid that goes on where it was, figures over seeds and items, tables and page."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

import foresee
from foresee import constitutions
from foresee.config import shipped
from foresee.errors import UserError
from foresee.evaluation.study import Progress, Result, check, read_study, run_study, steps
from foresee.report import study as report
from foresee.training._common import metrics

DEFINITION = """
title = "Does <any> text warn?"
question = "content or mere presence?"
counts = "an interval without zero"
models = ["organism/base"]
seeds = [3, 4]
benchmarks = ["world_consequence"]
limit = 16
headline = ["world_consequence.R0", "world_consequence.over_caution"]

[[cells]]
name = "none"

[[cells]]
name = "constitution"
attack = "encodings"
attack_options = {code = "rot13", tries = 1}
defense = "constitution"

[[cells]]
name = "vsfa"
data = {recipe = "threat_vqa", set = {source = "world", examples = 12}}
train = {method = "sft", recipe = "papers/vsfa/vsfa_world.toml", set = {steps = 1, probe = {limit = 4}}}

[[contrasts]]
of = "constitution"
against = "none"

[[contrasts]]
of = "vsfa"
against = "none"
metrics = ["world_consequence.R0"]

[[reaches]]
metric = "loss"
below = 99.0
beside = ["probe/ASR"]

[[reaches]]
metric = "loss"
below = -1.0
"""


def _written(folder: Path, text: str = DEFINITION) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A study that was done in two parts."""
    folder = tmp_path_factory.mktemp("study")
    study = read_study(_written(folder))
    part = run_study(study, folder / "run", only=["none"])
    assert [step.cell.name for step in part.lacking] == ["constitution", "vsfa", "vsfa"]
    assert part.contrasts == ()
    return run_study(study, folder / "run")


def test_figures_are_those_of_the_runs_and_contrasts_their_paired_differences(finished: Result) -> None:
    run = foresee.read_run(finished.folder / "cells/none/organism_base/seed-3/world_consequence")
    estimate = run.estimate("R0")
    (plain,) = (f for f in finished.figures if (f.cell, f.metric) == ("none", "world_consequence.R0"))
    assert plain.figure[:3] == (estimate.value, estimate.low, estimate.high)
    (trained,) = (f for f in finished.figures if (f.cell, f.metric) == ("vsfa", "world_consequence.R0"))
    assert len(trained.figure.each) == 2
    first = finished.contrasts[0]
    lawful = foresee.read_run(finished.folder / "cells/constitution/organism_base/seed-3/world_consequence")
    (paired,) = (d for d in foresee.compare(run, lawful) if d.name == "R0")
    assert (first.of, first.against, first.figure.value) == ("constitution", "none", paired.delta)
    assert [(c.of, c.seeds) for c in finished.contrasts] == [
        ("constitution", (1, 1)),
        ("constitution", (1, 1)),
        ("vsfa", (2, 1)),
    ]


def test_what_is_done_is_not_done_again_and_a_changed_definition_shows(finished: Result, tmp_path: Path) -> None:
    journal = finished.folder / "cells/vsfa/organism_base/seed-4/world_consequence/journal.jsonl"
    before = journal.stat().st_mtime_ns
    seen: list[Progress] = []
    again = run_study(finished.study, finished.folder, progress=seen.append)
    assert again.figures == finished.figures
    assert journal.stat().st_mtime_ns == before
    assert (seen[-1].done, seen[-1].steps) == (4, 4)
    assert len(again.definitions) == 1
    other = read_study(_written(tmp_path, DEFINITION.replace("without zero", "below zero")))
    assert len(run_study(other, finished.folder).definitions) == 2
    assert any("definition was changed" in note for note in report.table(run_study(other, finished.folder)).notes)


def test_a_cell_of_another_setting_is_done_anew(finished: Result, tmp_path: Path) -> None:
    text = DEFINITION.replace('defense = "constitution"', 'defense = "safety_prompt"')
    changed = read_study(_written(tmp_path, text))
    names = [step.cell.name for step in _result(changed, finished.folder).lacking]
    assert names == ["constitution"]
    cell = finished.folder / "cells/constitution/organism_base"
    answers = (cell / "seed-3/world_consequence/journal.jsonl").read_bytes()
    anew = run_study(changed, finished.folder, only=["constitution"])
    assert anew.lacking == ()
    assert foresee.read_run(cell / "seed-3/world_consequence").defense == "safety_prompt"
    (aside,) = cell.glob("seed-3-before-*")
    assert (aside / "world_consequence/journal.jsonl").read_bytes() == answers, "what was there is kept"
    run_study(finished.study, finished.folder)


def test_more_items_are_the_same_cell_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    few = read_study(_written(tmp_path, DEFINITION.replace("limit = 16", "limit = 4")))
    run_study(few, tmp_path / "run", only=["none"])
    many = run_study(read_study(_written(tmp_path)), tmp_path / "run", only=["none"])
    cell = tmp_path / "run/cells/none/organism_base"
    assert [path.name for path in cell.iterdir()] == ["seed-3"]
    journal = (cell / "seed-3/world_consequence/journal.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [line for line in journal if '"answer"' in line[:40]]
    assert len(answers) == 16
    assert many.figures[0].items < 16 <= len(foresee.read_run(cell / "seed-3/world_consequence").rows)


@pytest.mark.slow
def test_cells_that_train_the_same_share_the_training_and_may_have_models_of_their_own(
    finished: Result, tmp_path: Path
) -> None:
    again = DEFINITION.replace("[[contrasts]]", _TRAINED_TOO, 1)
    study = read_study(_written(tmp_path, again))
    trained = {path: path.stat().st_mtime_ns for path in (finished.folder / "trainings").glob("*/manifest.json")}
    found = run_study(study, finished.folder, only=["vsfa, warned", "qwen, plain", "qwen, warned"])
    assert len(trained) == 2
    assert {
        path: path.stat().st_mtime_ns for path in (finished.folder / "trainings").glob("*/manifest.json")
    } == trained
    assert ("qwen, warned", "organism/qwen") in {(c.of, c.model) for c in found.contrasts}
    assert report.contrasts(found).header[1] == "model"


_TRAINED_TOO = """
[[cells]]
name = "vsfa, warned"
data = {recipe = "threat_vqa", set = {source = "world", examples = 12}}
train = {method = "sft", recipe = "papers/vsfa/vsfa_world.toml", set = {steps = 1, probe = {limit = 4}}}
defense = "constitution"

[[cells]]
name = "qwen, plain"
models = ["organism/qwen"]

[[cells]]
name = "qwen, warned"
models = ["organism/qwen"]
defense = "constitution"

[[contrasts]]
of = "qwen, warned"
against = "qwen, plain"

[[contrasts]]
"""


def _result(study: object, folder: Path) -> Result:
    from foresee.evaluation.study import result

    return result(study, folder)  # type: ignore[arg-type]


def test_tables_and_page(finished: Result) -> None:
    rows = list(csv.reader(io.StringIO(report.text(finished, "csv").split("\n\n")[0])))
    assert rows[0] == ["cell", "world_consequence.R0", "world_consequence.over_caution", "seeds"]
    assert [row[0] for row in rows[1:]] == ["none", "constitution", "vsfa"]
    tex = report.text(finished, "latex")
    assert r"world\_consequence.R0" in tex
    assert tex.count(r"\begin{tabular}") == 3
    assert "| none " in report.text(finished, "md")
    page = report.render(finished)
    assert "Does &lt;any&gt; text warn?" in page
    assert "<script" not in page
    for part in ("Trade-off", "During training", "constitution – none"):
        assert part in page
    behind = re.findall(r'<a href="([^"]+)/" title="world_consequence"', page)
    assert len(behind) == len(finished.done)
    ways = re.findall(r'<td>(?:<a class="back"|[^<]*<a class="back")', page)
    assert len(ways) == 3 * 2 + len(finished.contrasts) + 2 * 2, "every figure, difference and point of a training"
    assert set(re.findall(r'href="#(behind-\d+)"', page)) <= set(re.findall(r'<tr id="(behind-\d+)"', page))
    assert len(re.findall(r'href="([^"]+)/items.jsonl"', page)) == len(finished.done)
    assert all((finished.folder / folder / "manifest.json").exists() for folder in behind)


def test_the_way_there_is_told_seed_by_seed(finished: Result) -> None:
    (soon, never) = report.trainings(finished).rows
    assert soon[:3] == ("loss < 99", "vsfa", "1, 1")
    assert never[:3] == ("loss < -1", "vsfa", "–, –")
    logged = [metrics.read(finished.folder / step.training)[0]["probe/ASR"] for step in finished.done if step.training]
    assert soon[3] == f"probe/ASR {sum(logged) / len(logged):.3g}", "measured before the first step"


def test_seeds_that_are_not_needed_are_not_run(tmp_path: Path) -> None:
    study = read_study(_written(tmp_path))
    assert [(s.cell.name, s.seed) for s in steps(study)] == [("none", 3), ("constitution", 3), ("vsfa", 3), ("vsfa", 4)]
    assert [(s.cell.name, s.seed) for s in steps(study, seeds=[4])] == [("vsfa", 4)]


SHIPPED = sorted((Path(foresee.__file__).parent / "papers").glob("*/study*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_study_that_ships_can_be_run(path: Path) -> None:
    short = f"papers/{path.parent.name}/{path.name}"
    study = read_study(Path(short))
    check(study)
    assert f"foresee study {short}" in path.read_text(encoding="utf-8"), "its head has the command"
    assert study.counts
    assert study.split
    assert steps(study)
    assert {c.of for c in study.contrasts} | {c.against for c in study.contrasts} <= {c.name for c in study.cells}
    told = [c.defense_options.get(key) for c in study.cells for key in ("text", "other")]
    told += [c.train.set.get("constitution") for c in study.cells if c.train]
    for name in filter(None, told):
        assert shipped(name).is_file() or constitutions.text(name), name


def test_texts_of_the_study_of_content_are_as_long_as_the_constitution_and_known_to_the_organisms() -> None:
    from foresee.organism.world import language

    known = set(language.vocabulary())
    law = constitutions.text("world").split()
    for path in (SHIPPED[0].parent.parent / "ood_mmsafe" / "texts").glob("*.md"):
        words = path.read_text(encoding="utf-8").split()
        assert set(words) <= known, path.stem
        assert abs(len(words) - len(law)) <= 2, path.stem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('defense = "constitution"', 'defense = "constitutoin"', "constitution"),
        ('recipe = "threat_vqa", set = {source', 'recipe = "threat_vqa", set = {sauce', "sauce"),
        ("steps = 1", "stepps = 1", "stepps"),
        ("code = ", "cod = ", "cod"),
    ],
)
def test_a_mistake_in_any_cell_is_found_before_anything_runs(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        run_study(read_study(_written(tmp_path, DEFINITION.replace(old, new))), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "vsfa"', 'name = "none"', "two cells are called 'none'"),
        ('of = "vsfa"', 'of = "vsf"', "no cell named 'vsf'; did you mean vsfa"),
        ('["world_consequence.R0"]', '["R0"]', "'R0' is no figure of the study; expected BENCHMARK.METRIC"),
        ("limit = 16", "limits = 16", "limits"),
        ("seeds = [3, 4]", 'seeds = "x"', "seeds"),
    ],
)
def test_wrong_definitions_are_one_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as raised:
        read_study(_written(tmp_path, DEFINITION.replace(old, new)))
    assert "\n" not in str(raised.value)


def test_a_metric_that_does_not_exist_and_a_damaged_cell_are_named(finished: Result, tmp_path: Path) -> None:
    wrong = read_study(_written(tmp_path, DEFINITION.replace("over_caution", "over_cautious")))
    with pytest.raises(UserError, match="did you mean over_caution"):
        _result(wrong, finished.folder)
    cell = finished.folder / "cells/none/organism_base/seed-3/cell.json"
    kept = cell.read_text(encoding="utf-8")
    cell.write_text("{", encoding="utf-8")
    try:
        with pytest.raises(UserError, match=r"cell\.json is damaged"):
            _result(finished.study, finished.folder)
    finally:
        cell.write_text(kept, encoding="utf-8")
    assert json.loads(kept)["model"] == "organism/base"


TAUGHT = """
[[cells]]
name = "taught"
data = {recipe = "constitution_answers", set = {source = "world", examples = 4, constitution_in_prompt = false}}
seeds = [3]

[cells.train]
method = "caspo"
recipe = "papers/ood_mmsafe/copsd_world.toml"
set = {steps = 1, batch = 8, generations = 2, max_new_tokens = 4, probe = {limit = 4}}

[cells.teacher]
data = {recipe = "threat_vqa", set = {source = "world", examples = 12}}
train = {method = "sft", recipe = "papers/vsfa/vsfa_world.toml", set = {steps = 1, probe = {limit = 4}}}

[[contrasts]]"""


def test_a_teacher_is_trained_first_and_is_part_of_what_the_training_is(finished: Result, tmp_path: Path) -> None:
    text = DEFINITION.replace("[[contrasts]]", TAUGHT, 1)
    done = run_study(read_study(_written(tmp_path, text)), finished.folder, only=["taught"])
    (step,) = (step for step in done.done if step.cell.name == "taught")
    vsfa = next(step for step in done.done if step.cell.name == "vsfa" and step.seed == 3)
    given = json.loads((done.folder / step.training / "manifest.json").read_text())["config"]
    assert given["teacher"] == str(done.folder / vsfa.training), "what another cell trained is trained once"
    alone = step._replace(cell=step.cell.model_copy(update={"teacher": None}))
    assert alone.training != step.training
    before, _, after = text.partition("[cells.teacher]")
    with pytest.raises(UserError, match="no_such"):
        check(read_study(_written(tmp_path, before + "[cells.teacher]" + after.replace('"sft"', '"no_such"', 1))))
