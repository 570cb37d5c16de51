"""`foresee profile`: the four questions and ability, models and defenses side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foresee.cli._costs import BudgetOption, JudgePrice, PriceOption
from foresee.cli._judging import JudgeModel
from foresee.cli.eval import (
    AttackNames,
    AttackOptions,
    Data,
    DefenseNames,
    DefenseOptions,
    Limit,
    ModelOptions,
    Note,
    Out,
    Tag,
    TaskOptions,
)

if TYPE_CHECKING:
    from foresee.evaluation.plan import PlanOptions
    from foresee.report.profile import Profile

Shape = Literal["table", "md", "latex", "csv"]
Labels = Annotated[str, typer.Option("--label", help="names with commas for what stands side by side, in their order")]


def profile(
    runs: Annotated[list[Path] | None, typer.Argument(help="run folders, or folders that hold several")] = None,
    model: Annotated[str, typer.Option("--model", help="instead of folders: models to ask now, with commas")] = "",
    benchmarks: Annotated[
        str, typer.Option("--benchmarks", help="benchmarks and suites; default: suite/safety, suite/world of organisms")
    ] = "",
    data: Data = None,
    out: Out = None,
    task_options: TaskOptions = None,
    model_options: ModelOptions = None,
    attack: AttackNames = "none",
    attack_options: AttackOptions = None,
    defense: DefenseNames = "none",
    defense_options: DefenseOptions = None,
    limit: Limit = None,
    judge_model: JudgeModel = None,
    price: PriceOption = "",
    judge_price: JudgePrice = "",
    budget: BudgetOption = None,
    label: Labels = "",
    tag: Tag = "",
    note: Note = "",
    format: Annotated[
        Shape, typer.Option("--format", help="table, md, latex, or csv with all that is known")
    ] = "table",
    page: Annotated[Path | None, typer.Option("--page", help="also write this HTML page")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="also draw it: figure.svg, .png or .pdf")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a page or figure that is there already")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="of --model: show the requests, and send none")] = False,
) -> None:
    """Show how safe models are: aware, foreseeing, resistant, not over-refusing, able; with intervals and differences.

    Of run folders, or of models that are asked now; the same command goes on with an interrupted one.
    """
    from foresee.cli import _costs, _dry_run
    from foresee.cli._asking import Asking
    from foresee.errors import UserError
    from foresee.models import several
    from foresee.report.profile import profile as build

    if bool(runs) == bool(model):
        raise UserError("expected run folders or --model, one of both: foresee profile runs/a runs/b, or --model M")
    _check_outputs(page, to, force=force)
    if runs:
        if tag or note:
            raise UserError(
                "--tag and --note are for runs made now; leave them out, or repeat the run's command with them"
            )
        show(build(runs, labels=names_of(label)), format, page, to)
        return
    default = "suite/world" if all(name.startswith("organism/") for name in several(model)) else "suite/safety"
    asking = Asking.planned(
        benchmarks or default,
        model,
        model_options,
        _wanted(data, task_options, limit, judge_model),
        attack=attack,
        attack_options=attack_options,
        defense=defense,
        defense_options=defense_options,
    )
    if dry_run:
        asking.show(_dry_run.Prices(price, judge_price, budget))
        return
    limit_usd = _costs.budget(budget, price, judge_price)
    finished = asking.carry_out(out=out, nested=True, budget=limit_usd, tag=tag, note=note)
    show(build([each.run for each in finished], labels=names_of(label)), format, page, to)


def _wanted(
    data: Path | None, task_options: list[str] | None, limit: int | None, judge_model: str | None
) -> PlanOptions:
    from foresee.evaluation.plan import PlanOptions
    from foresee.judges import JudgeChoice

    wanted = PlanOptions(data=data, options=task_options or (), limit=limit)
    if judge_model:
        wanted["judging"] = JudgeChoice.of(judge_model)
    return wanted


def _check_outputs(page: Path | None, to: Path | None, *, force: bool) -> None:
    """Refuse files that can't be written, before anything is asked."""
    from foresee.files.outputs import output_file
    from foresee.report import profile_figure

    if page is not None:
        output_file(page, force=force, flag="--page")
    if to is not None:
        profile_figure.check(output_file(to, force=force, flag="--to"))


def show(
    found: Profile, format: Shape, page: Path | None = None, to: Path | None = None, *, further: bool = True
) -> None:
    """Print a profile, and write its page and its figure where one is named; `further` says where to look next."""
    from foresee.cli import _results
    from foresee.cli._console import console, say
    from foresee.report import profile_figure, profile_text
    from foresee.report.run_text import way_to_costs

    if format == "table":
        for table in profile_text.text_tables(found, console().width):
            _results.put(table, "table")
        for place, subject in enumerate(found.subjects if len(found.subjects) == 1 else ()):
            typer.echo(f"{subject.name}, in words:")
            for line in profile_text.sentences(found, place):
                typer.echo(f"- {line}")
    else:
        write = {"md": profile_text.document, "latex": profile_text.latex, "csv": profile_text.comma_separated}[format]
        typer.echo(write(found))
    runs = list({id(f.run): f.run for line in found.measures for f in line.figures if f}.values())
    if further:
        _results.say_way_back(runs)
        if costs := way_to_costs(runs):
            say(costs)
    if page is not None:
        from foresee.report.page import write as write_page

        write_page(page, runs, profile=found)
        say(f"wrote {page}")
    if to is not None:
        profile_figure.write(to, found)
        say(f"wrote {to}")


def names_of(text: str) -> list[str]:
    """Read what `--label` was given."""
    return [part.strip() for part in text.split(",")] if text else []
