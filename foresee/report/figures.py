"""Draw figures as inline SVG.

Positions are in per cent, so that they fit any width; colours go by class, so that they follow the theme. Each stands
beside the numbers it draws and is hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from foresee.report.outcome_breakdown import Part

_LANE = 14
_SHAPES = (
    '<circle r="4.5"/>',
    '<path d="M-4-4h8v8h-8z"/>',
    '<path d="M0-5.5 5.5 0 0 5.5-5.5 0z"/>',
    '<path d="M0-5 5 4H-5z"/>',
    '<path d="M0 5 5-4H-5z"/>',
    '<path d="M-5-1.8h3.2V-5h3.6v3.2H5v3.6H1.8V5h-3.6V1.8H-5z"/>',
)
SERIES = len(_SHAPES)
_COLOURS = 8
_NAMED_COLOURS = {"safe": "part-safe", "unsafe": "part-unsafe", "full": "part-refusal", "partial": "part-4"}


class Scale(NamedTuple):
    """The values at the left and the right edge, and where lines are ruled."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """Clamp a position, in per cent of the width, to the drawing."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return f"{100 * min(1.0, max(0.0, share)):.2f}%"


class Mark(NamedTuple):
    """A dot with its interval and, where coverage is not full, the bounds; `series` picks colour and shape."""

    value: float | None
    low: float | None
    high: float | None
    worst: float | None = None
    best: float | None = None
    series: int = 0


PERCENT = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))


def scale_for(bounds: tuple[float, float], *, percent: bool) -> Scale:
    """0 to 100 % for shares; else from the lowest to the highest possible value, ruled at both and in the middle."""
    low, high = bounds
    return PERCENT if percent else Scale(low, high, (low, (low + high) / 2, high))


def intervals(marks: Sequence[Mark], scale: Scale = PERCENT) -> Markup:
    """One lane per mark, above each other: bounds as a faint line, interval as a thick one, value as a shape."""
    height = _LANE * max(1, len(marks)) + 6
    drawn = [] if scale is PERCENT else [_rule(scale, height), *_ends(scale, height + 9)]  # shares: by the table
    for lane, mark in enumerate(marks):
        y = 3 + _LANE * lane + _LANE / 2
        if mark.worst is not None and mark.best is not None:
            drawn.append(_line("bounds", scale.at(mark.worst), scale.at(mark.best), y))
        if mark.low is not None and mark.high is not None:
            drawn.append(_line("interval", scale.at(mark.low), scale.at(mark.high), y, mark.series))
        if mark.value is not None:
            drawn.append(_shape(scale.at(mark.value), y, mark.series))
    return _svg("plot", height + (0 if scale is PERCENT else 12), drawn)


def _ends(scale: Scale, y: float) -> list[str]:
    """Name the ends of a scale of its own, which the axis above its column does not have."""
    ends = ((scale.low, "start"), (scale.high, "end"))
    return [
        f'<text class="end" x="{scale.at(value)}" y="{y:g}" text-anchor="{anchor}">{value:g}</text>'
        for value, anchor in ends
    ]


def difference(delta: float | None, low: float | None, high: float | None, reach: float) -> Markup:
    """Draw a difference and its interval on an axis from -reach to +reach with a line at zero."""
    scale = Scale(-reach, reach, ())
    drawn = [f'<line class="zero" x1="50%" x2="50%" y1="0" y2="{_LANE + 6}"/>']
    y = 3 + _LANE / 2
    if low is not None and high is not None:
        drawn.append(_line("interval delta", scale.at(low), scale.at(high), y))
    if delta is not None:
        drawn.append(f'<svg x="{scale.at(delta)}" y="{y:g}" class="delta">{_SHAPES[2]}</svg>')
    return _svg("plot", _LANE + 6, drawn)


def axis(scale: Scale = PERCENT) -> Markup:
    """Draw the tick labels of a percentage axis, to stand above a column of `intervals`."""
    drawn = []
    for tick in scale.ticks:
        if tick not in (scale.low, (scale.low + scale.high) / 2, scale.high):
            continue  # the quarters are ruled but not named: on a phone they would touch
        anchor = "start" if tick == scale.low else "end" if tick == scale.high else "middle"
        unit = "%" if tick == scale.high else ""
        drawn.append(f'<text x="{scale.at(tick)}" y="11" text-anchor="{anchor}">{100 * tick:g}{unit}</text>')
    return _svg("axis", 14, drawn)


def stacked(parts: Sequence[Part], height: int = 22) -> Markup:
    """Shares side by side, in the order given."""
    drawn, left = [], 0.0
    for index, part in enumerate(parts):
        if part.rows:
            width = f'x="{100 * left:.3f}%" width="{100 * part.share:.3f}%"'
            drawn.append(f'<rect class="{part_class(part, index)}" {width} y="0" height="{height}"/>')
            if part.kind != "value":
                drawn.append(f'<rect class="hatched" {width} y="0" height="{height}"/>')
        left += part.share
    return _svg("stack", height, drawn)


def swatch(part: Part, index: int) -> Markup:
    """Draw the colour of a part, for the legend."""
    hatch = '<rect class="hatched" width="12" height="12"/>' if part.kind != "value" else ""
    return Markup(  # noqa: S704 - made of our own constants
        f'<svg class="swatch" width="12" height="12" aria-hidden="true"><rect class="{part_class(part, index)}"'
        f' width="12" height="12"/>{hatch}</svg>'
    )


def part_class(part: Part, index: int) -> str:
    """Choose the CSS class that colours a part: fixed where its name means one, else one of the others."""
    if part.kind != "value":
        return f"part-{part.kind}"
    if "refus" in part.label.lower():
        return "part-refusal"
    return _NAMED_COLOURS.get(part.label, f"part-{2 + index % (_COLOURS - 2)}")  # 0 and 1 are those of safe and unsafe


def shape_number(series: int) -> int:
    """Choose a shape, so that what has the colour of an earlier one has another shape."""
    return (series + series // SERIES) % SERIES


def shape(series: int) -> str:
    """Write a run's shape around the origin, about ten pixels wide."""
    return _SHAPES[shape_number(series)]


def marker(series: int) -> Markup:
    """Draw a run's shape and colour, to stand before its name."""
    return Markup(  # noqa: S704 - made of our own constants
        f'<svg class="marker series-{series % SERIES}" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">'
        f"{shape(series)}</svg>"
    )


def hatching() -> Markup:
    """Draw the pattern that marks what has no verdict, defined once a page."""
    return Markup(
        '<svg class="definitions" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
        '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="hatch-line" x1="0" y1="0" x2="0" y2="5"/></pattern></defs></svg>'
    )


class Frame(NamedTuple):
    """The room of curves: steps from 0 to `last`, values from `low` to `high`."""

    last: int
    low: float
    high: float

    def place(self, step: int, value: float) -> str:
        """Place a point in a box of 100 by 40."""
        span = (self.high - self.low) or 1.0
        return f"{100 * step / max(self.last, 1):.2f},{38 - 36 * (value - self.low) / span:.2f}"


def curves(drawn: Sequence[str]) -> Markup:
    """Rule a box of 100 by 40 and draw in it; it is stretched to the room there is, and strokes keep their width."""
    head = '<svg class="curves" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
    grid = "".join(f'<path class="rule" d="M0 {y}H100"/>' for y in (2, 20, 38))
    return Markup(f"{head}{grid}{''.join(drawn)}</svg>")  # noqa: S704 - numbers and our own constants only


def _rule(scale: Scale, height: float) -> str:
    return "".join(
        f'<line class="rule" x1="{scale.at(tick)}" x2="{scale.at(tick)}" y1="0" y2="{height}"/>' for tick in scale.ticks
    )


def _line(kind: str, left: str, right: str, y: float, series: int = 0) -> str:
    return f'<line class="{kind} series-{series % SERIES}" x1="{left}" x2="{right}" y1="{y:g}" y2="{y:g}"/>'


def _shape(x: str, y: float, series: int) -> str:
    # A nested svg carries the percentage; the shape inside keeps its size in pixels.
    return f'<svg x="{x}" y="{y:g}" class="series-{series % SERIES}">{shape(series)}</svg>'


def _svg(kind: str, height: float, drawn: Sequence[str]) -> Markup:
    inside = "".join(drawn)
    head = f'<svg class="{escape(kind)}" width="100%" height="{height:g}" aria-hidden="true" focusable="false">'
    return Markup(f"{head}{inside}</svg>")  # noqa: S704 - numbers and our own constants only
