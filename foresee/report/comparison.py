"""Compare two runs item by item: paired differences, what a reader must know of them, as text, table and figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from foresee import metrics
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run, read_run
from foresee.files.frames import frame
from foresee.files.spool import Places
from foresee.metrics import Metric
from foresee.records import Item
from foresee.report import failures, profile_figure, tables
from foresee.report.defense_table import headline_metrics
from foresee.report.tables import TextTable
from foresee.statistics import Difference

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure as Drawn


@dataclass(frozen=True, repr=False)
class Comparison(Sequence[Difference]):
    """The paired differences B - A of every metric, over the items that both runs hold; shows itself as a table."""

    a: Run
    b: Run
    differences: tuple[Difference, ...]

    @overload
    def __getitem__(self, index: int) -> Difference: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Difference, ...]: ...

    def __getitem__(self, index: int | slice) -> Difference | tuple[Difference, ...]:
        return self.differences[index]

    def __len__(self) -> int:
        return len(self.differences)

    def __repr__(self) -> str:
        return tables.plain(self.table())

    def _repr_html_(self) -> str:
        return tables.html(self.table())

    def table(self) -> TextTable:
        """Tabulate the differences; p values of the headline metrics are adjusted for their number."""
        title = f"A: {self.a.title}   B: {self.b.title}"
        repeats = self.a.outcomes.repeated or self.b.outcomes.repeated
        found = tables.differences(title, self.differences, self.a.metrics, headline_metrics(self.a), repeats=repeats)
        return found._replace(notes=(*found.notes, *_notes(self)))

    def frame(self) -> pandas.DataFrame:
        """Tabulate one line per metric, with everything that is known of its difference.

        Raises:
            UserError: pandas is missing.
        """
        return frame(map(asdict, self.differences))

    def plot(self) -> Drawn:
        """Draw each difference with its 95 % interval; those in points and those on a scale of their own apart.

        Raises:
            UserError: matplotlib is missing.
        """
        return _plot(self)


def compare(run_a: Run | Path | str, run_b: Run | Path | str) -> Comparison:
    """Paired differences B - A of every metric over the items that both runs hold.

    Raises:
        UserError: not run folders, different benchmarks, or no item in common.
    """
    a, b = (run if isinstance(run, Run) else read_run(Path(run)) for run in (run_a, run_b))
    if a.benchmark != b.benchmark:
        raise UserError(f"can't compare {a.benchmark} with {b.benchmark}: expected two runs of one benchmark")
    return Comparison(a, b, tuple(metrics.compare(a.rows, b.rows, a.metrics)))


def _plot(found: Comparison) -> Drawn:
    by_name = {each.name: each for each in found}
    pairs = [(m, d) for m in found.a.metrics if not m.published and (d := by_name[m.name]).delta is not None]
    parts = [part for percent in (True, False) if (part := [each for each in pairs if each[0].percent == percent])]
    heights = [max(1, len(part)) for part in parts] or [1]
    drawn = profile_figure.figure_class()(
        figsize=(7, 1.4 + 0.35 * sum(heights) + 0.6 * len(heights)), layout="constrained"
    )
    drawn.suptitle(f"{found.b.title} less {found.a.title}", fontsize=9)
    for axes, part in zip(
        drawn.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0], parts, strict=False
    ):
        _draw(axes, part)
    return drawn


def _draw(axes: Any, part: Sequence[tuple[Metric, Difference]]) -> None:
    scale = 100 if part[0][0].percent else 1
    axes.axvline(0, color="0.6", linewidth=0.8)
    for place, (_, each) in enumerate(part):
        assert each.delta is not None
        if each.low is not None and each.high is not None:
            axes.plot([scale * each.low, scale * each.high], [place, place], color="#2563a8", linewidth=2.5, alpha=0.6)
        axes.plot([scale * each.delta], [place], "o", color="#2563a8")
    better = {True: " ↑", False: " ↓", None: ""}
    axes.set_yticks(range(len(part)), [metric.name + better[metric.higher_is_better] for metric, _ in part], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("difference in points, 95 % interval" if scale == 100 else "difference, 95 % interval", fontsize=8)


def _notes(found: Comparison) -> Iterator[str]:
    """Yield what a reader of the differences must know: items on one side only, and settings that differ."""
    in_a = Places((row.item.id, _asked(row.item)) for row in found.a.rows)
    both, only_b, others = Places(), Places(), Places()
    for row in found.b.rows:
        there = in_a.get(row.item.id)
        (only_b if there is None else both).add(row.item.id)
        if there not in (None, _asked(row.item)):
            others.add(row.item.id)
    yield f"{len(both)} items in both; paired difference over these alone"
    if others and _setting(found.a, "options") == _setting(found.b, "options"):  # another modality asks otherwise
        yield (
            f"{len(others)} of them ask something else in B (other words or images): these are not the same questions, "
            "though their ids are"
        )
    if len(both) < len(in_a) or only_b:
        yield f"only in A: {len(in_a) - len(both)}; only in B: {len(only_b)}"
    for side, run in (("A", found.a), ("B", found.b)):
        yield from (f"{side}: {line}" for line in failures.notes(run))
        if run.unfinished:
            yield f"{side} is UNFINISHED: {run.unfinished} rows not sent yet"
    yield from (f"{d.name}: {d.method}" for d in found if d.method.startswith("not compared"))
    unscored = {d.name: d.unscored for d in found if d.unscored}
    if unscored:
        yield "unscored on a side, so not compared: " + ", ".join(f"{k} {n}" for k, n in unscored.items())
    for key in ("options", "generation", "defense", "epochs", "benchmark_version", "judges"):
        left, right = _setting(found.a, key), _setting(found.b, key)
        if left != right:
            yield f"{key} differ: A {_told_apart(left, right)}, B {_told_apart(right, left)}"


def _setting(run: Run, key: str) -> Any:
    return run.manifest.get("configuration", {}).get(key)


def _asked(item: Item) -> int:
    """Hash what an item asks: its words and its images."""
    return hash((item.prompt, *(image.sha256 for image in item.images))) & 2**63 - 1


def _told_apart(value: Any, other: Any) -> str:
    """Write a setting as far as it differs from another: the entries of a mapping, the judges of a list."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items() if each != other.get(key)) or "without"
    if isinstance(value, list) and isinstance(other, list):
        names = [_judge_in_words(each) for each in value]
        others = [_judge_in_words(each) for each in other]
        told = names if set(names) != set(others) else [str(each) for each in value]
        differing = [word for word, each in zip(told, value, strict=True) if each not in other]
        return "; ".join(differing) or "none of them"
    return str(value)


def _judge_in_words(identity: Any) -> str:
    """`harmful by openai/gpt-4.1 (benchmark figstep 1)`, from what the configuration keeps of a judge."""
    if not isinstance(identity, Mapping):
        return str(identity)
    models = [f"{each.get('provider')}/{each.get('model')}" for each in identity.get("models", ())]
    rubric = ", ".join(str(each) for each in identity.get("rubric", {}).values())
    words = f"{identity.get('judge')} by {', '.join(models) or 'rules'}"
    return f"{words} ({rubric})" if rubric and rubric != "own" else words
