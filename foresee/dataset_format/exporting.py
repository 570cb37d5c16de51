"""Export a data set folder: as a `datasets.Dataset`, and as one Parquet file with the images inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foresee.data.images import inspect_image
from foresee.dataset_format.rows import DataRow, image_path, read
from foresee.errors import UserError, missing_extra

if TYPE_CHECKING:
    import datasets

_TEXTS = ("id", "expected", "subset", "category", "source", "licence", "split", "facts")
_TURNS = ("prompt", "completion", "chosen", "rejected")
_GROUP = 256  # rows written at once; what is in memory is these and their images


def to_dataset(folder: Path, rows: Iterable[DataRow] | None = None) -> datasets.Dataset:
    """Load a folder's rows as TRL's trainers take them.

    Columns: `images` (a list, decoded to RGB when a row is looked at), `prompt`, and `completion` | `chosen` and
    `rejected` where the rows have them; `facts` is JSON text ("{}" if there are none), because facts differ from row
    to row; the rest are texts.

    Args:
        folder: the data set folder.
        rows: some of its rows; None for all.

    Raises:
        UserError: nothing there, rows of different kinds, a row that does not fit, an image that can't be opened,
            or the extra [train] is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise missing_extra("a datasets.Dataset", "train") from None
    kept = list(read(folder) if rows is None else rows)
    names = _turn_columns(kept, folder)
    for image in {name for row in kept for name in row.images}:
        inspect_image(image_path(folder, image), decode=False)
    turn = [{"role": datasets.Value("string"), "content": datasets.Value("string")}]
    features = datasets.Features(
        {"images": [datasets.Image(mode="RGB")]}
        | dict.fromkeys(names, turn)
        | {name: datasets.Value("string") for name in _TEXTS}
    )
    columns: dict[str, list[Any]] = {name: [] for name in features}
    for row in kept:
        columns["images"].append([str(image_path(folder, name).resolve()) for name in row.images])
        for name, value in _plain(row, names).items():
            columns[name].append(value)
    return datasets.Dataset.from_dict(columns, features=features)


def check_parquet() -> None:
    """Import what writes Parquet files. Raises UserError: it is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise missing_extra("a Parquet file", "parquet") from None


def write_parquet(folder: Path, to: Path) -> int:
    """Write a folder's rows to one Parquet file with the images inside; how many rows.

    `datasets.load_dataset("parquet", data_files=...)` shows the images. Memory is that of a few hundred rows.

    Raises:
        UserError: as `to_dataset`, the disk refuses it, or pyarrow is missing.
    """
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = _turn_columns(read(folder), folder)
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    turn = pa.struct({"role": pa.string(), "content": pa.string()})
    fields: dict[str, Any] = {"images": pa.list_(image)}
    fields |= {name: pa.list_(turn) for name in names} | {name: pa.string() for name in _TEXTS}
    schema = pa.schema(fields).with_metadata({"huggingface": json.dumps({"info": {"features": _features(names)}})})
    part = to.with_name(f".{to.name}.part")
    count = 0
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for group in _groups(read(folder)):
                writer.write_table(pa.Table.from_pylist([_packed(row, folder, names) for row in group], schema=schema))
                count += len(group)
        part.replace(to)
    except OSError as problem:
        raise UserError(f"can't write {to}: {problem.strerror or problem}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _turn_columns(rows: Iterable[DataRow], folder: Path) -> list[str]:
    """List the columns of turns that all rows have. Raises UserError: no rows, or rows of different kinds."""
    kinds = {row.kind for row in rows}
    if not kinds:
        raise UserError(f"{folder} holds no rows")
    if len(kinds) > 1:
        raise UserError(f"{folder} holds rows of different kinds ({', '.join(sorted(kinds))}); use one kind a folder")
    own = {"completion": ["completion"], "preference": ["chosen", "rejected"], "prompt": []}
    return ["prompt", *own[kinds.pop()]]


def _plain(row: DataRow, names: list[str]) -> dict[str, Any]:
    turns = {name: [turn.model_dump() for turn in getattr(row, name)] for name in names}
    texts = {name: getattr(row, name) for name in _TEXTS}
    return {**turns, **texts, "facts": json.dumps(row.facts, ensure_ascii=False, sort_keys=True)}


def _packed(row: DataRow, folder: Path, names: list[str]) -> dict[str, Any]:
    images = []
    for name in row.images:
        path = image_path(folder, name)
        inspect_image(path, decode=False)
        images.append({"bytes": path.read_bytes(), "path": path.name})
    return {"images": images, **_plain(row, names)}


def _features(names: list[str]) -> dict[str, Any]:
    """Write what tells `datasets` that the bytes are images (the "huggingface" metadata of a Parquet file)."""
    text = {"dtype": "string", "_type": "Value"}
    turns = {name: [{"role": text, "content": text}] for name in names}
    return {"images": [{"mode": "RGB", "_type": "Image"}], **turns, **dict.fromkeys(_TEXTS, text)}


def _groups(rows: Iterator[DataRow]) -> Iterator[list[DataRow]]:
    while group := list(islice(rows, _GROUP)):
        yield group
