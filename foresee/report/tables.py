"""Results as text: a table for the terminal (rich) and the same for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from foresee.metrics import Metric, breakdown, outcomes
from foresee.report.rows import Run
from foresee.statistics import Difference, Estimate

if TYPE_CHECKING:
    from rich.table import Table


WORDS = "what it is"


class TextTable(NamedTuple):
    """A table of strings: the first column holds names, the others numbers, or words where the header says so."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def number(value: float | None, *, percent: bool) -> str:
    """A value for people: percentages with one decimal, other means with three; a dash where there is none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def interval(low: float | None, high: float | None, *, percent: bool) -> str:
    if low is None or high is None:
        return "–"
    return f"{number(low, percent=percent)} – {number(high, percent=percent)}"


def headline(run: Run) -> TextTable:
    """Every metric of a run: value, interval, how many rows and clusters carry it, coverage, bounds."""
    rows = []
    for metric, estimate in zip(run.metrics, run.estimates, strict=True):
        name = metric.name + (" *" if metric.published else "")
        rows.append((name, *_cells(estimate, percent=metric.percent)))
    return TextTable(
        run.title,
        ("metric", "value", "95 % interval", "n", "clusters", "coverage", "worst – best"),
        tuple(rows),
        notes(run),
    )


def groups(run: Run, measure: str, by: str) -> TextTable:
    """One measure for each subset, domain or scenario."""
    known = next((m for m in run.metrics if m.measure == measure), Metric(measure, measure))
    anywhere = replace(known, where={})
    rows = tuple((e.name, *_cells(e, percent=known.percent)) for e in breakdown(run.rows, anywhere, by))
    header = (by, measure, "95 % interval", "n", "clusters", "coverage", "worst – best")
    return TextTable(f"{run.title}: {measure} by {by}", header, rows)


def differences(title: str, found: Sequence[Difference], metrics: Sequence[Metric]) -> TextTable:
    """Paired differences B - A over the same items."""
    percents = {m.name: m.percent for m in metrics}
    rows = []
    for d in found:
        percent = percents.get(d.name, True)
        p_value = "–" if d.p_value is None else ("<0.001" if d.p_value < 0.001 else f"{d.p_value:.3f}")
        delta = "–" if d.delta is None else ("+" if d.delta > 0 else "") + number(d.delta, percent=percent)
        a, b = number(d.value_a, percent=percent), number(d.value_b, percent=percent)
        rows.append((d.name, a, b, delta, interval(d.low, d.high, percent=percent), p_value, str(d.n)))
    return TextTable(title, ("metric", "A", "B", "B – A", "95 % interval", "p", "items"), tuple(rows))


def notes(run: Run) -> tuple[str, ...]:
    """What a reader must know before believing the table."""
    found = outcomes(run.rows)
    lines = [f"{found.ok} of {found.total} rows answered"]
    trouble = (
        (found.missing_images, "without their image (never sent)"),
        (found.errors, "failed"),
        (found.refused_by_api, "refused by the API"),
    )
    lines[0] += "".join(f"; {count} {what}" for count, what in trouble if count)
    if run.unfinished:
        lines.append(f"UNFINISHED: {run.unfinished} rows not asked yet; the same command continues")
    if any(m.published for m in run.metrics):
        lines.append(
            "* by the published script's own rule, defects included; for comparison with published tables only"
        )
    lines.extend(run.warnings)
    return tuple(lines)


def rich_table(table: TextTable, width: int) -> Table:
    """The table for a terminal of `width` columns; where it is narrow, the columns of least weight are left out."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    header, rows = _fitted(table, width)
    drawn = Table(title=escape(table.title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    drawn.title_style = "bold"
    drawn.caption = "\n".join(map(escape, table.notes)) or None
    drawn.caption_justify = "left"
    for index, head in enumerate(header):
        drawn.add_column(escape(head), justify="left" if index == 0 or head == WORDS else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*map(escape, row))
    return drawn


def _fitted(table: TextTable, width: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    keep = list(range(len(table.header)))
    for name in (WORDS, "clusters", "coverage", "worst – best"):
        widths = [max(len(row[i]) for row in (table.header, *table.rows)) for i in keep]
        if sum(widths) + 3 * len(keep) - 1 <= width:  # the box puts three characters between columns
            break
        keep = [i for i in keep if table.header[i] != name]
    return tuple(table.header[i] for i in keep), [tuple(row[i] for i in keep) for row in table.rows]


def markdown(table: TextTable) -> str:
    """The table in GitHub's Markdown, ready to paste."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    rule = "|" + "|".join([":---"] + ["---:"] * (len(table.header) - 1)) + "|"
    body = [f"**{table.title}**", "", line(table.header), rule, *map(line, table.rows)]
    if table.notes:
        body += ["", *(f"{note}  " for note in table.notes)]
    return "\n".join(body) + "\n"


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
