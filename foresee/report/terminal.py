"""What the terminal says of a run's rows, kept beside a finished run: the same command need not read the rows again.

`terminal.json` holds it, with the hash of all that the run's figures are made of (`evaluation.unchanged`); of any other
run, or where the file was edited, everything is computed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.files.untrusted import parse_json, read_regular
from foresee.judges import _compared
from foresee.records import decode, encode
from foresee.report import failures, judging, tables
from foresee.report.tables import TextTable

FILE = "terminal.json"


class _Said(NamedTuple):
    headline: TextTable
    failures: list[str]
    judging: list[str]
    nothing: str | None


def headline(run: Run) -> TextTable:
    """Lay out every metric of a run, with what a reader must know; see `tables.headline`."""
    kept = _kept(run)
    return tables.headline(run) if kept is None else kept.headline


def failure_notes(run: Run) -> list[str]:
    """Say why rows failed or were refused; see `failures.notes`."""
    kept = _kept(run)
    return failures.notes(run) if kept is None else kept.failures


def judging_notes(run: Run) -> list[str]:
    """Say how far judges agree and what they left; see `judging.notes`."""
    kept = _kept(run)
    return judging.notes(run) if kept is None else kept.judging


def nothing(run: Run) -> str | None:
    """Say why a run has nothing to show; see `failures.nothing`."""
    kept = _kept(run)
    return failures.nothing(run) if kept is None else kept.nothing


def _kept(run: Run) -> _Said | None:
    """Read what is kept of a run that nothing can have changed, or make and keep it; None for any other run."""
    if not run.seal:
        return None
    path = run.folder / FILE
    seal = f"{run.seal} {run.folder} {_compared.checked_here()}"  # what was checked since is told, where it lies now
    found = _read(path, seal)
    if found is None:
        found = _Said(tables.headline(run), failures.notes(run), judging.notes(run), failures.nothing(run))
        record = {"said": encode(found), "check": _check(encode(found), seal)}
        with suppress(UserError):  # what can't be kept is made again
            manifest.write_atomically(path, json.dumps(record, ensure_ascii=False) + "\n")
    return found


def _read(path: Path, seal: str) -> _Said | None:
    try:
        stored = parse_json(read_regular(path))
        return decode(_Said, stored["said"]) if stored["check"] == _check(stored["said"], seal) else None
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def _check(said: Any, seal: str) -> str:
    return manifest.digest([said, seal])
