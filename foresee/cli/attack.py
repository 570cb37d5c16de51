"""`foresee attack`: look at what an attack makes of an item; optimise one on a local model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli.eval import AttackOptions, Data, DefenseNames, DefenseOptions, Limit, ModelOptions, TaskOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foresee.records import Item

app = typer.Typer(help="Look at attacks, optimise one.", no_args_is_help=True)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="of the attack; see 'foresee list attacks'")],
    benchmark: Annotated[str, typer.Argument(help="whose item is attacked")],
    item: Annotated[str, typer.Argument(help="the item's id, or its number from 1")] = "1",
    data: Data = None,
    task_options: TaskOptions = None,
    attack_options: AttackOptions = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="a run folder: the rounds of an attack that goes on from the answers")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for the images; default: attack/NAME/BENCHMARK")
    ] = None,
) -> None:
    """Show the tries of one item: the text here, the images as files."""
    from dataclasses import replace

    from foresee.config import from_pairs
    from foresee.data import check
    from foresee.evaluation.attempts import attempts, opened
    from foresee.plugins import contracts
    from foresee.report import run_text

    if run is not None:
        _show_run(run, name, item, out or Path("attack") / name / benchmark)
        return
    attack = opened(name, attack_options or ())
    options = from_pairs(contracts.benchmark(benchmark).options, task_options or (), what=f"{benchmark} (-T)")
    original = replace(check.show(benchmark, item, data, options), benchmark=benchmark)
    folder = out or Path("attack") / name / benchmark
    for line in run_text.described(original):
        typer.echo(line)
    if getattr(attack, "streams", 0):
        typer.echo(
            f"{attack.tries} tries, each made of the answers to those before it: --run RUN_FOLDER shows those of a run"
        )
        return
    for number, tried in enumerate(attempts(attack, original), 1):
        typer.echo(f"try {number} of {attack.tries}:")
        _say(tried, folder, number)


def _show_run(folder: Path, name: str, item: str, out: Path) -> None:
    """Show what an attack asked in a run, and the answers. Raises UserError: it is a run of another, or lacks it."""
    from foresee.attacks import open_attack
    from foresee.errors import UserError
    from foresee.evaluation.attempts import asked_in
    from foresee.evaluation.run_folder import read_run
    from foresee.report import run_text
    from foresee.report.escaping import shown

    run = read_run(folder)
    attack = open_attack(run.attack, run.manifest.get("attack_options", {}))
    if attack is None or run.attack != name:
        raise UserError(f"{folder} is a run under the attack {run.attack}, not {name}")
    ids = list(dict.fromkeys(row.item.id for row in run.rows))
    chosen = item if item in ids or not item.isdigit() else ids[int(item) - 1] if 0 < int(item) <= len(ids) else ""
    rows = [row for row in run.rows if row.item.id == chosen]
    if not rows:
        raise UserError(f"no item '{item}' in {folder}, which has {len(ids)}: expected its id, or a number from 1")
    for line in run_text.described(rows[0].item):
        typer.echo(line)
    for row, asked in zip(rows, asked_in(attack, rows).values(), strict=True):
        typer.echo(f"try {row.answer.epoch + 1} of {len(rows)}:")
        _say(asked, out, row.answer.epoch + 1)
        typer.echo(f"  answer: {shown(row.answer.text or row.answer.reason, 2_000).text}")


def _say(tried: Item | str, folder: Path, number: int) -> None:
    from foresee.report import run_text

    for line in [tried] if isinstance(tried, str) else run_text.said(_kept(tried, folder, str(number))):
        typer.echo(f"  {line}")


@app.command("optimise")
def optimise(
    name: Annotated[str, typer.Argument(help="of an attack that needs gradients: visual_adversarial")],
    model: Annotated[str, typer.Option("--model", help="organism/NAME, or with --allow-white-box local/FOLDER")],
    benchmark: Annotated[str, typer.Option("--data", help="the benchmark on whose harmful items it is optimised")],
    out: Annotated[Path, typer.Option("--out", help="folder of the attack, to be given as --attack FOLDER")],
    files: Annotated[Path | None, typer.Option("--files", help="folder with the benchmark's published files")] = None,
    task_options: TaskOptions = None,
    model_options: ModelOptions = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the search; repeatable")] = None,
    defense: DefenseNames = "none",
    defense_options: DefenseOptions = None,
    limit: Limit = None,
    targets: Annotated[str, typer.Option("--targets", help="own: what it says undefended; else a text")] = "own",
    judge_model: Annotated[str | None, typer.Option("--judge-model", help="who says which own answers do harm")] = None,
    allow_white_box: Annotated[
        bool, typer.Option("--allow-white-box", help="attack a model that is no organism: yours to attack")
    ] = False,
) -> None:
    """Optimise an attack on a local model, through a defense that it may know."""
    import sys

    from foresee.cli import _console
    from foresee.config import pairs
    from foresee.evaluation.optimising import optimise as seek

    def told(step: int, loss: float) -> None:
        if step == 1 or step % 25 == 0:
            _console.say(f"step {step}: loss {loss:.4f}")

    made = seek(
        name,
        model,
        benchmark,
        out,
        data=files,
        options=task_options or (),
        settings=settings or (),
        defense=defense,
        defense_options=defense_options or (),
        limit=limit,
        targets=targets,
        judging=judge_model,
        model_options=pairs(model_options or (), what="model option (-M)"),
        allow_white_box=allow_white_box,
        command=["foresee", *sys.argv[1:]],
        report=told,
    )
    typer.echo(f"{made}: foresee eval {benchmark} --model {model} --attack none,pixel_noise,{made}")


def _kept(item: Item, folder: Path, stem: str) -> Item:
    """Keep the item's drawn images as files. Raises UserError: they can't be written."""
    from dataclasses import replace

    from foresee.errors import UserError
    from foresee.records import Image

    images: Sequence[Image] = item.images
    paths: dict[str, Path] = {}
    try:
        for place, image in enumerate(each for each in images if each.path is None):
            folder.mkdir(parents=True, exist_ok=True)
            paths[image.sha256] = folder / f"{stem}{chr(97 + place % 26) if place else ''}.png"
            paths[image.sha256].write_bytes(image.read())
    except OSError as problem:
        raise UserError(f"can't write {folder}: {problem.strerror or problem}; name another folder (--out)") from None

    def filed(part: str | Image) -> str | Image:
        return Image(part.sha256, paths.get(part.sha256, part.path)) if isinstance(part, Image) else part

    return replace(
        item, messages=tuple(replace(turn, content=tuple(map(filed, turn.content))) for turn in item.messages)
    )
