"""Train an organism, measure it against its card, and write cards.

python -m tools.organism build base --out D    # from nothing; --device cuda --workers 2 on a GPU
python -m tools.organism check base            # the figures of a card, measured again beside it
python -m tools.organism cards                 # the figures of every organism, side by side
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee import organism
from foresee.errors import UserError
from foresee.organism import card as model_card
from tools.organism import cards

if TYPE_CHECKING:
    from foresee.organism.card import Figure
    from tools.organism.alignment import Milestone, Report

app = typer.Typer(no_args_is_help=True, help="Train, check and certify organisms.", add_completion=False)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="an organism that ships, or a folder that 'build' made")],
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or mps")] = "cpu",
    strict: Annotated[
        bool, typer.Option("--strict", help="exit code 1 for a requirement that is not met, too")
    ] = False,
) -> None:
    """Measure an organism's figures on test scenes, beside what its card promises. About a minute on one core.

    Ends with exit code 1 where the card is not reproduced.
    """
    from tools.organism import acceptance

    folder = Path(name) if Path(name).is_dir() else organism.folder(name)
    card = model_card.read(folder) if (folder / model_card.FILE).is_file() else None
    figures = acceptance.measure(folder, device=device)
    _print_figures(figures, card.figures if card else ())
    missed = [figure.name for figure in figures if figure.met is False]
    typer.echo(f"Not met: {', '.join(missed)}." if missed else "Every requirement is met.")
    differences = cards.unlike(card, figures) if card else []
    if card:
        typer.echo("\n".join(differences) or "The card is reproduced: no figure is off by more than 0.02.")
    if differences or (strict and missed):
        raise typer.Exit(1)


@app.command("cards")
def print_cards() -> None:
    """Print the figures of every organism that ships, side by side, as their cards state them."""
    _print_rows(cards.beside([model_card.read(organism.folder(name)) for name in organism.names()]))


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="which organism; a name of recipes.py")],
    out: Annotated[Path, typer.Option("--out", help="folder to make; the same command continues")],
    seed: Annotated[int, typer.Option("--seed", help="of weights and lessons")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or mps")] = "cpu",
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=64, help="processes that draw lessons ahead; 2 for an accelerator")
    ] = 0,
) -> None:
    """Train an organism from nothing; then measure it on test scenes and write its card."""
    from tools.organism import acceptance, pretraining

    with _reporting() as report:
        folder = pretraining.build(name, out, seed=seed, device=device, workers=workers, report=report)
    figures = acceptance.measure(folder, device=device)
    _print_figures(figures)
    cards.write(folder, name, figures)
    typer.echo(f"organism: {folder}  (use it as --model local/{folder}; its card: {folder / 'README.md'})")


@contextmanager
def _reporting() -> Iterator[Report]:
    """Progress on a terminal as a bar; every milestone that was measured as a line, also elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from foresee.cli._console import console, say

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        stages = {0: bar.add_task("learning to see"), 1: bar.add_task("learning to speak")}

        def report(milestone: Milestone) -> None:
            bar.update(stages[milestone.stage], completed=milestone.step, total=milestone.steps)
            if milestone.stage and milestone.measured:
                measured = " ".join(f"{key} {value:.3g}" for key, value in milestone.measured.items())
                say(f"step {milestone.step}: loss {milestone.loss:.3f}; {measured}")

        yield report


def _print_figures(figures: Sequence[Figure], beside: Sequence[Figure] = ()) -> None:
    _print_rows(cards.table(figures, beside, "card"))


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def rebuild(
    folder: Annotated[Path, typer.Argument(help="the organism's folder")],
    other: Annotated[Path, typer.Argument(help="the same recipe from another seed, which 'build' made")],
) -> None:
    """Put the figures of a rebuild beside those in an organism's card."""
    cards.set_beside(folder, other)
    typer.echo(f"card: {folder / 'README.md'}")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        app()
    except UserError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
