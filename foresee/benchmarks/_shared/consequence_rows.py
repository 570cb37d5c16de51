"""Files of consequence-driven items (docs/ood_mmsafe_format.md): JSONL, parquet, and folders that `datasets` saved.

One row is one image with one request. Every row goes through `Row`, whatever file it came from, and every complaint
names the file and the line. Images are found below the folder of the rows and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import pydantic

from foresee.benchmarks._shared.images import NamedImage, from_cell, opened
from foresee.data import sources
from foresee.data.archives import ENDINGS, unpack_once
from foresee.data.tables import TABLES, Line, is_missing, number_text, read_json, read_rows
from foresee.errors import UserError

Kind = Literal["hazard", "twin"]
IMAGES = "images"
ROWS = "rows.jsonl"
_FOUND = (".jsonl", ".parquet")  # looked for in folders; a file that is named may be of any kind in TABLES
_DEPTH = 4  # folders within each other
_SPLITS = ("train", "validation", "test")


class Cell(pydantic.BaseModel):
    """An image as a row has it: a path below the folder, or the encoded bytes."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")
    path: str | None = None
    data: bytes | None = pydantic.Field(default=None, alias="bytes")


class Row(pydantic.BaseModel):
    """One item. Columns that are not named here are left unread; a null counts as left out."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="ignore", coerce_numbers_to_str=True, str_strip_whitespace=True, populate_by_name=True
    )
    id: str = pydantic.Field(min_length=1, max_length=200)
    query: str = pydantic.Field(min_length=1)
    image: Cell | None = pydantic.Field(default=None, validation_alias=pydantic.AliasChoices("image", "file_name"))
    hazard: str = ""
    causal_chain: tuple[str, ...] = ()
    consequence: str = ""
    safe_alternative: str = ""
    category: str = ""
    kind: Kind = "hazard"
    twin_of: str = ""
    split: str = ""
    licence: str = pydantic.Field(default="", validation_alias=pydantic.AliasChoices("licence", "license"))

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            raise ValueError(f"expected an object with the columns of an item, got {type(values).__name__}")
        given = {k: number_text(v) if isinstance(v, float) else v for k, v in values.items() if not is_missing(v)}
        if given.get("twin_of"):
            given.setdefault("kind", "twin")
        return given

    @pydantic.field_validator("image", mode="before")
    @classmethod
    def _image(cls, value: Any) -> Any:
        if isinstance(value, bytes):
            return {"bytes": value}
        if isinstance(value, str):
            return {"path": value} if value.strip() else None
        if isinstance(value, Mapping) and value.get("path") is None and value.get("bytes") is None:
            return None
        return value

    @pydantic.field_validator("causal_chain", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        steps = value.splitlines() if isinstance(value, str) else value
        return [s for s in steps if not isinstance(s, str) or s.strip()] if isinstance(steps, Sequence) else steps

    @pydantic.model_validator(mode="after")
    def _whole(self) -> Row:
        if self.kind == "hazard" and not (self.hazard and self.consequence):
            raise ValueError("an item of kind hazard needs a hazard and a consequence")
        if self.kind == "hazard" and self.twin_of:
            raise ValueError("twin_of belongs to an item of kind twin")
        return self


class Placed(NamedTuple):
    """A row, where it stands (for messages), the folder that its image is below, and the columns it came with."""

    row: Row
    where: str
    root: Path
    columns: tuple[str, ...]


def read(data: Path) -> list[Placed]:
    """All rows, in file order.

    Args:
        data: a file of rows, an archive (unpacked into the cache), a folder with `.jsonl` or `.parquet` files (in
            itself, in `data/`, or in its only sub-folder), or a folder that `datasets` saved.

    Raises:
        UserError: nothing to read, a row that does not fit, an id that occurs twice, or a twin of an item that is not
            there.
    """
    placed = [_placed(line, root, split) for line, root, split in _lines(data)]
    if not placed:
        raise UserError(f"{data}: expected rows (docs/ood_mmsafe_format.md), there are none")
    seen: dict[str, Placed] = {}
    for one in placed:
        if one.row.id in seen:
            raise UserError(f"{one.where}: id '{one.row.id}' was there before, at {seen[one.row.id].where}")
        seen[one.row.id] = one
    for one in placed:
        parent = seen.get(one.row.twin_of)
        if one.row.twin_of and (parent is None or parent.row.kind != "hazard"):
            raise UserError(f"{one.where}: twin_of names '{one.row.twin_of}', which is no item of kind hazard here")
    return placed


def image(placed: Placed) -> NamedImage:
    """Open the row's image, or say why there is none. Raises UserError: a path that leads out of the folder."""
    cell = placed.row.image
    if cell is None:
        return NamedImage(f"image of {placed.row.id}", None, "the row names none")
    if cell.data:
        return from_cell(cell.data, cell.path or f"image of {placed.row.id}")
    name = cell.path or ""
    path = _below(placed, name)
    return opened(path, name) if path else NamedImage(name, None, "not there")


def write(folder: Path, rows: Sequence[tuple[Row, bytes]]) -> Path:
    """Rows and their images (PNG bytes) as a folder that `read` reads: rows.jsonl and images/.

    Raises:
        UserError: the folder exists and is not empty or can't be written, or an id can't be a file's name.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} exists and is not an empty folder; name a new one")
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        lines = []
        for row, png in rows:
            if not re.fullmatch(r"\w[\w.-]*", row.id):
                raise UserError(f"expected an id of letters, digits, dots and dashes, got '{row.id[:40]}'")
            name = f"{IMAGES}/{row.id}.png"
            (folder / name).write_bytes(png)
            values = row.model_dump(mode="json", exclude={"image"}, exclude_defaults=True)
            lines.append(json.dumps({"id": row.id, "image": name, **values}, ensure_ascii=False))
        (folder / ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as problem:
        raise UserError(f"can't write {folder}: {problem.strerror or problem}") from None
    return folder


def _placed(line: Line, root: Path, split: str) -> Placed:
    try:
        row = Row.model_validate(line.values)
    except pydantic.ValidationError as problem:
        first = problem.errors()[0]
        column = ".".join(str(part) for part in first["loc"])
        got = "" if first["type"] in ("missing", "value_error") else f", got {str(first['input'])[:40]!r}"
        what = f"{column}: " if column else ""
        raise UserError(f"{line.where}: {what}{first['msg'].removeprefix('Value error, ')}{got}") from None
    return Placed(row if row.split else row.model_copy(update={"split": split}), line.where, root, tuple(line.values))


def _lines(data: Path) -> Iterator[tuple[Line, Path, str]]:
    """Each row with the folder that its images are below, and the split that its file stands for."""
    if data.is_file() and data.name.lower().endswith(ENDINGS):
        data = unpack_once(data, sources.images())
    if data.is_file():
        if data.suffix.lower() not in TABLES:
            known = ", ".join((*TABLES, *ENDINGS))
            raise UserError(f"expected a file that ends in {known}, or a folder of such, got {data}")
        yield from ((line, data.parent, _split(data.stem)) for line in read_rows(data))
        return
    if not data.is_dir():
        raise UserError(f"expected a folder or file of rows, there is no {data}")
    for folder in _likely(data):
        for saved, split in _saved(folder):
            yield from ((line, saved, split) for path in _arrows(saved) for line in read_rows(path))
        tables = [path for path in sorted(folder.glob("*")) if path.suffix in _FOUND and path.is_file()]
        if len({path.suffix for path in tables}) > 1:
            raise UserError(f"{folder} holds both .jsonl and .parquet files: name one of them with --data")
        root = folder.parent if folder.name == "data" and folder != data else folder
        for path in tables:
            yield from ((line, root, _split(path.stem)) for line in read_rows(path))
        if tables or _saved(folder):
            return
    raise UserError(
        f"expected .jsonl or .parquet files, or what datasets' save_to_disk leaves, in {data}; there are none "
        "(docs/ood_mmsafe_format.md)"
    )


def _likely(data: Path) -> Iterator[Path]:
    """Yield the folder, its `data/`, and the same of its only sub-folder, as archives and clones add them."""
    for _ in range(_DEPTH):
        yield data
        if (data / "data").is_dir():
            yield data / "data"
        below = [path for path in data.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))]
        if len(below) != 1:
            return
        data = below[0]


def _split(stem: str) -> str:
    return next((name for name in _SPLITS if stem == name or stem.startswith(f"{name}-")), "test")


def _saved(folder: Path) -> list[tuple[Path, str]]:
    """Find the tables that `save_to_disk` left in a folder, each in a folder of its own, and their splits."""
    named = folder / "dataset_dict.json"
    if named.is_file():
        splits = _names(read_json(named), "splits", named)
        return [(folder / split, split) for split in splits]
    if not (folder / "state.json").is_file():
        return []
    state = read_json(folder / "state.json")
    return [(folder, str(state.get("_split") or "test") if isinstance(state, Mapping) else "test")]


def _arrows(folder: Path) -> list[Path]:
    """List the files that state.json names; others may be there that `map` or `filter` left behind."""
    state = folder / "state.json"
    found = read_json(state)
    files = found.get("_data_files") if isinstance(found, Mapping) else None
    if not isinstance(files, list) or not all(isinstance(file, Mapping) for file in files):
        raise UserError(f"{state}: expected a list of files under '_data_files', as datasets' save_to_disk writes it")
    return [folder / name for name in _names({"files": [file.get("filename") for file in files]}, "files", state)]


def _names(found: Any, key: str, where: Path) -> list[str]:
    """Read a list of plain file names. Raises UserError: something else, or a name that leads elsewhere."""
    names = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(n, str) and re.fullmatch(r"\w[\w.=-]*", n) for n in names):
        raise UserError(f"{where}: expected a list of plain names under '{key}'")
    return names


def _below(placed: Placed, name: str) -> Path | None:
    """Find the file of that name below the folder or its images/; None if there is none. Never one outside of it."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name or Path(name).is_absolute():
        raise UserError(f"{placed.where}: expected an image below {placed.root}, got the path {name[:80]!r}")
    for candidate in (placed.root / pure, placed.root / IMAGES / pure):
        try:
            if candidate.is_file():
                if not candidate.resolve().is_relative_to(placed.root.resolve()):
                    raise UserError(f"{placed.where}: {name[:80]!r} is a link that leads out of {placed.root}")
                return candidate
        except OSError:  # a name that no file can have
            continue
    return None
