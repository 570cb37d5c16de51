"""A run's tidy rows as CSV, Parquet or JSON lines: one line per item and epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foresee.errors import UserError, unknown_name
from foresee.manifest import write_atomically
from foresee.report.rows import Run, flat

if TYPE_CHECKING:
    import pandas

FORMATS = ("csv", "parquet", "jsonl", "eval")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(runs: Sequence[Run], format: str, out: Path | None = None) -> Path:
    """Write the rows of the runs into one file, and return it.

    Args:
        runs: at least one.
        format: csv, parquet or jsonl.
        out: the file; None for one in the first run's folder.

    Raises:
        UserError: an unknown format, a run without an answer, or a path that can't be written.
    """
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    for run in runs:
        if not run.rows:
            raise UserError(f"{run.folder} holds no answer yet, so there is nothing to export")
    path = out or runs[0].folder / f"rows.{format}"
    lines = [{**_whose(run), **flat(row)} for run in runs for row in run.rows]
    if format == "jsonl":
        write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        return path
    import pandas as pd

    frame = pd.DataFrame.from_records(lines)
    if format == "csv":
        write_atomically(path, _inert(frame).to_csv(index=False))
    else:
        _write_parquet(frame, path)
    return path


def _whose(run: Run) -> dict[str, str]:
    """The columns in front, which tell the rows of several runs apart."""
    return {"run": str(run.folder), "model": run.model, "defense": run.defense}


def _write_parquet(frame: pandas.DataFrame, path: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(part, index=False)
        part.replace(path)
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
    finally:
        part.unlink(missing_ok=True)


def _inert(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Model text that a spreadsheet would run as a formula gets an apostrophe in front (CSV injection, OWASP)."""

    def tame(value: object) -> object:
        return "'" + value if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value

    text_columns = [name for name in frame.columns if any(isinstance(v, str) for v in frame[name])]
    return frame.assign(**{name: frame[name].map(tame) for name in text_columns})
