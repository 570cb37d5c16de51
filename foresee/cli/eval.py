"""`foresee eval`: ask a model every item of benchmarks, under defenses, judge the answers, print the tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresee.cli._costs import BudgetOption, JudgePrice, PriceOption
from foresee.cli._judging import ByModel, JudgeModel, JudgeOptions, JudgeRubric, NoJudge, Strict, Template
from foresee.cli._shards import Engine

if TYPE_CHECKING:
    from foresee.evaluation.jobs import Finished
    from foresee.evaluation.run_folder import Run

Models = Annotated[
    str, typer.Option("--model", help="PROVIDER/NAME: openai/gpt-4o, local/FOLDER, custom/NAME, …; A,B one by one")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="folder with the published files; else $FORESEE_DATA/NAME or the cache")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="run folder, or with several runs the folder of theirs; default: under runs/, the same"),
]
TaskOptions = Annotated[
    list[str] | None, typer.Option("-T", "--task-arg", metavar="KEY=VALUE", help="benchmark option; repeatable")
]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option("-M", "--model-arg", metavar="KEY=VALUE", help="model option, e.g. base_url=…; repeatable"),
]
AttackNames = Annotated[str, typer.Option("--attack", help="attacks: a,b one after another; foresee list attacks")]
AttackOptions = Annotated[
    list[str] | None, typer.Option("-A", "--attack-arg", metavar="KEY=VALUE", help="attack option; repeatable")
]
Benign = Annotated[
    str, typer.Option("--benign", help="under attacks: a benchmark run beside, to see what of the tries is understood")
]
DefenseNames = Annotated[str, typer.Option("--defense", help="defenses: a+b for both at once, a,b one after another")]
DefenseOptions = Annotated[
    list[str] | None, typer.Option("-S", "--defense-arg", metavar="KEY=VALUE", help="defense option; repeatable")
]
Details = Annotated[
    bool,
    typer.Option("--details", help="under attacks or several defenses: also every metric of each run"),
]
Limit = Annotated[
    int | None, typer.Option("--limit", help="at most N items at random, of every subset its share; 20 lie within 200")
]
LimitSeed = Annotated[int, typer.Option("--limit-seed", help="another seed, another sample of --limit items")]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="this process's share, e.g. 2/8; auto: of a SLURM array, auto/N: by the task's number; then foresee join",
    ),
]
Epochs = Annotated[int | None, typer.Option("--epochs", help="how often each item is sent; default: the benchmark's")]
Format = Annotated[str, typer.Option("--format", help="table, md or json")]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", help="calls in flight at most; default: 32, or what a local model suggests"),
]
Retries = Annotated[int, typer.Option("--retries", help="further tries after a passing failure")]
Timeout = Annotated[float | None, typer.Option("--timeout", help="seconds for one call; default: the model's")]
Moved = Annotated[bool, typer.Option("--moved", help="the run folder's model is now served at another address")]
Tag = Annotated[str, typer.Option("--tag", metavar="TAG,…", help="find the runs by these: foresee runs --tag TAG")]
Note = Annotated[str, typer.Option("--note", help="a remark on the runs, shown by foresee runs and on their page")]
Wandb = Annotated[
    str, typer.Option("--wandb", metavar="PROJECT", help="in the end, figures and settings to W&B (extra [wandb])")
]
By = Annotated[
    str, typer.Option("--by", help="also show the first measure by subset, domain, scenario, … or metadata.KEY")
]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help="exit 1 if this holds, e.g. 'over_safe.accuracy < 0.4'; repeatable"),
]


def evaluate(
    benchmarks: Annotated[str, typer.Argument(help="benchmarks and suites with commas; see 'foresee list'")],
    model: Models,
    data: Data = None,
    out: Out = None,
    task_options: TaskOptions = None,
    model_options: ModelOptions = None,
    attack: AttackNames = "none",
    attack_options: AttackOptions = None,
    benign: Benign = "",
    defense: DefenseNames = "none",
    defense_options: DefenseOptions = None,
    limit: Limit = None,
    limit_seed: LimitSeed = 0,
    epochs: Epochs = None,
    judge_model: JudgeModel = None,
    judge_options: JudgeOptions = None,
    judge_rubric: JudgeRubric = None,
    by_model: ByModel = None,
    template: Template = None,
    no_judge: NoJudge = False,
    strict: Strict = False,
    temperature: Annotated[float | None, typer.Option("--temperature", help="default: the benchmark's, greedy")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="default: the benchmark's")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="seed for sampling")] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option("--repetition-penalty", help="default: 1, none, whatever a checkpoint recommends")
    ] = None,
    concurrency: Concurrency = None,
    retries: Retries = 5,
    timeout: Timeout = None,
    format: Format = "table",
    by: By = "",
    fail_if: FailIf = None,
    price: PriceOption = "",
    judge_price: JudgePrice = "",
    budget: BudgetOption = None,
    moved: Moved = False,
    shard: ShardOption = None,
    engine: Engine = None,
    details: Details = False,
    tag: Tag = "",
    note: Note = "",
    wandb: Wandb = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the requests, and send none")] = False,
) -> None:
    """Evaluate a model on benchmarks. The same command continues an interrupted run."""
    from foresee.cli import _console, _costs, _dry_run, _judging, _results, _shards
    from foresee.cli._asking import Asking
    from foresee.evaluation import suites
    from foresee.evaluation.jobs import run_overrides
    from foresee.evaluation.plan import PlanOptions

    _results.check_format(format, by)
    _results.check_price(judge_price, "--judge-price")
    _results.check_wandb(wandb, shard)
    conditions = _results.conditions(fail_if)
    part = _shards.of_option(shard)
    _shards.refuse_conditions(part, fail_if)
    wanted = PlanOptions(
        data=data,
        options=task_options or (),
        limit=limit,
        limit_seed=limit_seed,
        epochs=epochs,
        shard=part,
        judging=_judging.choice(
            judge_model,
            judge_options,
            judge_rubric,
            by_model,
            template,
            off=no_judge,
            strict=strict,
            instead=_judging.STORE_ALONE,
        ),
        generation={
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": seed,
            "repetition_penalty": repetition_penalty,
        },
    )
    asking = Asking.planned(
        benchmarks,
        model,
        model_options,
        wanted,
        attack=attack,
        attack_options=attack_options,
        defense=defense,
        defense_options=defense_options,
        benign=benign,
    )
    _results.check_promises(conditions, price, [job.plan for job in asking.jobs])
    if dry_run:
        asking.show(_dry_run.Prices(price, judge_price, budget), concurrency=concurrency or 32)
        return
    settings = run_overrides(concurrency, retries, timeout)
    if engine is not None:
        from foresee.evaluation.on_ray import evaluate_on_ray
        from foresee.evaluation.remarks import Remarks

        call = {"benchmark": benchmarks.split(","), "model": asking.models, "attack": attack.split(","), **wanted}
        call |= {"defense": defense.split(","), "attack_options": attack_options or (), "benign": benign}
        call |= {"defense_options": defense_options or (), "model_options": asking.options, "moved": moved}
        call |= {"settings": settings, "tags": Remarks.of(tag, note).tags, "note": note}
        placed: dict[str, Any] = {"out": out, "shard": part, "budget": budget, "command": ["foresee", *sys.argv[1:]]}
        runs = _shards.on_ray(evaluate_on_ray, engine, call, **placed)
        _results.show(runs, format=format, by=by, price=price, judge_price=judge_price)
        _results.send_to_wandb(runs, wandb)
        _results.exit_on(conditions, runs)
        return
    finished = asking.carry_out(
        out=out,
        nested=suites.PREFIX in benchmarks,
        budget=_costs.budget(_shards.budget_of(part, budget), price, judge_price),
        tag=tag,
        note=note,
        settings=settings,
        moved=moved,
    )
    together = _shown_side_by_side(finished, asking.protections.why, asking.attacked.why, format)
    runs = [each.run for each in finished]
    if together and not (details or by or price or judge_price):
        _console.say(f"every metric: --details, or foresee report {runs[0].folder.parent}")
        _results.say_way_back(runs)
    else:
        _show(finished, format=format, by=by, price=price, judge_price=judge_price)
    _results.send_to_wandb(runs, wandb)
    _results.exit_on(conditions, runs)


def _shown_side_by_side(
    finished: Sequence[Finished], unfit: Mapping[str, str], unfit_attacks: Mapping[str, str], format: str
) -> bool:
    """Whether there were attacks or several defenses to be put into one table; JSON holds every run by itself."""
    from foresee.cli import _results

    if format == "json":
        return False
    runs, labels = [each.run for each in finished], [each.job.label for each in finished]
    if any(run.attack != "none" for run in runs):
        shown = _results.show_attacks(runs, labels, {**unfit, **unfit_attacks}, format=format)
    else:
        shown = _results.show_defenses(runs, labels, unfit, format=format)
    _results.show_costs(runs, unfit, format=format)
    return shown


def _show(finished: Sequence[Finished], *, format: str, by: str, price: str, judge_price: str) -> None:
    """Every run's table, and where a benchmark ran under several defenses, each against the first."""
    from foresee.cli import _results

    _results.show([each.run for each in finished], format=format, by=by, price=price, judge_price=judge_price)
    if format == "json":
        return
    first: dict[tuple[str, str, str], Run] = {}
    for job, run in finished:
        place = (run.model, job.label, run.attack)
        if first.setdefault(place, run) is not run:
            _results.put_comparison(first[place], run, format)
