"""What each defense costs, in one table: tokens, calls, time, benign requests withheld or refused, ability, ASR.

One table holds one model, a line for each defense; what it shows of safety and ability are the measures of the profile.
Costs are those without an attack, per item that was asked, over the benchmarks that ran with and without the defense.
Intervals and differences stand in the tables by benchmark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from foresee.evaluation.fit import BENIGN
from foresee.evaluation.run_folder import Run
from foresee.records import Answer
from foresee.report.attack_table import value_of
from foresee.report.escaping import label
from foresee.report.failures import WITHHELD
from foresee.report.item_costs import Cost, cost_of, tokens_of
from foresee.report.profile import Figure, Measure, profile
from foresee.report.provenance import without_paths
from foresee.report.run_names import attackers, protections, variant
from foresee.report.tables import TextTable, natural_width, number

_SHOWN = ("not over-refusing", "able", "resistant")
_DASH = "–"
_NOTE = (
    "per item that was asked, without an attack: tokens read + written as the provider counts them, + those of guards; "
    "calls of all models; time × that under none, over the same benchmarks, by the clock"
)
_WITHHELD_NOTE = "withheld: share of benign items that a filter blocked or a procedure had refused"


def tables(runs: Sequence[Run], width: int = 10_000, unfit: Mapping[str, str] | None = None) -> list[TextTable]:
    """Tabulate each model that ran under more than one defense, in several tables where one would be too wide.

    Args:
        runs: in any order.
        width: of the terminal.
        unfit: defenses that were asked for and mean nothing to the model, and why.
    """
    found = []
    for model in dict.fromkeys(run.model for run in runs):
        own = [run for run in runs if run.model == model]
        if len(set(protections(own))) > 1:
            found += _split(_table(model, own, unfit or {}), width)
    return found


def escaped(table: TextTable, *, public: bool) -> TextTable:
    """Copy a table with names that can do no harm on a page, and if it is public without local paths."""

    def told(text: str) -> str:
        return label(without_paths(text) if public else text, 400)

    rows = tuple(tuple(map(told, row)) for row in table.rows)
    header, notes = tuple(map(told, table.header)), tuple(map(told, table.notes))
    return TextTable(told(table.title), header, rows, notes, table.behind)


def withheld(answer: Answer) -> bool:
    """Whether a filter blocked the answer, or a procedure had it refused."""
    return answer.screened.startswith("blocked") or answer.finish_reason.startswith(WITHHELD)


def _table(model: str, runs: Sequence[Run], unfit: Mapping[str, str]) -> TextTable:
    names, attacks, told = protections(runs), attackers(runs), [variant(run) for run in runs]
    plain: dict[str, dict[str, Run]] = {}
    for run, name, attack, where in zip(runs, names, attacks, told, strict=True):
        if attack == "none":
            plain.setdefault(name, {}).setdefault(where, run)
    found = profile(runs)
    places = {subject.defense: place for place, subject in reversed(list(enumerate(found.subjects)))}
    measures = [
        line
        for question in _SHOWN
        for line in found.measures
        if line.question == question and (line.attack == "none" or question == _SHOWN[-1])
    ]
    several = len({line.benchmark for line in measures}) > 1
    base = cost_of(plain.get("none", {}))
    order = sorted(dict.fromkeys(names), key=lambda name: name != "none")
    shown = {name: _withheld(plain.get(name, {}).values()) for name in order}
    anything = any(value not in (None, 0.0) for value in shown.values())
    header = ["defense", "tokens", "calls", "time", *(["withheld, benign"] if anything else [])]
    rows: list[tuple[str, ...]] = []
    behind: list[tuple[tuple[Run, ...], ...]] = []
    for name in order:
        cost = cost_of(plain.get(name, {}))
        withheld_too = [_DASH if shown[name] is None else number(shown[name], percent=True)] if anything else []
        figures = [line.figures[places[name]] if name in places else None for line in measures]
        values = [_value(each) for each in figures]
        rows.append((name, *_costs(cost, None if name == "none" else base), *withheld_too, *values))
        asked = tuple(plain.get(name, {}).values())
        behind.append((*[asked] * len(header), *((each.run,) if each else () for each in figures)))
    behind += [((),) * (len(header) + len(measures)) for _ in unfit]
    rows += [(name, *["n/a"] * (len(header) + len(measures) - 1)) for name in unfit]
    header += [_named(line, several) for line in measures]
    notes = (_NOTE, *([_WITHHELD_NOTE] if anything else []), *(f"n/a: {why}" for why in unfit.values()))
    return TextTable(f"What each defense costs {model}", tuple(header), tuple(rows), notes, tuple(behind))


def _costs(cost: Cost | None, base: Cost | None) -> tuple[str, str, str]:
    if cost is None:
        return _DASH, _DASH, _DASH
    both = [where for where in cost.seconds if base is not None and where in base.seconds]
    plain = sum(base.seconds[where] for where in both) if base is not None else 0.0
    time = f"× {sum(cost.seconds[where] for where in both) / plain:.1f}" if plain else "× 1" if base is None else _DASH
    return tokens_of(cost), f"{cost.calls:.1f}", time


def _withheld(runs: Iterable[Run]) -> float | None:
    rows = (row for run in runs for row in run.rows if row.item.expected in BENIGN and row.answer.status == "ok")
    found = Counter(withheld(row.answer) for row in rows)
    return found[True] / found.total() if found else None


def _value(figure: Figure | None) -> str:
    if figure is None or not figure.metric.percent:
        return _DASH if figure is None else number(figure.estimate.value, percent=False)
    return value_of(figure.estimate)


def _named(line: Measure, several: bool) -> str:
    under = "" if line.attack == "none" else f", {line.attack}"
    return line.told + under + (f" ({line.benchmark})" if several else "")


def _split(table: TextTable, width: int) -> list[TextTable]:
    """Lay out as few tables as fit, each with the defenses' names; the notes below the last."""
    parts: list[list[int]] = [[0]]
    for column in range(1, len(table.header)):
        wider = _columns(table, [*parts[-1], column])
        if len(parts[-1]) > 1 and natural_width(wider.header, wider.rows) > width:
            parts.append([0, column])
        else:
            parts[-1].append(column)
    made = [_columns(table, part) for part in parts]
    return [*made[:-1], made[-1]._replace(notes=table.notes)]


def _columns(table: TextTable, which: Sequence[int]) -> TextTable:
    return TextTable(
        table.title,
        tuple(table.header[i] for i in which),
        tuple(tuple(row[i] for i in which) for row in table.rows),
        behind=tuple(tuple(row[i] for i in which) for row in table.behind),
    )
