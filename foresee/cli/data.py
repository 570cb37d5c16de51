"""`foresee data …`: what data exist, fetch them, check a copy, look at one item, clean up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli.eval import Data, TaskOptions

if TYPE_CHECKING:
    from foresee.data.check import CheckReport, Held
    from foresee.report.tables import TextTable

app = typer.Typer(no_args_is_help=True, help="Data sets: list, fetch, check, look at, mix, clean.")

Name = Annotated[str, typer.Argument(help="benchmark or label set")]
_SHOWN = 10


@app.command("list")
def list_data() -> None:
    """Every data set: whether it is on this machine, its size and licence, how to get it."""
    from foresee.cli import _results
    from foresee.data import check as data_check
    from foresee.data import sources

    table = _listed(data_check.listing())
    _results.put(table._replace(notes=(*table.notes, f"cache: {sources.home()} (FORESEE_HOME)")), "table")


def _listed(sets: Sequence[Held]) -> TextTable:
    from foresee.report.tables import TextTable

    kinds = {"benchmark + labels": "both"}
    rows, notes = [], []
    for held in sets:
        here = "shipped" if held.embedded else "here" if held.folder else "broken" if held.problem else "–"
        size = "" if held.megabytes is None else f"{held.megabytes:,.0f} MB"
        fetched = held.get.startswith("foresee ")
        where = str(held.folder or ("fetch" if fetched else "by hand" if held.get else ""))
        rows.append((held.name, kinds.get(held.serves, held.serves), here, size, held.licence, where))
        notes += [f"{held.name}: {text}" for text in (held.problem, held.get) if text and not fetched]
    legend = (
        "fetch: foresee data fetch NAME",
        "both: a benchmark, and answers labelled by people to check judges against",
    )
    header = ("name", "kind", "here?", "size", "licence", "where")
    return TextTable("Data sets", header, tuple(rows), (*legend, *notes))


@app.command()
def fetch(
    name: Name,
    to: Annotated[Path | None, typer.Option("--to", help="folder to make; default: the cache")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="the licence is agreed to: do not ask")] = False,
) -> None:
    """Download, verify and unpack a data set; a terminal is asked about its licence first. Goes on if interrupted."""
    from foresee.cli import _console
    from foresee.data import sources

    source = sources.find(name)
    if not source.embedded:
        _console.say(sources.licence_notice(source))
    if source.files and not yes and sys.stdin.isatty() and sys.stderr.isatty() and not sources.is_here(source, to):
        size = f", about {source.megabytes:,.0f} MB" if source.megabytes else ""
        typer.confirm(f"Download {name}{size} under this licence?", abort=True, err=True)
    with _console.download_progress(name) as progress:
        done = sources.fetch(source, to=to, progress=progress)
    typer.echo(f"{done.folder}" + ("" if done.fresh else "  (was there already)"))


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="benchmark, label set, or data set folder")],
    data: Data = None,
    task_options: TaskOptions = None,
) -> None:
    """Count items per subset, missing, unreadable and repeated images, flaws of the texts. Exit 1 if incomplete."""
    from foresee import plugins
    from foresee.config import from_pairs
    from foresee.data import check as data_check
    from foresee.errors import UserError
    from foresee.plugins import contracts

    complete = True
    kinds: tuple[plugins.Kind, ...] = ("benchmarks", "labels")
    if Path(name).is_dir() and not any(name in plugins.names(kind) for kind in kinds):
        raise typer.Exit(0 if _check_folder(Path(name)) else 1)
    having = [kind for kind in kinds if name in plugins.names(kind)] or kinds[:1]
    for kind in having:
        cls = contracts.benchmark(name).options if kind == "benchmarks" else contracts.label_set(name).options
        given = (task_options or ()) if kind == having[0] else ()  # of one name, options are the benchmark's
        options = from_pairs(cls, given, what=f"{name} (-T)") if cls else None
        try:
            report = data_check.check(name, data, options, kind=kind)
        except UserError as problem:
            if kind == having[0]:
                raise
            typer.echo(f"{name} (labelled answers): {problem}")  # the benchmark runs without them
            complete = False
            continue
        _print_check(report, kind)
        complete &= report.complete
    raise typer.Exit(0 if complete else 1)


@app.command()
def show(
    name: Name,
    item_id: Annotated[str, typer.Argument(help="the item's id")],
    data: Data = None,
    task_options: TaskOptions = None,
    html: Annotated[Path | None, typer.Option("--html", help="also write a page with its images to this file")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="also show it with its images in the browser")] = False,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
) -> None:
    """One item as it would be sent, with everything that is known of it."""
    from foresee import plugins
    from foresee.config import from_pairs
    from foresee.data import check as data_check
    from foresee.errors import UserError
    from foresee.files.outputs import output_file
    from foresee.plugins import contracts
    from foresee.report.run_text import described

    if name in plugins.names("labels") and name not in plugins.names("benchmarks"):
        raise UserError(f"{name} is a label set; 'foresee data show' shows items of benchmarks")
    if html is not None:
        output_file(html, force=force, flag="--html")
    options = from_pairs(contracts.benchmark(name).options, task_options or (), what=f"{name} (-T)")
    item = data_check.show(name, item_id, data, options)
    for line in described(item):
        typer.echo(line)
    if html is None and not open_page:
        return
    from foresee import manifest
    from foresee.data import sources
    from foresee.report import item_page

    page = html or sources.home() / "shown.html"
    manifest.write_atomically(page, item_page.render(item, described(item), clear=sources.find(name).embedded))
    typer.echo(f"page: {page}")
    if open_page:
        typer.launch(page.resolve().as_uri())


@app.command()
def gallery(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="PNG file to write")],
    data: Data = None,
    task_options: TaskOptions = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="at most this many, at random")] = None,
    limit_seed: Annotated[int, typer.Option("--limit-seed", help="another seed, another sample")] = 0,
    columns: Annotated[int, typer.Option("--columns", min=1, help="images side by side")] = 4,
    clear: Annotated[bool, typer.Option("--clear", help="do not blur the images of published sets")] = False,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
) -> None:
    """Show the images of a benchmark on one page, with ids and requests. Published ones are blurred unless --clear."""
    from foresee.config import from_pairs
    from foresee.data import check as data_check
    from foresee.data import contact_sheet, sources
    from foresee.errors import UserError
    from foresee.evaluation.plan import sampled
    from foresee.files.outputs import output_file
    from foresee.plugins import contracts

    output_file(out, force=force)
    options = from_pairs(contracts.benchmark(name).options, task_options or (), what=f"{name} (-T)")
    items = sampled(tuple(data_check.items_of(name, data, options)), limit, limit_seed)
    sheet = contact_sheet.png(items, columns=columns, clear=clear or sources.find(name).embedded)
    try:
        out.write_bytes(sheet)
    except OSError as problem:
        raise UserError(f"can't write {out}: {problem.strerror or problem}") from None
    typer.echo(f"{out}: {len(items)} items")


@app.command()
def card(folder: Annotated[Path, typer.Argument(help="data set folder")]) -> None:
    """Write a data set's card (README.md): counts, sources, licences, examples."""
    from foresee.curation import card as cards

    typer.echo(str(cards.write(folder)))


@app.command()
def mix(
    sources: Annotated[list[Path], typer.Argument(help="data set folders, or files with a text and an answer a row")],
    out: Annotated[Path, typer.Option("--out", help="data set folder to make")],
    weights: Annotated[str, typer.Option("--weights", help="how rows of the sources stand to each other: 1,4")] = "",
    rows: Annotated[int | None, typer.Option("--rows", help="how many; default: as many as the weights allow")] = None,
    seed: Annotated[int, typer.Option("--seed", help="which rows, where not all are taken")] = 0,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="take rows of a set that is too small several times")
    ] = False,
) -> None:
    """Mix data sets in fixed proportions; the same call gives the same rows."""
    from foresee.curation.mix import mix as mixed
    from foresee.errors import UserError

    try:
        shares = [float(part) for part in weights.split(",")] if weights else [1.0] * len(sources)
    except ValueError:
        raise UserError(f"--weights: expected numbers with commas such as 1,4, got '{weights}'") from None
    taken = mixed(sources, shares, out, rows=rows, seed=seed, repeat=repeat, command=["foresee", *sys.argv[1:]])
    typer.echo(f"{out}: {sum(taken.values()):,} rows")
    for name, count in taken.items():
        typer.echo(f"  {count:,} of {name}")


@app.command()
def clean(
    name: Annotated[str | None, typer.Argument(help="data set")] = None,
    everything: Annotated[bool, typer.Option("--all", help="everything in the cache")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Remove fetched data from the cache. Folders of your own are never touched."""
    from foresee.data import sources
    from foresee.errors import UserError

    if (name is None) != everything or name == "":
        raise UserError(f"expected the name of a data set or --all, got {'both' if name and everything else 'neither'}")
    if name is not None:
        sources.find(name)
    if not yes:
        typer.confirm(f"Remove {name or 'all fetched data'} from {sources.home()}?", abort=True)
    done = sources.clean(name)
    typer.echo(f"removed {len(done.folders)} folders, {done.bytes / 1e6:.1f} MB")


def _check_folder(folder: Path) -> bool:
    """Print what a data set folder holds and what is wrong with its rows; whether a training can use all of them."""
    from foresee import dataset_format

    found = dataset_format.check(folder)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.rows.most_common())
    typer.echo(f"{folder}: {sum(found.rows.values()):,} rows ({kinds or 'none'}), {found.images:,} images")
    for kind, mark in (("row", "!! "), ("image", "!! "), ("text", "   ")):
        faults = [fault for fault in found.faults if fault.kind == kind]
        for fault in faults[:_SHOWN]:
            typer.echo(f"{mark}{fault}")
        if len(faults) > _SHOWN:
            typer.echo(f"{mark}and {len(faults) - _SHOWN:,} more of this kind")
    typer.echo("complete" if found.usable else "incomplete: fix or remove these rows before a training")
    return found.usable


def _print_check(report: CheckReport, kind: str) -> None:
    title = report.name if kind == "benchmarks" else f"{report.name} (labelled answers)"
    chosen = "".join(f"  -T {key}={value}" for key, value in report.options.items())
    typer.echo(f"{title}: {report.folder or 'comes with foresee'}{chosen}")
    for count in report.counts:
        expected = f"expected {count.expected}" if count.expected is not None else "no count declared"
        mark = "!! " if count.differs else "   "
        unit = "items" if kind == "benchmarks" else "answers"
        asked = f", {count.usable} can be sent" if kind == "benchmarks" else ""
        typer.echo(f"{mark}{count.subset or 'all'}: {count.found} {unit} ({expected}){asked}")
    if kind == "benchmarks" and len(report.counts) > 1:
        found, usable = (sum(getattr(count, of) for count in report.counts) for of in ("found", "usable"))
        typer.echo(f"   in all: {found:,} items, {usable:,} can be sent")
    _print_images(report)
    for group in report.repeated_items[:_SHOWN]:
        typer.echo(f"   same image and text: {', '.join(group)}")
    for flaw, ids in report.defects.items():
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        typer.echo(f"   {flaw}: {', '.join(ids[:_SHOWN])}{more}")
    _print_source(report)
    typer.echo("complete" if report.complete else "incomplete: runs are possible, what is missing is counted")


def _print_images(report: CheckReport) -> None:
    if report.missing:
        known = sum(report.absent.values())
        at_source = f" ({known} lack it even at the source)" if known else ""
        typer.echo(f"   without a usable image: {len(report.missing)}{at_source}")
    for subset, extra in report.missing_here.items():
        lacking = [fault for fault in report.missing if fault.subset == subset]
        beyond = " beyond those that the source lacks" if report.absent.get(subset) else ""
        typer.echo(f"!! {subset}: {extra} images not in this copy{beyond}; e.g. {lacking[0].reason}")
    if report.lacking:
        typer.echo(f"!! {report.lacking} items lack their image here and can be sent as text only, not comparable")
    for fault in report.unreadable[:_SHOWN]:
        typer.echo(f"!! {fault.item_id}: {fault.reason}")
    if report.distinct_images:
        formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
        typer.echo(f"   {report.distinct_images} distinct images ({formats})")
        if report.repeated_images:
            several = len(report.repeated_images)
            typer.echo(f"   {several} images serve more than one item; intervals resample them together")


def _print_source(report: CheckReport) -> None:
    """How to get what is missing, which figure needs what, and the other side of a harm benchmark."""
    source = report.source
    if source is None:
        return
    if not report.complete:
        by_hand = source.manual and not any(count.differs for count in report.counts)  # what can be fetched is here
        fetched = f"foresee data fetch {report.name}" if source.files and not by_hand else ""
        for way in filter(None, (fetched, source.manual)):
            typer.echo(f"   to get the rest: {way}")
    for figure, needs in source.figures.items():
        typer.echo(f"   for {figure}: {needs}")
    if source.companion:
        side = "its own other subsets" if source.companion == report.name else source.companion
        typer.echo(f"   companion, without which a harm figure says little: {side}")
