"""Evaluate a model on a benchmark, or several on several: the library's front door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack, overload

from foresee.errors import UserError
from foresee.evaluation import jobs as batch
from foresee.evaluation import plan as planning
from foresee.evaluation import suites
from foresee.evaluation.plan import Plan, PlanOptions
from foresee.evaluation.progress import progress_bar
from foresee.evaluation.run_folder import Run
from foresee.evaluation.run_plan import opened, run_plan
from foresee.evaluation.runs import Runs
from foresee.judges import JudgeChoice
from foresee.records import Defense, Model
from foresee.runner import Budget, Progress, RunSettings

T = TypeVar("T")
Several: TypeAlias = list[T] | tuple[T, ...]


class EvaluateOptions(TypedDict, total=False):
    """The keyword arguments of `evaluate`, but for `defense`."""

    data: Path | str | None
    options: Iterable[str] | Mapping[str, Any]
    limit: int | None
    limit_seed: int
    epochs: int | None
    generation: Mapping[str, Any] | None
    defense_options: Iterable[str] | Mapping[str, Any]
    judging: JudgeChoice | str | None
    out: Path | str | None
    model_options: Mapping[str, Any] | None
    settings: RunSettings | None
    progress: Callable[[Progress], None] | None
    command: Sequence[str]
    moved: bool
    budget: Budget | None


@overload
def evaluate(
    benchmark: str | Plan,
    model: str | Model,
    *,
    defense: str | Defense | None = None,
    **options: Unpack[EvaluateOptions],
) -> Run: ...


@overload
def evaluate(
    benchmark: str | Several[str],
    model: Several[str | Model] | Several[str] | Several[Model],
    *,
    defense: str | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


@overload
def evaluate(
    benchmark: Several[str],
    model: str | Model,
    *,
    defense: str | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


@overload
def evaluate(
    benchmark: str,
    model: str | Model,
    *,
    defense: Several[str],
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


def evaluate(
    benchmark: str | Plan | Several[str],
    model: str | Model | Several[str | Model] | Several[str] | Several[Model],
    *,
    defense: str | Defense | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Run | Runs:
    """Ask models the items of benchmarks, under defenses, judge the answers, and write a run folder for each.

    The same call continues an interrupted run: what is in a folder's journal is not asked again.

        run = foresee.evaluate("mmsafeaware", "openai/gpt-4o")
        runs = foresee.evaluate("suite/world", ["organism/base", "organism/qwen"], defense=["none", "constitution"])

    Args:
        benchmark: a name, or a finished Plan; a list of names and suites for several runs.
        model: `PROVIDER/NAME`, or an open Model, which stays open; a list for several runs.
        defense: a name, `a+b` for both at once, or an open defense; a list for several runs.
        options: what `foresee.plan` takes where `benchmark` is no Plan, and
            `out`: the run folder (of several runs, the folder of theirs); by default one under `runs/` that follows
            from the configuration, the same one each time.
            `model_options`: the provider's (`-M` on the command line).
            `settings`: concurrency, retries and timeouts; by default what suits the model.
            `progress`: called with the state after each finished item; by default a bar in a terminal or notebook.
            `command`: the command line, for the record.
            `moved`: the folder's answers came from another address, where the same model was served.
            `budget`: what all calls may cost, those that the folders hold already included; see `foresee.Budget`.

    Returns:
        The run (rows, estimates, manifest) where benchmark, model and defense are one each; else `Runs`.

    Raises:
        UserError: anything the caller can mend; work that was done is in the folder. A suite needs a list.
        BudgetSpent: a UserError: the budget is spent; the same call with a larger one goes on.
    """
    if isinstance(benchmark, list | tuple) or isinstance(model, list | tuple) or isinstance(defense, list | tuple):
        if isinstance(benchmark, Plan) or not (defense is None or isinstance(defense, str | list | tuple)):
            raise UserError("several runs at once take names of benchmarks and defenses, not a Plan or an open defense")
        models: list[str | Model] = list(model) if isinstance(model, list | tuple) else [model]
        return _evaluated_all(_listed(benchmark), models, _listed(defense or "none"), options)
    if isinstance(benchmark, Plan):
        planned = benchmark
    else:
        _refuse_several(benchmark, defense)
        wanted = _plan_options(options)
        wanted["defense"] = defense
        planned = planning.plan(benchmark, **wanted)
    with (
        opened([planned], model, options.get("model_options")) as ((bound,), tested),
        _bar(options)(planned.benchmark) as progress,
    ):
        return run_plan(
            bound,
            tested,
            out=options.get("out"),
            settings=options.get("settings"),
            progress=progress,
            command=options.get("command", ()),
            moved=options.get("moved", False),
            budget=options.get("budget"),
        )


def _evaluated_all(
    benchmarks: Sequence[str], models: Sequence[str | Model], defenses: Sequence[str], options: EvaluateOptions
) -> Runs:
    names = [model if isinstance(model, str) else model.name for model in models]
    if not benchmarks or not names or not defenses:
        raise UserError("expected a benchmark, a model and a defense at least, got an empty list")
    protections = batch.usable(defenses, options.get("defense_options", ()), names)
    jobs = batch.resolve(benchmarks, protections.options, _plan_options(options))
    out = options.get("out")
    finished = batch.carry_out(
        jobs,
        models,
        options.get("model_options"),
        protections=protections,
        out=None if out is None else Path(out),
        settings=options.get("settings"),
        command=options.get("command", ()),
        moved=options.get("moved", False),
        nested=any(suites.PREFIX in name for name in benchmarks),
        budget=options.get("budget"),
        bars=_bar(options),
    )
    return Runs([each.run for each in finished], [each.job.label for each in finished])


def _listed(value: str | Several[str]) -> list[str]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _plan_options(options: EvaluateOptions) -> PlanOptions:
    found: PlanOptions = {}
    for key in PlanOptions.__annotations__.keys() & options.keys():
        found[key] = options[key]  # type: ignore[literal-required]
    return found


def _bar(options: EvaluateOptions) -> batch.Bars:
    """The caller's own callback, else a bar where somebody looks."""
    from contextlib import nullcontext

    own = options.get("progress")
    return progress_bar if own is None else lambda label: nullcontext(own)


def _refuse_several(benchmark: str, defense: str | Defense | None) -> None:
    """Raises UserError: one string names several runs."""
    several = benchmark if "," in benchmark or benchmark.startswith(suites.PREFIX) else defense
    if isinstance(several, str) and ("," in several or several.startswith(suites.PREFIX)):
        names = several.split(",")
        raise UserError(f"'{several}' stands for several runs: give a list, {names!r}, and get foresee.Runs")
