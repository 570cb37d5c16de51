"""Show runs in Python: one line in a console, a table in a notebook, one data frame of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, overload

from foresee.evaluation.run_folder import Run, flat, shown_figures
from foresee.files.frames import frame

if TYPE_CHECKING:
    import pandas


class Runs(Sequence[Run]):
    """Several runs, in the order in which they were made.

    Attributes:
        labels: what each run's benchmark is called, its variant within a suite included.
    """

    def __init__(self, runs: Iterable[Run], labels: Iterable[str] | None = None) -> None:
        self._runs = tuple(runs)
        self.labels = tuple(labels) if labels is not None else tuple(run.benchmark for run in self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._runs[index], self.labels[index]) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __repr__(self) -> str:
        models = dict.fromkeys(run.model for run in self)
        defenses = dict.fromkeys(run.defense for run in self)
        benchmarks = dict.fromkeys(self.labels)
        return (
            f"Runs({len(self)} runs: {len(benchmarks)} benchmarks, "
            f"models {', '.join(models)}, defenses {', '.join(defenses)})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(run.model)}</td><td>{escape(label)}</td><td>{escape(run.defense)}</td>"
            f"<td>{escape(shown_figures(run))}</td><td>{len(run.rows)}</td></tr>"
            for run, label in zip(self, self.labels, strict=True)
        )
        heads = "".join(f"<th>{name}</th>" for name in ("model", "benchmark", "defense", "figures", "rows"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def frame(self) -> pandas.DataFrame:
        """Tabulate all runs, one line per item and epoch: model, defense and label, then `Run.frame`'s columns.

        Raises:
            UserError: pandas is missing.
        """
        return frame(
            {"model": run.model, "defense": run.defense, "label": label, **flat(row)}
            for run, label in zip(self, self.labels, strict=True)
            for row in run.rows
        )
