"""Read the figures that others published for a benchmark, from `foresee/papers/<benchmark>/published.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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


def read_published(benchmark: str) -> tuple[PublishedRow, ...]:
    """Read the published rows of a benchmark; none where we have no such file."""
    path = _PAPERS / benchmark / "published.toml"
    if not benchmark.isidentifier() or not path.is_file():
        return ()
    rows = read_toml(path).get("row", [])
    return tuple(PublishedRow(r["model"], r["values"], r.get("source", ""), r.get("note", "")) for r in rows)
