"""Summarise who judged a run: judge models, rubrics, what was left unscored and why, how far several disagree."""

from __future__ import annotations

import math
import shlex
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from foresee import plugins
from foresee.evaluation.run_folder import Run, measured, resting_on
from foresee.files.spool import Places
from foresee.judges import _compared, agreed
from foresee.labels._sets import how_to_check, people_for
from foresee.metrics import Metric, summarise
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Row, Verdict, Vote
from foresee.report.escaping import label
from foresee.report.failures import Reasons
from foresee.report.run_names import benchmark_file
from foresee.report.tables import interval, number
from foresee.statistics import Estimate, rate

_REASONS = 3  # reasons for missing verdicts that are shown
_ASKED = ("--judge-model", "--judge-option", "--judge-rubric", "--template", "--by-model")
_LOOKED = 3  # rows of a subset that are taken apart, to tell which measures rest on a judge


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
        behind: the metrics that rest on it.
    """

    judge: str
    models: tuple[str, ...]
    rubrics: tuple[str, ...]
    scored: int
    total: int
    reasons: tuple[str, ...]
    disagreement: Estimate | None
    behind: tuple[str, ...] = ()


class Alone(NamedTuple):
    """The run's metrics as they would be if one judge model of a panel had judged alone."""

    model: str
    estimates: tuple[Estimate, ...]


Panels = Mapping[str, JudgedBy]
"""Every judge of a run that gave verdicts, by name; from `panels`, for several questions about one run."""


def judged_by(run: Run, known: Panels | None = None) -> list[JudgedBy]:
    """List the judges of a run that asked models, in the order in which they read."""
    return [panel for panel in (known or panels(run)).values() if panel.models]


def alone(run: Run, known: Panels | None = None) -> list[Alone]:
    """For every model of a panel, the metrics that depend on its votes; empty where no judge asked several models."""
    if not any(len(panel.models) > 1 for panel in (known or panels(run)).values()):
        return []
    models = dict.fromkeys(vote.model for row in run.rows for v in row.verdicts.values() for vote in v.votes)
    if len(models) < 2:
        return []
    file = contracts.benchmark(run.benchmark)
    judged = _judged_measures(file, run.rows)
    metrics = [metric for metric in run.metrics if metric.measure in judged and not metric.published]
    found = []
    for model in models:
        rows = (measured(file, replace(row, verdicts=_by_one(row, model))) for row in run.rows)
        found.append(Alone(label(model), tuple(summarise(rows, metrics))))
    return found


def compared(run: Run, known: Panels | None = None) -> list[str]:
    """Say of each judge that gave verdicts how far it agrees with people, or that nobody compared them."""
    lines = []
    asked = asked_by(run)
    for judge, panel in (known or panels(run)).items():
        file = contracts.judge_file(judge) if judge in plugins.names("judges") else None
        if panel.models or (file is not None and file.scale):  # others read by rule what is known of a drawn scene
            versions = {str(each.get("judge")): str(each.get("version")) for each in run.manifest.get("judges", [])}
            how = how_to_check(judge, panel.models, asked if panel.models else "", _written(run))
            version = versions.get(judge, "")
            told = _compared.line(judge, panel.models, version, how=how, rubrics=panel.rubrics, behind=panel.behind)
            lines.append(label(told, 500))
    return lines


def asked_by(run: Run) -> str:
    """Write the options by which the run's command named its judge models, to be pasted into another command."""
    words = run.manifest.get("command")
    found = []
    for flag, value in pairwise(map(str, words) if isinstance(words, list) else ()):
        if flag in _ASKED:
            found += [flag, shlex.quote(value)]
    return " ".join(found)


def uncorrected(run: Run) -> str:
    """Say that the judges' rates are not corrected by people's labels, and what does it; "" where nothing can."""
    for each in run.manifest.get("judges", []):
        if (labels := people_for(str(each.get("judge")))) and contracts.label_set(labels).questions[0].human:
            asked = f" {asked_by(run)}" if each.get("models") else ""
            folder = _written(run)
            return (
                f"by the judges, not corrected by people's labels: foresee report {folder} --correct {labels}{asked}, "
                f"or foresee judge sheet {folder} for labels of your own"
            )
    return ""


def _written(run: Run) -> str:
    return shlex.quote(label(str(run.folder), 300))


def notes(run: Run) -> list[str]:
    """Lines for the terminal: how far the judge models disagree, and what each of them alone would have said."""
    lines = []
    known = panels(run)
    asked = [panel for panel in known.values() if panel.models]
    for panel in asked:
        found = panel.disagreement
        if found is not None and found.value is not None:
            span = f" ({100 * found.low:.1f} – {100 * found.high:.1f})" if found.low is not None and found.high else ""
            lines.append(
                f"{panel.judge}: its judge models disagree on {100 * found.value:.1f} %{span} of {found.n} answers"
            )
        if panel.scored < panel.total:
            lines.append(_unscored(panel))
    lines += compared(run, known)
    lines += [_unscored(panel) for panel in known.values() if panel.scored < panel.total and panel not in asked]
    percents = {metric.name: metric.percent for metric in run.metrics}
    for one in alone(run, known):
        shown = [_told(e, percent=percents[e.name]) for e in one.estimates]
        lines.append(f"by {one.model} alone: {', '.join(shown)}")
    return lines


def _unscored(panel: JudgedBy) -> str:
    return f"{panel.judge}: no verdict on {panel.total - panel.scored}: {'; '.join(panel.reasons)}"


def panels(run: Run) -> Panels:
    """Summarise each judge that gave verdicts; the rows are read once and not kept."""
    found: dict[str, _Readings] = {}
    file = benchmark_file(run)
    for row in run.rows:
        for judge, verdict in row.verdicts.items():
            if judge not in found:
                found[judge] = _Readings()
            found[judge].add(row, verdict)
            found[judge].look(row, judge, file)
    return {judge: readings.summary(judge, run.metrics) for judge, readings in found.items()}


class _Readings:
    """What is kept of a judge's verdicts."""

    def __init__(self) -> None:
        self._models: dict[str, None] = {}
        self._rubrics: dict[str, None] = {}
        self._reasons = Reasons()  # why there is no value
        self._same = array("d")  # of panels: whether all said the same; nan where nobody knows
        self._clusters, self._known = array("q"), Places()
        self._total = 0
        self._looked: Counter[tuple[str, str]] = Counter()  # rows of a kind whose measures were taken apart
        self._measures: set[str] = set()  # that rest on this judge

    def look(self, row: Row, judge: str, file: Benchmark | None) -> None:
        """Find the measures that rest on the judge, on the first rows of each kind."""
        kind = (row.item.subset, row.item.expected)
        if file is not None and row.verdicts[judge].value is not None and self._looked[kind] < _LOOKED:
            self._looked[kind] += 1
            self._measures |= resting_on(file, row, judge)

    def add(self, row: Row, verdict: Verdict) -> None:
        if verdict.value is None:
            self._reasons.add(verdict.reason)
        self._models |= dict.fromkeys(filter(None, _models(verdict)))
        self._rubrics |= {verdict.rubric: None} if verdict.rubric else {}
        if verdict.votes or self._same:
            unread = self._total - len(self._same)  # before the first votes
            same = agreed(verdict.votes)
            self._same.extend([*[math.nan] * unread, math.nan if same is None else float(not same)])
            self._clusters.extend([*[-1] * unread, self._known.code(row.item.cluster or row.item.id)])
        self._total += 1

    def summary(self, judge: str, metrics: Sequence[Metric]) -> JudgedBy:
        import numpy as np

        return JudgedBy(
            judge=label(judge),
            models=tuple(map(label, self._models)),
            rubrics=tuple(map(label, self._rubrics)),
            scored=self._total - self._reasons.total,
            total=self._total,
            reasons=(
                *(f"{reason} ({count})" for reason, count in self._reasons.commonest(_REASONS, 160)),
                *([f"other reasons ({others})"] if (others := self._reasons.others(_REASONS)) else []),
            ),
            disagreement=rate(np.array(self._same), np.array(self._clusters)) if self._same else None,
            behind=tuple(label(metric.name) for metric in metrics if metric.measure in self._measures),
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


def _told(estimate: Estimate, *, percent: bool) -> str:
    """Write an estimate with its interval and how many rows carry it."""
    span = interval(estimate.low, estimate.high, percent=percent)
    return f"{estimate.name} {number(estimate.value, percent=percent)} ({span}) of {estimate.n}/{estimate.total}"
