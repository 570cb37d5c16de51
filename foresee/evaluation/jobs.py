"""Plan and carry out several runs: benchmarks and suites, under several defenses, on several models.

Nothing here prints: what a user should know goes to `notice`, and `bars` shows how far each run has come.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict

from foresee import attacks, defenses
from foresee.config import build, pairs
from foresee.errors import UserError
from foresee.evaluation import plan as planning
from foresee.evaluation import screening, suites
from foresee.evaluation.plan import Plan, PlanOptions
from foresee.evaluation.remarks import Remarks
from foresee.evaluation.run_folder import Run, slug
from foresee.evaluation.run_plan import opened, run_plan
from foresee.judges import GradedJudge, JudgeChoice
from foresee.models import check_model
from foresee.models.local.decoding import SecondBranch
from foresee.notices import say_once
from foresee.records import Model
from foresee.runner import Budget, Progress, RunSettings

Notice: TypeAlias = Callable[[str], None]
Bars: TypeAlias = Callable[[str], AbstractContextManager[Callable[[Progress], None] | None]]
"""Shows the progress of one run: label -> a callback for its states."""


class Job(NamedTuple):
    """One run to be made; `label` names the benchmark (and its variant) within a suite."""

    label: str
    plan: Plan

    @property
    def defense(self) -> str:
        return self.plan.defense.name if self.plan.defense else "none"

    @property
    def attack(self) -> str:
        return self.plan.attack.name if self.plan.attack else "none"

    @property
    def folder(self) -> str:
        name = slug(self.label).strip("_")
        name += f"@{slug(self.plan.attack.name).strip('_')}" if self.plan.attack else ""
        return name if self.plan.defense is None else f"{name}+{self.plan.defense.name}"


class Finished(NamedTuple):
    """A job and its run on one model."""

    job: Job
    run: Run


class RunOverrides(TypedDict, total=False):
    """Run settings that replace those that suit each model."""

    concurrency: int
    retries: int
    timeout: float


@dataclass(frozen=True)
class Protections:
    """The defenses, or the attacks, that were asked for.

    Attributes:
        options: defense -> its own options; those that mean something to one of the models at least.
        unfit: model -> defense -> why it means nothing to that model.
    """

    options: Mapping[str, Mapping[str, Any]]
    unfit: Mapping[str, Mapping[str, str]]

    def fit(self, model: str, name: str) -> bool:
        return name not in self.unfit.get(model, {})

    @property
    def why(self) -> dict[str, str]:
        """Those that mean nothing to some model, and why."""
        return {name: why for found in self.unfit.values() for name, why in found.items()}


def _name(model: str | Model) -> str:
    return model if isinstance(model, str) else model.name


def usable(
    names: Sequence[str],
    options: Iterable[str] | Mapping[str, Any],
    models: Sequence[str],
    *,
    kind: Literal["defense", "attack"] = "defense",
    notice: Notice = say_once,
) -> Protections:
    """Give each defense (`b`, `b+c`) or attack its own options, and find why some mean nothing to a model.

    Raises:
        UserError: one that does not exist or is named twice, an option that none has, or none left to run.
    """
    if len(set(names)) < len(names):
        raise UserError(f"--{kind} {','.join(names)}: one was asked for twice; name each once")
    dealt, unfit_for = (defenses.dealt, defenses.unfit) if kind == "defense" else (attacks.dealt, attacks.unfit)
    own = dict(zip(names, dealt(names, options), strict=True))
    unfit: dict[str, dict[str, str]] = {}
    for model in models:
        if model.startswith("organism/"):
            found = {name: unfit_for(name, given, defenses.DRAWN_WORLD) for name, given in own.items()}
            unfit[model] = {name: why for name, why in found.items() if why}
        if len(unfit.get(model, {})) == len(own):
            raise UserError("not applicable: " + "; ".join(unfit[model].values()))
    for why in dict.fromkeys(why for found in unfit.values() for why in found.values()):
        notice(f"not applicable, not run: {why}")
    left = {n: given for n, given in own.items() if any(n not in unfit.get(model, {}) for model in models)}
    return Protections(left, unfit)


def resolve(
    benchmarks: str | Sequence[str],
    protections: Mapping[str, Mapping[str, Any]],
    plan_options: PlanOptions | None = None,
    *,
    attacked: Mapping[str, Mapping[str, Any]] | None = None,
    benign: str = "",
    notice: Notice = say_once,
) -> list[Job]:
    """Plan every run before any is begun. A suite runs what is at hand and says what is not.

    Args:
        benchmarks: names and suites; in a single string with commas.
        protections: defense -> its options, as from `usable`.
        plan_options: what else `plan` takes.
        attacked: attack -> its options, as from `usable`; by default none.
        benign: a benchmark that is run beside the others with its usual options: its benign items show what of an
            attack's tries is understood at all.
        notice: told what of a suite is not run.

    Raises:
        UserError: whatever `plan` raises; in a suite only if nothing of it can be run.
    """
    named = benchmarks if isinstance(benchmarks, str) else ",".join(benchmarks)
    jobs: list[Job] = []
    problems: list[UserError] = []
    members = [*suites.resolve(named), *_benign_members(benign, named)]
    given = PlanOptions(**plan_options) if plan_options else PlanOptions()
    root, options = given.pop("data", None), given.pop("options", ())
    given["judging"] = JudgeChoice.of(given.get("judging"))  # one for all plans: each judge model is opened once
    places = suites.places(None if root is None else Path(root), members)
    for member in members:
        given["data"] = places[member.benchmark]
        given["options"] = _options_of(member, options if member.benchmark != benign else ())
        planned: Plan | None = None
        for attack, defense in itertools.product(attacked or {"none": {}}, protections):
            try:
                planned = planned or _planned(member.benchmark, given, suite=suites.PREFIX in named)
                chosen = (attack, (attacked or {}).get(attack, {}), defense, protections[defense])
                jobs.append(Job(member.label, planning.under(planned, *chosen)))
            except UserError as problem:
                if suites.PREFIX not in named:
                    raise
                problems.append(problem)
                under = "".join(f" under {name}" for name in (attack, defense) if name != "none")
                notice(f"not run: {member.label}{under}: {problem}")
    if problems and not jobs:
        raise problems[0]
    jobs[0].plan.judging.refuse_idle(dict.fromkeys(name for job in jobs for name in job.plan.file.judges))
    folders = [job.folder for job in jobs]
    for folder in folders:
        if folders.count(folder) > 1:
            raise UserError(f"'{folder}' was asked for twice; name each benchmark and defense once, or label the runs")
    return jobs


def _benign_members(benign: str, named: str) -> Sequence[suites.Member]:
    return suites.resolve(benign) if benign and benign not in named.split(",") else []


def _options_of(member: suites.Member, options: Iterable[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(options, Mapping):
        return {**member.options, **options}
    given = [options] if isinstance(options, str) else list(options)
    return pairs(given, what=f"{member.benchmark} (-T)", base=member.options)


def _planned(benchmark: str, given: PlanOptions, *, suite: bool) -> Plan:
    """Make the plan. Raises UserError: also where a suite's benchmark has no image here to ask about."""
    planned = planning.plan(benchmark, **given)
    if suite and all(item.missing_image is not None for item in planned.whole):
        how = planned.file.source.get("manual") or f"see 'foresee data check {benchmark}'"
        raise UserError(f"none of its {len(planned.whole)} items has its image here; {how}")
    return planned


def carry_out(
    jobs: Sequence[Job],
    models: Sequence[str | Model],
    model_options: Mapping[str, Any] | None = None,
    *,
    protections: Protections | None = None,
    attacked: Protections | None = None,
    out: Path | None = None,
    settings: RunSettings | RunOverrides | None = None,
    command: Sequence[str] = (),
    moved: bool = False,
    nested: bool = False,
    budget: Budget | None = None,
    said: Remarks = Remarks(),  # noqa: B008 - immutable
    notice: Notice = say_once,
    bars: Bars = lambda label: nullcontext(),
) -> list[Finished]:
    """Carry the jobs out on each model; one open model serves them all.

    Args:
        jobs: what to run.
        models: `PROVIDER/NAME`, or open models, which stay open.
        model_options: the provider's, for every model that is opened here.
        protections: as from `usable`: which defenses a model is not run under.
        attacked: the same of attacks.
        out: the folder, or the folder of folders where there are several jobs; below it one a model, if several.
        settings: of the calls; RunOverrides lie over those that suit each model.
        command: the command line, for the record.
        moved: see `foresee.evaluate`.
        nested: `out` holds a folder for each job even if there is one alone, as of a suite whose other data come later.
        budget: what all of them together may cost.
        said: tags and a note for every run.
        notice: told what a user should know before the figures are read.
        bars: shows how far each run has come.

    Returns:
        The runs, model by model in the order of the jobs.

    Raises:
        UserError: as `foresee.evaluate`, or a model is named twice.
    """
    names = [slug(_name(model)) for model in models]
    if len(set(names)) < len(names):
        raise UserError(f"--model {','.join(map(_name, models))}: a model was asked for twice; name each once")
    for line in one_sided(jobs):
        notice(line)
    finished: list[Finished] = []
    for model in models:
        own = [job for job in jobs if runs_on(_name(model), job, protections, attacked)]
        root = out / slug(_name(model)) if out and len(models) > 1 else out
        below = nested or len(own) > 1
        with opened([job.plan for job in own], model, model_options) as tested:
            chosen = settings if isinstance(settings, RunSettings) else RunSettings.of(tested, settings)
            for place, job in enumerate(own):
                new = job.label not in {before.label for before in own[:place]}
                for line in _notices(job.plan, tested, first=new):
                    notice(line)
                with bars(job.label) as progress:
                    run = run_plan(
                        job.plan,
                        tested,
                        out=root / job.folder if root and below else root,
                        settings=chosen,
                        progress=progress,
                        command=command,
                        moved=moved,
                        budget=budget,
                        said=said,
                    )
                finished.append(Finished(job, run))
    return finished


def runs_on(model: str, job: Job, protections: Protections | None, attacked: Protections | None = None) -> bool:
    """Whether a job's defense and attack mean something to a model."""
    fits = protections is None or protections.fit(model, job.defense)
    return fits and (attacked is None or attacked.fit(model, job.attack))


def check_models(jobs: Sequence[Job], models: Sequence[str], options: Mapping[str, Any]) -> None:
    """Find what is wrong with the models' names, options and addresses, as a run would, but open none of them.

    Raises:
        UserError: see `models.check_model`.
    """
    for model in models:
        check_model(model, options)
    jobs[0].plan.judging.check()


def run_overrides(concurrency: int | None, retries: int, timeout: float | None) -> RunOverrides:
    """Check the settings before a model is opened. Raises UserError: one is out of bounds."""
    found: RunOverrides = {"retries": retries}
    if concurrency is not None:
        found["concurrency"] = concurrency
    if timeout is not None:
        found["timeout"] = timeout
    build(RunSettings, dict(found), what="run settings")
    return found


def _notices(planned: Plan, model: Model, *, first: bool) -> Iterator[str]:
    """Yield what a user should know of a run; `first`: whether the benchmark has not been run on this model before."""
    if first:
        yield from _of_items(planned)
        yield from _of_judges(planned, model)
    yield from _of_defense(planned)


def _of_judges(planned: Plan, model: Model) -> Iterator[str]:
    """Say which judges are left out, and where a model judges its own answers."""
    if planned.unread:
        screen = "; harm is read by the offline screen, which is no judge" if _is_screened(planned) else ""
        yield (
            f"{planned.benchmark}: not judged by {', '.join(planned.unread)}{screen}; "
            "later: foresee score RUN --judge-model PROVIDER/NAME"
        )
    for judge in planned.judges:
        for member in judge.members if isinstance(judge, GradedJudge) else ():
            if dict(member.model.identity) == dict(model.identity):
                yield f"{planned.benchmark}: {model.name} judges its own answers ({judge.name}), as you asked"


def _is_screened(planned: Plan) -> bool:
    return any(judge.name == screening.SCREEN for judge in planned.judges)


def one_sided(jobs: Sequence[Job]) -> list[str]:
    """Write a line for each harm benchmark, where none of the jobs has benign requests to show what refusing costs."""
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


def _of_defense(planned: Plan) -> Iterator[str]:
    defense = planned.defense
    if defense is None or not isinstance(defense.decoding, SecondBranch):
        return
    if without := sum(not item.images for item in planned.items if not item.missing_image):
        yield (
            f"{planned.benchmark}: {without} of {len(planned.items)} items have no image, "
            f"so that {defense.name} has nothing to contrast there"
        )


def _of_items(planned: Plan) -> Iterator[str]:
    name, total = planned.benchmark, len(planned.items)
    if planned.shard is not None:
        yield f"{name}: shard {planned.shard.index} of {planned.shard.of}, {total} of {len(planned.whole)} items"
    blind = missing = 0
    for item in planned.items:
        blind += bool(item.metadata.get("lacks_picture"))
        missing += item.missing_image is not None
    if blind:
        yield (f"{name}: {blind} of {total} items lack their image here: text only, not comparable")
    if missing:
        yield (
            f"{name}: {missing} of {total} items lack their image in this copy of the data; "
            f"they are counted, not sent (details: foresee data check {name}"
            + ("; -T modality=text tries the texts alone)" if missing == total else ")")
        )
    if planned.epochs > 1 and planned.generation.temperature == 0 and planned.attack is None:
        yield (f"{name}: --epochs {planned.epochs} at temperature 0 may repeat the same answers")
