"""Build a data set in shards: each makes the calls of its share of the candidates, which the whole build then has."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from foresee.curation.build_manifest import WORK
from foresee.curation.drafts import Tally, WorkItem
from foresee.files.shards import SHARDS, Shard, index_of
from foresee.runner.journal import Journal, read_records


def share(items: Iterable[WorkItem], shard: Shard | None) -> Iterator[WorkItem]:
    """Yield a shard's share of the candidates, by their place; all of them without a shard."""
    return (each for place, each in enumerate(items) if shard is None or index_of(f"{place}", shard.of) == shard.index)


class Counted:
    """How far all shards will be when the others are as far as this one: so that together they make enough, not each.

    Args:
        tally: how far this one is; it grows.
        shard: which it is; None for a build that is whole.
    """

    def __init__(self, tally: Tally, shard: Shard | None) -> None:
        self._tally, self._of = tally, shard.of if shard else 1
        self._clusters: set[str] = set()

    def all(self) -> Tally:
        """Return the tally of all."""
        if self._of == 1:
            return self._tally
        for number in range(len(self._clusters), self._of * len(self._tally.clusters)):
            self._clusters.add(f"{number}")
        counters = {name: self._of * count for name, count in self._tally.counters.items()}
        return replace(self._tally, rows=self._of * self._tally.rows, clusters=self._clusters, counters=counters)


def take_in(out: Path, journal: Journal, sameness: Mapping[str, Any], free: Iterable[str]) -> None:
    """Copy the calls and pictures of all shards below a folder into its own journal, each call once.

    Raises:
        UserError: a shard that was asked otherwise, or is still at work.
    """
    for work in sorted((out / SHARDS).glob(f"*-of-*/{WORK}")):
        with Journal.open(work / journal.path.name, sameness, free=free):
            for line in read_records(work / journal.path.name):
                kind: Any = line.kind
                if line.final and line.check != "edited" and journal.get(kind, line.key) is None:
                    journal.append(kind, line.key, line.record)
        if (pictures := work / "pictures").is_dir():
            shutil.copytree(pictures, out / WORK / "pictures", dirs_exist_ok=True)
