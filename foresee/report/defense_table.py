"""Compare defenses: benchmarks' headline metrics under each, the difference to none, and what an item costs.

One board holds one model's runs. Every cell has the value and the paired difference to the first defense over the
same items, clusters resampled; below each benchmark's metrics stand tokens and seconds per item. A benchmark may name
its headline metrics (`HEADLINE = ("R0", "over_caution")`); otherwise they are its first two and whatever measures
over-refusal or over-caution, so that no safety figure stands without its price.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from foresee.evaluation.run_folder import Run
from foresee.metrics import Metric
from foresee.plugins.contracts import Benchmark
from foresee.report import failures, paired
from foresee.report.escaping import label
from foresee.report.gallery import counted
from foresee.report.item_costs import Cost, cost_of, tokens_of
from foresee.report.provenance import without_paths
from foresee.report.run_names import attackers, benchmark_file, protections, variant
from foresee.report.tables import TextTable, least_shown, natural_width, number
from foresee.statistics import Difference, Estimate

_PRICE = re.compile(r"over_(caution|refusal|safe)|benign_(refusal|served)|refusal_rate")
_MOST_COLUMNS = 5
_FIRST_COLUMN = 26
_NEARLY_ALL = 0.9
_NOT_APPLICABLE = "n/a"
_DASH = "–"
Unfit = Mapping[str, str]  # a defense that means nothing to the model, and why


class Entry(NamedTuple):
    """One figure under one defense: the value, and the difference to the first with its interval ("" for the first).

    `mark` tells that items have no score: a dagger, or where they are many the share of those that have.
    """

    value: str
    delta: str = ""
    clear: str = ""  # * where the interval leaves out zero, ** if also by Holm's rule for the whole board
    mark: str = ""


class Line(NamedTuple):
    """One figure under every defense; None where that run was not made."""

    name: str
    entries: tuple[Entry | None, ...]
    doc: str = ""
    where: Mapping[str, list[str]] = {}  # which items it counts, as `gallery.counted` says it


class Section(NamedTuple):
    """One benchmark (in one variant)."""

    label: str
    lines: tuple[Line, ...]
    runs: tuple[Run | None, ...]  # one a defense


class Board(NamedTuple):
    """One model's runs; the first defense is what the others are compared with."""

    model: str
    defenses: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def boards(runs: Sequence[Run], labels: Sequence[str] = (), unfit: Unfit | None = None) -> list[Board]:
    """Build a table for each model that ran some benchmark under more than one defense.

    Args:
        runs: in any order; those of one benchmark with one set of options belong together.
        labels: what to call each run's benchmark; by default its name and the options that are not the usual ones.
        unfit: defenses that were asked for and mean nothing to the model.
    """
    found: dict[str, dict[str, dict[str, Run]]] = {}
    names = protections(runs)
    attacked = attackers(runs)
    for run, name, told, attack in zip(runs, names, labels or [variant(run) for run in runs], attacked, strict=True):
        told = told if attack == "none" else f"{told}, attacked by {attack}"
        found.setdefault(run.model, {}).setdefault(told, {}).setdefault(name, run)
    return [
        _board(model, by_label, unfit or {})
        for model, by_label in found.items()
        if unfit or any(len(held) > 1 for held in by_label.values())
    ]


def text_tables(board: Board, width: int) -> list[TextTable]:
    """Lay the table out as tables of at most this width.

    Defenses are columns; where that makes too many, the first one stands in each of several tables. Many settings on
    one benchmark, as in a sweep, are rows instead.
    """
    docs = dict.fromkeys(f"{line.name}: {line.doc}" for part in board.sections for line in part.lines if line.doc)
    notes = (*board.notes, *docs)
    if len(board.sections) == 1 and len(board.defenses) > _MOST_COLUMNS:
        flat = _swept(board, stacked=False)
        return [(flat if _width(flat) <= width else _swept(board, stacked=True))._replace(notes=notes)]
    others = range(1, len(board.defenses))
    for count in range(len(others), 0, -1):
        for stacked in (False, True):
            parts = [(0, *others[i : i + count]) for i in range(0, len(others), count)]
            tables = [_table(board, part, stacked=stacked) for part in parts]
            if count == 1 or max(map(_width, tables)) <= width:
                return [t._replace(notes=notes if t is tables[-1] else ()) for t in tables]
    return [_table(board, (0,), stacked=False)._replace(notes=notes)]


def escaped(board: Board, *, public: bool) -> Board:
    """Copy the table with names that can do no harm on a page, and if it is public without local paths."""
    sections = [
        part._replace(
            label=label(part.label, 100),
            lines=tuple(line._replace(name=label(line.name, 60), doc=label(line.doc, 240)) for line in part.lines),
        )
        for part in board.sections
    ]
    return Board(
        label(without_paths(board.model) if public else board.model, 100),
        tuple(label(name, 100) for name in board.defenses),
        tuple(sections),
        tuple(label(note, 400) for note in board.notes),
    )


def _board(model: str, by_label: Mapping[str, Mapping[str, Run]], unfit: Unfit) -> Board:
    names = dict.fromkeys(defense for held in by_label.values() for defense in held)
    ran = sorted(names, key=lambda name: name != "none")  # stable: none first, the others as they came
    defenses = (*ran, *unfit)
    differences = {told: _against_first(held, defenses) for told, held in by_label.items()}
    sure = _sure(by_label, differences)
    sections = tuple(_section(told, held, defenses, unfit, differences[told], sure) for told, held in by_label.items())
    notes = [
        f"Δ: the difference to {ran[0]} over the same items with its 95 % interval, shares in percentage points; "
        "* where that leaves out zero, ** also by Holm's rule for all differences here; ↑ higher is better, ↓ lower is "
        "better",
        "per item: tokens read + written (+ those of guards) as the provider counts them (not those of a second "
        "branch); seconds by the clock, longer on a busy machine",
    ]
    if any(entry and entry.mark for section in sections for line in section.lines for entry in line.entries):
        notes.append(
            "† or a share in brackets: some items have no score, and only that share of them has one; differences are "
            "over those scored on both sides"
        )
    for told, held in by_label.items():
        notes += [f"{told}, {defense}: {line}" for defense, run in held.items() for line in failures.notes(run)]
    for told, held in by_label.items():
        every = [d for found in differences[told].values() for d in found.values()]
        notes += [f"{told}: {line}" for line in least_shown(headline_metrics(next(iter(held.values()))), every)]
    notes += [f"{_NOT_APPLICABLE}: {why}" for why in unfit.values()]
    return Board(model, defenses, sections, tuple(notes))


_Differences = Mapping[str, Mapping[str, Difference]]  # defense -> metric -> difference to the first defense


def _against_first(held: Mapping[str, Run], defenses: Sequence[str]) -> _Differences:
    first = next(held[name] for name in defenses if name in held)
    return {name: paired.differences(first, run, first.metrics) for name, run in held.items()}


def _sure(by_label: Mapping[str, Mapping[str, Run]], differences: Mapping[str, _Differences]) -> frozenset[Difference]:
    """Find the headline metrics' differences that hold by Holm's rule over all that the table shows."""
    shown = [
        found[metric.name]
        for told, held in by_label.items()
        for metric in headline_metrics(next(iter(held.values())))
        for found in differences[told].values()
        if metric.name in found
    ]
    return paired.sure(shown)


def _section(
    told: str,
    held: Mapping[str, Run],
    defenses: Sequence[str],
    unfit: Unfit,
    differences: _Differences,
    sure: Container[Difference],
) -> Section:
    first = next(held[name] for name in defenses if name in held)
    lines = []
    for metric in headline_metrics(first):
        entries: list[Entry | None] = []
        for name in defenses:
            run = held.get(name)
            if run is None:
                entries.append(Entry(_NOT_APPLICABLE) if name in unfit else None)
            else:
                entries.append(_entry(metric, run, differences[name].get(metric.name), sure))
        better = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
        lines.append(Line(metric.name + better, tuple(entries), metric.doc, counted(metric.where)))
    lines += _blocked(held, defenses)
    base = cost_of({told: first})
    found = {name: base if run is first else cost_of({told: run}) for name, run in held.items()}
    gap = {name: Entry(_NOT_APPLICABLE) if name in unfit else None for name in defenses}
    tokens = [Entry(tokens_of(found[name])) if name in found else gap[name] for name in defenses]
    seconds = [_seconds(told, found[name], base) if name in found else gap[name] for name in defenses]
    lines += [Line("tokens per item", tuple(tokens)), Line("seconds per item", tuple(seconds))]
    return Section(told, tuple(lines), tuple(held.get(name) for name in defenses))


def _blocked(held: Mapping[str, Run], defenses: Sequence[str]) -> list[Line]:
    """Tell the share that filters blocked of the items of which the same was expected: of benign ones, the price."""
    screened = {name: _screened(held[name]) if name in held else {} for name in defenses}
    lines = []
    for expected in dict.fromkeys(expected for found in screened.values() for expected in found):
        entries: list[Entry | None] = []
        for found in screened.values():
            same = found.get(expected)
            entries.append(Entry(number(same[True] / same.total(), percent=True)) if same else None)
        lines.append(
            Line(
                f"blocked, {expected or 'all'}",
                tuple(entries),
                "share of these items that a filter blocked",
                counted({"expected": expected}),
            )
        )
    return lines


def _screened(run: Run) -> dict[str, Counter[bool]]:
    """Count by what was expected of the items: whether a filter that looked blocked them."""
    found: dict[str, Counter[bool]] = {}
    for row in run.rows:
        if row.answer.screened:
            found.setdefault(row.item.expected, Counter())[row.answer.screened.startswith("blocked")] += 1
    return found


def headline_metrics(run: Run) -> list[Metric]:
    """See the top of this file; those that these options left out are left out."""
    return headline_of(benchmark_file(run), run.metrics)


def headline_of(benchmark: Benchmark | None, metrics: Sequence[Metric]) -> list[Metric]:
    """Choose the metrics that a benchmark is best known by, among these; see the top of this file."""
    own = [metric for metric in metrics if not metric.published]
    named = benchmark.headline if benchmark is not None else ()
    chosen = [metric for name in named for metric in own if metric.name == name]
    return chosen or [metric for i, metric in enumerate(own) if i < 2 or _PRICE.search(metric.name)]


def _entry(metric: Metric, run: Run, difference: Difference | None, sure: Container[Difference]) -> Entry:
    estimate = run.estimate(metric.name)
    value = number(estimate.value, percent=metric.percent)
    mark = "" if estimate.n == estimate.total else "†" if estimate.coverage >= _NEARLY_ALL else _share(estimate)
    told = None if difference is None else paired.shown(difference, sure, percent=metric.percent)
    if told is None:
        return Entry(value, mark=mark)
    return Entry(value, f"{told.delta} {told.span}".strip(), told.mark, mark)


def _share(estimate: Estimate) -> str:
    return f" ({100 * estimate.coverage:.0f} %)" if estimate.n else ""


def _seconds(told: str, cost: Cost | None, base: Cost | None) -> Entry:
    """Write the seconds of an item, and how many times those of the first defense they are."""
    if cost is None or base is None:
        return Entry(_DASH)
    mine, first = cost.seconds[told], base.seconds[told]
    ratio = f"× {mine / first:.1f}" if first and cost is not base else ""
    calls = f"{cost.calls:.1f} calls" if cost.calls > 1.05 else ""
    return Entry(f"{mine:.2g}", ", ".join(filter(None, (ratio, calls))))


def _table(board: Board, columns: Sequence[int], *, stacked: bool) -> TextTable:
    """Value and difference in columns of their own, or (stacked) one below the other."""
    rows: list[tuple[str, ...]] = []
    for section in board.sections:
        rows.append((section.label, *[""] * (len(columns) if stacked else 2 * len(columns) - 1)))
        for line in section.lines:
            cells = [_cells(line.entries[i]) for i in columns]
            apart = [cells[0][0], *(text for cell in cells[1:] for text in cell)]
            joined = [cells[0][0], *("\n".join(filter(None, cell)) for cell in cells[1:])]
            rows.append((f"  {line.name}", *(joined if stacked else apart)))
    names = [board.defenses[i] for i in columns]
    header = names if stacked else [names[0], *(text for name in names[1:] for text in (name, f"Δ {names[0]}"))]
    return TextTable(f"Defenses of {board.model}{_against(names[0])}", ("", *header), tuple(rows))


def _swept(board: Board, *, stacked: bool) -> TextTable:
    """One benchmark with a row for each defense; what an item costs is not compared here."""
    (section,) = board.sections
    measured = section.lines[:-2]
    stems = {name.split(" ")[0] for name in board.defenses if name != "none"}
    stem = f"{min(stems)} " if len(stems) == 1 else ""  # a sweep of one defense: its name stands above the table
    rows: list[tuple[str, ...]] = []
    for index, name in enumerate(board.defenses):
        cells = [_cells(line.entries[index]) for line in measured]
        spread = (
            ["\n".join(filter(None, cell)) for cell in cells] if stacked else [text for cell in cells for text in cell]
        )
        rows.append(
            (name.removeprefix(stem), *spread, *(_cells(line.entries[index])[0] for line in section.lines[-2:]))
        )
    names = [line.name for line in measured]
    header = names if stacked else [text for name in names for text in (name, f"Δ {board.defenses[0]}")]
    costs = [line.name for line in section.lines[-2:]]
    title = f"{stem.strip() or 'Defenses'} of {board.model} on {section.label}{_against(board.defenses[0])}"
    return TextTable(title, ("", *header, *costs), tuple(rows))


def _against(first: str) -> str:
    """Said above the table where the others are not compared with no defense at all."""
    return "" if first == "none" else f", compared with {first}"


def _cells(entry: Entry | None) -> tuple[str, str]:
    if entry is None:
        return _DASH, ""
    return entry.value + entry.mark, entry.delta + entry.clear


def _width(table: TextTable) -> int:
    """How wide the table's numbers need it to be; names of benchmarks and figures, in the first column, may wrap."""
    first = min(_FIRST_COLUMN, max(len(row[0]) for row in table.rows))
    return first + 3 + natural_width(table.header[1:], [row[1:] for row in table.rows])
