"""Draw a profile as one figure, wide for slides and desktops or narrow for phones; as SVG, and with matplotlib.

Both are drawn from the same parts, in pixels from the top left, so that they can't tell different things. Colours are
those of the page's light theme; there its style sheet puts the theme's own over them, by class.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from markupsafe import Markup, escape

from foresee import manifest
from foresee.errors import UserError, missing_extra
from foresee.report import figures, profile_text
from foresee.report.assets import asset
from foresee.report.escaping import label
from foresee.report.main_table import mark_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawn

    from foresee.report.profile import Figure, Measure, Profile

SUFFIXES = (".svg", ".png", ".pdf")
_LANE, _LINE = 19, 17
_MARKERS = ("o", "s", "D", "^", "v", "P")  # matplotlib's names of the shapes of `figures`, in their order
_Kind = Literal["question", "words", "doc", "value"]
_TEXTS: dict[_Kind, tuple[float, str, str]] = {  # size in pixels, weight, colour of the style sheet
    "question": (14, "bold", "ink"),
    "words": (13.5, "normal", "ink"),
    "doc": (11, "normal", "muted"),
    "value": (12, "normal", "ink"),
}
_ASKED = {
    "aware": "Does it tell safe from unsafe where image and text together decide?",
    "foreseeing": "Does it see the hidden consequence of a request, and still help?",
    "resistant": "Does it withhold what is harmful, also under attack?",
    "not over-refusing": "Does it serve what is harmless?",
    "able": "Does it still do its work?",
}
_PER_LETTER = 0.56  # a letter's width in sizes of its font; wide enough for the fonts that there may be


class Text(NamedTuple):
    """A line of text that stands on `y`."""

    x: float
    y: float
    text: str
    kind: _Kind
    anchor: Literal["start", "middle", "end"] = "start"


class Stroke(NamedTuple):
    """A straight line; `series` colours it, None is the colour of rules."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    series: int | None = None
    opacity: float = 1.0


class Shape(NamedTuple):
    """A subject's shape around a point; a hollow one is of a figure that others published."""

    x: float
    y: float
    series: int | None


class Drawing(NamedTuple):
    """Everything that is drawn, back to front, and the room that it takes."""

    width: float
    height: float
    parts: tuple[Text | Stroke | Shape, ...]
    said: str


def draw(found: Profile, *, narrow: bool = False) -> Drawing:
    """Lay out what stands for each question: the first measure of every benchmark and attack, a lane a subject."""
    room = _NARROW if narrow else _WIDE
    width = room.width
    parts: list[Text | Stroke | Shape] = []
    y = 8.0
    if len(found.subjects) > 1:
        y = _legend(found, room, parts)
    y += 20
    for tick in (0.0, 0.5, 1.0):
        parts.append(Text(room.at(tick), y, f"{100 * tick:g}" + ("%" if tick == 1 else ""), "doc", "middle"))
    question = ""
    for line in chosen(found):
        if line.question != question:
            y += 14
            parts.append(Stroke(0, y, width, y, 1))
            y += 20
            parts.append(Text(0, y, line.question.capitalize(), "question"))
            if not room.narrow:
                parts.append(Text(room.left, y, _ASKED.get(line.question, ""), "doc"))
            y += 6
        question = line.question
        y = _measure(line, room, y, parts)
    y += 24
    for note in textwrap.wrap(_note(found), int(width / (11 * _PER_LETTER))):
        parts.append(Text(0, y, note, "doc"))
        y += 15
    names = ", ".join(each.name for each in found.subjects)
    return Drawing(width, y, tuple(parts), label(f"Safety profile of {names}; every figure stands in the table", 300))


def chosen(found: Profile) -> Iterator[Measure]:
    """Yield the first measure of every question, benchmark and attack; what answers none only where nothing does."""
    answering = [line for line in found.measures if line.question != "also measured"]
    seen = set()
    for line in answering or found.measures:
        if (key := (line.question, line.place)) not in seen:
            seen.add(key)
            yield line


class _Room(NamedTuple):
    """Where things stand from left to right; words of a narrow figure stand above their lanes."""

    width: float
    left: float
    right: float
    letters: int
    narrow: bool

    def at(self, share: float) -> float:
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)


_WIDE, _NARROW = _Room(900, 330, 730, 42, narrow=False), _Room(340, 8, 200, 44, narrow=True)


def _legend(found: Profile, room: _Room, parts: list[Text | Stroke | Shape]) -> float:
    """Name the subjects in as few lines as they fit in; give where the last stands."""
    x, y = 8.0, 16.0
    for series, subject in enumerate(found.subjects):
        name = label(subject.name, 60 if not room.narrow else 42)
        takes = 16 + len(name) * 13.5 * _PER_LETTER + 22
        if x > 8 and x + takes - 22 > room.width:
            x, y = 8.0, y + 21
        parts += [Shape(x, y - 4.5, series), Text(x + 12, y, name, "words")]
        x += takes
    return y + 4


def _published(line: Measure, room: _Room, y: float) -> Iterator[Text | Shape]:
    """Draw what others published in a lane of its own."""
    low, high = line.metric.bounds
    values = sorted(q.value for q in line.theirs.quoted) if line.theirs else []
    for value in values:
        yield Shape(room.at((value - low) / ((high - low) or 1.0)), y, None)
    ends = [f"{100 * v:.0f}" if line.metric.percent else f"{v:.2f}" for v in (values[0], values[-1])]
    told = f"published: {ends[0]} to {ends[1]}" + ("" if room.narrow else f" ({len(values)})")
    yield Text(room.right + 16, y + 4, told, "doc")


def _measure(line: Measure, room: _Room, y: float, parts: list[Text | Stroke | Shape]) -> float:
    """Draw a measure below `y`; give where it ends."""
    figures_ = [(series, figure) for series, figure in enumerate(line.figures) if figure is not None]
    words = textwrap.wrap(label(line.words, 160), room.letters)
    docs = textwrap.wrap(f"{label(line.place, 100)} · {label(_told(line), 60)}", int(room.letters * 1.25))
    below = y
    for text in words:
        below += _LINE
        parts.append(Text(0, below, text, "words"))
    for text in docs:
        below += 14
        parts.append(Text(0, below, text, "doc"))
    lanes = len(figures_) + (line.theirs is not None)
    beside = y + 12 + (below - y - 8 - _LANE * (lanes - 1)) / 2  # in the middle of their words
    top = below + 16 if room.narrow else max(y + 15, beside)
    bottom = top + _LANE * (lanes - 1)
    theirs = bottom
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0) if line.metric.percent else (0.0, 0.5, 1.0):
        parts.append(Stroke(room.at(tick), top - 9, room.at(tick), bottom + 9, 1))
    low, high = line.metric.bounds
    if not line.metric.percent:
        bottom += 12
        parts += [Text(room.at(s), bottom + 6, f"{v:g}", "doc", "middle") for s, v in ((0, low), (1, high))]
    for lane, (series, figure) in enumerate(figures_):
        parts += _lane(figure, room, top + _LANE * lane, series)
    if line.theirs is not None:
        parts += _published(line, room, theirs)
    return max(below, bottom) + 10


def _told(line: Measure) -> str:
    better = {True: ", higher is better", False: ", lower is better", None: ""}[line.metric.higher_is_better]
    return line.metric.name + better


def _lane(figure: Figure, room: _Room, y: float, series: int) -> Iterator[Text | Stroke | Shape]:
    scale = figures.scale_for(figure.metric.bounds, percent=figure.metric.percent)
    mark = mark_of(figure.estimate, series)

    def at(value: float) -> float:
        return room.at((value - scale.low) / ((scale.high - scale.low) or 1.0))

    if mark.worst is not None and mark.best is not None:
        yield Stroke(at(mark.worst), y, at(mark.best), y, 1.5, series, 0.4)
    if mark.low is not None and mark.high is not None:
        yield Stroke(at(mark.low), y, at(mark.high), y, 5, series, 0.42)
    if mark.value is not None:
        yield Shape(at(mark.value), y, series)
    lines = profile_text.cell(figure).split("\n")
    scored = next((f" {text.strip('()')}" for text in lines if text.endswith("scored)")), "")
    told = lines[0] + (" **" if figure.clear else "") + ("" if room.narrow else scored)
    yield Text(room.right + 16, y + 4, label(told, 60), "value")


def _note(found: Profile) -> str:
    said = "95 % intervals"
    places = {each.baseline for place, each in enumerate(found.subjects) if each.baseline != place}
    if places:
        to = found.subjects[places.pop()].name if len(places) == 1 else "what it is compared with"
        said += f"; ** differs from {to} by Holm's rule over the whole profile"
    if any(figure and figure.estimate.n < figure.estimate.total for line in chosen(found) for figure in line.figures):
        said += "; pale lines: where the value would lie had all that is not scored gone worst or best"
    if any(line.theirs for line in chosen(found)):
        said += "; hollow: published by others, not measured here, and by other rules"
    return said


@cache
def _colours() -> dict[str, str]:
    """Read the colours of the page's light theme."""
    light = asset("style.css").split("@media", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#\w+)", str(light)))


def _colour(series: int | None) -> str:
    return _colours()["rule" if series is None else f"s{series % figures.SERIES}"]


def svg(drawing: Drawing, *, alone: bool = True, kind: str = "") -> Markup:
    """Write a drawing as SVG: a file of its own on white, or a part of a page in the page's colours.

    Args:
        drawing: from `draw`.
        alone: whether it is a file of its own.
        kind: its class on a page.
    """
    size = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    head = f'<svg {size} role="img" aria-label="{escape(drawing.said)}" class="figure {escape(kind)}">'
    if alone:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width + 40:g}" height="{drawing.height + 40:g}" '
            f'viewBox="-20 -20 {drawing.width + 40:g} {drawing.height + 40:g}" '
            f'font-family="Helvetica, Arial, &quot;DejaVu Sans&quot;, sans-serif"><title>{escape(drawing.said)}</title>'
            f'<rect x="-20" y="-20" width="100%" height="100%" fill="{_colours()["paper"]}"/>'
        )
    return Markup(f"{head}{''.join(map(_as_svg, drawing.parts))}</svg>\n")  # noqa: S704 - _as_svg escapes


def _as_svg(part: Text | Stroke | Shape) -> str:
    if isinstance(part, Text):
        size, weight, colour = _TEXTS[part.kind]
        look = f'font-size="{size:g}" font-weight="{weight}" fill="{_colours()[colour]}" text-anchor="{part.anchor}"'
        return f'<text class="drawn-{part.kind}" x="{part.x:.1f}" y="{part.y:.1f}" {look}>{escape(part.text)}</text>'
    kind = f"series-{part.series % figures.SERIES}" if part.series is not None else "ruling"
    if isinstance(part, Stroke):
        ends = f'x1="{part.x1:.1f}" y1="{part.y1:.1f}" x2="{part.x2:.1f}" y2="{part.y2:.1f}"'
        look = f'stroke="{_colour(part.series)}" stroke-width="{part.width:g}" stroke-opacity="{part.opacity:g}"'
        cap = ' stroke-linecap="round"' if part.series is not None else ""
        return f'<line class="{kind}" {ends} {look}{cap}/>'
    place = f'transform="translate({part.x:.1f} {part.y:.1f})"'
    if part.series is None:
        return f'<circle r="4" class="hollow" fill="none" stroke="{_colours()["muted"]}" {place}/>'
    return f'<g class="shape {kind}" fill="{_colour(part.series)}" {place}>{figures.shape(part.series)}</g>'


def plot(drawing: Drawing) -> Drawn:
    """Draw with matplotlib: one figure, to show, to change or to save in any of its formats.

    Raises:
        UserError: matplotlib is missing.
    """
    figure = figure_class()(figsize=((drawing.width + 40) / 100, (drawing.height + 40) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-20, drawing.width + 20)
    axes.set_ylim(drawing.height + 20, -20)
    axes.set_axis_off()
    for order, part in enumerate(drawing.parts):
        _put(part, axes, order)
    return figure


def _put(part: Text | Stroke | Shape, axes: Axes, order: int) -> None:
    """Put a part on axes whose unit is a pixel at 100 dots an inch; sizes there are in points, 72 an inch."""
    if isinstance(part, Text):
        size, weight, colour = _TEXTS[part.kind]
        align: Literal["left", "center", "right"]
        align = "left" if part.anchor == "start" else "center" if part.anchor == "middle" else "right"
        look: dict[str, Any] = {"fontsize": 0.66 * size, "fontweight": weight, "color": _colours()[colour]}
        axes.text(part.x, part.y, part.text, ha=align, va="baseline", parse_math=False, zorder=order, **look)
    elif isinstance(part, Stroke):
        cap: Literal["round", "butt"] = "butt" if part.series is None else "round"
        look = {"color": _colour(part.series), "alpha": part.opacity, "linewidth": 0.72 * part.width}
        axes.plot([part.x1, part.x2], [part.y1, part.y2], solid_capstyle=cap, zorder=order, **look)
    elif part.series is None:
        axes.plot([part.x], [part.y], "o", mfc="none", mec=_colours()["muted"], markersize=6, mew=0.8, zorder=order)
    else:
        marker = _MARKERS[figures.shape_number(part.series)]
        axes.plot(
            [part.x], [part.y], marker, color=_colour(part.series), markersize=7, mec="white", mew=0.7, zorder=order
        )


def figure_class() -> type[Drawn]:
    """Import matplotlib's figure. Raises UserError: matplotlib is missing."""
    try:
        from matplotlib.figure import Figure as Drawn
    except ImportError:
        raise missing_extra("a figure as PNG, PDF or in Python", "figure") from None

    class Shown(Drawn):
        """A figure that a notebook shows also where pyplot was never imported."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return Shown


def check(path: Path) -> None:
    """Refuse a file that a figure can't be written to, before anything else is done.

    Raises:
        UserError: another ending than `SUFFIXES`, or matplotlib is missing for one other than .svg.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--to: expected a file that ends in {', '.join(SUFFIXES)}, got {path.name}")
    if path.suffix.lower() != ".svg":
        figure_class()


def write(path: Path, found: Profile) -> None:
    """Write the wide figure to a file, replaced in one step; the ending says in which format.

    Raises:
        UserError: as `check`, or the file can't be written.
    """
    import io

    check(path)
    drawing = draw(found)
    if path.suffix.lower() == ".svg":
        manifest.write_atomically(path, str(svg(drawing)))
        return
    file = io.BytesIO()
    plot(drawing).savefig(file, format=path.suffix.lower()[1:], dpi=200)
    with manifest.written_whole(path) as written:
        written.write(file.getvalue())
