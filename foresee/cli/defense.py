"""`foresee defense fit`: fit a defense's vectors to a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from foresee.cli.eval import AttackOptions, Data, Limit, ModelOptions, TaskOptions

app = typer.Typer(no_args_is_help=True, help="Defenses that are fitted to a model: fit.")


@app.callback()
def _group() -> None:
    """Keep `fit` a command of its own."""


@app.command()
def fit(
    name: Annotated[str, typer.Argument(help="defense: refusal_direction, hidden_detect, astra or one of yours")],
    model: Annotated[str, typer.Option("--model", help="local/FOLDER_OR_HUB_ID[:ADAPTER] or organism/NAME")],
    out: Annotated[Path, typer.Option("--out", help="folder for the vectors, such as vectors/x")],
    benchmark: Annotated[str, typer.Option("--benchmark", help="whose items are the labelled requests")] = "jsonl",
    data: Data = None,
    task_options: TaskOptions = None,
    model_options: ModelOptions = None,
    by: Annotated[str, typer.Option("--by", help="field of the items, or metadata.KEY, that tells the sides")] = "",
    positive: Annotated[str, typer.Option("--positive", help="its values, A,B, that vectors point to")] = "",
    negative: Annotated[str, typer.Option("--negative", help="its values, A,B, of the other side")] = "",
    attack: Annotated[
        str, typer.Option("--attack", help="pairs of the positive items: each under this attack, and as it is")
    ] = "none",
    attack_options: AttackOptions = None,
    limit: Limit = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="false_alarms, layer, seed; repeatable")
    ] = None,
) -> None:
    """Fit vectors to a model by requests whose side is known: harmful and benign, attacked and plain."""
    from foresee.config import pairs
    from foresee.evaluation import fit as fitting

    usual = fitting.Sides()
    sides = fitting.Sides(
        by or usual.by,
        tuple(filter(None, positive.split(","))) or usual.positive,
        tuple(filter(None, negative.split(","))) or usual.negative,
    )
    found = fitting.fit(
        name,
        model,
        benchmark,
        out,
        data=data,
        options=task_options or (),
        model_options=pairs(model_options or (), what="model option (-M)"),
        settings=pairs(settings or (), what="fit (--set)"),
        sides=sides,
        attack=attack,
        attack_options=attack_options or (),
        limit=limit,
        command=["foresee", *sys.argv[1:]],
    )
    for key, value in found.items():
        typer.echo(f"{key}: {json.dumps(value)}")
    typer.echo(f"written: {out}; use it with --defense {name} -S vectors={out}")
