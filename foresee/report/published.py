"""Read the figures that others published for a benchmark, from `foresee/papers/*/published.toml`.

A file is of the benchmark whose name its folder has, or of those in its `benchmarks`. `differs` says what sets its
figures apart from ours; `[beside.METRIC]` says which of them, weighted by items, stand beside a metric of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from foresee.config import read_toml

_PAPERS = Path(__file__).parent.parent / "papers"


@dataclass(frozen=True)
class PublishedRow:
    """One model's figures as its publisher gave them.

    Attributes:
        model: as the publisher calls it.
        values: by the name of our metric that repeats the publisher's rule ("published.typical"), as shares.
        source: where the figures stand.
        note: anything that a reader must know of this row.
    """

    model: str
    values: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    note: str = ""


class Quoted(NamedTuple):
    """A figure of others beside one of ours: whose it is, the value as a share or on our scale, where it stands."""

    model: str
    value: float
    note: str
    source: str


class Theirs(NamedTuple):
    """All that others published for one measure, and what sets it apart from ours."""

    quoted: tuple[Quoted, ...]
    differs: str


@cache
def beside(benchmark: str, metric: str) -> Theirs | None:
    """Find what stands beside a metric of ours; None where we know of nothing."""
    for path in sorted(_PAPERS.glob("*/published.toml")):
        file = read_toml(path)
        weights = file.get("beside", {}).get(metric)
        if benchmark in file.get("benchmarks", [path.parent.name]) and weights:
            found = (_quoted(row, weights) for row in file["row"])
            return Theirs(tuple(each for each in found if each is not None), file["differs"])
    return None


def _quoted(row: Mapping[str, Any], weights: Mapping[str, float]) -> Quoted | None:
    if not weights.keys() <= row["values"].keys():
        return None
    value = sum(weight * row["values"][name] for name, weight in weights.items()) / sum(weights.values())
    return Quoted(row["model"], value, row.get("note", ""), row.get("source", ""))


def read_published(benchmark: str) -> tuple[PublishedRow, ...]:
    """Read the published rows of a benchmark; none where we have no such file."""
    path = _PAPERS / benchmark / "published.toml"
    if not benchmark.isidentifier() or not path.is_file():
        return ()
    rows = read_toml(path).get("row", [])
    return tuple(PublishedRow(r["model"], r["values"], r.get("source", ""), r.get("note", "")) for r in rows)
