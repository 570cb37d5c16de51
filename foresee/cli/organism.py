"""`foresee organism …`: the drawn world in words and pictures, and building an organism from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from foresee.organism.gates import Figure

app = typer.Typer(no_args_is_help=True, help="The model organism: describe, show, gallery, build.")


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
) -> None:
    """Measure an organism's gates on test scenes, beside nothing but what its card promises."""
    from foresee import organism
    from foresee.organism import gates

    folder = Path(name) if Path(name).is_dir() else organism.folder(name)
    _print_gates(gates.measure(folder))


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="which organism; see 'foresee organism describe'")],
    out: Annotated[Path, typer.Option("--out", help="folder to make; the same command continues")],
    seed: Annotated[int, typer.Option("--seed", help="of weights and lessons")] = 0,
) -> None:
    """Bring up an organism from nothing: tens of CPU minutes; then print its gates, measured on test scenes."""
    from foresee.cli._console import say
    from foresee.organism import gates, upbringing

    folder = upbringing.build(name, out, seed=seed, report=lambda milestone: say(str(milestone)))
    _print_gates(gates.measure(folder))
    typer.echo(f"organism: {folder}  (use it as --model local/{folder})")


def _print_gates(figures: Sequence[Figure]) -> None:
    from foresee.organism import cards

    rows = cards.table(figures)
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
