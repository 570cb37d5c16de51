"""Judge models on the command line: their options, the choice made of them, and what is said before they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foresee.cli import _console

if TYPE_CHECKING:
    from foresee.evaluation.run_folder import Run
    from foresee.judges import JudgeChoice

Labels = Annotated[
    str,
    typer.Option(
        "--labels",
        help="label set (see 'foresee list labels'), or a JSONL file of your own; default: the one that fits the judge",
        show_default=False,
    ),
]
JudgeModel = Annotated[
    str | None,
    typer.Option(
        "--judge-model",
        help="PROVIDER/NAME of the judge model, or guard:FORMAT[@FILE]=PROVIDER/NAME; A,B,C decide by majority",
    ),
]
JudgeOptions = Annotated[
    list[str] | None,
    typer.Option("--judge-option", metavar="KEY=VALUE", help="judge model option, 2.KEY for the second; repeatable"),
]
JudgeRubric = Annotated[
    list[str] | None,
    typer.Option("--judge-rubric", metavar="JUDGE=NAME", help="another rubric of a judge, e.g. harmful=strongreject"),
]
ByModel = Annotated[
    list[str] | None,
    typer.Option(
        "--by-model",
        metavar="JUDGE",
        help="ask the judge model although the judge has rules, e.g. refusal; refusal:unparsed: about the rest alone",
    ),
]
Template = Annotated[
    list[Path] | None,
    typer.Option("--template", help="TOML file with a published wording for a judge, see docs/judges.md; repeatable"),
]
NoJudge = Annotated[bool, typer.Option("--no-judge", help="ask no judge model; judge later with 'foresee score RUN'")]

Strict = Annotated[
    bool, typer.Option("--strict", help="refuse a judge, rubric and judge model that the model was rewarded by")
]

STORE_ALONE = (
    ", or store the answers alone with --no-judge and judge them later with 'foresee score RUN --judge-model …'"
)


def choice(
    models: str | None,
    options: Sequence[str] | None,
    rubrics: Sequence[str] | None,
    by_model: Sequence[str] | None,
    templates: Sequence[Path] | None,
    *,
    off: bool = False,
    strict: bool = False,
    instead: str = "",
) -> JudgeChoice:
    """Read the command line's choice of judge models. Raises UserError: an option without "="."""
    from foresee.config import pairs
    from foresee.judges import JudgeChoice

    named = pairs(rubrics or (), what="--judge-rubric")
    return replace(
        JudgeChoice.named(models or ""),
        options=pairs(options or (), what="--judge-option"),
        off=off,
        strict=strict,
        instead=instead,
        rubrics={str(judge): str(name) for judge, name in named.items()},
        by_model=tuple(by_model or ()),
        templates=tuple(templates or ()),
    )


def warn_of_unread(run: Run) -> None:
    """Say which of a judged run's judges none of the judge models could be, as of guards alone."""
    from foresee.plugins import contracts

    recorded = run.manifest.get("configuration", {}).get("judges", [])
    judged = {each.get("judge") for each in recorded if isinstance(each, dict)}
    unread = [name for name in contracts.benchmark(run.benchmark).judges if name not in judged]
    if judged and unread:
        _console.say(f"{run.benchmark}: not judged by {', '.join(unread)}")
