"""The command line: one file a command group. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from functools import cache

import typer
from typer.core import TyperGroup

from foresee.cli import (
    attack,
    curate,
    data,
    defense,
    demo,
    doctor,
    eval,
    join,
    judge,
    organism,
    profile,
    push,
    report,
    score,
    show,
    study,
    train,
)

app = typer.Typer(
    name="foresee",
    help="Measure and improve the safety of vision-language models: aware, foreseeing, resistant, not crippled.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("eval")(eval.evaluate)
app.command("profile")(profile.profile)
app.command("score")(score.score)
app.command("join")(join.join)
app.add_typer(attack.app, name="attack")
app.add_typer(judge.app, name="judge")
app.command("compare")(report.compare)
app.command("report")(report.page)
app.command("export")(report.export)
app.add_typer(data.app, name="data")
app.add_typer(defense.app, name="defense")
app.add_typer(organism.app, name="organism")
app.add_typer(curate.app, name="curate")
app.command("train")(train.train)
app.command("merge")(train.merge)
app.command("push")(push.push)
app.command("study")(study.study)
app.command("list")(doctor.list_plugins)
app.command("show")(show.show)
app.command("runs")(show.runs)
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"foresee {installed('foresee')}")
        raise typer.Exit


@cache
def command() -> TyperGroup:
    """Return the whole command line, to be called with a list of words; reading all options takes 0.1 s, once."""
    return typer.main.get_group(app)
