"""`foresee study`: data, training, defense, model and seed as a grid, with the contrasts that count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def study(
    definition: Annotated[Path, typer.Argument(help="TOML file that defines the study")],
    out: Annotated[
        Path | None, typer.Option("--out", help="folder; default: runs/ and the file's name; the same command goes on")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="CELL", help="this cell; repeatable")] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="these seeds only, e.g. 0,1")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list the cells and seeds that are to be done")] = False,
    format: Annotated[
        Literal["table", "md", "latex", "csv"], typer.Option("--format", help="of the tables that are printed")
    ] = "table",
) -> None:
    """Run a study, or go on with it; print its table and contrasts and write its page.

    What is done is not done again: with everything done the command only shows.
    """
    from foresee.cli import _results
    from foresee.cli._console import say
    from foresee.evaluation import study as studies
    from foresee.report import study as report

    wanted = studies.read_study(definition)
    folder = out or Path("runs") / definition.stem
    chosen = _numbers(seeds)
    if dry_run:
        studies.check(wanted)
        for step in studies.steps(wanted, only or (), chosen):
            typer.echo(f"{step.cell.name}  {step.model}  seed {step.seed}")
        return
    found = studies.run_study(
        wanted,
        folder,
        only=only or (),
        seeds=chosen,
        progress=lambda state: say(f"{state.done + 1} of {state.steps}: {state.doing}") if state.doing else None,
    )
    if format in ("latex", "csv"):
        typer.echo(report.text(found, format))
    else:
        for part in report.text_tables(found):
            _results.put(part, format)
    page = report.write(folder / "report.html", found)
    say(f"behind every figure: foresee show RUN [ITEM]; foresee runs {folder} lists the RUNs")
    say(f"wrote {page}")


def _numbers(text: str) -> list[int]:
    """Read seeds. Raises UserError: something that is no whole number."""
    from foresee.errors import UserError

    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UserError(f"--seeds: expected whole numbers with commas, e.g. 0,1,2; got '{text}'") from None
