"""Read published tables: CSV, JSON, JSON Lines, parquet and arrow, with the line or row in every message.

A byte-order mark and Windows line ends are nothing special anywhere. JSON Lines and CSV are read line by line;
parquet and arrow come in small batches, so that of a file with gigabytes of images inside at most one row group is in
memory. Half a surrogate pair becomes U+FFFD; devices, endless lines and bottomless nesting are refused.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from foresee.errors import UserError, missing_extra
from foresee.files.untrusted import open_regular, parse_json, read_regular

_AT_ONCE = 4_000_000  # bytes of rows at once, or a single row; a row may hold an image of many megabytes
_LONGEST = 200_000_000  # bytes of a line or cell; an image of the largest size, as base64, fits
_WHOLE_FLOATS = 2.0**53  # above, floats no longer tell whole numbers apart
_PUBLISHED = "give the folder with the published files with --data"
TABLES = (".jsonl", ".json", ".csv", ".parquet", ".arrow")


class Line(NamedTuple):
    """A row of a published table, and where it stands ("FILE line N")."""

    values: Mapping[str, Any]
    where: str

    def text(self, key: str, *, default: str | None = None) -> str:
        """Write a field as text, stripped of nothing; null, NaN and a missing field are the default, 3.0 is "3".

        Raises:
            UserError: there is none and no default, or it is a list or an object.
        """
        value = self.values.get(key)
        if is_missing(value):
            if default is None:
                raise UserError(
                    f"{self.where}: expected a text under '{key}', there is {'none' if value is None else 'NaN'}"
                )
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and value not in (math.inf, -math.inf):
            return number_text(value)
        got = value if isinstance(value, float) else f"a {type(value).__name__}"
        raise UserError(f"{self.where}: expected a text under '{key}', got {got}")

    def entries(self, key: str) -> list[Any]:
        """Return the list in a field; a missing one is empty. Raises UserError: something else than a list is there."""
        value = self.values.get(key)
        if is_missing(value):
            return []
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise UserError(f"{self.where}: expected a list under '{key}', got {_kind(value)}")
        return list(value)


def is_missing(value: Any) -> bool:
    """Whether a field holds nothing: null, or NaN, which is how pandas writes a gap."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number_text(value: float) -> str:
    """Write a number as text. A column of whole numbers with a gap comes as floats: 3.0 is "3"."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_FLOATS:
        return str(int(value))
    return str(value)


def list_in_cell(value: Any) -> Any:
    """Read a list of texts that a CSV cell holds as JSON or as Python (and so pandas) writes it; all else as it is."""
    if not isinstance(value, str) or not value.startswith("["):
        return value
    try:
        found = parse_json(value)
    except ValueError:
        try:
            found = ast.literal_eval(value) if len(value) < 100_000 else value
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else value


def read_table(path: Path, columns: Sequence[str], *, name: str = "") -> Iterator[Line]:
    """Read the rows of a CSV file. In a file of one column, commas separate nothing.

    Args:
        path: the file.
        columns: those that must be there; others are passed on as they are.
        name: of the data set that can be fetched, for messages; "" for a file of the user's own.

    Raises:
        UserError: no such file, not a CSV file in UTF-8, a column missing or there twice, or a row cut short.
    """
    csv.field_size_limit(_LONGEST)
    again = f": run 'foresee data fetch {name}'" if name else ""
    advice = f"give the folder of {name} with --data, or run 'foresee data fetch {name}'" if name else ""
    with _one_line_errors(path, advice), open_regular(path) as binary:
        reader = csv.reader(io.TextIOWrapper(binary, encoding="utf-8-sig", newline=""), strict=True)
        try:
            header = _header(path, next(reader, []), columns)
            for cells in reader:
                where = f"{path} line {reader.line_num}"
                if len(header) == 1 and cells:
                    cells = [",".join(cells)]
                if cells and len(cells) != len(header):
                    raise UserError(
                        f"{where}: expected {len(header)} values, got {len(cells)}; the file may be cut short{again}"
                    )
                if any("\0" in cell for cell in cells):
                    raise UserError(
                        f"{where}: expected text, it holds a NUL character; is the file UTF-16? Save it as UTF-8"
                    )
                if cells:
                    yield Line(dict(zip(header, cells, strict=True)), where)
        except csv.Error as problem:
            raise UserError(f"{path} line {reader.line_num}: not readable as CSV: {problem}") from None


def _header(path: Path, cells: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Read the names of the columns. Raises UserError: one is missing or twice, or other separators than commas."""
    header = [cell.strip() for cell in cells]
    got = _names(header) or "an empty file"
    absent = [column for column in columns if column not in header]
    if absent:
        raise UserError(f"{path} lacks the column '{absent[0]}'; expected {', '.join(columns)}; got {got}")
    if len(header) == 1 and (other := next((mark for mark in (";", "\t") if mark in header[0]), None)):
        raise UserError(
            f"{path}: expected columns separated by commas, the first line has {other!r} between names: {got}"
        )
    _refuse_twins(path, header)
    return header


def _refuse_twins(path: Path, names: Sequence[str]) -> None:
    """Check that columns differ. Raises UserError: two of one name, of which readers keep the last silently."""
    twins = [name for name, count in Counter(names).items() if name and count > 1]
    if twins:
        raise UserError(
            f"{path}: expected columns with names of their own, '{twins[0][:80]}' is there twice; rename one"
        )


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:20])[:300]


def read_json(path: Path) -> Any:
    """Whatever a JSON file holds. Raises UserError: no such file, not UTF-8, not JSON (with the line)."""
    try:
        return parse_json(text_of(path))
    except json.JSONDecodeError as problem:
        raise UserError(f"{path}:{problem.lineno}: not JSON: {problem.msg}; the file may be cut short") from None
    except ValueError as problem:
        raise UserError(f"{path}: not readable as JSON: {problem}") from None


def read_objects(path: Path) -> Iterator[Line]:
    """Read the objects of a JSON list. Raises UserError: as `read_json`, or something else than objects in a list."""
    found = read_json(path)
    if not isinstance(found, list):
        raise UserError(f"{path}: expected a list of objects, got {_kind(found)}")
    for number, values in enumerate(found, 1):
        if not isinstance(values, dict):
            raise UserError(f"{path} row {number}: expected an object, got {_kind(values)}")
        yield Line(values, f"{path} row {number}")


def read_keyed(path: Path) -> dict[str, Line]:
    """Read a JSON object of objects, key -> object. Raises UserError: as `read_json`, or something else in the file."""
    return keyed(read_json(path), path)


def keyed(found: Any, path: Path) -> dict[str, Line]:
    """Name each object of a JSON object by its key. Raises UserError: something else than objects by key."""
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected an object of rows by their number or name, got {_kind(found)}")
    for key, values in found.items():
        if not isinstance(values, dict):
            raise UserError(f"{path} row {key[:80]}: expected an object, got {_kind(values)}")
    return {key: Line(values, f"{path} row {key}") for key, values in found.items()}


def read_lines(path: Path) -> Iterator[Line]:
    """Read the objects of a JSON Lines file; empty lines are skipped. Raises UserError: a line that is no object."""
    for text, where in text_lines(path, _PUBLISHED):
        try:
            values = parse_json(text)
        except ValueError as problem:
            raise UserError(f"{where}: not JSON ({problem}); expected one object a line") from None
        if not isinstance(values, dict):
            raise UserError(f"{where}: expected an object, got {_kind(values)}")
        yield Line(values, where)


def text_lines(path: Path, advice: str = "") -> Iterator[tuple[str, str]]:
    """Each line of a file that is not blank, and where it stands ("FILE:N"); `advice` is for a file that is not there.

    Raises:
        UserError: no such file, not a regular one, not UTF-8 (line named), or a line without end.
    """
    with _one_line_errors(path, advice), open_regular(path) as file:
        number = 0
        while data := file.readline(_LONGEST + 1):  # splits at newlines alone: U+2028 is legal inside JSON
            number += 1
            if len(data) > _LONGEST:
                raise UserError(f"{path}:{number}: expected lines of at most {_LONGEST:,} bytes")
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as problem:
                raise UserError(
                    f"{path}:{number} is not UTF-8 text (byte {problem.start} of the line){_instead(data)}"
                ) from None
            if text.strip():
                yield text, f"{path}:{number}"


def read_columns(path: Path, columns: Sequence[str] = ()) -> Iterator[Line]:
    """Read the rows of a parquet or arrow file, a few at a time.

    Args:
        path: the file; arrow as `datasets` writes it.
        columns: those that must be there; others are passed on as they are.

    Raises:
        UserError: not such a file, damaged, a column missing, or pyarrow missing.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise missing_extra(f"{path}: reading {path.suffix} files", "parquet") from None

    number = 0
    try:
        open_regular(path).close()
        for batch in _batches(path, columns):
            for values in _as_texts(batch).to_pylist():
                number += 1
                yield Line(values, f"{path} row {number}")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise UserError(f"{path}: not readable after row {number} ({reason}); the file may be cut short") from None


def _as_texts(batch: Any) -> Any:
    """Write a batch's times and decimals as texts: JSON has neither, and Python's hold a part of their range."""
    import pyarrow as pa

    for place, field in enumerate(batch.schema):
        if pa.types.is_temporal(field.type) or pa.types.is_decimal(field.type):
            batch = batch.set_column(place, field.name, batch.column(place).cast(pa.string()))
    return batch


def read_rows(path: Path) -> Iterator[Line]:
    """Read the rows of a table, its kind (TABLES) told by its ending. Raises UserError: another ending, or damage."""
    ending = path.suffix.lower()
    if ending not in TABLES:
        raise UserError(f"{path}: expected a file that ends in {', '.join(TABLES)}")
    if ending == ".csv":
        return read_table(path, ())
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
            batch.validate(full=True)  # pyarrow follows offsets unchecked, out of the file and into a segfault
            step = _rows_at_once(batch.nbytes, batch.num_rows)
            for start in range(0, batch.num_rows, step):
                yield batch.slice(start, step)


def _rows_at_once(size: int, rows: int) -> int:
    return max(1, min(1024, _AT_ONCE * rows // max(size, 1)))


def _require(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    absent = [column for column in columns if column not in names]
    if absent:
        raise UserError(f"{path} lacks the column '{absent[0]}'; expected {', '.join(columns)}; got {_names(names)}")
    _refuse_twins(path, names)


def text_of(path: Path) -> str:
    """Read a text file whole. Raises UserError: no such file, not a regular one, too large, or not UTF-8."""
    with _one_line_errors(path, _PUBLISHED):
        return read_regular(path).decode("utf-8-sig")


@contextmanager
def _one_line_errors(path: Path, advice: str) -> Iterator[None]:
    """Turn what reading a text file may raise into one line."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"no such file: {path}{advice and '; '}{advice}") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not UTF-8 text (byte {problem.start}){_instead(problem.object)}") from None
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None


def _instead(data: bytes) -> str:
    """Say what bytes that are no UTF-8 seem to be, and what to do about it."""
    for start, kind in _STARTS.items():
        if data.startswith(start):
            return f"; it begins like {kind}"
    return "; save it as UTF-8"


_STARTS = {
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"\x1f\x8b": "a gzip file: unpack it",
    b"PAR1": "a parquet file: let its name end in .parquet",
    b"ARROW1": "an arrow file: let its name end in .arrow",
}


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
