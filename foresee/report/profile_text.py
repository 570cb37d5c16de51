"""Write a profile: as tables that fit a terminal, as plain sentences, Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from foresee.files.spreadsheets import comma_separated_lines
from foresee.report import tables
from foresee.report.escaping import label
from foresee.report.tables import TextTable, natural_width

if TYPE_CHECKING:
    from foresee.report.profile import Figure, Measure, Profile

_FIRST_COLUMN = 26
_DASH = "–"


def text_tables(found: Profile, width: int) -> list[TextTable]:
    """Lay the profile out as tables of at most this width, as many subjects in each as fit; notes below the last."""
    subjects = range(len(found.subjects))
    for count in range(len(found.subjects), 0, -1):
        parts = [tuple(subjects[i : i + count]) for i in range(0, len(subjects), count)]
        laid = [_table(found, part) for part in parts]
        if count == 1 or max(map(_width, laid)) <= width:
            break
    return [*laid[:-1], laid[-1]._replace(notes=tuple(notes(found)))]


def sentences(found: Profile, place: int) -> list[str]:
    """Write a subject's profile in plain words: what it does to everything alike, then a sentence a measure."""
    lines = list(found.extremes(place))
    for measure in found.measures:
        figure = measure.figures[place]
        if figure is not None:
            lines.append(_sentence(found, measure, figure, place))
    return lines


def _sentence(found: Profile, measure: Measure, figure: Figure, place: int) -> str:
    estimate, percent = figure.estimate, measure.metric.percent
    if estimate.value is None:
        return f"{measure.words}: no score, {estimate.n} of {estimate.total} judged ({measure.place})"
    span = _span(estimate.low, estimate.high, percent=percent)
    value = _number(estimate.value, percent=percent)
    said = f"{value} of 100 {measure.words}" if percent else f"{measure.words}: {value} of {measure.metric.bounds[1]:g}"
    covered = "" if estimate.n == estimate.total else f"; {estimate.n} of {estimate.total} scored"
    line = f"{said} ({measure.place}{', ' + span if span else ''}{covered})"
    difference = figure.difference
    if difference is None or difference.delta is None:
        return line
    against = found.subjects[found.subjects[place].baseline].name
    moved = f"{_signed(difference.delta, percent=percent)} {_span(difference.low, difference.high, percent=percent)}"
    if figure.clear:
        return f"{line}; {moved.strip()} against {against}"
    least = "" if difference.detectable is None else _number(difference.detectable, percent=percent)
    return f"{line}; no difference to {against} shown" + (f" (one of {least} could have been)" if least else "")


def notes(found: Profile) -> Iterator[str]:
    """Yield what a reader must know of the figures."""
    for place, subject in enumerate(found.subjects):
        for line in found.extremes(place):
            yield f"{subject.name} {line}"
    yield "percent with 95 % intervals (or the scale's own unit); ↑ higher is better, ↓ lower is better"
    yield from _on_differences(found)
    if any(each.estimate.n < each.estimate.total for line in found.measures for each in line.figures if each):
        yield "a share in brackets with 'scored': the others have no score, and count as neither good nor bad"
    yield from (f"judged: {line}" for line in found.judges)
    for each in found.measures:
        if each.theirs is not None:
            yield f"published by others for {each.metric.name} on {each.place}, not measured here: {quoted(each)}"


def quoted(line: Measure) -> str:
    """List what others published for a measure, with what sets it apart and where it stands; empty where nothing is."""
    if line.theirs is None:
        return ""
    each = (f"{q.model} {_number(q.value, percent=line.metric.percent)}" for q in line.theirs.quoted)
    sources = dict.fromkeys(q.source for q in line.theirs.quoted)
    return f"{', '.join(each)}. They differ: {line.theirs.differs} ({'; '.join(sources)})"


def _on_differences(found: Profile) -> Iterator[str]:
    pairs = [(place, subject.baseline) for place, subject in enumerate(found.subjects) if subject.baseline != place]
    if not pairs:
        return
    named = [f"{found.subjects[a].name} to {found.subjects[b].name}" for a, b in pairs]
    first = found.subjects[0].name
    to = f"to {first}" if all(b == 0 for _, b in pairs) else f"of {'; '.join(named)}"
    tested = sum(each.p_holm is not None for line in found.measures for each in line.figures if each)
    yield (
        f"Δ: the difference {to}, over the same items, in points; * where its interval leaves out zero, ** if also "
        f"by Holm's rule over all {tested}"
    )
    least = []
    for line in found.measures:
        known = [e.difference.detectable for e in line.figures if e and e.difference and e.difference.detectable]
        if known:
            least.append(f"{line.metric.name} on {line.place} {_number(max(known), percent=line.metric.percent)}")
    if least:
        yield f"least difference that 80 % of such samples would show: {', '.join(least)}"


def document(found: Profile) -> str:
    """Write the profile as Markdown: its table, then a sentence a measure for each subject."""
    (table,) = text_tables(found, 100_000)
    parts = [tables.markdown(table)]
    for place, subject in enumerate(found.subjects):
        lines = "\n".join(f"- {label(line, 400)}" for line in sentences(found, place))
        parts.append(f"**{label(subject.name, 100)}**\n\n{lines}\n")
    return "\n".join(parts)


def latex(found: Profile) -> str:
    """Write the profile's table in LaTeX, for the package booktabs; a second one has what others published."""
    (table,) = text_tables(found, 100_000)
    theirs = _theirs(found)
    return tables.latex(table) + (f"\n{tables.latex(theirs)}" if theirs.rows else "")


def _theirs(found: Profile) -> TextTable:
    """Tabulate what others published for these measures, a line a model; how they differ stands below."""
    lines = [line for line in found.measures if line.theirs is not None]
    rows, differ = [], dict[str, None]()
    for line in lines:
        assert line.theirs is not None
        differ[f"they differ: {line.theirs.differs}"] = None
        for each in line.theirs.quoted:
            value = _number(each.value, percent=line.metric.percent)
            rows.append((f"{line.metric.name}, {line.place}", each.model, value, each.source))
    header = ("measure", "model", "value", "source")
    return TextTable("Published by others, not measured here", header, tuple(rows), tuple(differ))


def comma_separated(found: Profile) -> str:
    """Write one line per measure and subject, with everything that is known of it; no cell starts a formula."""
    records = list(found.records())
    columns = list(records[0]) if records else []
    return comma_separated_lines([columns, *([record.get(name) for name in columns] for record in records)])


def plain(found: Profile) -> str:
    """Write the tables as a terminal would show them."""
    return "".join(map(tables.plain, text_tables(found, tables.terminal_width())))


def html(found: Profile) -> str:
    """Write the table as HTML for a notebook; everything is escaped."""
    (table,) = text_tables(found, 100_000)
    return tables.html(table)


def _table(found: Profile, part: Sequence[int]) -> TextTable:
    rows: list[tuple[str, ...]] = []
    before = ""
    for line in found.measures:
        if line.question != before:
            rows.append((line.question.upper(), *[""] * len(part)))
        before = line.question
        name = f"  {line.words} [{line.told}, {line.place}]"
        rows.append((name, *(cell(line.figures[place]) for place in part)))
    names = [found.subjects[place].name for place in part]
    return TextTable("Safety profile", ("", *names), tuple(rows))


def cell(figure: Figure | None) -> str:
    """Write a figure: value and interval, below it the difference with its mark, and the share that has a score."""
    if figure is None:
        return _DASH
    estimate, percent = figure.estimate, figure.metric.percent
    value = _DASH if estimate.value is None else _number(estimate.value, percent=percent)
    lines = [f"{value} {_span(estimate.low, estimate.high, percent=percent)}".strip()]
    difference = figure.difference
    if difference is not None and difference.delta is not None:
        span = _span(difference.low, difference.high, percent=percent)
        open_ = difference.low is not None and difference.high is not None
        apart = open_ and not (difference.low or 0) <= 0 <= (difference.high or 0)
        mark = "**" if figure.clear else "*" if apart else ""
        lines.append(f"Δ {_signed(difference.delta, percent=percent)} {span}{mark}".strip())
    if estimate.n < estimate.total:
        lines.append(f"({estimate.n}/{estimate.total} scored)")
    return "\n".join(lines)


def _number(value: float, *, percent: bool) -> str:
    return f"{100 * value:.0f}" if percent else f"{value:.2f}"


def _signed(value: float, *, percent: bool) -> str:
    return f"{100 * value:+.0f}" if percent else f"{value:+.2f}"


def _span(low: float | None, high: float | None, *, percent: bool) -> str:
    if low is None or high is None:
        return ""
    return f"[{_number(low, percent=percent)}, {_number(high, percent=percent)}]"


def _width(table: TextTable) -> int:
    """How wide the table's numbers need it to be; names of subjects, and words in the first column, may wrap."""
    names = [max(name.split(), key=len, default="") for name in table.header[1:]]
    return _FIRST_COLUMN + 3 + natural_width(names, [row[1:] for row in table.rows])
