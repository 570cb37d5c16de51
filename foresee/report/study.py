"""Show a study: its table and contrasts as text, Markdown, LaTeX or CSV, and one page with plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from markupsafe import Markup

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.study import CellFigure, Reach, Result
from foresee.report import figures, tables
from foresee.report.assets import rendered
from foresee.report.escaping import label
from foresee.report.tables import TextTable, number
from foresee.statistics import holm
from foresee.statistics.seeds import Seeded
from foresee.training._common import metrics as training_metrics

Format: TypeAlias = Literal["table", "md", "latex", "csv"]
_CURVES = ("probe/", *training_metrics.HELD_OUT)


class Point(NamedTuple):
    """One cell in the trade-off: two figures with their intervals, in 0 … 1."""

    name: str
    series: int
    x: Seeded
    y: Seeded


class Band(NamedTuple):
    """One measure during the trainings of a cell: steps, and the lowest, mean and highest over seeds at each."""

    name: str
    series: int
    points: tuple[tuple[int, float, float, float], ...]


def table(result: Result) -> TextTable:
    """Tabulate cells by headline metric: the mean over seeds and its interval over seeds and items."""
    study, several = result.study, _several(result)
    rows = []
    for cell, model in dict.fromkeys((f.cell, f.model) for f in result.figures):
        found = {f.metric: f for f in result.figures if (f.cell, f.model) == (cell, model)}
        seeds = len(next(iter(found.values())).figure.each)
        cells = [_shown(found[name]) for name in study.headline]
        rows.append((cell, *([model] if several else []), *cells, str(seeds)))
    header = ("cell", *(["model"] if several else []), *study.headline, "seeds")
    return TextTable(study.title, header, tuple(rows), tuple(_notes(result)))


def contrasts(result: Result) -> TextTable:
    """Tabulate what the study is about: each cell less its control, p values adjusted by Holm over all of them."""
    several = _several(result)
    known = [c for c in result.contrasts if c.figure.p_value is not None]
    adjusted = dict(zip(map(id, known), holm([c.figure.p_value or 0.0 for c in known]), strict=True))
    rows = []
    for each in result.contrasts:
        value = each.figure.value
        sign = "+" if value is not None and value > 0 else ""
        rows.append(
            (
                f"{each.of} – {each.against}",
                *([each.model] if several else []),
                each.metric,
                sign + number(value, percent=each.percent),
                tables.interval(each.figure.low, each.figure.high, percent=each.percent),
                tables.probability(each.figure.p_value),
                tables.probability(adjusted.get(id(each))),
                f"{each.seeds[0]} / {each.seeds[1]}",
            )
        )
    header = (
        "contrast",
        *(["model"] if several else []),
        "metric",
        "difference",
        "95 % interval",
        "p",
        "p Holm",
        "seeds",
    )
    notes = (f"p Holm: adjusted for all {len(known)} contrasts",) if known else ()
    return TextTable("Contrasts", header, tuple(rows), notes)


def trainings(result: Result) -> TextTable:
    """Tabulate when the trainings of each cell came to the points that the study names, and what was logged there."""
    rows: list[tuple[str, ...]] = []
    for reach in result.study.reaches:
        logged: dict[tuple[str, str], list[Mapping[str, float] | None]] = {}
        for step in result.done:
            if step.training:
                lines = training_metrics.read(result.folder / step.training)
                logged.setdefault((step.cell.name, step.model), []).append(_reached(lines, reach))
        for (cell, model), each in logged.items():
            there = [state for state in each if state is not None]
            steps = ", ".join("–" if state is None else f"{state['step']:.0f}" for state in each)
            beside = (f"{name} {_mean([s[name] for s in there if name in s])}" for name in reach.beside)
            point = f"{reach.metric} < {reach.below:g}"
            rows.append((point, cell, *([model] if _several(result) else []), steps, ", ".join(beside)))
    named = ["model"] if _several(result) else []
    header = ("point", "cell", *named, "reached at step, each seed", "there, on average")
    return TextTable("On the way", header, tuple(rows), ("–: not within the training",))


def _reached(lines: Sequence[Mapping[str, Any]], reach: Reach) -> Mapping[str, float] | None:
    """Collect what was last logged up to the step of the point; None where the training does not come to it."""
    known: dict[str, float] = {}
    for line in lines:
        known |= {key: float(value) for key, value in line.items() if isinstance(value, int | float)}
        value = line.get(reach.metric)
        if isinstance(value, int | float) and value < reach.below:
            return known
    return None


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3g}" if values else "–"


def _several(result: Result) -> bool:
    return len({each.model for each in result.figures}) > 1


def _shown(found: CellFigure) -> str:
    figure = found.figure
    span = tables.interval(figure.low, figure.high, percent=found.percent)
    missing = f" ({found.scored}/{found.items} scored)" if found.scored < found.items else ""
    return f"{number(figure.value, percent=found.percent)} [{span}]{missing}"


def _notes(result: Result) -> Iterator[str]:
    study = result.study
    yield "mean over seeds; intervals (95 %) over seeds and items"
    for told, text in (("question", study.question), ("split", study.split), ("what counts", study.counts)):
        if text:
            yield f"{told}: {label(text, 400)}"
    if len(result.definitions) > 1:
        dates = ", ".join(str(each["since"]) for each in result.definitions)
        yield f"the definition was changed while the study ran: {dates}"
    if result.lacking:
        names = ", ".join(dict.fromkeys(step.cell.name for step in result.lacking))
        yield f"{len(result.lacking)} of the cells' seeds are not done yet: {names}"
    yield f"{result.cpu_seconds / 60:.1f} CPU minutes"


def text_tables(result: Result) -> list[TextTable]:
    """Lay out the cells, and the contrasts and trainings where there are any."""
    return [
        table(result),
        *([contrasts(result)] if result.contrasts else []),
        *([trainings(result)] if result.study.reaches else []),
    ]


def text(result: Result, format: Literal["md", "latex", "csv"]) -> str:
    """Write the tables for a document or a spreadsheet."""
    write = {"md": tables.markdown, "latex": tables.latex, "csv": tables.comma_separated}[format]
    return "\n".join(map(write, text_tables(result)))


def write(path: Path, result: Result) -> Path:
    """Write the page in one step. Raises UserError: nothing is done yet, or the file can't be written."""
    manifest.write_atomically(path, render(result))
    return path


def render(result: Result) -> str:
    """Render the page: the table, the contrasts, the trade-off, and the trainings' curves with a band over seeds.

    Raises:
        UserError: no cell is done yet.
    """
    if not result.figures:
        raise UserError(f"{result.folder}: no cell of the study is done yet, so there is nothing to show")
    behind = _behind(result)
    return rendered(
        "study.html.jinja",
        "training.css",
        study=result.study,
        tables=text_tables(result),
        trade_off=_trade_off(result),
        curves=list(_curves(result)),
        behind=list(map(_labelled, behind)),
        ways=_ways(result, behind),
        marker=figures.marker,
        version=str(manifest.environment()["foresee"]),
    )


def _names(result: Result) -> list[str]:
    return list(dict.fromkeys(f.cell for f in result.figures))


class TradeOff(NamedTuple):
    """The first two shares of the headline against each other."""

    x: str
    y: str
    points: tuple[Point, ...]
    drawing: Markup


def _trade_off(result: Result) -> TradeOff | None:
    shares = [name for name in result.study.headline if any(f.metric == name and f.percent for f in result.figures)]
    if len(shares) < 2:
        return None
    y, x = shares[:2]
    names = _names(result)
    found: dict[tuple[str, str], dict[str, Seeded]] = {}
    for each in result.figures:
        found.setdefault((each.cell, each.model), {})[each.metric] = each.figure
    points = tuple(
        Point(cell, names.index(cell) % figures.SERIES, held[x], held[y])
        for (cell, _), held in found.items()
        if held[x].value is not None and held[y].value is not None
    )
    return TradeOff(x, y, points, _scatter(points))


def _scatter(points: Sequence[Point]) -> Markup:
    """Draw crosses of intervals in a square of 100 by 100, both axes from 0 to 100 %."""
    drawn = ['<path class="rule" d="M0 0V100H100"/>', '<path class="rule" d="M0 50H100M50 0V100"/>']
    for point in points:
        x, y = 100 * (point.x.value or 0), 100 - 100 * (point.y.value or 0)
        for low, high, across in ((point.x.low, point.x.high, True), (point.y.low, point.y.high, False)):
            if low is None or high is None:
                continue
            ends = (
                f"M{100 * low:.1f} {y:.1f}H{100 * high:.1f}"
                if across
                else f"M{x:.1f} {100 - 100 * low:.1f}V{100 - 100 * high:.1f}"
            )
            drawn.append(f'<path class="curve series-{point.series}" d="{ends}"/>')
        drawn.append(f'<circle class="dot series-{point.series}" cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>')
    head = '<svg class="scatter" viewBox="-2 -2 104 104" aria-hidden="true" focusable="false">'
    return Markup(f"{head}{''.join(drawn)}</svg>")  # noqa: S704 - numbers and our own constants only


class Behind(NamedTuple):
    """What the figures of a cell on one benchmark come of, or its "training": (seed, folder relative to the page)."""

    anchor: str
    cell: str
    model: str
    what: str
    folders: tuple[tuple[int, str], ...]


def _behind(result: Result) -> list[Behind]:
    found: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for step, runs in zip(result.done, result.runs, strict=True):
        own = {**runs, **({"training": step.training} if step.training else {})}
        for what, folder in own.items():
            found.setdefault((step.cell.name, step.model, what), []).append((step.seed, quote(folder)))
    return [Behind(f"behind-{n}", *key, tuple(folders)) for n, (key, folders) in enumerate(found.items(), 1)]


def _labelled(each: Behind) -> Behind:
    return each._replace(cell=label(each.cell), model=label(each.model), what=label(each.what))


_Ways: TypeAlias = "list[list[tuple[str, ...]]]"  # of one table: the anchors of each cell of each row


def _ways(result: Result, behind: Sequence[Behind]) -> list[_Ways]:
    """Find the lines behind each cell of `text_tables`; a contrast has those of its cell and of its control."""
    places = {(each.cell, each.model, each.what): each.anchor for each in behind}

    def of(cell: str, model: str, metric: str) -> tuple[str, ...]:
        fits = [what for (c, m, what) in places if (c, m) == (cell, model) and metric.startswith(f"{what}.")]
        return (places[cell, model, max(fits, key=len)],) if fits else ()

    named: list[tuple[str, ...]] = [()] * (2 if _several(result) else 1)
    of_cells: _Ways = [
        [*named, *(of(cell, model, name) for name in result.study.headline), ()]
        for cell, model in dict.fromkeys((f.cell, f.model) for f in result.figures)
    ]
    differences: _Ways = [
        [*named, (), (*of(e.of, e.model, e.metric), *of(e.against, e.model, e.metric)), (), (), (), ()]
        for e in result.contrasts
    ]
    trained = dict.fromkeys((step.cell.name, step.model) for step in result.done if step.training)
    on_the_way: _Ways = [
        [(), *named, *[(places[cell, model, "training"],)] * 2] for _ in result.study.reaches for cell, model in trained
    ]
    return [
        of_cells,
        *([differences] if result.contrasts else []),
        *([on_the_way] if result.study.reaches else []),
    ]


class Curve(NamedTuple):
    """One measure during the trainings of all cells."""

    name: str
    low: float
    high: float
    bands: tuple[Band, ...]
    drawing: Markup


def _curves(result: Result) -> Iterator[Curve]:
    """Draw what was measured on held-out items during training, and `reaches.beside`: mean and range over seeds."""
    names = _names(result)
    told = {key for reach in result.study.reaches for key in reach.beside}
    logged: dict[str, dict[str, list[Sequence[Mapping[str, Any]]]]] = {}
    for step in result.done:
        if not step.training:
            continue
        lines = training_metrics.read(result.folder / step.training)
        for key in {key for line in lines for key in line if key.startswith(_CURVES) or key in told}:
            logged.setdefault(key, {}).setdefault(step.cell.name, []).append(lines)
    for key, by_cell in sorted(logged.items()):
        bands = tuple(_band(cell, names.index(cell), key, runs) for cell, runs in by_cell.items())
        values = [value for band in bands for point in band.points for value in point[1:]]
        if values and max(len(band.points) for band in bands) > 1:
            yield Curve(label(training_metrics.label(key)), min(values), max(values), bands, _drawn(bands, values))


def _band(name: str, series: int, key: str, runs: Sequence[Sequence[Mapping[str, Any]]]) -> Band:
    at: dict[int, list[float]] = {}
    for lines in runs:
        for line in lines:
            if isinstance(line.get(key), int | float):
                at.setdefault(int(line["step"]), []).append(float(line[key]))
    points = tuple((step, min(v), sum(v) / len(v), max(v)) for step, v in sorted(at.items()))
    return Band(name, series % figures.SERIES, points)


def _drawn(bands: Sequence[Band], values: Sequence[float]) -> Markup:
    """Draw each cell's mean and, around it, the range over seeds."""
    frame = figures.Frame(max(point[0] for band in bands for point in band.points), min(values), max(values))
    drawn = []
    for band in bands:
        around = [frame.place(p[0], p[3]) for p in band.points] + [
            frame.place(p[0], p[1]) for p in reversed(band.points)
        ]
        drawn.append(f'<polygon class="band series-{band.series}" points="{" ".join(around)}"/>')
        middle = " ".join(frame.place(p[0], p[2]) for p in band.points)
        drawn.append(f'<polyline class="curve series-{band.series}" points="{middle}"/>')
    return figures.curves(drawn)
