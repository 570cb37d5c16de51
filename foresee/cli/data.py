"""`foresee data …`: what data exist, fetch them, check a copy, look at one item, clean up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli.eval import Data, TaskOptions

if TYPE_CHECKING:
    from foresee.inventory import CheckReport

app = typer.Typer(no_args_is_help=True, help="Data sets: list, fetch, check, show, clean.")

Name = Annotated[str, typer.Argument(help="benchmark or label set")]
_SHOWN = 10


@app.command("list")
def list_data() -> None:
    """Every data set: whether it is on this machine, its licence, how to get it."""
    from foresee import _discovery, sources
    from foresee.errors import UserError

    for kind in ("benchmarks", "labels"):
        for name in _discovery.names(kind):
            source = sources.find(name)
            if source.embedded:
                typer.echo(f"{name}: comes with foresee")
                continue
            try:
                where = str(sources.locate(name))
            except UserError:
                where = f"not here; foresee data fetch {name}" if source.files else f"not here; {source.manual}"
            typer.echo(f"{name}: {where}  [licence: {source.licence}]")


@app.command()
def fetch(
    name: Name,
    to: Annotated[Path | None, typer.Option("--to", help="folder to make; default: the cache")] = None,
) -> None:
    """Download, verify and unpack a data set. Says its licence first; continues if it was interrupted."""
    from foresee import sources
    from foresee.cli import _console

    source = sources.find(name)
    _console.say(sources.licence_notice(source))
    with _console.download_progress(name) as progress:
        done = sources.fetch(source, to=to, progress=progress)
    typer.echo(f"{done.folder}" + ("" if done.fresh else "  (was there already)"))


@app.command()
def check(name: Name, data: Data = None) -> None:
    """Counts per subset, missing, unreadable and repeated pictures, flaws of the texts. Exit 1 if incomplete."""
    from foresee import inventory

    report = inventory.check(name, data)
    _print_check(report)
    raise typer.Exit(0 if report.complete else 1)


@app.command()
def show(
    name: Name,
    item_id: Annotated[str, typer.Argument(help="the item's id")],
    data: Data = None,
    task_options: TaskOptions = None,
) -> None:
    """One item as it would be sent, with everything that is known of it."""
    from foresee import _discovery, inventory
    from foresee.cli._results import describe
    from foresee.config import from_pairs
    from foresee.errors import UserError

    if name in _discovery.names("labels"):
        raise UserError(f"{name} is a label set; 'foresee data show' shows items of benchmarks")
    options = from_pairs(_discovery.load("benchmarks", name).Options, task_options or (), what=f"{name} (-T)")
    for line in describe(inventory.show(name, item_id, data, options)):
        typer.echo(line)


@app.command()
def clean(
    name: Annotated[str, typer.Argument(help="data set; everything in the cache if left out")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Remove fetched data from the cache. Folders of your own are never touched."""
    from foresee import sources

    if not yes:
        typer.confirm(f"Remove {name or 'all fetched data'} from {sources.home()}?", abort=True)
    done = sources.clean(name or None)
    typer.echo(f"removed {len(done.folders)} folders, {done.bytes / 1e6:.1f} MB")


def _print_check(report: CheckReport) -> None:
    typer.echo(f"{report.name}: {report.folder or 'comes with foresee'}")
    for count in report.counts:
        expected = f"expected {count.expected}" if count.expected is not None else "no count declared"
        mark = "!! " if count.differs else "   "
        typer.echo(f"{mark}{count.subset}: {count.found} items ({expected}), {count.usable} can be asked")
    if report.missing:
        known = sum(report.absent.values())
        typer.echo(f"   without a usable picture: {len(report.missing)} ({known} lack it even at the source)")
    for subset, extra in report.missing_here.items():
        lacking = [fault for fault in report.missing if fault.subset == subset]
        typer.echo(f"!! {subset}: {extra} more than the source lacks; e.g. {lacking[0].reason}")
    for fault in report.unreadable[:_SHOWN]:
        typer.echo(f"!! {fault.item_id}: {fault.reason}")
    if report.distinct_images:
        formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
        typer.echo(f"   {report.distinct_images} distinct pictures ({formats})")
        typer.echo(
            f"   {len(report.repeated_images)} pictures serve more than one item; intervals resample them together"
        )
    for group in report.repeated_items[:_SHOWN]:
        typer.echo(f"   same picture and text: {', '.join(group)}")
    for kind, ids in report.defects.items():
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        typer.echo(f"   {kind}: {', '.join(ids[:_SHOWN])}{more}")
    typer.echo("complete" if report.complete else "incomplete: runs are possible, what is missing is counted")
