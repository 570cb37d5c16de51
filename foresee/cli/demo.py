"""`foresee demo`: the whole loop on this machine in minutes, offline: measure, attack, defend, train, measure again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from foresee.evaluation.jobs import Job
    from foresee.evaluation.run_folder import Run

LIMIT = 60  # items of a benchmark, so that all of it takes minutes


def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the runs, trainings and report.html")] = Path(
        "runs/demo"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="no training: plain and under a constitution")] = False,
) -> None:
    """Profile the embedded model organism, attack and defend it, train it by CASPO and VSFA, and profile it again.

    Ends with a page, OUT/report.html. The same command goes on where an earlier one was ended.
    """
    from foresee.cli import profile
    from foresee.cli._console import say
    from foresee.report.page import write
    from foresee.report.profile import profile as build

    say("The embedded organism: tiny vision-language models of true architecture, in a world of drawn scenes.")
    stages = QUICK if quick else (*QUICK, *FURTHER)
    with _display(len(stages) + sum(stage.training is not None for stage in stages)) as shown:
        runs, labels = _carried_out(stages, out, shown)
        shown.begin("the page")
        found = build(runs, labels=labels)
        page = out / "report.html"
        plain = [run for run in runs if run.attack == "none"]  # a page shows twelve runs of a benchmark at most
        write(page, plain, profile=found)
    profile.show(found, "table")
    say(f"All figures, images and answers: {page}. Next: foresee organism describe")


class Training(NamedTuple):
    """A method, its recipe, and the data set that is made for it."""

    method: str
    recipe: str
    data: str
    examples: int


class Stage(NamedTuple):
    """One column of the profile: a model, under a defense or after a training."""

    name: str
    model: str = "organism/base"
    defense: str = "none"
    training: Training | None = None


QUICK = (
    Stage("as it is"),
    Stage("with constitution", defense="constitution"),
)
FURTHER = (
    Stage("with chain of thought", defense="chain_of_thought"),
    Stage(
        "after CASPO",
        training=Training("caspo", "papers/ood_mmsafe/caspo_world.toml", "consequence_pairs", examples=300),
    ),
    Stage("one that narrates", "organism/narrating"),
    Stage(
        "after VSFA",
        "organism/narrating",
        training=Training("sft", "papers/vsfa/vsfa_world.toml", "threat_vqa", examples=150),
    ),
)


def _carried_out(stages: Sequence[Stage], out: Path, shown: _Display) -> tuple[list[Run], list[str]]:
    """Bring about and measure each stage; what an earlier command did is not done again."""
    from foresee.cli._console import say
    from foresee.evaluation import jobs as batch
    from foresee.evaluation.plan import PlanOptions

    defenses: dict[str, dict[str, Any]] = {stage.defense: {} for stage in stages}
    limited = PlanOptions(limit=LIMIT)
    jobs = batch.resolve("suite/world", defenses, limited, notice=say)
    jobs += batch.resolve("world_attack", defenses, limited, attacked={"si": {"tries": 3}}, notice=say)
    runs: list[Run] = []
    for stage in stages:
        model = _trained(stage, out, shown) if stage.training else stage.model
        shown.begin(f"profile and attack: {stage.name}")
        own = [job for job in jobs if job.defense == stage.defense]
        runs += _measured(own, model, out / stage.name.replace(" ", "_"), shown)
    return runs, [stage.name for stage in stages]


def _measured(jobs: Sequence[Job], model: str, folder: Path, shown: _Display) -> list[Run]:
    from foresee.cli._console import say
    from foresee.evaluation import jobs as batch

    command = ["foresee", *sys.argv[1:]]
    finished = batch.carry_out(jobs, [model], out=folder, command=command, nested=True, notice=say, bars=shown.bars)
    return [each.run for each in finished]


def _trained(stage: Stage, out: Path, shown: _Display) -> str:
    """Make the data set and train; give the name of what was trained."""
    from foresee import training
    from foresee.curation import curate

    assert stage.training is not None
    method, recipe, data, examples = stage.training
    shown.begin(f"train: {stage.name}")
    rows = out / "datasets" / data
    curate(data, rows, source="world", examples=examples, progress=lambda state: shown.inner(0, 1))
    folder = out / "trainings" / method
    settings = {"model": stage.model, "data": rows, "out": folder, "probe": {"every": 40}}
    config = training.configure(method, recipe, settings=settings)
    training.train(method, config, report=lambda state: shown.inner(state.step, state.steps))
    return training.evaluated_as(config, folder)


@dataclass
class _Display:
    """One bar for all stages; `put` shows how many are done, in parts, and what is being done."""

    total: int
    put: Callable[[float, str], None]
    done: int = -1
    doing: str = ""
    jobs: list[str] = field(default_factory=list)

    def begin(self, doing: str) -> None:
        self.done, self.doing, self.jobs = self.done + 1, doing, []
        self.put(self.done, doing)

    def inner(self, step: int, steps: int) -> None:
        part = (len(self.jobs[:-1]) + step / max(steps, 1)) / (_RUNS if self.jobs else 1)
        self.put(self.done + min(part, 1.0), self.doing)

    @contextmanager
    def bars(self, label: str) -> Iterator[Callable[[Any], None]]:
        """Count a run as a part of its stage."""
        self.jobs.append(label)
        yield lambda state: self.inner(state.done, state.total)


_RUNS = 6  # of a stage: the suite's and the attack's


@contextmanager
def _display(total: int) -> Iterator[_Display]:
    """Show a live bar on a terminal, a line a stage elsewhere."""
    from foresee.cli._console import console, say

    if not sys.stderr.isatty():
        last: list[str] = []

        def put(done: float, doing: str) -> None:
            if doing not in last:
                last.append(doing)
                say(f"[{round(done) + 1}/{total + 1}] {doing}")

        yield _Display(total, put)
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=total)
        yield _Display(total, lambda done, doing: bars.update(task, completed=done, description=doing))
