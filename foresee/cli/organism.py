"""`foresee organism …`: the drawn world in words and pictures, and building an organism from nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.organism.alignment import Milestone, Report
    from foresee.organism.gates import Figure

app = typer.Typer(no_args_is_help=True, help="The model organism: describe, show, gallery, gates, cards, build.")


@app.command()
def describe() -> None:
    """The world in words: things, hazard rules, requests; and the organisms with their gates."""
    from foresee.organism import tour

    typer.echo(tour.describe())


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="example, from 0")],
    out: Annotated[Path | None, typer.Option("--out", help="PNG to write; default: organism-N.png")] = None,
) -> None:
    """One hazard beside its benign twin: a picture, and what is known of it."""
    from foresee.organism import tour

    shown = tour.show(number)
    path = out or Path(f"organism-{number}.png")
    _save(shown.picture, path)
    typer.echo(f"{shown.text}\npicture: {path}")


@app.command()
def gallery(
    out: Annotated[Path, typer.Option("--out", help="PNG to write")] = Path("organism-gallery.png"),
    scenes: Annotated[int, typer.Option("--scenes", min=1, max=200, help="example scenes on it")] = 12,
) -> None:
    """One sheet with every thing that can be drawn, and example scenes."""
    from foresee.organism import tour

    _save(tour.gallery(scenes), out)
    typer.echo(f"picture: {out}")


@app.command("gates")
def measure_gates(
    name: Annotated[str, typer.Argument(help="an organism that ships, or a folder that 'organism build' made")],
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or mps")] = "cpu",
) -> None:
    """Measure an organism's gates on test scenes, beside what its card promises. About half a minute on one core.

    Ends with exit code 1 where the card is not reproduced.
    """
    from foresee import organism
    from foresee.organism import cards, gates

    folder = Path(name) if Path(name).is_dir() else organism.folder(name)
    card = cards.read(folder) if (folder / cards.FILE).is_file() else None
    figures = gates.measure(folder, device=device)
    _print_gates(figures, card.figures if card else ())
    if card is None:
        return
    differences = cards.unlike(card, figures)
    typer.echo("\n".join(differences) or "The card is reproduced: no figure is off by more than 0.02.")
    if differences:
        raise typer.Exit(1)


@app.command("cards")
def print_cards() -> None:
    """The figures of every organism that ships, side by side, as their cards state them; nothing is measured."""
    from foresee import organism
    from foresee.organism import cards

    _print_rows(cards.beside([cards.read(organism.folder(name)) for name in organism.names()]))


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="which organism; see 'foresee organism describe'")],
    out: Annotated[Path, typer.Option("--out", help="folder to make; the same command continues")],
    seed: Annotated[int, typer.Option("--seed", help="of weights and lessons")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or mps")] = "cpu",
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=64, help="processes that draw lessons ahead; 2 for an accelerator")
    ] = 0,
) -> None:
    """Bring up an organism from nothing; then measure its gates on test scenes and write its card."""
    from foresee.organism import cards, gates, upbringing

    with _reporting() as report:
        folder = upbringing.build(name, out, seed=seed, device=device, workers=workers, report=report)
    figures = gates.measure(folder, device=device)
    _print_gates(figures)
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


def _print_gates(figures: Sequence[Figure], beside: Sequence[Figure] = ()) -> None:
    from foresee.organism import cards

    _print_rows(cards.table(figures, beside, "card"))


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _save(picture: object, path: Path) -> None:
    from PIL import Image

    from foresee.errors import UserError

    assert isinstance(picture, Image.Image)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, "PNG")
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
