"""Evaluate a model on a benchmark, or several on several: the library's front door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeGuard, TypeVar, Unpack, overload

from foresee.errors import UserError
from foresee.evaluation import jobs as batch
from foresee.evaluation import plan as planning
from foresee.evaluation import suites
from foresee.evaluation.plan import Plan, PlanOptions
from foresee.evaluation.progress import progress_bar
from foresee.evaluation.remarks import Remarks
from foresee.evaluation.run_folder import Run
from foresee.evaluation.run_plan import opened, run_plan
from foresee.evaluation.runs import Runs
from foresee.files.shards import Shard
from foresee.judges import JudgeChoice
from foresee.records import Attack, Defense, Model
from foresee.runner import Budget, Progress, RunSettings

T = TypeVar("T")
Several: TypeAlias = list[T] | tuple[T, ...]


class EvaluateOptions(TypedDict, total=False):
    """The keyword arguments of `evaluate`, but for `attack` and `defense`."""

    data: Path | str | None
    options: Iterable[str] | Mapping[str, Any]
    limit: int | None
    limit_seed: int
    epochs: int | None
    generation: Mapping[str, Any] | None
    attack_options: Iterable[str] | Mapping[str, Any]
    benign: str
    defense_options: Iterable[str] | Mapping[str, Any]
    judging: JudgeChoice | str | None
    shard: Shard | str | None
    out: Path | str | None
    model_options: Mapping[str, Any] | None
    settings: RunSettings | None
    progress: Callable[[Progress], None] | None
    command: Sequence[str]
    moved: bool
    budget: Budget | None
    tags: Iterable[str]
    note: str


@overload
def evaluate(
    benchmark: str | Plan,
    model: str | Model,
    *,
    attack: str | Attack | None = None,
    defense: str | Defense | None = None,
    **options: Unpack[EvaluateOptions],
) -> Run: ...


@overload
def evaluate(
    benchmark: str | Several[str],
    model: Several[str | Model] | Several[str] | Several[Model],
    *,
    attack: str | Several[str] | None = None,
    defense: str | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


@overload
def evaluate(
    benchmark: Several[str],
    model: str | Model,
    *,
    attack: str | Several[str] | None = None,
    defense: str | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


@overload
def evaluate(
    benchmark: str,
    model: str | Model,
    *,
    attack: str | Several[str] | None = None,
    defense: Several[str],
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


@overload
def evaluate(
    benchmark: str,
    model: str | Model,
    *,
    attack: Several[str],
    defense: str | None = None,
    **options: Unpack[EvaluateOptions],
) -> Runs: ...


def evaluate(
    benchmark: str | Plan | Several[str],
    model: str | Model | Several[str | Model] | Several[str] | Several[Model],
    *,
    attack: str | Attack | Several[str] | None = None,
    defense: str | Defense | Several[str] | None = None,
    **options: Unpack[EvaluateOptions],
) -> Run | Runs:
    """Ask models the items of benchmarks, under attacks and defenses, judge the answers, and write run folders.

    The same call continues an interrupted run: what is in a folder's journal is not asked again.

        run = foresee.evaluate("mmsafeaware", "openai/gpt-4o")
        runs = foresee.evaluate("suite/world", ["organism/base", "organism/qwen"], defense=["none", "constitution"])

    Args:
        benchmark: a name, or a finished Plan; a list of names and suites for several runs.
        model: `PROVIDER/NAME`, or an open Model, which stays open; a list for several runs.
        attack: a name, or an open attack; a list for several runs.
        defense: a name, `a+b` for both at once, or an open defense; a list for several runs.
        options: what `foresee.plan` takes where `benchmark` is no Plan, and
            `benign`: with lists, a benchmark that is run beside the others, for what is understood under an attack.
            `out`: the run folder (of several runs, the folder of theirs); by default one under `runs/` that follows
            from the configuration, the same one each time.
            `model_options`: the provider's (`-M` on the command line).
            `settings`: concurrency, retries and timeouts; by default what suits the model.
            `progress`: called with the state after each finished item; by default a bar in a terminal or notebook.
            `command`: the command line, for the record.
            `moved`: the folder's answers came from another address, where the same model was served.
            `budget`: what all calls may cost, those that the folders hold already included; see `foresee.Budget`.
            `tags`, `note`: what to find the runs by (`foresee runs --tag`), and a remark for people.

    Returns:
        The run (rows, estimates, manifest) where benchmark, model, attack and defense are one each; else `Runs`.

    Raises:
        UserError: anything the caller can mend; work that was done is in the folder. A suite needs a list.
        BudgetSpent: a UserError: the budget is spent; the same call with a larger one goes on.
    """
    if (
        isinstance(benchmark, list | tuple)
        or isinstance(model, list | tuple)
        or isinstance(attack, list | tuple)
        or isinstance(defense, list | tuple)
    ):
        if isinstance(benchmark, Plan) or not _are_names(attack) or not _are_names(defense):
            raise UserError("several runs at once take names of benchmarks, attacks and defenses, nothing that is open")
        models: list[str | Model] = list(model) if isinstance(model, list | tuple) else [model]
        return _evaluated_all(_listed(benchmark), models, _listed(attack), _listed(defense), options)
    if isinstance(benchmark, Plan):
        planned = benchmark
    else:
        _refuse_several(benchmark, attack, defense)
        wanted = _plan_options(options)
        wanted["attack"], wanted["defense"] = attack, defense
        planned = planning.plan(benchmark, **wanted)
    with (
        opened([planned], model, options.get("model_options")) as tested,
        _bar(options)(planned.benchmark) as progress,
    ):
        return run_plan(
            planned,
            tested,
            out=options.get("out"),
            settings=options.get("settings"),
            progress=progress,
            command=options.get("command", ()),
            moved=options.get("moved", False),
            budget=options.get("budget"),
            said=_said(options),
        )


def _evaluated_all(
    benchmarks: Sequence[str],
    models: Sequence[str | Model],
    attacks: Sequence[str],
    defenses: Sequence[str],
    options: EvaluateOptions,
) -> Runs:
    names = [model if isinstance(model, str) else model.name for model in models]
    if not benchmarks or not names or not defenses or not attacks:
        raise UserError("expected a benchmark, a model, an attack and a defense at least, got an empty list")
    protections = batch.usable(defenses, options.get("defense_options", ()), names)
    attacked = batch.usable(attacks, options.get("attack_options", ()), names, kind="attack")
    jobs = batch.resolve(
        benchmarks,
        protections.options,
        _plan_options(options),
        attacked=attacked.options,
        benign=options.get("benign", ""),
    )
    out = options.get("out")
    finished = batch.carry_out(
        jobs,
        models,
        options.get("model_options"),
        protections=protections,
        attacked=attacked,
        out=None if out is None else Path(out),
        settings=options.get("settings"),
        command=options.get("command", ()),
        moved=options.get("moved", False),
        nested=any(suites.PREFIX in name for name in benchmarks),
        budget=options.get("budget"),
        said=_said(options),
        bars=_bar(options),
    )
    return Runs([each.run for each in finished], [each.job.label for each in finished])


def _are_names(value: object) -> TypeGuard[str | Several[str] | None]:
    return value is None or isinstance(value, str | list | tuple)


def _listed(value: str | Several[str] | None) -> list[str]:
    return list(value) if isinstance(value, list | tuple) else [value or "none"]


def _plan_options(options: EvaluateOptions) -> PlanOptions:
    found: PlanOptions = {}
    for key in PlanOptions.__annotations__.keys() & options.keys():
        found[key] = options[key]  # type: ignore[literal-required]
    return found


def _said(options: EvaluateOptions) -> Remarks:
    return Remarks(tuple(options.get("tags", ())), options.get("note", ""))


def _bar(options: EvaluateOptions) -> batch.Bars:
    """Choose the caller's own callback, else a bar where somebody looks."""
    from contextlib import nullcontext

    own = options.get("progress")
    return progress_bar if own is None else lambda label: nullcontext(own)


def _refuse_several(*given: object) -> None:
    """Refuse a string that names several runs. Raises UserError: it does."""
    for several in given:
        if not isinstance(several, str) or not ("," in several or several.startswith(suites.PREFIX)):
            continue
        names = several.split(",")
        raise UserError(f"'{several}' stands for several runs: give a list, {names!r}, and get foresee.Runs")
