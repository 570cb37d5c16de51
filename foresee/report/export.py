"""A run's tidy rows as CSV, Parquet or JSON lines: one line per item and epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from foresee.errors import UserError, unknown_name
from foresee.manifest import write_atomically
from foresee.report.rows import Run, flat

if TYPE_CHECKING:
    import pandas

FORMATS = ("csv", "parquet", "jsonl", "eval")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(run: Run, format: str, out: Path | None = None) -> Path:
    """Write the rows and return the file.

    Raises:
        UserError: an unknown format, an empty run, or a path that can't be written.
    """
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    if not run.rows:
        raise UserError(f"{run.folder} holds no answer yet, so there is nothing to export")
    path = out or run.folder / f"rows.{format}"
    if format == "jsonl":
        write_atomically(path, "".join(json.dumps(flat(row), ensure_ascii=False) + "\n" for row in run.rows))
    elif format == "csv":
        write_atomically(path, _inert(run.frame()).to_csv(index=False))
    else:
        _write_parquet(run.frame(), path)
    return path


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
