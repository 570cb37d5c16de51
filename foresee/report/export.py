"""Export a run's tidy rows as CSV, Parquet or JSON lines: one line per item and epoch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foresee.errors import UserError, missing_extra, unknown_name
from foresee.evaluation.run_folder import Run, flat
from foresee.files.spreadsheets import inert
from foresee.files.untrusted import whole
from foresee.manifest import write_atomically

FORMATS = ("csv", "parquet", "jsonl", "eval")


def write(runs: Sequence[Run], format: str, out: Path | None = None) -> Path:
    """Write the rows of the runs into one file, and return it.

    Args:
        runs: at least one.
        format: csv, parquet or jsonl.
        out: the file; None for one in the first run's folder.

    Raises:
        UserError: an unknown format, a run without an answer, a path that can't be written, or pyarrow is missing.
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
    columns = list(dict.fromkeys(name for line in lines for name in line))
    if format == "csv":
        write_atomically(path, _csv(lines, columns))
    else:
        _write_parquet(lines, columns, path)
    return path


def _whose(run: Run) -> dict[str, str]:
    """Build the first columns, which tell the rows of several runs apart."""
    return {"run": whole(str(run.folder)), "model": run.model, "defense": run.defense}


def _csv(lines: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    # every text is quoted: a reader takes a bare carriage return for the end of a row
    writer = csv.DictWriter(text, columns, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows(
        {name: inert(value) if isinstance(value, str) else value for name, value in line.items()} for line in lines
    )
    return text.getvalue()


def _write_parquet(lines: Sequence[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise missing_extra("--format parquet", "parquet") from None
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: pa.array([line.get(name) for line in lines]) for name in columns}), part)
        part.replace(path)
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
    finally:
        part.unlink(missing_ok=True)
