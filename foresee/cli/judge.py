"""`foresee judge check`: how far a judge, or the verdicts that a label set stores, agree with people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresee.cli import _labelling, _stress
from foresee.cli._judging import JudgeModel, JudgeOptions, JudgeRubric, Labels, Template
from foresee.cli.eval import Data, Format, TaskOptions

if TYPE_CHECKING:
    from foresee.human_labels.label_sets import Comparison, Group, JudgeCheck, StoredCheck
    from foresee.human_labels.published_rates import ModelRate, PublishedRates
    from foresee.report.tables import TextTable
    from foresee.statistics import Agreement

app = typer.Typer(no_args_is_help=True, help="Judges: check one against people's labels, and label answers yourself.")
app.command()(_labelling.sheet)
app.command()(_labelling.agree)
app.command()(_stress.stress)
app.command()(_labelling.pack)
_HEADER = ("answers of", "accuracy", "95 % interval", "precision", "recall", "F1", "kappa", "n")
_PEOPLE = "human agreement (one person by another)"
_FEW = 10  # answers of one side of a question, below which figures on it are no measure
_PAIRED = "judge minus this: difference of accuracy on the same answers, with its 95 % interval"


@app.command()
def check(
    judge: Annotated[str, typer.Argument(help="judge; left out with --stored")] = "",
    labels: Labels = "",
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
    strict: Annotated[
        bool, typer.Option("--strict", help="exit 1 where the set has a bar (constructed) and the judge is below it")
    ] = False,
    format: Format = "table",
) -> None:
    """Compare a judge with human labels: accuracy, precision, recall, F1 and kappa with intervals, per model."""
    from foresee.cli import _console, _judging, _results
    from foresee.errors import UserError
    from foresee.human_labels import label_sets

    _results.check_format(format, "")
    if bool(judge) == stored:
        raise UserError("expected either a judge (foresee judge check refusal) or --stored, not both and not neither")
    labels = labels or ("harmbench" if stored else label_sets.default_set(judge))
    if stored:
        found = label_sets.stored_judges(labels, data=data, options=task_options or ())
        _print(format, _stored_tables(found, brief=brief), {name: _numbers(a) for name, a in found.judges.items()})
        return
    judging = _judging.choice(judge_model, judge_options, judge_rubric, None, template)
    with _console.judging_progress(f"judging {labels}") as progress:
        checked = label_sets.check(
            judge, labels, data=data, options=task_options or (), judging=judging, out=out, progress=progress
        )
    record = {"judge": dict(checked.identity), "labels": labels} | {
        c.question.name: {name: _numbers(a) for name, a in _lines(checked.judge, c)} for c in checked.comparisons
    }
    if checked.rates is not None:
        record["rates"] = asdict(checked.rates)
    if checked.labels.file is not None and checked.labels.file.bar:
        record["bar"] = {"least": checked.labels.file.bar, "below": checked.below, "passed": not checked.below}
    _print(format, [table for c in checked.comparisons for table in _tables(checked, c, brief=brief)], record)
    if checked.rates is not None and format != "json":
        _results.put(_rates_table(checked, checked.rates), format)
    _refuse_empty(checked)
    if format != "json" and (told := _by_the_bar(checked)):
        typer.echo(told)
    if strict and checked.below:
        raise typer.Exit(1)


def _by_the_bar(found: JudgeCheck) -> str:
    """Say whether a judge passes, where its label set says what is the least; else nothing."""
    if found.labels.file is None or not found.labels.file.bar:
        return ""
    least = f"bar of {found.labels.name}, {100 * found.labels.file.bar:.0f} % of every question and of the answers read"
    return f"{least}: {'below it, with ' + ', '.join(found.below) if found.below else 'passed'}"


def _print(format: str, tables: Sequence[TextTable], record: Mapping[str, Any]) -> None:
    from foresee.cli import _results

    if format == "json":
        typer.echo(json.dumps(record, indent=2))
    for table in tables if format != "json" else ():
        _results.put(table, format)


def _refuse_empty(found: JudgeCheck) -> None:
    """Refuse an empty check. Raises UserError: no answer has a verdict, so that nothing was checked."""
    from foresee.errors import UserError

    if found.unscored and sum(found.unscored.values()) == len(found.labels.rows):
        reason, count = max(found.unscored.items(), key=lambda each: each[1])
        raise UserError(f"none of the {len(found.labels.rows)} answers was judged: {reason} ({count})")


def _tables(found: JudgeCheck, comparison: Comparison, *, brief: bool) -> list[TextTable]:
    """Table the judge beside all that read the same answers; unless brief, then each on each group of answers."""
    from foresee.report.tables import TextTable, points

    rows = tuple(
        (*_cells(name, agreement), points(comparison.gains.get(key)))
        for name, key, agreement in _keyed(found.judge, comparison, brief=brief)
    )
    notes = [comparison.question.doc] if comparison.question.doc else []
    notes += [_PAIRED] if comparison.gains else []
    notes += _rare(comparison)
    notes += [f"unscored: {count} ({reason})" for reason, count in found.unscored.items()]
    title = f"{_who(found)} on {found.labels.name}: {comparison.question.name}"
    header = (*_HEADER, "judge minus this") if comparison.gains else _HEADER
    table = TextTable(title, header, tuple(row[: len(header)] for row in rows), (*notes, *found.labels.notes))
    return [table] if brief else [table, *_group_tables(found.labels.name, comparison.groups)]


def _rare(comparison: Comparison) -> list[str]:
    """Warn where people gave one side of a question to so few answers that its figures say nothing."""
    positive, found = comparison.question.positive, comparison.overall
    if positive is None:
        return []
    counts = {True: 0, False: 0}
    for word, said in found.confusion.items():
        counts[word == positive] += sum(said.values()) + found.unscored.get(word, 0)
    side = "" if counts[True] <= counts[False] else "no "
    if (few := min(counts.values())) >= _FEW:
        return []
    shown = f"people call {few} of {sum(counts.values())} answers {side}'{positive}'"
    return [f"{shown}: precision, recall, F1 and kappa rest on so few and say nothing"]


def _stored_tables(found: StoredCheck, *, brief: bool) -> list[TextTable]:
    from foresee.report.tables import TextTable

    rows = [_cells(name, agreement) for name, agreement in found.judges.items()]
    rows += [_cells(_PEOPLE, found.people)] if found.people is not None else []
    title = f"stored judges of {found.labels.name}: {found.question.name}"
    table = TextTable(title, ("judge", *_HEADER[1:]), tuple(rows), tuple(found.labels.notes))
    return [table] if brief else [table, *_group_tables(found.labels.name, found.groups)]


def _group_tables(labels: str, groups: Sequence[Group]) -> Iterator[TextTable]:
    """One table a kind of group: the accuracy of every judge."""
    from foresee.report.tables import TextTable, number

    for kind in dict.fromkeys(group.kind for group in groups):
        mine = [group for group in groups if group.kind == kind]
        judges = list(mine[0].accuracy)
        rows = tuple(
            (
                g.name,
                str(g.answers),
                number(g.positive, percent=True),
                *(number(g.accuracy[judge], percent=True) for judge in judges),
            )
            for g in mine
        )
        yield TextTable(f"accuracy by {kind} on {labels}", (kind, "n", "positive by people", *judges), rows, ())


def _rates_table(found: JudgeCheck, rates: PublishedRates) -> TextTable:
    from foresee.report.tables import TextTable, interval, number

    def cells(each: ModelRate) -> tuple[str, ...]:
        ours = each.judge
        span = interval(ours.low, ours.high, percent=True)
        shown = (number(ours.value, percent=True), span, number(each.published, percent=True))
        return (each.model, *shown, _points(each.difference), f"{ours.n}/{ours.total}", str(each.empty))

    notes = [
        f"order of the models: {'the same' if rates.same_order else 'not the same'}; "
        f"rank correlation (Spearman) {number(rates.correlation, percent=False)} over {len(rates.models)} models",
        f"judge minus published, mean: {_points(rates.difference.value)} "
        f"({interval(rates.difference.low, rates.difference.high, percent=True)}, over the prompts); "
        f"{_points(rates.with_empty)} if an empty answer counts as the source counts it",
        *(f"unscored: {count} ({reason})" for reason, count in found.unscored.items()),
        *found.labels.notes,
    ]
    header = ("model", "by the judge", "95 % interval", "published", "difference", "n", "empty")
    title = f"{_who(found)} on {found.labels.name}: share of {rates.question}, beside the published one"
    return TextTable(title, header, tuple(cells(each) for each in rates.models), tuple(notes))


def _who(found: JudgeCheck) -> str:
    return f"{found.judge} by {', '.join(found.models)}" if found.models else found.judge


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _lines(judge: str, comparison: Comparison) -> Iterator[tuple[str, Agreement]]:
    return ((name, agreement) for name, _, agreement in _keyed(judge, comparison))


def _keyed(judge: str, comparison: Comparison, *, brief: bool = False) -> Iterator[tuple[str, str, Agreement]]:
    """Yield the judge over all answers and by group, then what stands beside it, with its key in `gains`."""
    from foresee.human_labels.label_sets import OFFLINE

    yield f"all models, by {judge}", "", comparison.overall
    for group, agreement in (*comparison.by_model.items(), *comparison.by_attack.items()) if not brief else ():
        yield f"  {group}", "", agreement
    for name, agreement in comparison.stored.items():
        yield f"all models, by {name}{'' if name == OFFLINE else ' (stored)'}", name, agreement
    for name, agreement in comparison.baselines.items():
        yield f"all models, by published list {name}", name, agreement
    if comparison.people is not None:
        yield f"all models, {_PEOPLE}", "", comparison.people


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
