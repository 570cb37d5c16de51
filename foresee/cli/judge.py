"""`foresee judge check`: how far a judge, or the verdicts that a label set stores, agree with people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresee.cli import _labelling
from foresee.cli._judging import JudgeModel, JudgeOptions, JudgeRubric, Template
from foresee.cli.eval import Data, Format, TaskOptions

if TYPE_CHECKING:
    from foresee.human_labels.label_sets import Comparison, JudgeCheck, StoredCheck
    from foresee.report.tables import TextTable
    from foresee.statistics import Agreement

app = typer.Typer(no_args_is_help=True, help="Judges: check one against people's labels, and label answers yourself.")
app.command()(_labelling.sheet)
app.command()(_labelling.agree)
_HEADER = ("answers of", "accuracy", "95 % interval", "precision", "recall", "F1", "kappa", "n")


@app.command()
def check(
    judge: Annotated[str, typer.Argument(help="judge; left out with --stored")] = "",
    labels: Annotated[
        str, typer.Option("--labels", help="label set (see 'foresee list labels'), or a JSONL file of your own")
    ] = "xstest",
    data: Data = None,
    task_options: TaskOptions = None,
    judge_model: JudgeModel = None,
    judge_options: JudgeOptions = None,
    judge_rubric: JudgeRubric = None,
    template: Template = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for a judge model's replies; default: under runs/judge_check/")
    ] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="check the automatic judges whose verdicts the label set itself stores")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="all models together, without a line for each")] = False,
    format: Format = "table",
) -> None:
    """A judge against human labels: accuracy, precision, recall, F1 and kappa with intervals, per model."""
    from foresee.cli import _console, _judging, _results
    from foresee.errors import UserError
    from foresee.human_labels import label_sets

    _results.check_format(format, "")
    if bool(judge) == stored:
        raise UserError("expected either a judge (foresee judge check refusal) or --stored, not both and not neither")
    if stored:
        found = label_sets.stored_judges(labels, data=data, options=task_options or ())
        tables = [_stored_table(found)]
        record: dict[str, Any] = {name: _numbers(a) for name, a in found.judges.items()}
    else:
        judging = _judging.choice(judge_model, judge_options, judge_rubric, None, template)
        with _console.judging_progress(f"judging {labels}") as progress:
            checked = label_sets.check(
                judge, labels, data=data, options=task_options or (), judging=judging, out=out, progress=progress
            )
        tables = [_table(checked, comparison, brief=brief) for comparison in checked.comparisons]
        record = {"judge": dict(checked.identity), "labels": labels} | {
            c.question.name: {name: _numbers(a) for name, a in _lines(checked.judge, c)} for c in checked.comparisons
        }
    if format == "json":
        typer.echo(json.dumps(record, indent=2))
    for table in tables if format != "json" else ():
        _results.put(table, format)
    if not stored:
        _refuse_empty(checked)


def _refuse_empty(found: JudgeCheck) -> None:
    """Raises UserError: every call of the judge failed, so that nothing was checked."""
    from foresee.errors import UserError

    failed = {reason: n for reason, n in found.unscored.items() if reason.startswith("the judge failed")}
    if failed and sum(failed.values()) == len(found.labels.rows):
        reason, count = max(failed.items(), key=lambda each: each[1])
        raise UserError(f"none of the {len(found.labels.rows)} answers was judged: {reason} ({count})")


def _table(found: JudgeCheck, comparison: Comparison, *, brief: bool = False) -> TextTable:
    from foresee.report.tables import TextTable, interval

    rows = tuple(_cells(name, agreement) for name, agreement in _lines(found.judge, comparison, brief=brief))
    notes = [comparison.question.doc] if comparison.question.doc else []
    for name, gain in comparison.gains.items():
        if gain.delta is not None:
            span = interval(gain.low, gain.high, percent=True)
            notes.append(
                f"accuracy minus that of the list {name}, on the same answers: {100 * gain.delta:+.1f} ({span})"
            )
    notes += [f"unscored: {count} ({reason})" for reason, count in found.unscored.items()]
    title = f"{found.judge} on {found.labels.name}: {comparison.question.name}"
    return TextTable(title, _HEADER, rows, (*notes, *found.labels.notes))


def _stored_table(found: StoredCheck) -> TextTable:
    from foresee.report.tables import TextTable

    rows = tuple(_cells(name, agreement) for name, agreement in found.judges.items())
    title = f"stored judges of {found.labels.name}: {found.question.name}"
    return TextTable(title, ("judge", *_HEADER[1:]), rows, tuple(found.labels.notes))


def _lines(judge: str, comparison: Comparison, *, brief: bool = False) -> Iterator[tuple[str, Agreement]]:
    """The judge over all answers and per model, then what stands beside it on the same answers."""
    yield f"all models, by {judge}", comparison.overall
    for model, agreement in comparison.by_model.items() if not brief else ():
        yield f"  {model}", agreement
    for name, agreement in comparison.baselines.items():
        yield f"all models, by published list {name}", agreement
    if comparison.people is not None:
        yield "all models, human agreement (one person by another)", comparison.people


def _cells(name: str, agreement: Agreement) -> tuple[str, ...]:
    from foresee.report.tables import interval, number

    accuracy = agreement.accuracy
    others = (agreement.precision, agreement.recall, agreement.f1)
    shown = [number(e.value, percent=True) if e else "–" for e in others]
    kappa = number(agreement.kappa.value, percent=False)
    span = interval(accuracy.low, accuracy.high, percent=True)
    return (name, number(accuracy.value, percent=True), span, *shown, kappa, f"{accuracy.n}/{accuracy.total}")


def _numbers(agreement: Agreement) -> Mapping[str, Any]:
    figures = ("accuracy", "precision", "recall", "f1", "kappa")
    found = {name: getattr(agreement, name) for name in figures}
    return {
        name: {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "total": e.total}
        for name, e in found.items()
        if e is not None
    }
