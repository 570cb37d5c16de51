"""From what was asked for (benchmarks, suites, defenses) to single runs, and carrying them out one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foresee import defenses
from foresee.cli import _console, _judging
from foresee.config import build, pairs
from foresee.errors import UserError
from foresee.evaluation import evaluate, suites
from foresee.evaluation import plan as planning
from foresee.judges import GradedJudge
from foresee.models import check_model
from foresee.models.local.decoding import SecondLook
from foresee.runner import Budget, RunSettings

if TYPE_CHECKING:
    from foresee.evaluation.plan import Plan
    from foresee.evaluation.run_folder import Run
    from foresee.judges import Member
    from foresee.records import Model


class Job(NamedTuple):
    """One run to be made; `label` names the benchmark (and its variant) within a suite."""

    label: str
    plan: Plan

    @property
    def folder(self) -> str:
        name = re.sub(r"[^\w.-]+", "_", self.label).strip("_")
        return name if self.plan.defense is None else f"{name}+{self.plan.defense.name}"


def usable(asked: str, options: Sequence[str], model: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """`a,b+c` as defenses with their own options each, and why others of them mean nothing to this model.

    Raises:
        UserError: a defense that does not exist or is named twice, an option that none has, or none left to run.
    """
    names = asked.split(",")
    if len(set(names)) < len(names):
        raise UserError(f"--defense {asked}: a defense was asked for twice; name each once")
    found, unfit = dict(zip(names, defenses.dealt(names, options), strict=True)), {}
    if model.startswith("organism/"):
        unfit = {name: why for name, own in found.items() if (why := defenses.unfit(name, own, defenses.DRAWN_WORLD))}
    if len(unfit) == len(found):
        raise UserError("not applicable: " + "; ".join(unfit.values()))
    for why in unfit.values():
        _console.say(f"not applicable, not run: {why}")
    return {name: own for name, own in found.items() if name not in unfit}, unfit


def resolve(
    benchmarks: str,
    protections: Mapping[str, Mapping[str, Any]],
    *,
    options: Sequence[str],
    **plan_options: Any,
) -> list[Job]:
    """Plan every run before any is begun. A suite runs what is at hand and says what is not.

    Args:
        benchmarks: names and suites, with commas.
        protections: the defenses with their options, as from `usable`.
        options: of the benchmarks.
        plan_options: what else `planning.plan` takes.

    Raises:
        UserError: whatever `planning.plan` raises; in a suite only if nothing of it can be run.
    """
    jobs: list[Job] = []
    problems: list[UserError] = []
    members = suites.resolve(benchmarks)
    places = suites.places(plan_options.pop("data", None), members)
    for member in members:
        given = pairs(options, what=f"{member.benchmark} (-T)", base=member.options)
        data = places[member.benchmark]
        for defense, own in protections.items():
            try:
                planned = planning.plan(
                    member.benchmark, data=data, options=given, defense=defense, defense_options=own, **plan_options
                )
                if not planned.askable and suites.PREFIX in benchmarks:
                    how = planned.file.source.get("manual") or f"see 'foresee data check {member.benchmark}'"
                    raise UserError(f"none of its {len(planned.items)} items has its picture here; {how}")
            except UserError as problem:
                if suites.PREFIX not in benchmarks:
                    raise
                problems.append(problem)
                under = "" if defense == "none" else f" under {defense}"
                _console.say(f"not run: {member.label}{under}: {problem}")
            else:
                jobs.append(Job(member.label, planned))
    if problems and not jobs:
        raise problems[0]
    names = dict.fromkeys(name for job in jobs for name in job.plan.file.judges)
    jobs[0].plan.judging.refuse_idle(names)
    folders = [job.folder for job in jobs]
    for folder in folders:
        if folders.count(folder) > 1:
            raise UserError(f"'{folder}' was asked for twice; name each benchmark and defense once, or label the runs")
    return jobs


def carry_out(
    jobs: Sequence[Job],
    model: str,
    options: Mapping[str, Any],
    out: Path | None,
    hard: Mapping[str, Any],
    command: Sequence[str],
    *,
    moved: bool = False,
    nested: bool = False,
    budget: Budget | None = None,
) -> list[Run]:
    """The runs, in the order of the jobs; one open model serves them all.

    Args:
        jobs: what to run.
        model: `PROVIDER/NAME`.
        options: the provider's.
        out: the folder, or the folder of folders where there are several jobs.
        hard: run settings that replace those that suit the model.
        command: the command line, for the record.
        moved: see `evaluation.evaluate`.
        budget: what all of them together may cost.
        nested: `out` holds a folder for each job even if there is one alone, as of a suite whose other data come later.

    Raises:
        UserError: as `evaluation.evaluate`.
    """
    for line in one_sided(jobs):
        _console.say(line)
    runs: list[Run] = []
    with _all_open(jobs, model, options) as (answering, members):
        settings = evaluate.default_settings(answering).model_copy(update=hard)
        for place, job in enumerate(jobs):
            planned = job.plan.seated(members)
            if job.label not in {before.label for before in jobs[:place]}:
                _warn(planned)
                _judging.warn(planned, answering)
            _warn_of_defense(planned)
            folder = out / job.folder if out and (nested or len(jobs) > 1) else out
            with _console.run_progress(job.label) as progress:
                run = evaluate.evaluate(
                    planned,
                    answering,
                    out=folder,
                    settings=settings,
                    progress=progress,
                    command=command,
                    moved=moved,
                    budget=budget,
                )
            runs.append(run)
    return runs


@contextmanager
def _all_open(
    jobs: Sequence[Job], model: str, options: Mapping[str, Any]
) -> Iterator[tuple[Model, tuple[Member, ...]]]:
    """The model under test and the judge models, if some judge asks them; all jobs share one choice."""
    judging = jobs[0].plan.judging
    asked = any(isinstance(judge, GradedJudge) for job in jobs for judge in job.plan.judges)
    with judging.opened() if asked else nullcontext(()) as members, evaluate.opened(model, options) as answering:
        yield answering, members


def check_models(jobs: Sequence[Job], model: str, options: Mapping[str, Any]) -> None:
    """Find what is wrong with the models' names, options and addresses, as a run would, but open none of them.

    Raises:
        UserError: see `models.check_model`.
    """
    check_model(model, options)
    jobs[0].plan.judging.check()


def run_settings(concurrency: int | None, retries: int, timeout: float | None) -> dict[str, Any]:
    """What was asked for, refused before a model is opened. Raises UserError: out of bounds."""
    asked_for = {"concurrency": concurrency, "retries": retries, "timeout": timeout}
    hard = {key: value for key, value in asked_for.items() if value is not None}
    build(RunSettings, hard, what="run settings")
    return hard


def one_sided(jobs: Sequence[Job]) -> list[str]:
    """A line for each harm benchmark, where none of the jobs has benign requests to show what refusing costs."""
    run = {job.plan.benchmark for job in jobs}
    whole = {job.plan.benchmark for job in jobs if job.plan.options.subset == "all"}
    named = {job.plan.benchmark: str(job.plan.file.source.get("companion", "")) for job in jobs}
    wanted = {name: companion for name, companion in named.items() if companion}
    if any(companion in (whole if companion == name else run) for name, companion in wanted.items()):
        return []
    return [_half(name) if companion == name else _other_side(name, companion) for name, companion in wanted.items()]


def _half(name: str) -> str:
    return (
        f"{name}: a part of it (-T subset=…) is one side alone, on which refusing everything, or nothing, would look "
        "perfect; run the whole set too"
    )


def _other_side(name: str, companion: str) -> str:
    return f"{name} alone would call a model that refuses everything perfect; its benign side: foresee eval {companion}"


def _warn_of_defense(planned: Plan) -> None:
    defense, without = planned.defense, sum(not item.images for item in planned.items if not item.missing_image)
    if defense is not None and without and isinstance(defense.decoding, SecondLook):
        _console.say(
            f"{planned.benchmark}: {without} of {len(planned.items)} items have no picture, "
            f"so that {defense.name} has nothing to contrast there"
        )


def _warn(planned: Plan) -> None:
    name, total = planned.benchmark, len(planned.items)
    if blind := sum(bool(item.metadata.get("lacks_picture")) for item in planned.items):
        _console.say(f"{name}: {blind} of {total} items lack their image here: text only, not comparable")
    if missing := total - planned.askable:
        _console.say(
            f"{name}: {missing} of {total} items lack their image in this copy of the data; "
            f"they are counted, not asked (details: foresee data check {name}"
            + ("; -T modality=text tries the texts alone)" if missing == total else ")")
        )
    if planned.epochs > 1 and planned.generation.temperature == 0:
        _console.say(f"{name}: --epochs {planned.epochs} at temperature 0 may repeat the same answers")
