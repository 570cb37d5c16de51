"""Run a study: a grid of data, training, attack, defense, model and seed; its contrasts are written down first.

A study is one TOML file. Each cell is brought about once a seed (a data set is built, a model is trained, benchmarks
are asked), and what is done is not done again: cells that ask for the same data set or training share it. The manifest
keeps the first definition with its time: whoever changes what counts after figures are known, shows it.

    run_study(read_study(Path("study.toml")), Path("runs/study"))
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from foresee import manifest
from foresee.config import Settings, build, read_toml
from foresee.errors import UserError, unknown_name
from foresee.evaluation.evaluate import EvaluateOptions, evaluate
from foresee.evaluation.run_folder import Run, read_run, slug
from foresee.files.spool import Spool
from foresee.files.untrusted import parse_json, read_regular
from foresee.metrics import Metric, summarise
from foresee.metrics import compare as paired_differences
from foresee.plugins import contracts
from foresee.records import Row
from foresee.statistics.seeds import Seeded, over_seeds

CELL = "cell.json"
"""In a cell's folder: what it is, and once it is whole what came of it."""


class DataStep(Settings):
    """A data set to build before a training."""

    recipe: str
    """as in `foresee list curation`"""
    set: dict[str, Any] = Field(default_factory=dict)
    """its settings; `seed` is the study's where it is not here"""


class TrainStep(Settings):
    """A training."""

    method: str
    """sft, dpo, caspo, …"""
    recipe: str = ""
    """a TOML file of its settings"""
    set: dict[str, Any] = Field(default_factory=dict)
    """settings over the recipe's; model, data, seed and out are the study's where they are not here"""


class TeacherStep(Settings):
    """A training that comes first, of the same model and seed: what it makes is the cell's training's `teacher`."""

    train: TrainStep
    data: DataStep | None = None


class Cell(Settings):
    """One treatment or control."""

    name: str
    """as the tables call it; unique"""
    models: tuple[str, ...] = ()
    """the models it is done to; the study's where empty"""
    data: DataStep | None = None
    train: TrainStep | None = None
    replay: DataStep | None = None
    """a data set for the training's `replay`"""
    teacher: TeacherStep | None = None
    """a training of its own, whose model teaches this one"""
    attack: str = "none"
    """under which it is evaluated: a name, or the folder of an optimised one"""
    attack_options: dict[str, Any] = Field(default_factory=dict)
    defense: str = "none"
    """under which it is evaluated"""
    defense_options: dict[str, Any] = Field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    """the study's where empty; one seed where nothing is trained and answers are greedy"""
    note: str = ""

    @model_serializer(mode="wrap")
    def _dumped(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Tell of a teacher only where there is one, so that cells without keep their digests."""
        return {name: value for name, value in values(self).items() if name != "teacher" or value is not None}


class Contrast(Settings):
    """One difference that the study is about."""

    of: str
    """a cell"""
    against: str
    """the cell that is its control"""
    metrics: tuple[str, ...] = ()
    """BENCHMARK.METRIC; the study's headline where empty"""


class Reach(Settings):
    """A point that trainings come to, sooner or later."""

    metric: str
    """as the training logs it: probe/r0, entropy, …"""
    below: float
    """the training is there at the first step at which the metric is less"""
    beside: tuple[str, ...] = ()
    """what else to tell of that step"""


class Study(Settings):
    """What is done, to what, how often, and what counts."""

    title: str
    question: str = ""
    split: str = ""
    """which items choose settings and which give figures, in words"""
    counts: str = ""
    """what would count as an answer, in words, written before the figures are known"""
    models: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    benchmarks: tuple[str, ...]
    options: dict[str, Any] = Field(default_factory=dict)
    """of the benchmarks (`-T`)"""
    limit: int | None = None
    generation: dict[str, Any] = Field(default_factory=dict)
    """settings that replace the benchmarks' own (temperature, max_tokens)"""
    model_options: dict[str, Any] = Field(default_factory=dict)
    """of the models (`-M`)"""
    judge_model: str = ""
    headline: tuple[str, ...]
    """BENCHMARK.METRIC, the columns of the table"""
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...] = ()
    reaches: tuple[Reach, ...] = ()


class Step(NamedTuple):
    """One cell of one model and seed; its folders lie below the study's."""

    cell: Cell
    model: str
    seed: int

    @property
    def folder(self) -> str:
        return f"cells/{slug(self.cell.name)}/{slug(self.model)}/seed-{self.seed}"

    @property
    def training(self) -> str:
        """The folder of its training, one for all steps that train the same; empty where nothing is trained."""
        if self.cell.train is None:
            return ""
        trained = self.cell.model_dump(include={"train", "data", "replay", "teacher"})
        return f"trainings/{slug(self.cell.train.method)}-{manifest.digest([trained, self.model, self.seed])[:10]}"


class Progress(NamedTuple):
    """How far a study is."""

    done: int
    steps: int
    doing: str


class CellFigure(NamedTuple):
    """One figure of one cell and model: the mean over seeds, with its interval over seeds and items."""

    cell: str
    model: str
    metric: str
    percent: bool
    figure: Seeded
    items: int
    scored: int


class ContrastFigure(NamedTuple):
    """A cell less its control, over the same items; `seeds` on either side."""

    of: str
    against: str
    model: str
    metric: str
    percent: bool
    figure: Seeded
    seeds: tuple[int, int]


@dataclass(frozen=True)
class Result:
    """What a study found so far: figures of the cells that are done, and who is lacking."""

    study: Study
    folder: Path
    figures: tuple[CellFigure, ...]
    contrasts: tuple[ContrastFigure, ...]
    done: tuple[Step, ...]
    lacking: tuple[Step, ...]
    cpu_seconds: float
    definitions: tuple[Mapping[str, str], ...]
    runs: tuple[Mapping[str, str], ...]
    """of each step that is done: benchmark -> run folder, below the study's"""


def read_study(path: Path) -> Study:
    """Read a study's definition.

    Raises:
        UserError: no such file, no TOML, an unknown key, a name that two cells have, a contrast of no cell, or a
            headline that is not BENCHMARK.METRIC.
    """
    values = read_toml(path)
    study = build(Study, values, what=str(path))
    names = [cell.name for cell in study.cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: two cells are called '{twice}'; give each a name of its own")
    for contrast in study.contrasts:
        for name in (contrast.of, contrast.against):
            if name not in names:
                raise unknown_name("cell", name, names)
    for metric in (*study.headline, *(name for contrast in study.contrasts for name in contrast.metrics)):
        benchmark = metric.partition(".")[0]
        if "." not in metric or benchmark not in study.benchmarks:
            raise UserError(
                f"{path}: '{metric}' is no figure of the study; expected BENCHMARK.METRIC with a benchmark of "
                f"{', '.join(study.benchmarks)}"
            )
    return study


def check(study: Study) -> None:
    """Open all that the cells name, so that nothing runs for hours before a mistake comes to light.

    Raises:
        UserError: a cell names an attack, defense, benchmark, recipe, method or setting that there is not.
    """
    from foresee import training
    from foresee.attacks import open_attack
    from foresee.defenses import open_defense

    for benchmark in study.benchmarks:
        contracts.benchmark(benchmark)
    for cell in study.cells:
        open_attack(cell.attack, cell.attack_options)
        open_defense(cell.defense, cell.defense_options)
        first = cell.teacher
        for data in (cell.data, cell.replay, first.data if first else None):
            if data is not None:
                build(contracts.recipe(data.recipe).config, data.set, what=f"{cell.name}: {data.recipe}")
        for train, teacher in ((first.train if first else None, {}), (cell.train, {"teacher": "T"} if first else {})):
            if train is not None:
                given = {"model": "M", "data": "D", **teacher, **train.set, "out": "O"}
                training.configure(train.method, train.recipe or None, settings=given)


def steps(study: Study, only: Iterable[str] = (), seeds: Iterable[int] = ()) -> list[Step]:
    """List what is to be done, seed by seed, so that an interrupted study has whole seeds.

    Raises:
        UserError: `only` names no cell.
    """
    wanted, chosen = set(only), set(seeds)
    for name in wanted - {cell.name for cell in study.cells}:
        raise unknown_name("cell", name, [cell.name for cell in study.cells])
    found = [
        Step(cell, model, seed)
        for cell in study.cells
        if not wanted or cell.name in wanted
        for model in cell.models or study.models
        for seed in _seeds_of(study, cell)
        if not chosen or seed in chosen
    ]
    return sorted(found, key=lambda step: _seeds_of(study, step.cell).index(step.seed))


def _seeds_of(study: Study, cell: Cell) -> tuple[int, ...]:
    """Choose a cell's seeds: one suffices where nothing is drawn at random."""
    return cell.seeds or (study.seeds if cell.train or cell.data else study.seeds[:1])


def run_study(
    study: Study,
    out: Path,
    *,
    only: Iterable[str] = (),
    seeds: Iterable[int] = (),
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Do what is not yet done, then tell what came of all.

    Args:
        study: from `read_study`.
        out: the study's folder; the same call goes on with an interrupted one.
        only: names of cells; all where empty.
        seeds: of these only, where not empty.
        progress: called before each step.

    Raises:
        UserError: as for `steps`, `check`, and curation, training and evaluation; what is done is kept.
    """
    todo = steps(study, only, seeds)
    check(study)
    _sign(study, out)
    for number, step in enumerate(todo):
        progress(Progress(number, len(todo), f"{step.cell.name}, {step.model}, seed {step.seed}"))
        if _done(study, step, out) is not None:
            continue
        began, worked = time.monotonic(), time.process_time()
        folder = out / step.folder
        treatment = _take_up(study, step, folder)
        model = _brought_about(step, out)
        runs = [_measured(study, step, benchmark, model, folder) for benchmark in study.benchmarks]
        record = {
            **treatment,
            "is": _identity(study, step),
            "model": model,
            "runs": {run.benchmark: str(run.folder.relative_to(out)) for run in runs},
            "seconds": round(time.monotonic() - began, 1),
            "cpu_seconds": round(time.process_time() - worked, 1),
        }
        _keep(folder, record)
    progress(Progress(len(todo), len(todo), ""))
    return result(study, out)


def result(study: Study, out: Path) -> Result:
    """Gather the figures of what is done.

    Raises:
        UserError: a run folder is damaged, or a benchmark has no metric of a headline's name.
    """
    found = [(step, _done(study, step, out)) for step in steps(study)]
    done = [(step, record) for step, record in found if record is not None]
    groups: dict[tuple[str, str], list[tuple[int, Mapping[str, str]]]] = {}
    for step, record in done:
        groups.setdefault((step.cell.name, step.model), []).append((step.seed, record["runs"]))
    order = [(cell.name, model) for cell in study.cells for model in cell.models or study.models]
    held = {
        (cell, model): _Held(
            out, cell, model, [runs for _, runs in sorted(groups[cell, model], key=lambda each: each[0])]
        )
        for cell, model in order
        if (cell, model) in groups
    }
    figures = [each.figure(name) for each in held.values() for name in study.headline]
    contrasts = [
        ours.less(held[contrast.against, model], name)
        for contrast in study.contrasts
        for (cell, model), ours in held.items()
        if cell == contrast.of and (contrast.against, model) in held
        for name in contrast.metrics or study.headline
    ]
    return Result(
        study,
        out,
        tuple(figures),
        tuple(contrasts),
        tuple(step for step, _ in done),
        tuple(step for step, record in found if record is None),
        sum(float(record["cpu_seconds"]) for _, record in done),
        tuple(manifest.read(out, "study").get("definitions", ())),
        tuple(record["runs"] for _, record in done),
    )


class _Held:
    """The runs of one cell on one model, seed by seed; each is read once, when it is first needed."""

    def __init__(self, out: Path, cell: str, model: str, runs: Sequence[Mapping[str, str]]) -> None:
        self._out = out
        self._folders = runs
        self._of: dict[str, tuple[list[Run], Sequence[Row]]] = {}
        self.cell, self.model = cell, model

    def runs(self, name: str) -> tuple[list[Run], Sequence[Row]]:
        """Read the runs that a figure is of, and pool their rows."""
        benchmark = name.partition(".")[0]
        if benchmark not in self._of:
            runs = [read_run(self._out / folders[benchmark]) for folders in self._folders]
            self._of[benchmark] = runs, pooled_rows(runs)
        return self._of[benchmark]

    def figure(self, name: str) -> CellFigure:
        runs, pooled = self.runs(name)
        metric = _metric(runs[0], name)
        each = [run.estimate(metric.name).value for run in runs]
        (items,) = summarise(pooled, [_averaged(metric)])
        figure = over_seeds(each, (items.value, items.low, items.high), metric.bounds)
        return CellFigure(self.cell, self.model, name, metric.percent, figure, items.total, items.n)

    def less(self, control: _Held, name: str) -> ContrastFigure:
        """Take the difference to a control, over the same items, seed by seed."""
        (ours, our_rows), (theirs, their_rows) = self.runs(name), control.runs(name)
        metric = _metric(ours[0], name)
        (pooled,) = paired_differences(their_rows, our_rows, [_averaged(metric)])
        each: list[float | None] = []
        for number in range(max(len(ours), len(theirs))):
            a, b = theirs[number % len(theirs)], ours[number % len(ours)]
            each.append(paired_differences(a.rows, b.rows, [metric])[0].delta)
        reach = metric.bounds[1] - metric.bounds[0]
        figure = over_seeds(each, (pooled.delta, pooled.low, pooled.high), (-reach, reach))
        counts = (len(ours), len(theirs))
        return ContrastFigure(self.cell, control.cell, self.model, name, metric.percent, figure, counts)


def _metric(run: Run, name: str) -> Metric:
    wanted = name.partition(".")[2]
    known = {metric.name: metric for metric in run.metrics}
    if wanted not in known:
        raise unknown_name(f"metric of {run.benchmark}", wanted, known)
    return known[wanted]


def _averaged(metric: Metric) -> Metric:
    """Take the mean over seeds for each item; what becomes of several answers of one seed is settled before."""
    return metric if metric.epochs == "mean" else with_changes(metric, epochs="mean", attempts=None)


def pooled_rows(runs: Sequence[Run]) -> Sequence[Row]:
    """Return all rows of all seeds, a seed as an epoch."""
    if len(runs) == 1:
        return runs[0].rows
    most = 1 + max((row.answer.epoch for run in runs for row in run.rows), default=0)
    return Spool(
        with_changes(row, answer=with_changes(row.answer, epoch=number * most + row.answer.epoch))
        for number, run in enumerate(runs)
        for row in run.rows
    )


def _brought_about(step: Step, out: Path) -> str:
    """Build the cell's data set and train its model; what was done before is kept. Returns the model to evaluate."""
    if step.cell.train is None:
        return step.model
    from foresee import training

    given = step.cell.train
    values: dict[str, Any] = {"model": step.model, "seed": step.seed, **given.set}
    values["out"] = str(out / step.training)
    if step.cell.data is not None and "data" not in values:
        values["data"] = str(_data(step.cell.data, step.seed, out))
    if step.cell.replay is not None:
        values["replay"] = str(_data(step.cell.replay, step.seed, out))
    if step.cell.teacher is not None:
        taught = step.cell.teacher
        first = Step(Cell(name="teacher", train=taught.train, data=taught.data), step.model, step.seed)
        _brought_about(first, out)
        values["teacher"] = str(out / first.training)
    config = training.configure(given.method, given.recipe or None, settings=values)
    folder = training.train(given.method, config)
    return training.evaluated_as(config, folder)


def _data(given: DataStep, seed: int, out: Path) -> Path:
    """Build a data set once for all cells that ask for the same."""
    from foresee.curation import curate

    values = {"seed": seed, **given.set}
    folder = out / "data" / f"{slug(given.recipe)}-{manifest.digest([given.recipe, values])[:10]}"
    curate(given.recipe, folder, **values)
    return folder


def _measured(study: Study, step: Step, benchmark: str, model: str, folder: Path) -> Run:
    options: EvaluateOptions = {
        "options": study.options,
        "out": folder / slug(benchmark),
        "attack_options": step.cell.attack_options,
        "defense_options": step.cell.defense_options,
        "limit": study.limit,
        "generation": study.generation or None,
        "model_options": study.model_options or None,
        "progress": lambda progress: None,
    }
    if study.judge_model:
        options["judging"] = study.judge_model
    return evaluate(benchmark, model, attack=step.cell.attack, defense=step.cell.defense, **options)


def _identity(study: Study, step: Step) -> str:
    """Digest all that decides a step's figures."""
    asked = study.model_dump(include={"benchmarks", "options", "limit", "judge_model"})
    cell = step.cell.model_dump(exclude={"note", "seeds", "models"})
    return manifest.digest([asked, cell, step.model, step.seed, *_answered(study)])


def _answered(study: Study) -> list[dict[str, Any]]:
    """List what besides decides the answers, where anything does: studies without it keep their digests."""
    return [each for each in (study.generation, study.model_options) if each]


def _take_up(study: Study, step: Step, folder: Path) -> dict[str, str]:
    """Make the step's folder, or go on in it; one that held another treatment is moved aside, so that nothing is lost.

    More benchmarks, items or judge models are the same treatment: their answers go beside what is there.
    """
    cell = step.cell.model_dump(exclude={"name", "models", "seeds", "note"})
    treatment = {"treatment": manifest.digest([cell, study.options, step.model, step.seed, *_answered(study)])}
    before = _record(folder)
    if before is not None and before.get("treatment") != treatment["treatment"]:
        folder.rename(folder.with_name(f"{folder.name}-before-{time.time_ns()}"))
        before = None
    if before is None:
        folder.mkdir(parents=True, exist_ok=True)
        _keep(folder, treatment)
    return treatment


def _keep(folder: Path, record: Mapping[str, Any]) -> None:
    manifest.write_atomically(folder / CELL, json.dumps(record, indent=2) + "\n")


def _done(study: Study, step: Step, out: Path) -> Mapping[str, Any] | None:
    """Read what came of a step; None where it is not whole, or is another step by now."""
    record = _record(out / step.folder)
    return record if record is not None and record.get("is") == _identity(study, step) else None


def _record(folder: Path) -> Mapping[str, Any] | None:
    """Read a cell's file, None where there is none. Raises UserError: it is damaged."""
    path = folder / CELL
    try:
        record = parse_json(read_regular(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict):
        raise UserError(f"{path} is damaged; remove that file and the cell is looked at again")
    return record


def _sign(study: Study, out: Path) -> None:
    """Write the definition down before anything runs; a changed one is added to those before."""
    manifest.refuse_other(out, "study")
    before = manifest.read(out, "study") if (out / manifest.FILE).exists() else {}
    definition = study.model_dump(mode="json")
    seen = list(before.get("definitions", []))
    what = manifest.digest(definition)
    if not seen or seen[-1]["sha256"] != what:
        seen.append({"sha256": what, "since": datetime.now(UTC).isoformat(timespec="seconds")})
    out.mkdir(parents=True, exist_ok=True)
    manifest.write(out, "study", {"study": definition, "definitions": seen})
