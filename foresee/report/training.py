"""Render the page about trainings: their curves, side by side; self-contained, nothing that could run.

Every curve stands beside its numbers; the drawing itself is hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from foresee import manifest
from foresee.errors import UserError
from foresee.report import figures
from foresee.report.assets import rendered
from foresee.report.escaping import label
from foresee.training._common import metrics as training_metrics

_MOST = figures.SERIES
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("On held-out rows", ("probe/", *training_metrics.HELD_OUT)),
    ("What the answers earned", ("reward", "rewards/")),
    ("What the teacher thinks of them", ("token_gap/", "gradient/")),
    ("The answers", ("entropy", "completions/mean_length", "completions/clipped_ratio")),
    ("Learning", ("loss", "replay/loss", "kl", "grad_norm", "learning_rate", "mean_token_accuracy")),
)
_LEFT_OUT = ("/std", "_std", "frac_reward", "/min", "/max")


class Point(NamedTuple):
    step: int
    value: float


class Line(NamedTuple):
    """One number of one training over its steps."""

    run: int
    points: tuple[Point, ...]

    @property
    def first(self) -> float:
        return self.points[0].value

    @property
    def last(self) -> float:
        return self.points[-1].value


class Chart(NamedTuple):
    """One number of all trainings."""

    name: str
    lines: tuple[Line, ...]
    drawing: Markup
    low: float
    high: float


class Training(NamedTuple):
    """One training folder as the page shows it."""

    name: str
    method: str
    facts: tuple[tuple[str, str], ...]
    stopped: str
    unfinished: bool


def is_training(folder: Path) -> bool:
    """Whether a folder holds a training (and not an evaluation)."""
    return (folder / manifest.FILE).is_file() and manifest.read(folder).get("kind") == "training"


def write(path: Path, folders: Sequence[Path], *, public: bool = False) -> Path:
    """Write `render`'s page in one step. Raises UserError: as `render`, or the file can't be written."""
    manifest.write_atomically(path, render(folders, public=public))
    return path


def render(folders: Sequence[Path], *, public: bool = False) -> str:
    """Render the page for one training, or for several side by side.

    Args:
        folders: of trainings, in the order of the columns.
        public: leave out local paths.

    Raises:
        UserError: not trainings, too many, or no metrics in any of them.
    """
    if not folders or len(folders) > _MOST:
        raise UserError(f"a report shows 1 to {_MOST} trainings, got {len(folders)}")
    records = [manifest.read(folder, "training") for folder in folders]
    metrics = [training_metrics.read(folder) for folder in folders]
    if not any(metrics):
        raise UserError(f"{folders[0]} has no metrics yet: nothing to draw")
    return rendered(
        "training.html.jinja",
        "training.css",
        trainings=[_training(f, r, public) for f, r in zip(folders, records, strict=True)],
        groups=list(_groups(metrics)),
        marker=figures.marker,
        version=str(records[0].get("foresee") or manifest.environment()["foresee"]),
    )


def _training(folder: Path, record: Mapping[str, Any], public: bool) -> Training:
    config, base, data = record["config"], record["base"], record["data"]
    shown = {
        "base": base["name"],
        "data": Path(data["folder"]).name if public else data["folder"],
        "rows": f"{data['rows_used']:,}",
        "trained": f"{record['trainable_parameters']:,} of {record['parameters']:,} parameters ({config['tune']})",
        "steps": f"{record.get('steps', 'unfinished')}",
        "learning rate": f"{config['learning_rate']:g}",
        "teacher": config.get("teacher", ""),
        "token weight": f"{config['token_weight']:g}" if "token_weight" in config else "",
        "processes": f"{record['processes']} on {record['device']}",
        "seconds": f"{record.get('wall_seconds', 0):.0f}, {record.get('cpu_seconds', 0):.0f} of them computing",
        "kept": record.get("kept", ""),
    }
    facts = tuple((key, label(value, 160)) for key, value in shown.items() if value)
    return Training(
        label(folder.name), label(record["method"]), facts, label(record.get("stopped", ""), 300),
        not record.get("finished"),
    )  # fmt: skip


def _groups(metrics: Sequence[Sequence[Mapping[str, Any]]]) -> Iterable[tuple[str, list[Chart]]]:
    """Headings and their charts; numbers that belong to none are left out."""
    names = list(dict.fromkeys(key for lines in metrics for line in lines for key in line))
    for heading, wanted in _GROUPS:
        charts = []
        for name in names:
            fits = any(name == w or (w.endswith("/") and name.startswith(w)) for w in wanted)
            if fits and not any(name.endswith(end) or name.startswith(end) for end in _LEFT_OUT):
                made = _chart(name, metrics)
                if made is not None:
                    charts.append(made)
        if charts:
            yield heading, charts


def _chart(name: str, metrics: Sequence[Sequence[Mapping[str, Any]]]) -> Chart | None:
    lines = []
    for run, logged in enumerate(metrics):
        points = tuple(
            Point(line["step"], float(line[name])) for line in logged if isinstance(line.get(name), int | float)
        )
        if points:
            lines.append(Line(run, points))
    if not lines:
        return None
    values = [point.value for line in lines for point in line.points]
    steps = max(point.step for line in lines for point in line.points)
    low, high = min(values), max(values)
    return Chart(label(training_metrics.label(name)), tuple(lines), _drawing(lines, low, high, steps), low, high)


def _drawing(lines: Sequence[Line], low: float, high: float, steps: int) -> Markup:
    """Draw a line for each training; a single point is a short dash."""
    frame, drawn = figures.Frame(steps, low, high), []
    for line in lines:
        places = " ".join(frame.place(p.step, p.value) for p in line.points)
        if len(line.points) == 1:
            x, _, y = places.partition(",")
            places = f"{places} {float(x) + 0.5:.2f},{y}"
        drawn.append(f'<polyline class="curve series-{line.run % figures.SERIES}" points="{places}"/>')
    return figures.curves(drawn)
