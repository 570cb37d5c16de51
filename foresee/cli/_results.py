"""How runs are printed and `--fail-if` conditions acted on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from foresee.cli import _labelling
from foresee.cli._costs import cost, price_of
from foresee.errors import UserError, unknown_name

if TYPE_CHECKING:
    from foresee.evaluation.plan import Plan
    from foresee.evaluation.run_folder import Run
    from foresee.human_labels.correction import Corrected
    from foresee.judges import JudgeChoice
    from foresee.metrics import Condition, Metric
    from foresee.report.tables import TextTable

FORMATS = ("table", "md", "json")
T = TypeVar("T")


def check_format(format: str, by: str) -> None:
    from foresee.metrics import ITEM_FIELDS

    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    groups = (*ITEM_FIELDS, "metadata.KEY")
    if by and by not in ITEM_FIELDS and not by.startswith("metadata."):
        raise unknown_name("grouping", by, groups)


def conditions(texts: Sequence[str] | None) -> list[Condition]:
    from foresee.metrics import parse_condition

    return [parse_condition(text) for text in texts or ()]


def check_promises(found: Sequence[Condition], price: str, plans: Sequence[Plan]) -> None:
    """Before anything is asked: can the price be read, can each condition hold of some benchmark's metric?

    Raises:
        UserError: no.
    """
    check_price(price, "--price")
    known = {m.name: m for planned in plans for m in _metrics(planned)}
    for condition in found:
        if condition.metric not in known:
            raise unknown_name("metric", condition.metric, known)
        condition.check_range(known[condition.metric].bounds)


def _metrics(planned: Plan) -> Sequence[Metric]:
    from foresee.evaluation.run_folder import metrics_of
    from foresee.evaluation.screening import screened

    file = screened(planned.file, [judge.name for judge in planned.judges])
    return metrics_of(file, planned.options.model_dump(), planned.attack.tries if planned.attack else 1)


def check_price(price: str, option: str) -> None:
    """Refuse a price that can't be read. Raises UserError: it can't."""
    price_of(price, option)


_AGAIN = "the same command tries again"


def exit_on(found: Sequence[Condition], runs: Sequence[Run], *, unanswered: str = _AGAIN) -> None:
    """Exit 1 if a condition holds in a run that has its metric; `unanswered` is what helps where no answer came.

    Raises:
        UserError: no run has it, or a run brought nothing: no answer at all, or no verdict where a judge was asked.
    """
    from foresee.report import failures, terminal

    for run in runs:
        if why := terminal.nothing(run):
            raise UserError(f"{run.title}: {why}; {unanswered if why.startswith(failures.UNANSWERED) else _AGAIN}")
    failed = []
    for condition in found:
        holders = [run for run in runs if any(e.name == condition.metric for e in run.estimates)]
        if not holders:
            known = [e.name for run in runs for e in run.estimates]
            raise unknown_name("metric", condition.metric, known)
        failed += [f"{run.title}: {condition}" for run in holders if condition.holds(run.estimates)]
    for line in failed:
        typer.echo(f"failed: {line}", err=True)
    if failed:
        raise typer.Exit(1)


def show(
    runs: Sequence[Run],
    *,
    format: str,
    by: str = "",
    price: str = "",
    judge_price: str = "",
    correct: str | None = None,
    judges: JudgeChoice | None = None,
) -> None:
    """Print the runs' tables (and where they lie) or one JSON document."""
    from foresee.report import judging, tables, terminal

    correction = {id(run): corrected(run, correct, judges) for run in runs}
    if format == "json":
        found = [_as_json(run) for run in runs]
        for run, record in zip(runs, found, strict=True):
            if (each := correction[id(run)]) is not None:
                record["corrected"] = [asdict(figure) for figure in each.found]
                record["corrected_by"] = {"kind": each.kind, "labels": each.source}
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for run in runs:
        table = terminal.headline(run)
        extra = [
            line
            for line in (
                cost(run.manifest.get("usage"), price),
                _servers(run),
                *terminal.judging_notes(run),
                judging.uncorrected(run) if correction[id(run)] is None else "",
                *_judging(run, judge_price),
            )
            if line
        ]
        put(table._replace(notes=(*table.notes, *extra, f"run folder: {run.folder}")), format)
        if by:
            put(tables.groups(run, run.metrics[0].measure, by), format)
        if (each := correction[id(run)]) is not None:
            put(_labelling.correction_table(run.title, each), format)


def corrected(run: Run, labels: str | None, judges: JudgeChoice | None) -> Corrected | None:
    """Correct a run's rates by people's labels of its own, or by a published label set; None where none is named."""
    from foresee.cli import _console
    from foresee.human_labels import correction, transport
    from foresee.judges import JudgeChoice

    if labels is None:
        return None
    if not transport.is_label_set(labels):
        return correction.correct(run, labels)
    with _console.judging_progress(f"judging {labels}") as progress:
        return transport.correct(run, labels, judges or JudgeChoice(), progress)


def show_defenses(runs: Sequence[Run], labels: Sequence[str], unfit: Mapping[str, str], *, format: str) -> bool:
    """Print each model's runs as one table, defenses side by side. False: no benchmark ran under two of them."""
    from foresee.report.defense_table import boards, text_tables

    return _put_each(boards(runs, labels, unfit), text_tables, format)


def show_attacks(runs: Sequence[Run], labels: Sequence[str], unfit: Mapping[str, str], *, format: str) -> bool:
    """Print a table of attacks by defenses for each model and benchmark. False: nothing harmful was asked."""
    from foresee.report.attack_table import matrices, text_tables

    return _put_each(matrices(runs, labels, unfit), text_tables, format)


def show_costs(runs: Sequence[Run], unfit: Mapping[str, str], *, format: str) -> None:
    """Print what each defense costs beside what it does, a table for each model that ran under several."""
    from foresee.cli._console import console
    from foresee.report.defense_costs import tables

    for table in tables(runs, console().width if format == "table" else 10_000, unfit):
        put(table, format)


def _put_each(found: Sequence[T], lay_out: Callable[[T, int], Sequence[TextTable]], format: str) -> bool:
    """Print what each lays out, as wide as the terminal or, in a document, as it likes. False: there is nothing."""
    from foresee.cli._console import console

    width = console().width if format == "table" else 10_000
    for each in found:
        for table in lay_out(each, width):
            put(table, format)
    return bool(found)


def put_comparison(a: Run, b: Run, format: str) -> None:
    """Print the paired difference of two runs as a table."""
    from foresee.report.comparison import compare

    put(compare(a, b).table(), format)


def say_way_back(runs: Sequence[Run]) -> None:
    """Say beside a table, not in it, how to get from its figures to items, answers, verdicts, command and commit."""
    from foresee.cli._console import say
    from foresee.report.run_text import way_back

    if line := way_back(runs):
        say(line)


def check_wandb(project: str, shard: str | None) -> None:
    """Check --wandb before anything is asked. Raises UserError: the extra is missing, or the runs are but shares."""
    from foresee.errors import UserError
    from foresee.interop import weights_and_biases

    if project and shard:
        raise UserError("--wandb is for whole runs; after foresee join: foresee export RUN --format wandb")
    if project:
        weights_and_biases.check()


def send_to_wandb(runs: Sequence[Run], project: str) -> None:
    """Send the runs' figures to a project of W&B, where one is named."""
    from foresee.cli._console import say
    from foresee.interop import weights_and_biases

    for address in weights_and_biases.write(runs, project, Path()) if project else ():
        say(f"wrote {address}")


def put(table: TextTable, format: str) -> None:
    from foresee.cli._console import console
    from foresee.report import tables

    if format == "md":
        typer.echo(tables.markdown(table))
    else:
        screen = console()
        if not screen.is_terminal:  # a pipe has no edge: one row, one line
            screen.width = max(screen.width, tables.natural_width(table.header, table.rows))
        tables.show(table, screen)


def _servers(run: Run) -> str:
    """Say how many answers, and verdicts, each server gave, where they were several."""
    told = []
    for what, key in (("answers", "answered_at"), ("verdicts", "judged_at")):
        counts = run.manifest.get(key, {})
        if len(counts) > 1:
            told.append(f"{what} by server: " + ", ".join(f"{at} {count:,}" for at, count in counts.items()))
    return "; ".join(told)


def _judging(run: Run, price: str) -> Iterator[str]:
    """Say what the judge models took, apart from what the model under test did."""
    for name, usage in run.manifest.get("judging_usage", {}).items():
        tokens = f"{usage.get('input_tokens', 0):,} tokens in, {usage.get('output_tokens', 0):,} out"
        paid = cost(usage, price, "--judge-price")
        yield f"judged by {name}: {tokens}" + (f", {paid}" if paid else "")


def _as_json(run: Run) -> dict[str, Any]:
    from foresee.report import terminal

    return {
        "benchmark": run.benchmark,
        "model": run.model,
        "defense": run.defense,
        "folder": str(run.folder),
        "unfinished": run.unfinished,
        "warnings": [*terminal.failure_notes(run), *run.warnings],
        "metrics": {e.name: asdict(e) for e in run.estimates},
    }
