"""Know a finished folder whose figures can't have changed since they were computed: they are read, not made anew.

Whatever figures are made of is hashed: the items as the data set gives them now, the configuration, the code, and the
folder's files byte by byte. Where one of these differs, where something failed, or where the benchmark's file is a
user's own, whose imports nobody knows, everything is read and computed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, overload

from foresee import manifest, plugins
from foresee.evaluation import run_folder
from foresee.evaluation.plan import Plan
from foresee.evaluation.run_folder import Run
from foresee.evaluation.screening import screened
from foresee.records import Row, Usage, decode
from foresee.statistics import Estimate

KEY = "unchanged"  # of the manifest
_PACKAGE = Path(__file__).parents[1]


def known(folder: Path, planned: Plan, record: Mapping[str, Any]) -> Run | None:
    """Return the run that a finished folder holds, rows unread; None where anything may be otherwise.

    Args:
        folder: the run folder.
        planned: what is asked for now.
        record: what this call would have the manifest say.
    """
    if not (folder / manifest.FILE).exists():
        return None
    before = manifest.read(folder, "evaluation")
    kept = before.get(KEY)
    if kept is None or manifest.check(before) != "ok" or kept["seal"] != seal(folder, planned, record):
        return None
    count = kept["rows"]
    made = {"asked": 0, "reused": count, "usage_of_this_call": asdict(Usage()), "judging_usage_of_this_call": {}}
    told = {**before, **made, "command": record.get("command", [])}
    manifest.write(folder, "evaluation", told)
    file = screened(planned.file, before.get("made_by", {}))
    return replace(
        run_folder.of_record(folder, file, told),
        rows=_Rows(folder, count),
        estimates=tuple(decode(Estimate, each) for each in kept["estimates"]),
        warnings=tuple(kept["warnings"]),
        seal=kept["seal"],
    )


def kept(run: Run) -> dict[str, Any]:
    """Describe for the manifest what `known` gives back: of a run whose files are written and whose rows are final."""
    if not run.seal:
        return {}
    made = {"rows": len(run.rows), "estimates": [asdict(each) for each in run.estimates]}
    return {KEY: {"seal": run.seal, "warnings": list(run.warnings), **made}}


def seal(folder: Path, planned: Plan, record: Mapping[str, Any]) -> str | None:
    """Compute one hash of all that a run's figures are made of; None where that can't be known."""
    if not planned.content or _PACKAGE not in plugins.files("benchmarks")[planned.benchmark].parents:
        return None
    names = (run_folder.ITEMS, run_folder.WHOLE, run_folder.JOURNAL)
    made_of = {
        "record": {key: value for key, value in record.items() if key != "command"},
        "items": planned.content,
        "shard": planned.shard,
        "code": _code(),
        "environment": manifest.environment(),
        "files": {name: run_folder.file_hash(folder / name) for name in names if (folder / name).exists()},
        "images": sorted(_sizes(folder / run_folder.IMAGES)),  # named by their content
    }
    return manifest.digest(made_of)


@cache
def _code() -> str:
    """Hash the package's own code, so that a working copy that was edited is another program."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        found.update(
            b"%s\0%s\0" % (str(path.relative_to(_PACKAGE)).encode(), hashlib.sha256(path.read_bytes()).digest())
        )
    return found.hexdigest()


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    if folder.is_dir():
        with os.scandir(folder) as found:
            yield from ((each.name, each.stat().st_size) for each in found)


class _Rows(Sequence[Row]):
    """The rows of a folder, read when the first of them is wanted."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count

    @cached_property
    def _read(self) -> Sequence[Row]:
        return run_folder.read_run(self._folder).rows

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        return self._read[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._read)

    def __eq__(self, other: object) -> bool:
        return self._read == other

    __hash__ = None  # type: ignore[assignment]
