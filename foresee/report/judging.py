"""Summarise who judged a run: judge models, rubrics, what was left unscored and why, how far several disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from foresee import plugins
from foresee.evaluation.run_folder import Run, measured
from foresee.judges import _compared, agreed
from foresee.metrics import summarise
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Row, Verdict, Vote
from foresee.report.escaping import label
from foresee.report.failures import commonest
from foresee.statistics import Estimate, rate

_REASONS = 3  # reasons for missing verdicts that are shown


class JudgedBy(NamedTuple):
    """One judge of a run that asked models.

    Attributes:
        judge: its name.
        models: who filled in its form.
        rubrics: name, version and hash of what they were asked.
        scored: answers with a verdict.
        total: answers that it read.
        reasons: why others have none, the most frequent ones first.
        disagreement: share of the answers read by several on which they did not all say the same; None for one model.
    """

    judge: str
    models: tuple[str, ...]
    rubrics: tuple[str, ...]
    scored: int
    total: int
    reasons: tuple[str, ...]
    disagreement: Estimate | None


class Alone(NamedTuple):
    """The run's metrics as they would be if one judge model of a panel had judged alone."""

    model: str
    estimates: tuple[Estimate, ...]


def judged_by(run: Run) -> list[JudgedBy]:
    """List the judges of a run that asked models, in the order in which they read."""
    judges = dict.fromkeys(name for row in run.rows for name, verdict in row.verdicts.items() if verdict.judge_model)
    return [_panel(run, judge) for judge in judges]


def alone(run: Run) -> list[Alone]:
    """For every model of a panel, the metrics that depend on its votes; empty where no judge asked several models."""
    models = dict.fromkeys(vote.model for row in run.rows for v in row.verdicts.values() for vote in v.votes)
    if len(models) < 2:
        return []
    file = contracts.benchmark(run.benchmark)
    judged = _judged_measures(file, run.rows)
    metrics = [metric for metric in run.metrics if metric.measure in judged and not metric.published]
    found = []
    for model in models:
        rows = [measured(file, replace(row, verdicts=_by_one(row, model))) for row in run.rows]
        found.append(Alone(label(model), tuple(summarise(rows, metrics))))
    return found


def compared(run: Run) -> list[str]:
    """Say of each judge that gave verdicts how far it agrees with people, or that nobody compared them."""
    lines = []
    for judge in dict.fromkeys(name for row in run.rows for name in row.verdicts):
        panel = _panel(run, judge)
        models = [model for model in panel.models if model]
        file = contracts.judge_file(judge) if judge in plugins.names("judges") else None
        if models or (file is not None and file.scale):  # others read by rule what is known of a drawn scene
            versions = {str(each.get("judge")): str(each.get("version")) for each in run.manifest.get("judges", [])}
            lines.append(label(_compared.line(judge, models, versions.get(judge, "")), 400))
    return lines


def notes(run: Run) -> list[str]:
    """Lines for the terminal: how far the judge models disagree, and what each of them alone would have said."""
    lines = []
    for panel in judged_by(run):
        found = panel.disagreement
        if found is not None and found.value is not None:
            span = f" ({100 * found.low:.1f} – {100 * found.high:.1f})" if found.low is not None and found.high else ""
            lines.append(
                f"{panel.judge}: its judge models disagree on {100 * found.value:.1f} %{span} of {found.n} answers"
            )
        if panel.scored < panel.total:
            lines.append(f"{panel.judge}: no verdict on {panel.total - panel.scored}: {'; '.join(panel.reasons)}")
    lines += compared(run)
    lines += [
        f"{each.judge}: no verdict on {each.total - each.scored}: {'; '.join(each.reasons)}" for each in _by_rules(run)
    ]
    percents = {metric.name: metric.percent for metric in run.metrics}
    for one in alone(run):
        shown = [f"{e.name} {_number(e, percent=percents[e.name])}" for e in one.estimates]
        lines.append(f"by {one.model} alone: {', '.join(shown)}")
    return lines


def _by_rules(run: Run) -> list[JudgedBy]:
    """List the judges that went by rules alone and left answers without a verdict."""
    asked = {each.judge for each in judged_by(run)}
    judges = dict.fromkeys(name for row in run.rows for name in row.verdicts)
    found = [_panel(run, judge) for judge in judges if label(judge) not in asked]
    return [each for each in found if each.scored < each.total and not any(each.models)]


def _panel(run: Run, judge: str) -> JudgedBy:
    read = [(row, row.verdicts[judge]) for row in run.rows if judge in row.verdicts]
    unscored = commonest((verdict.reason for _, verdict in read if verdict.value is None), _REASONS, 160)
    votes = [agreed(verdict.votes) for _, verdict in read]
    compared = [None if same is None else float(not same) for same in votes]
    clusters = [row.item.cluster or row.item.id for row, _ in read]
    return JudgedBy(
        judge=label(judge),
        models=tuple(dict.fromkeys(label(name) for _, verdict in read for name in _models(verdict) if name)),
        rubrics=tuple(dict.fromkeys(label(verdict.rubric) for _, verdict in read if verdict.rubric)),
        scored=sum(verdict.value is not None for _, verdict in read),
        total=len(read),
        reasons=tuple(f"{reason} ({count})" for reason, count in unscored),
        disagreement=rate(compared, clusters) if any(verdict.votes for _, verdict in read) else None,
    )


def _models(verdict: Verdict) -> list[str]:
    return [vote.model for vote in verdict.votes] or [verdict.judge_model]


def _by_one(row: Row, model: str) -> dict[str, Verdict]:
    """Replace a row's panel verdicts by what one member said."""

    def one(verdict: Verdict) -> Verdict:
        if not verdict.votes:
            return verdict
        mine: Sequence[Vote] = [vote for vote in verdict.votes if vote.model == model]
        return replace(verdict, value=mine[0].value if mine else None)

    return {name: one(verdict) for name, verdict in row.verdicts.items()}


def _judged_measures(file: Benchmark, rows: Sequence[Row]) -> set[str]:
    """Find the measures that rest on panels: those that vanish when panels say nothing."""
    found: set[str] = set()
    for row in rows:
        silent = {name: replace(v, value=None) if v.votes else v for name, v in row.verdicts.items()}
        without = measured(file, replace(row, verdicts=silent)).measures
        found |= {name for name, value in row.measures.items() if value is not None and without.get(name) is None}
    return found


def _number(estimate: Estimate, *, percent: bool) -> str:
    if estimate.value is None:
        return "–"
    return f"{100 * estimate.value:.1f}" if percent else f"{estimate.value:.3f}"
