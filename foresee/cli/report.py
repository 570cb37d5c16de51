"""`foresee compare`, `foresee report` and `foresee export`: what can be done with run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foresee.cli.eval import Format

RunFolders = Annotated[list[Path], typer.Argument(help="run folders, or folders that hold several")]


def compare(
    runs: RunFolders,
    format: Format = "table",
) -> None:
    """Two runs: the paired difference B - A of every metric. More, or folders of runs: defenses side by side."""
    import json
    from dataclasses import asdict

    from foresee import evaluation
    from foresee.cli import _results
    from foresee.errors import UserError
    from foresee.report.rows import read_runs

    _results.check_format(format, "")
    found = read_runs(runs, judgings=False)
    if len(found) < 2:
        raise UserError(f"expected two runs or more to compare, got {len(found)}")
    if len(found) > 2:
        if format == "json":
            raise UserError("--format json: expected two runs; compare each with the first")
        if not _results.show_defenses(found, (), {}, format=format):
            raise UserError("no benchmark ran under two defenses here; name two run folders to compare them")
        return
    a, b = found
    if format == "json":
        typer.echo(json.dumps([asdict(d) for d in evaluation.compare(a, b)], indent=2))
    else:
        _results.put_comparison(a, b, format)


def page(
    runs: RunFolders,
    out: Annotated[Path, typer.Option("--out", help="the HTML file to write")] = Path("report.html"),
    images: Annotated[bool, typer.Option("--images/--no-images", help="embed (small) pictures")] = True,
    public: Annotated[bool, typer.Option("--public", help="aggregates only: no prompts, answers or pictures")] = False,
) -> None:
    """Write one self-contained HTML page about one run or several; of trainings, their curves."""
    from foresee.cli._console import say
    from foresee.report import page, training
    from foresee.report.rows import read_runs

    if all(training.is_training(folder) for folder in runs):
        training.write(out, runs, public=public)
    else:
        page.write(out, read_runs(runs), images=images, public=public)
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def export(
    run: Annotated[Path, typer.Argument(help="run folder")],
    format: Annotated[str, typer.Option("--format", help="csv, parquet, jsonl or eval (an Inspect log)")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="file to write; default: beside the journal")] = None,
) -> None:
    """Write a run's tidy rows: one line per item and epoch."""
    from foresee.cli._console import say
    from foresee.report.export import write
    from foresee.report.rows import read_run

    run_read = read_run(run)
    if format == "eval":
        from foresee.interop.inspect_log import write_log

        path = write_log(run_read, out)
    else:
        path = write(run_read, format, out)
    say(f"wrote {path}")
    if run_read.unfinished:
        say(f"note: the run is UNFINISHED, {run_read.unfinished} rows were not asked yet")
