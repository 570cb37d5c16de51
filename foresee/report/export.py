"""Export a run's tidy rows as CSV, Parquet or JSON lines: one line per item and epoch."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from foresee.errors import UserError, missing_extra, unknown_name
from foresee.evaluation.run_folder import Run, flat
from foresee.files.spreadsheets import write_rows
from foresee.files.untrusted import whole
from foresee.manifest import written_whole

_GROUP = 10_000  # rows of a group in a parquet file
FORMATS = ("csv", "parquet", "jsonl")


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
        raise unknown_name("format of rows", format, FORMATS)
    for run in runs:
        if not run.rows:
            raise UserError(f"{run.folder} holds no answer yet, so there is nothing to export")
    path = out or runs[0].folder / f"rows.{format}"
    if format == "jsonl":
        with written_whole(path) as file:
            for line in _lines(runs):
                file.write(whole(json.dumps(line, ensure_ascii=False) + "\n").encode())
        return path
    columns = list(dict.fromkeys(name for line in _lines(runs) for name in line))
    if format == "csv":
        _write_csv(_lines(runs), columns, path)
    else:
        _write_parquet(runs, columns, path)
    return path


def _lines(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the runs as columns, row by row: a million of them are never held at once."""
    return ({**_whose(run), **flat(row)} for run in runs for row in run.rows)


def _whose(run: Run) -> dict[str, str]:
    """Build the first columns, which tell the rows of several runs apart."""
    return {"run": whole(str(run.folder)), "model": run.model, "defense": run.defense}


def _write_csv(lines: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    with written_whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="strict")
        write_rows(text, chain([columns], ([line.get(name) for name in columns] for line in lines)))
        text.flush()
        text.detach()


def _write_parquet(runs: Sequence[Run], columns: Sequence[str], path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise missing_extra("--format parquet", "parquet") from None

    def tables() -> Iterator[Any]:
        lines = _lines(runs)
        while part := list(islice(lines, _GROUP)):
            yield pa.table({name: pa.array([line.get(name) for line in part]) for name in columns})

    schema = None  # the first rows of a column may be empty, or whole numbers
    for table in tables():
        found = [table.schema] if schema is None else [schema, table.schema]
        schema = pa.unify_schemas(found, promote_options="permissive")
    with written_whole(path) as file, pq.ParquetWriter(file, schema) as writer:
        for table in tables():
            writer.write_table(table.cast(schema))
