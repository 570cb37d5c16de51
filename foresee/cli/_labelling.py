"""`foresee judge sheet` and `foresee judge agree`: a page on which a person labels answers, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresee.cli.eval import Format

if TYPE_CHECKING:
    from foresee.human_labels.agreement import Field, Found
    from foresee.human_labels.correction import Corrected
    from foresee.report.tables import TextTable

_HEADER = ("field", "consistency", "95 % interval", "kappa", "95 % interval", "n")


def sheet(
    run: Annotated[Path, typer.Argument(help="run folder")],
    out: Annotated[
        Path | None, typer.Option("--out", help="the page to write; default: sheet.html, or sheet-2.html and so on")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a page that is there already")] = False,
    count: Annotated[int, typer.Option("-n", min=1, help="how many answers")] = 100,
    judge: Annotated[str, typer.Option("--judge", help="whose scale is filled in; default: the run's first")] = "",
    seed: Annotated[int, typer.Option("--seed", help="the same seed draws the same answers")] = 0,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="as many answers of each verdict, so that rare ones are seen")
    ] = False,
    images: Annotated[bool, typer.Option("--images/--no-images", help="whether the page holds the images")] = True,
) -> None:
    """Write a page on which a person labels a sample of a run's answers, blind to the judge's verdicts."""
    from foresee.evaluation import run_folder
    from foresee.files.outputs import free_name, output_file
    from foresee.human_labels import page

    out = output_file(out or (Path("sheet.html") if force else free_name(Path("sheet.html"))), force=force)
    read = run_folder.read_run(run)
    held = page.write(out, read, judge=judge, count=count, seed=seed, balanced=balanced, images=images)
    typer.echo(f"{out}: {held} answers for judge {page.judge_of(read, judge)}; open it in a browser")
    typer.echo("then: foresee judge agree LABELS.json --out agreement.json")


def pack(
    judge: Annotated[str, typer.Argument(help="whose scale is to be labelled: foresight, constructive or capability")],
    out: Annotated[Path, typer.Option("--out", help="new folder for the page and the answers")],
) -> None:
    """Write 100 fixed answers with a page on which people label them, to know a judge model before it is believed."""
    from foresee.human_labels import packs

    made = packs.write(judge, out)
    typer.echo(f"{made.sheet}: {made.answers} answers for judge {judge}; two people label them, each in a browser")
    typer.echo("then: foresee judge agree FIRST.json SECOND.json          (how far the two agree)")
    typer.echo(f"      foresee score {made.run} --judge-model J, then foresee judge agree FIRST.json JUDGED_FOLDER")


def agree(
    labels: Annotated[
        list[Path], typer.Argument(help="the file that a page saved; then a run folder, or a second person's file")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="where to keep it for 'foresee score RUN --correct'")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there already")] = False,
    format: Format = "table",
) -> None:
    """People's labels against the judge: consistency, kappa and confusion with intervals.

    With a run folder the verdicts are taken from there (another judging of the same answers); with a second file of
    labels, two people are compared.
    """
    from foresee.cli import _results
    from foresee.errors import UserError
    from foresee.files.outputs import output_file
    from foresee.human_labels import agreement
    from foresee.judges import _compared

    _results.check_format(format, "")
    if out is not None:
        output_file(out, force=force)
    if len(labels) > 2 or labels[0].is_dir():
        raise UserError("expected LABELS.json, then at most one of a run folder or a second LABELS.json")
    second = labels[1] if len(labels) == 2 else None
    people = second is not None and not second.is_dir()
    if people and second is not None:
        if out is not None:
            raise UserError("--out keeps a judge's agreement with people; leave it out to compare two people")
        found = agreement.between(labels[0], second)
    else:
        found = agreement.compare(labels[0], second)
        for each in agreement.as_compared(found) if found.judge_models else ():
            _compared.keep(each)
    if out is not None:
        agreement.save(out, found)
    if format == "json":
        typer.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
        return
    _results.put(_table(found, people=people), format)
    for field in found.fields:
        _results.put(_confusion(field, people=people), format)
    if out is not None:
        typer.echo(f"{out}: use it with 'foresee score RUN --correct {out}'")


def correction_table(title: str, found: Corrected) -> TextTable:
    """Raw and corrected figures side by side."""
    from foresee.report.tables import WORDS, TextTable, interval, number

    run_folder = []
    for each in found.found:
        percent = found.percents.get(each.name, True)
        span = interval(each.low, each.high, percent=percent)
        values = (number(each.raw, percent=percent), number(each.value, percent=percent), span)
        run_folder.append((each.name, *values, f"{each.labelled}/{each.rows}", each.method))
    header = ("metric", "by the judge", "corrected", "95 % interval", "labelled", WORDS)
    notes = [*found.notes, "corrected figures are over the rows that the judge scored; coverage is as above"]
    silent = dict.fromkeys(each.method.rpartition("; ")[2] for each in found.found if each.low is None)
    notes += [reason for reason in silent if reason]
    if found.others:
        notes.append(f"not corrected by these labels: {', '.join(found.others)}")
    return TextTable(f"{title}, corrected by people's labels ({found.kind})", header, tuple(run_folder), tuple(notes))


def _table(found: Found, *, people: bool) -> TextTable:
    from foresee.report.tables import TextTable, interval, number

    run_folder = []
    for field in found.fields:
        held, weighted = field.agreement, field.weighted
        if weighted is not None:
            value, low, high = weighted.consistency, weighted.consistency_low, weighted.consistency_high
            kappa, below, above = weighted.kappa, weighted.kappa_low, weighted.kappa_high
        else:
            value, low, high = held.accuracy.value, held.accuracy.low, held.accuracy.high
            kappa, below, above = held.kappa.value, held.kappa.low, held.kappa.high
        cells = (number(value, percent=True), interval(low, high, percent=True), number(kappa, percent=False))
        span = interval(below, above, percent=False)
        run_folder.append((field.name, *cells, span, f"{held.accuracy.n}/{held.accuracy.total}"))
    who = found.by or "one person"
    against = f"{who} and {', '.join(found.judge_models)}" if people else f"{_judge(found)} against {who}"
    notes = [f"{len(found.rows)} answers labelled, {found.left_out} left out, {found.unlabelled} not labelled"]
    if any(field.weighted for field in found.fields):
        notes.append("the sample was uneven: every answer counts for the rows of the run that it stands for")
    return TextTable(f"{against}, {found.benchmark}", _HEADER, tuple(run_folder), (*notes, *found.notes))


def _judge(found: Found) -> str:
    return f"{found.judge} by {', '.join(found.judge_models)}" if found.judge_models else found.judge


def _confusion(field: Field, *, people: bool) -> TextTable:
    from foresee.report.tables import TextTable

    held = field.agreement
    labels = list(held.confusion)
    run_folder = tuple(
        (label, *(str(held.confusion[label][said]) for said in labels), str(held.unscored.get(label, 0)))
        for label in labels
    )
    first, second = ("first person", "second") if people else ("person", "judge")
    header = (f"{field.name}: {first} ↓ {second} →", *labels, "none")
    return TextTable("", header, run_folder)


def _as_json(found: Found) -> dict[str, Any]:
    from dataclasses import asdict

    record = asdict(found)
    del record["rows"]
    return record
