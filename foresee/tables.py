"""Reads published tables: CSV, JSON, JSON Lines, parquet and arrow, with the line or row in every message.

A byte-order mark and Windows line ends are nothing special anywhere. Parquet and arrow come in small batches, so
that of a file with gigabytes of pictures inside at most one row group is in memory.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foresee.errors import UserError

_AT_ONCE = 4_000_000  # bytes of rows at once, or a single row; a row may hold a picture of many megabytes
TABLES = (".jsonl", ".json", ".csv", ".parquet", ".arrow")


class Line(NamedTuple):
    """A row of a published table, and where it stands ("FILE line N")."""

    values: Mapping[str, Any]
    where: str

    def text(self, key: str, *, default: str | None = None) -> str:
        """A field as text, stripped of nothing; `None` and a missing field are the default.

        Raises:
            UserError: there is none and no default, or it is a list or an object.
        """
        value = self.values.get(key)
        if value is None:
            if default is None:
                raise UserError(f"{self.where}: expected a text under '{key}', there is none")
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise UserError(f"{self.where}: expected a text under '{key}', got a {type(value).__name__}")


def read_table(path: Path, columns: Sequence[str], *, name: str) -> Iterator[Line]:
    """The rows of a CSV file.

    Args:
        path: the file.
        columns: those that must be there; others are passed on as they are.
        name: of the data set, for messages.

    Raises:
        UserError: no such file, not a CSV file in UTF-8, a column missing, or a row cut short.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            absent = [column for column in columns if column not in (reader.fieldnames or ())]
            if absent:
                got = ", ".join((reader.fieldnames or ())[:20])[:300] or "an empty file"
                raise UserError(f"{path} lacks the column '{absent[0]}'; expected {', '.join(columns)}; got {got}")
            for values in reader:
                where = f"{path} line {reader.line_num}"
                if None in values or None in values.values():
                    raise UserError(
                        f"{where}: expected {len(reader.fieldnames or ())} values, got another number; "
                        f"the file may be cut short: run 'foresee data fetch {name}'"
                    )
                yield Line(values, where)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"no such file: {path}; give the folder of {name} with --data, or run 'foresee data fetch {name}'"
        ) from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not UTF-8 text (byte {problem.start}); expected the published CSV file") from None
    except csv.Error as problem:
        raise UserError(f"{path} line {reader.line_num}: not readable as CSV: {problem}") from None
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None


def read_json(path: Path) -> Any:
    """Whatever a JSON file holds. Raises UserError: no such file, not UTF-8, not JSON (with the line)."""
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as problem:
        raise UserError(f"{path}:{problem.lineno}: not JSON: {problem.msg}; the file may be cut short") from None
    except RecursionError:
        raise UserError(f"{path}: not the published JSON: nested too deeply") from None


def read_objects(path: Path) -> Iterator[Line]:
    """The objects of a JSON list. Raises UserError: as `read_json`, or something else than objects in a list."""
    found = read_json(path)
    if not isinstance(found, list):
        raise UserError(f"{path}: expected a list of objects, got {_kind(found)}")
    for number, values in enumerate(found, 1):
        if not isinstance(values, dict):
            raise UserError(f"{path} row {number}: expected an object, got {_kind(values)}")
        yield Line(values, f"{path} row {number}")


def read_lines(path: Path) -> Iterator[Line]:
    """The objects of a JSON Lines file; empty lines are skipped. Raises UserError: a line that is no object."""
    for number, text in enumerate(_text(path).split("\n"), 1):  # not splitlines(): U+2028 is legal inside JSON
        if not text.strip():
            continue
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise UserError(f"{path}:{number}: not JSON ({problem}); expected one object a line") from None
        if not isinstance(values, dict):
            raise UserError(f"{path}:{number}: expected an object, got {_kind(values)}")
        yield Line(values, f"{path}:{number}")


def read_columns(path: Path, columns: Sequence[str] = ()) -> Iterator[Line]:
    """The rows of a parquet or arrow file, a few at a time.

    Args:
        path: the file; arrow as `datasets` writes it.
        columns: those that must be there; others are passed on as they are.

    Raises:
        UserError: not such a file, damaged, or a column missing.
    """
    import pyarrow as pa

    number = 0
    try:
        for batch in _batches(path, columns):
            for values in batch.to_pylist():
                number += 1
                yield Line(values, f"{path} row {number}")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (pa.ArrowException, OSError) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise UserError(f"{path}: not readable after row {number} ({reason}); the file may be cut short") from None


def read_rows(path: Path) -> Iterator[Line]:
    """The rows of a table of any kind in TABLES, told by its ending. Raises UserError: another ending, or damage."""
    ending = path.suffix.lower()
    if ending not in TABLES:
        raise UserError(f"{path}: expected a file that ends in {', '.join(TABLES)}")
    if ending == ".csv":
        return read_table(path, (), name=path.name)
    readers: dict[str, Callable[[Path], Iterator[Line]]] = {".jsonl": read_lines, ".json": read_objects}
    return readers.get(ending, read_columns)(path)


def _batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".parquet":
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            _require(path, columns, file.schema_arrow.names)
            groups = [file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)]
            yield from file.iter_batches(batch_size=_rows_at_once(sum(groups), file.metadata.num_rows))
        return
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        _require(path, columns, stream.schema.names)
        for batch in stream:
            step = _rows_at_once(batch.nbytes, batch.num_rows)
            for start in range(0, batch.num_rows, step):
                yield batch.slice(start, step)


def _rows_at_once(size: int, rows: int) -> int:
    return max(1, min(1024, _AT_ONCE * rows // max(size, 1)))


def _require(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    absent = [column for column in columns if column not in names]
    if absent:
        raise UserError(f"{path} lacks the column '{absent[0]}'; expected {', '.join(columns)}; got {', '.join(names)}")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"no such file: {path}; give the folder with the published files with --data") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not UTF-8 text (byte {problem.start})") from None
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
