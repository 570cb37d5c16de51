"""Show results as text: a table for the terminal (rich) and the same for Markdown."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from foresee.evaluation.run_folder import Run
from foresee.files.spreadsheets import comma_separated_lines
from foresee.metrics import Metric, breakdown
from foresee.report import failures, silence
from foresee.report.escaping import visible
from foresee.report.run_names import partial
from foresee.statistics import Difference, Estimate, holm

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


WORDS = "what it is"
WORDY = (WORDS, "licence", "where", "found", "what to do", "tags", "note")  # columns of words, which may wrap
_LATEX = str.maketrans(
    {mark: "\\" + mark for mark in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "\n": " ", "–": "--"}
    | {"<": "$<$", ">": "$>$", "Δ": r"$\Delta$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "×": r"$\times$", "−": "$-$"}
    | {"†": r"\dag{}", "…": r"\ldots{}"}
)


class TextTable(NamedTuple):
    """A table of strings: the first column holds names, the others numbers, or words where the header says so."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    behind: tuple[tuple[tuple[Run, ...], ...], ...] = ()
    """the runs that each cell comes of, where a page is to lead there"""


def number(value: float | None, *, percent: bool) -> str:
    """Write a value for people: percentages with one decimal, other means with three; a dash for none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def interval(low: float | None, high: float | None, *, percent: bool) -> str:
    if low is None or high is None:
        return "–"
    return f"{number(low, percent=percent)} – {number(high, percent=percent)}"


def points(difference: Difference | None) -> str:
    """Write a difference of two shares in points, with its interval; empty where there is none."""
    if difference is None or difference.delta is None:
        return ""
    return f"{100 * difference.delta:+.1f} ({interval(difference.low, difference.high, percent=True)})"


def headline(run: Run) -> TextTable:
    """Every metric of a run: value, interval, rows and clusters that carry it, coverage, bounds; then what they are."""
    shown, same = _told_apart(run.metrics, repeats=run.outcomes.repeated)
    rows = []
    for metric, estimate in zip(run.metrics, run.estimates, strict=True):
        if metric in shown:
            name = metric.name + (" *" if metric.published else "")
            rows.append((name, *_cells(estimate, percent=metric.percent)))
    return TextTable(
        run.title + partial(run),
        ("metric", "value", "95 % interval", "n", "clusters", "coverage", "worst – best"),
        tuple(rows),
        (*legend(shown), *same, *notes(run)),
    )


def legend(metrics: Iterable[Metric]) -> list[str]:
    """Write a line for each metric: which way is better and what it is, as the page says it."""
    better = {True: " ↑", False: " ↓", None: ""}
    return [f"{m.name}{better[m.higher_is_better]}: {m.doc}" for m in metrics if m.doc]


def _told_apart(metrics: Sequence[Metric], *, repeats: bool) -> tuple[list[Metric], list[str]]:
    """Leave out the metrics that can't differ from an earlier one, each item asked once, and add a line on them."""
    shown: list[Metric] = []
    same: list[str] = []
    for metric in metrics:
        twin = next((m for m in shown if replace(metric, name=m.name, epochs=m.epochs, doc=m.doc) == m), None)
        if twin is None or repeats:
            shown.append(metric)
        else:
            same.append(f"{metric.name}: the same as {twin.name}, each item being sent once")
    return shown, same


def groups(run: Run, measure: str, by: str) -> TextTable:
    """One measure for each subset, domain or scenario."""
    known = next((m for m in run.metrics if m.measure == measure), Metric(measure, measure))
    anywhere = replace(known, where={})
    rows = tuple((e.name, *_cells(e, percent=known.percent)) for e in breakdown(run.rows, anywhere, by))
    header = (by, measure, "95 % interval", "n", "clusters", "coverage", "worst – best")
    return TextTable(f"{run.title}: {measure} by {by}", header, rows)


def differences(
    title: str,
    found: Sequence[Difference],
    metrics: Sequence[Metric],
    headline: Sequence[Metric] = (),
    *,
    repeats: bool = False,
) -> TextTable:
    """Paired differences B - A over the same items.

    Args:
        title: above the table.
        found: one for each of the metrics.
        metrics: with the percentages and words of the figures.
        headline: the metrics that were to be looked at; their p values are adjusted for their number.
        repeats: whether items were asked more than once.
    """
    by_name = {d.name: d for d in found}
    shown, same = _told_apart([metric for metric in metrics if metric.name in by_name], repeats=repeats)
    first = [m for m in headline if m in shown and by_name[m.name].p_value is not None]
    adjusted = dict(zip((m.name for m in first), holm([by_name[m.name].p_value or 0.0 for m in first]), strict=True))
    lines = []
    for metric in shown:
        d, percent = by_name[metric.name], metric.percent
        delta = "–" if d.delta is None else ("+" if d.delta > 0 else "") + number(d.delta, percent=percent)
        a, b = number(d.value_a, percent=percent), number(d.value_b, percent=percent)
        span, p_values = interval(d.low, d.high, percent=percent), (d.p_value, adjusted.get(d.name))
        lines.append((d.name, a, b, delta, span, *map(probability, p_values), str(d.n)))
    header = ("metric", "A", "B", "B – A", "95 % interval", "p", "p Holm", "items")
    notes = [*legend(shown), *same]
    if first:
        names = ", ".join(m.name for m in first)
        notes.append(f"p Holm: adjusted for the {len(first)} headline metrics ({names}) being looked at together")
    return TextTable(title, header, tuple(lines), (*notes, *least_shown(first, found)))


def probability(p_value: float | None) -> str:
    if p_value is None:
        return "–"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def least_shown(metrics: Sequence[Metric], found: Sequence[Difference]) -> tuple[str, ...]:
    """Write the least difference that a sample like this would show, where there is one; the largest of each."""
    least: list[str] = []
    for metric in metrics:
        known = [d.detectable for d in found if d.name == metric.name and d.detectable is not None]
        if known:
            least.append(f"{metric.name} {number(max(known), percent=metric.percent)}")
    return (f"least difference that 80 % of such samples would show: {', '.join(least)}",) if least else ()


def notes(run: Run) -> tuple[str, ...]:
    """List what a reader must know before believing the table."""
    found = run.outcomes
    lines = [f"{found.ok} of {found.total} rows answered"]
    trouble = (
        (found.missing_images, "without their image (never sent)"),
        (found.errors, "failed"),
        (found.refused_by_api, "refused by the API"),
    )
    lines[0] += "".join(f"; {count} {what}" for count, what in trouble if count)
    lines += [*failures.notes(run), *silence.notes(run)]
    if run.unfinished:
        lines.append(f"UNFINISHED: {run.unfinished} rows not sent yet; the same command continues")
    if any(m.published for m in run.metrics):
        lines.append(
            "* by the published script's own rule, defects included; for comparison with published tables only"
        )
    lines.extend(run.warnings)
    return tuple(lines)


def show(table: TextTable, screen: Console) -> None:
    """Print the table and its notes. Nothing is left out or cut: where the terminal is narrow, columns are folded.

    Cells of lesser columns go below their neighbours': bounds below intervals, clusters below n, coverage below
    values; after that, words and names wrap. A table that still does not fit is as wide as its numbers need.
    """
    from rich.markup import escape

    table = _made_visible(table)
    width = screen.width
    header, rows = _folded(table, width)
    columns = _column_widths(header, rows, width)
    screen.width = max(width, sum(columns) + _frame(header))
    screen.print(_rich_table(table.title, header, rows, columns))
    screen.width = width
    for line in table.notes:
        screen.print(escape(line), style="dim", soft_wrap=not screen.is_terminal)


def _rich_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=escape(title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    for index, (head, width) in enumerate(zip(header, columns, strict=True)):
        side: Literal["left", "right"] = "left" if index == 0 or head in WORDY else "right"
        drawn.add_column(escape(head), justify=side, overflow="fold", width=width)
    for row in rows:
        drawn.add_row(*map(escape, row))
    return drawn


_FOLDS = (("worst – best", "95 % interval"), ("clusters", "n"), ("coverage", "value"))
_LEAST_NAME, _LEAST_WORDS = 24, 12  # characters that a column of names, or of words, keeps


def _folded(table: TextTable, width: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows with as many columns folded below others as the width asks for."""
    lines = [list(row) for row in (table.header, *table.rows)]
    for lesser, neighbour in _FOLDS:
        if natural_width(lines[0], lines[1:]) <= width:
            break
        if lesser in lines[0] and neighbour in lines[0]:
            at, below = lines[0].index(neighbour), lines[0].index(lesser)
            for line in lines:
                line[at] = f"{line[at]}\n{line[below]}".rstrip("\n")
                del line[below]
    header, rows = lines[0], lines[1:]
    if natural_width(header, rows) > width:
        header = [_stacked(head, each) for head, each in zip(header, _widths([""] * len(header), rows), strict=True)]
    return header, rows


def _stacked(head: str, width: int) -> str:
    """Break a heading wider than the numbers below it into several lines, after + and other joints of names."""
    lines = [""]
    for part in re.findall(r"[^+_ ,=\n]+[+_ ,=\n]*|[+_ ,=\n]+", head):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > max(width, 8):
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def natural_width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How wide a table is drawn in which nothing wraps."""
    return sum(_widths(header, rows)) + _frame(header)


def _frame(header: Sequence[str]) -> int:
    """Three characters stand between columns, one at each side."""
    return 3 * len(header) - 1


def _column_widths(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Fit the columns to a table of this width at most; numbers keep theirs, and names and words a little."""
    found = _widths(header, rows)
    least = [min(each, _LEAST_WORDS) if head in WORDY else each for head, each in zip(header, found, strict=True)]
    least[0] = min(found[0], _LEAST_NAME)
    while sum(found) + _frame(header) > width and found != least:
        widest = max((i for i in range(len(found)) if found[i] > least[i]), key=found.__getitem__)
        found[widest] -= 1
    return found


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    columns = zip(header, *rows, strict=True)
    return [max(cell_len(part) for cell in column for part in cell.split("\n")) for column in columns]


def markdown(table: TextTable) -> str:
    """Write the table in GitHub's Markdown, ready to paste."""

    table = _made_visible(table)

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_as_text(cell) for cell in cells) + " |"

    rule = "|" + "|".join([":---"] + ["---:"] * (len(table.header) - 1)) + "|"
    body = [f"**{_as_text(table.title)}**", "", line(table.header), rule, *map(line, table.rows)]
    if table.notes:
        body += ["", *(f"{_as_text(note)}  " for note in table.notes)]
    return "\n".join(body) + "\n"


def _as_text(cell: str) -> str:
    """Write the cell as Markdown that shows it: no HTML, link, image or new column comes of what a name contains."""
    cell = re.sub(r"&(?=#?\w+;)", "&amp;", cell).replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\|\[\]`])", r"\\\1", cell).replace("\n", " ")


def _made_visible(table: TextTable) -> TextTable:
    return TextTable(
        visible(table.title),
        tuple(visible(cell) for cell in table.header),
        tuple(tuple(visible(cell) for cell in row) for row in table.rows),
        tuple(visible(note) for note in table.notes),
    )


def _cells(estimate: Estimate, *, percent: bool) -> tuple[str, ...]:
    bounds = "" if estimate.n == estimate.total else interval(estimate.worst, estimate.best, percent=percent)
    return (
        number(estimate.value, percent=percent),
        interval(estimate.low, estimate.high, percent=percent),
        f"{estimate.n}/{estimate.total}",
        str(estimate.clusters),
        number(estimate.n / estimate.total if estimate.total else None, percent=True) + " %",
        bounds,
    )


def terminal_width() -> int:
    """How many columns a terminal has, 60 at least."""
    return max(60, shutil.get_terminal_size().columns)


def plain(table: TextTable) -> str:
    """Write a table as a terminal would show it."""
    from rich.console import Console

    file = io.StringIO()
    show(table, Console(file=file, width=terminal_width(), highlight=False))
    return file.getvalue()


def html(table: TextTable) -> str:
    """Write a table as HTML for a notebook; everything is escaped."""
    from markupsafe import escape

    table = _made_visible(table)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>".replace("\n", "<br>") for cell in row) + "</tr>"
        for row in table.rows
    )
    below = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"


def comma_separated(shown: TextTable) -> str:
    """Write a table as CSV; no cell starts a formula."""
    return comma_separated_lines((shown.header, *shown.rows))


def latex(shown: TextTable) -> str:
    """Write a table in LaTeX, for the package booktabs; every cell is escaped."""
    shown = _made_visible(shown)
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in (shown.header, *shown.rows)]
    columns = "l" + "r" * (len(shown.header) - 1)
    body = [lines[0], r"\midrule", *lines[1:]]
    notes = [f"% {' '.join(note.split())}" for note in (shown.title, *shown.notes) if note]
    return "\n".join(
        [*notes, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}", ""]
    )


def _tex(cell: str) -> str:
    return " ".join(cell.split()).translate(_LATEX)
