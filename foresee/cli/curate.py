"""`foresee curate …`: build data sets with your own models, and have a person review them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from foresee.cli._shards import Engine
from foresee.cli.eval import ShardOption

if TYPE_CHECKING:
    from foresee.curation import Built, Progress
    from foresee.plugins.contracts import Recipe


_GOES_ON = "The same command goes on with an interrupted build. --settings lists what can be set."


class Recipes(TyperGroup):
    """Every file of `foresee/curation` is a command, beside those declared here."""

    def list_commands(self, ctx: Any) -> list[str]:
        from foresee import plugins

        return [*plugins.names("curation"), *(name for name in super().list_commands(ctx) if name != "recipe")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        import copy

        from foresee import plugins
        from foresee.errors import unknown_name

        found = super().get_command(ctx, cmd_name)
        if found is not None and cmd_name != "recipe":
            return found
        names = plugins.names("curation")
        if cmd_name not in names:
            raise unknown_name("recipe", cmd_name, [*names, "review"])
        command = copy.copy(super().get_command(ctx, "recipe"))
        assert command is not None
        command.name, command.hidden = cmd_name, False
        command.short_help = plugins.summary("curation", cmd_name).line
        command.help = f"{command.short_help}\n\n{_GOES_ON}"
        return command


app = typer.Typer(cls=Recipes, no_args_is_help=True, help="Build data sets with your own models; review them.")


@app.command("recipe", hidden=True)
def recipe(
    context: typer.Context,
    file: Annotated[str | None, typer.Argument(help="TOML file with settings")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="one setting; repeatable, wins over the file")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="data set folder; default: datasets/RECIPE")] = None,
    format: Annotated[
        str, typer.Option("--format", help="jsonl, or parquet: also one file with the images in it")
    ] = "jsonl",
    budget: Annotated[
        float | None, typer.Option("--budget", help="USD for this folder, all runs together; stops cleanly")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option("--price", help="USD: [ROLE=]IN,OUT per million tokens, painter=X per image; repeatable"),
    ] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", help="calls in flight of each model")] = None,
    retries: Annotated[int | None, typer.Option("--retries", help="further tries after a passing failure")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", help="seconds for one call")] = None,
    shard: ShardOption = None,
    engine: Engine = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show each model's calls and the first row, and call none")
    ] = False,
    show_settings: Annotated[bool, typer.Option("--settings", help="list every setting with its default")] = False,
) -> None:
    """Build a data set by a recipe."""
    from foresee.errors import unknown_name
    from foresee.plugins import contracts

    name = str(context.info_name)
    recipe = contracts.recipe(name)
    if show_settings:
        from foresee.cli._console import list_settings

        list_settings(recipe.config)
        return
    if format not in ("jsonl", "parquet"):
        raise unknown_name("format", format, ("jsonl", "parquet"))
    values = _values(name, recipe, file, settings or ())
    if dry_run:
        _print_preview(name, recipe, values)
        return
    from foresee.cli import _shards
    from foresee.curation import BuildOptions, make
    from foresee.curation.evaluation_sets import benchmark_items

    part = _shards.of_option(shard)
    overrides = {"concurrency": concurrency, "retries": retries, "timeout": timeout}
    options = BuildOptions(
        run_overrides={key: value for key, value in overrides.items() if value is not None},
        prices=price or (),
        budget=_shards.budget_of(part, budget),
        shard=part,
        parquet=format == "parquet",
        command=["foresee", *sys.argv[1:]],
        of_benchmark=benchmark_items,
    )
    folder = out or Path("datasets") / name
    if engine is not None:
        from foresee.evaluation.on_ray import curate_on_ray

        built = _shards.on_ray(
            curate_on_ray, engine, name, values, out=folder, shard=part, budget=budget, options=options
        )
    else:
        with _progress(name) as progress:
            built = make(name, values, folder, options=options, progress=progress)
    if part is not None:
        typer.echo(f"shard {part.index} of {part.of}; when all are done, the same command without --shard joins them")
        if not built.rows and not built.failures:
            return
    _say_result(built)


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(help="data set folder")],
    apply: Annotated[
        list[Path] | None, typer.Option("--apply", help="decisions saved on a review page; repeatable")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", help="so many rows, drawn by the seed; default: all")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="of the sample")] = 0,
    again: Annotated[bool, typer.Option("--again", help="also rows that were decided on before")] = False,
) -> None:
    """Write the page on which a person keeps, fixes or drops rows; --apply carries the decisions out."""
    if apply:
        from foresee.curation import review as reviewing

        done = reviewing.apply(folder, apply)
        typer.echo(
            f"{folder}: {done.kept} kept, {done.fixed} fixed, {done.dropped} dropped, {done.undecided} not decided on; "
            "recorded in its manifest"
        )
        return
    from foresee.report.review import write_pages

    pages = write_pages(folder, sample=sample, seed=seed, again=again)
    typer.echo(f"{pages.rows:,} rows to review; open in a browser:")
    for path in pages.paths:
        typer.echo(f"  {path.resolve().as_uri()}")


def _values(name: str, recipe: Recipe, file: str | None, settings: Sequence[str]) -> Mapping[str, Any]:
    """Lay the settings of --set over those of the file. Raises UserError: one of them can't be read."""
    from foresee import config
    from foresee.curation import SIZES

    base = config.read_toml(Path(file)) if file else {}
    given = config.renamed_pairs(settings, SIZES, recipe.config)
    return config.pairs(given, what=f"{name} (--set)", base=config.renamed(base, SIZES, recipe.config))


def _print_preview(name: str, recipe: Recipe, values: Mapping[str, Any]) -> None:
    from foresee.curation import configured
    from foresee.curation.dry_run import preview

    found = preview(recipe, configured(recipe.config, values, name))
    typer.echo(f"{name}: nothing is asked or written in a dry run")
    for role, model in found.models.items():
        typer.echo(f"  {role}: {model}")
    more = " and more" if found.more else ""
    typer.echo(f"  rows made by rules: {found.rows:,}{more if found.rows else ''}")
    typer.echo(f"  candidates for which models are called: {found.jobs:,}{more if found.jobs else ''}")
    for reason, count in found.drops.items():
        typer.echo(f"  left out: {count:,} × {reason}")
    if found.first_call is not None:
        role, prompt = found.first_call
        typer.echo(f"  first call, of the {role}:")
        typer.echo("".join(f"    {line}\n" for line in prompt.splitlines()).rstrip("\n"))
    if found.first_row is not None:
        typer.echo(f"  first row: {found.first_row.line()}")


def _say_result(built: Built) -> None:
    """Say what was built. Raises UserError: there is no row."""
    from foresee.errors import UserError

    cost = f", {built.usd:.2f} USD so far" if built.usd is not None else ""
    typer.echo(f"{built.folder}: {built.rows:,} rows ({built.new:,} new){cost}")
    for reason, count in built.drops.items():
        typer.echo(f"  left out: {count:,} × {reason}")
    for reason, count in built.failures.items():
        typer.echo(f"  failed, tried again by the same command: {count:,} × {reason}")
    if built.stopped == "budget":
        typer.echo("  stopped at the budget; the same command with a higher --budget goes on")
    if not built.rows and built.stopped != "budget":
        raise UserError(_nothing(built))


def _nothing(built: Built) -> str:
    """Why a build brought no row, with one example, and where its calls can be read."""
    reason = next(iter(built.drops or built.failures), "no candidate; see --dry-run")
    example = built.examples.get(reason, "")
    calls = built.folder / "work" / "calls.jsonl"
    return (
        f"no row came of it ({reason})"
        + (f", for example of this: {example!r}" if example else "")
        + (f"; every reply is in {calls}" if calls.exists() else "")
    )


@contextmanager
def _progress(title: str) -> Iterator[Callable[[Progress], None]]:
    """Yield a callback: a line that is kept up to date on a terminal, a plain one now and then elsewhere."""
    import time

    from foresee.cli import _console

    live = sys.stderr.isatty()
    begun = last = time.monotonic()

    def text(state: Progress) -> str:
        of = f"/{state.total:,}" if state.total else ""
        parts = [f"{title}: {state.rows:,}{of} rows", f"{state.rows / max(time.monotonic() - begun, 1e-9):.1f}/s"]
        parts += [f"{state.dropped:,} left out"] if state.dropped else []
        parts += [f"{state.failed:,} failed"] if state.failed else []
        parts += [f"{state.usd:.2f} USD"] if state.usd is not None else []
        return ", ".join(parts)

    if live:
        with _console.console(stderr=True).status(title) as status:
            yield lambda state: status.update(text(state))
        return

    def update(state: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            _console.say(text(state))

    yield update
