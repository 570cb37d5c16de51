"""`foresee score`: judge answers that exist, from a file or a run folder, without asking the model under test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from foresee.cli._costs import BudgetOption, JudgePrice
from foresee.cli._judging import ByModel, JudgeModel, JudgeOptions, JudgeRubric, Strict, Template
from foresee.cli._shards import Engine
from foresee.cli.eval import (
    By,
    Concurrency,
    Data,
    FailIf,
    Format,
    Limit,
    LimitSeed,
    Retries,
    ShardOption,
    TaskOptions,
    Timeout,
)

Correct = Annotated[
    str | None,
    typer.Option(
        "--correct",
        metavar="FILE|LABELS",
        help="correct the judge's rates: by the file that 'foresee judge agree' kept, or by a label set (NAME=FOLDER)",
    ),
]


def score(
    answers: Annotated[
        Path, typer.Argument(help='run folder, or JSONL with one {"id": …, "response": "…"} a line, or such a table')
    ],
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", help="of a JSONL file: the benchmark that the answers belong to")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="run folder to write; default for a run folder: one below RUN/judged/")
    ] = None,
    data: Data = None,
    task_options: TaskOptions = None,
    limit: Limit = None,
    limit_seed: LimitSeed = 0,
    model: Annotated[str | None, typer.Option("--model", help="of a JSONL file: what to call the model")] = None,
    field: Annotated[
        str | None, typer.Option("--field", help="of a JSONL file: the field that holds the answer; default: response")
    ] = None,
    id_field: Annotated[str, typer.Option("--id-field", help="of a file: the field that holds the item's id")] = "id",
    judge_model: JudgeModel = None,
    judge_options: JudgeOptions = None,
    judge_rubric: JudgeRubric = None,
    by_model: ByModel = None,
    template: Template = None,
    strict: Strict = False,
    concurrency: Concurrency = None,
    retries: Retries = 5,
    timeout: Timeout = None,
    format: Format = "table",
    by: By = "",
    fail_if: FailIf = None,
    judge_price: JudgePrice = "",
    budget: BudgetOption = None,
    shard: ShardOption = None,
    engine: Engine = None,
    correct: Correct = None,
) -> None:
    """Score stored answers with the same judge and statistics as an evaluation; nothing is asked of the model.

    Of a run folder the answers are judged anew, by other judge models for example. Results of several judgings stand
    beside each other, and what a judge model was asked before is not asked again. With --correct and no judge model,
    nothing is judged: the rates of the folder are corrected by people's labels.
    """
    from foresee.cli import _console, _costs, _judging, _results, _shards
    from foresee.evaluation import score as scoring
    from foresee.evaluation.jobs import run_overrides
    from foresee.evaluation.run_folder import Run, read_run
    from foresee.plugins import contracts
    from foresee.runner import RunSettings

    _results.check_format(format, by)
    _results.check_price(judge_price, "--judge-price")
    conditions = _results.conditions(fail_if)
    judging = _judging.choice(judge_model, judge_options, judge_rubric, by_model, template, strict=strict)
    settings = RunSettings(**run_overrides(concurrency, retries, timeout))
    command = ["foresee", *sys.argv[1:]]
    part = _shards.of_option(shard)
    _shards.refuse_conditions(part, fail_if)
    how: dict[str, Any] = {"settings": settings, "judging": judging}
    scored: Callable[..., Run] = scoring.score
    if answers.is_dir():
        given = {"--benchmark": benchmark, "--data": data, "-T": task_options, "--limit": limit, "--model": model}
        given |= {"--field": field, "--limit-seed": limit_seed, "--id-field": id_field if id_field != "id" else None}
        _refuse_idle(answers, given)
        call, scored = {"run": answers, **how}, scoring.rescore
    else:
        name, out = _needed(answers, benchmark, out)
        call = {"answers": answers, "benchmark": name, "model": model, "field": field, "id_field": id_field, **how}
        call |= {"data": data, "options": task_options or (), "limit": limit, "limit_seed": limit_seed}
        judging.refuse_idle(contracts.benchmark(name).judges)
    if correct is not None and not (judging.models or judging.by_model or out) and _is_judged(answers):
        run = read_run(answers)
    elif engine is not None:
        from foresee.evaluation.on_ray import score_on_ray

        run = _shards.on_ray(score_on_ray, engine, call, out=out, shard=part, budget=budget, command=command)
    else:
        limit_usd = _costs.budget(_shards.budget_of(part, budget), "", judge_price)
        with _console.judging_progress(f"judging {answers.name}") as progress:
            run = scored(**call, out=out, shard=part, progress=progress, command=command, budget=limit_usd)
    if "guard:" in (judge_model or ""):
        _judging.warn_of_unread(run)
    _results.show([run], format=format, by=by, judge_price=judge_price, correct=correct, judges=judging)
    _results.exit_on(conditions, [run], unanswered="no answer here can be judged; ask the model again (foresee eval)")


def _is_judged(answers: Path) -> bool:
    """Whether it is a run whose answers some judge has read, so that there is a rate to correct."""
    from foresee import manifest

    return answers.is_dir() and bool(manifest.read(answers, "evaluation").get("judges"))


def _refuse_idle(folder: Path, given: Mapping[str, object]) -> None:
    """Refuse what a run folder says itself. Raises UserError: it was given."""
    from foresee import manifest
    from foresee.errors import UserError

    idle = [name for name, value in given.items() if value]
    if idle and (folder / manifest.FILE).exists():
        raise UserError(f"{', '.join(idle)}: of a run folder these are known; leave them out")


def _needed(answers: Path, benchmark: str | None, out: Path | None) -> tuple[str, Path]:
    from foresee.errors import UserError

    if benchmark is None or out is None:
        lacks = [name for name, value in (("--benchmark", benchmark), ("--out", out)) if value is None]
        what = "is a file of answers" if answers.exists() else "does not exist"
        raise UserError(f"{answers} {what}: give {' and '.join(lacks)}, or name a run folder")
    return benchmark, out
