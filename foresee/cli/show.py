"""`foresee show` and `foresee runs`: what a thing is, and what has been run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from foresee.plugins import Kind


def show(
    name: Annotated[
        str,
        typer.Argument(help="a benchmark, defense, attack, judge, recipe, training, suite, metric; or a run folder"),
    ],
    item: Annotated[str, typer.Argument(help="of a run folder: the item whose answers and verdicts are shown")] = "",
) -> None:
    """Show what anything is: meaning, options, metrics, licence, where it comes from. Names are as in foresee list.

    Of a run folder: its items, those that went wrong first; of one item everything; and the command that made it.
    """
    from foresee import plugins
    from foresee.errors import UserError, unknown_name
    from foresee.evaluation import suites

    if Path(name).is_dir() and not (
        name in suites.names() or any(name in plugins.names(kind) for kind in plugins.KINDS)
    ):
        _show_run(Path(name), item)
        return
    if item:
        raise UserError(
            f"{name} is no run folder, so it has no item '{item}'; 'foresee data show' shows benchmarks' items"
        )
    found = [kind for kind in plugins.KINDS if name in plugins.names(kind)]
    told = False
    for kind in found:
        _show_plugin(kind, name)
        told = True
    suite = name.removeprefix(suites.PREFIX)
    if suite in suites.names() and (name != suite or not told):
        typer.echo(f"{suites.PREFIX}{suite}: {suites.line(suite)}")
        for member in suites.members(suite):
            options = ", ".join(f"{key}={value}" for key, value in member.options.items())
            typer.echo(f"  {member.benchmark}{f' ({options})' if options else ''}")
        told = True
    for line in _metrics_named(name):
        typer.echo(line)
        told = True
    if not told:
        known = {each for kind in plugins.KINDS for each in plugins.names(kind)} | set(suites.names())
        raise unknown_name("benchmark, defense, attack, judge, recipe, training, suite or metric", name, sorted(known))


def _show_run(folder: Path, item: str) -> None:
    """Print a run's items, or all that is known of one of them."""
    from foresee.cli import _results
    from foresee.evaluation.run_folder import read_run
    from foresee.report import run_text

    run = read_run(folder)
    if not item:
        _results.put(run_text.items(run), "table")
        return
    for line in run_text.item(run, item):
        typer.echo(line)


def _show_plugin(kind: Kind, name: str) -> None:
    """Print a plug-in's docstring, then what its file declares."""
    import ast

    from foresee import plugins
    from foresee.cli import _console
    from foresee.report.escaping import visible

    summary = plugins.summary(kind, name)
    typer.echo(f"{name} ({kind}), {summary.path}")
    if summary.error is not None:
        typer.echo(f"  BROKEN: {visible(summary.error)}")
        return
    for line in (ast.get_docstring(ast.parse(summary.path.read_text(encoding="utf-8"))) or "").splitlines():
        typer.echo(f"  {visible(line)}".rstrip())
    source = summary.literals.get("SOURCE")
    for key in ("licence", "consequence", "homepage", "paper", "companion", "version"):
        if isinstance(source, dict) and source.get(key):
            typer.echo(f"  {key}: {visible(str(source[key]))}")
    config = _settings(kind, name)
    if config is not None and config.model_fields:
        typer.echo("settings:" if kind in ("curation", "training") else "options:")
        _console.list_settings(config, "  ")
    if kind == "judges":
        from foresee.judges import _compared
        from foresee.labels._sets import how_to_check
        from foresee.plugins import contracts

        if contracts.judge_file(name).rule is None:
            typer.echo(f"compared with people: each judge model by itself; {how_to_check(name, ('PROVIDER/NAME',))}")
        else:
            typer.echo(_compared.line(name, (), how=how_to_check(name, ())))
    if kind == "benchmarks":
        from foresee.plugins import contracts

        file = contracts.benchmark(name)
        typer.echo(f"judges: {', '.join(file.judges) or 'none'}")
        typer.echo("metrics:")
        for metric in file.all_metrics:
            typer.echo(f"  {metric.name}: {metric.doc}")


def _settings(kind: Kind, name: str) -> Any:
    """Find the class of a plug-in's options or settings; None for judges, which have none."""
    from foresee.plugins import contracts

    read: Mapping[str, Callable[[str], Any]] = {
        "benchmarks": lambda name: contracts.benchmark(name).options,
        "labels": lambda name: contracts.label_set(name).options,
        "attacks": lambda name: contracts.attack_file(name).options,
        "defenses": lambda name: contracts.defense_file(name).options,
        "curation": lambda name: contracts.recipe(name).config,
        "training": lambda name: contracts.training_method(name).config,
    }
    return read[kind](name) if kind in read else None


def _metrics_named(name: str) -> Iterator[str]:
    """Yield what a metric of this name says in each benchmark of ours that has it."""
    from foresee import plugins
    from foresee.errors import UserError
    from foresee.plugins import contracts

    better = {True: "higher is better", False: "lower is better", None: "neither way is better"}
    for benchmark in plugins.names("benchmarks"):
        try:
            metrics = contracts.benchmark(benchmark).all_metrics
        except UserError:
            continue  # a broken file is a line of `foresee doctor`
        for metric in metrics:
            if metric.name == name:
                yield f"{name} of {benchmark}: {metric.doc}; {better[metric.higher_is_better]}"


def runs(
    folder: Annotated[Path, typer.Argument(help="where to look")] = Path("runs"),
    tag: Annotated[str, typer.Option("--tag", help="only what has this tag, as eval and profile give it")] = "",
) -> None:
    """List what has been made below a folder: when, what it is, on which model, its tags and note, where it lies."""
    from foresee import manifest
    from foresee.cli import _console, _results
    from foresee.errors import UserError, unknown_name
    from foresee.evaluation import remarks
    from foresee.files.shards import SHARDS
    from foresee.report.tables import TextTable

    lines, known = [], set[str]()
    for path in sorted(folder.rglob(manifest.FILE)):
        if path.parent.parent.name == SHARDS and (path.parents[2] / manifest.FILE).exists():
            continue  # joined
        try:
            record = manifest.read(path.parent)
        except UserError as problem:
            _console.say(f"left out: {problem}")
            continue
        said = remarks.read(path.parent)
        known |= set(said.tags)
        if not tag or tag in said.tags:
            lines.append((*_line(record, path.parent), ", ".join(said.tags), said.note))
    if tag and not lines:
        raise unknown_name("tag", tag, known)
    if not lines:
        raise UserError(
            f"nothing in {folder}: expected folders that foresee wrote; where are yours? foresee runs FOLDER"
        )
    header = ("written", "what", "model", "attack", "defense", "items", "where", "tags", "note")
    shown = [place for place in range(len(header)) if place < _ALWAYS or any(line[place] for line in lines)]
    rows = tuple(tuple(line[place] for place in shown) for line in sorted(lines))
    _results.put(TextTable(f"{len(lines)} in {folder}", tuple(header[place] for place in shown), rows), "table")


_ALWAYS = 7  # columns of `foresee runs` that are shown also where they are empty


def _line(record: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    what = record.get("benchmark") or record.get("recipe") or record.get("method") or ""
    kind = str(record.get("kind", ""))
    cells = (
        str(record.get("written", ""))[:16].replace("T", " "),
        str(what) if kind == "evaluation" else f"{kind} {what}".strip(),
        record.get("model") or "",
        *("" if record.get(side) in (None, "none") else record[side] for side in ("attack", "defense")),
        record.get("items") if isinstance(record.get("items"), int) else "",
        folder,
    )
    return tuple(map(str, cells))
