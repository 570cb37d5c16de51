"""Read the user's own questions, prompts and pairs: a table, plain lines, or a data set folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from foresee.curation.drafts import CurationConfig, Dropped, InputPath, require
from foresee.data.images import ImageError, from_text, is_text_of_image
from foresee.data.tables import is_missing, list_in_cell, number_text, read_rows, text_lines
from foresee.dataset_format import ROWS, image_path, read
from foresee.errors import UserError, unknown_name
from foresee.records import Image

_MEANINGS: dict[str, tuple[str, ...]] = {
    "id": ("id", "question_id", "pid", "uid"),
    "text": ("text", "prompt", "question", "query", "instruction", "sentence", "abstract"),
    "image": ("image", "images", "image_path", "image_name", "file_name", "picture"),
    "gold": ("gold", "expected", "label", "safe"),
    "scenario": ("scenario", "class2", "category", "subset"),
    "category": ("category", "class1", "harmful_category", "domain"),
    "stream": ("stream", "kind", "subset"),
    "answer": ("answer", "response", "completion", "output"),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "licence": ("licence", "license"),
}
"""What a column may be called; the first that is there counts. `columns` in a configuration says otherwise."""


class SourcedConfig(CurationConfig):
    """What recipes understand that start from rows of the user's."""

    source: InputPath = ""
    """a file of rows (.jsonl, .json, .csv, .parquet, .arrow, .txt), a data set folder, or "world\""""

    columns: dict[str, str] = pydantic.Field(default_factory=dict)
    """meaning -> column of the file, where it has an unusual name: columns.gold=is_safe"""

    pictures: str = ""
    """folder below which the file's images lie; default: the file's own"""


@dataclass(frozen=True)
class SourceItem:
    """One row of the user's, texts "" where it has none; `number` counts from 1."""

    number: int
    id: str
    text: str = ""
    images: tuple[Image, ...] = ()
    gold: str = ""
    scenario: str = ""
    category: str = ""
    stream: str = ""
    answer: str = ""
    chosen: str = ""
    rejected: str = ""
    licence: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


def source_items(config: SourcedConfig) -> Iterator[SourceItem | Dropped]:
    """Read the rows that a configuration names, as `read_items`. Raises UserError: it names none."""
    require(config, "source")
    images = Path(config.pictures) if config.pictures else None
    yield from read_items(Path(config.source), columns=config.columns, images=images)


def read_items(
    path: Path, *, columns: Mapping[str, str] | None = None, images: Path | None = None
) -> Iterator[SourceItem | Dropped]:
    """Read the rows of a file or data set folder, one by one.

    Args:
        path: .jsonl, .json (a list), .csv, .parquet, .arrow, .txt (a text a line), or a data set folder.
        columns: meaning -> the column's name, where it is none of the usual ones.
        images: the folder below which images lie; default: the file's own.

    Yields:
        Items; Dropped for a row whose image is missing, lies outside that folder or can't be read.

    Raises:
        UserError: no such file, of no kind known here, or broken as a whole (line named).
    """
    path = path.expanduser()
    if path.is_dir():
        yield from _folder(path)
        return
    if not path.is_file():
        raise UserError(f"source: there is no file or data set folder {path}")
    wrong = sorted(set(columns or ()) - _MEANINGS.keys())
    if wrong:
        raise unknown_name("meaning of a column", wrong[0], _MEANINGS)
    root = (images or path.parent).expanduser()
    for number, values in enumerate(_rows(path), 1):
        try:
            yield _item(number, values, columns or {}, root)
        except Dropped as dropped:
            yield dropped


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read the raw rows. Raises UserError: another ending, or a damaged file (line named)."""
    if path.suffix.lower() != ".txt":
        for line in read_rows(path):
            yield line.values
        return
    for text, _ in text_lines(path):
        yield {"text": text.strip()}


def _item(number: int, values: Mapping[str, Any], columns: Mapping[str, str], root: Path) -> SourceItem:
    """Make an item of a row. Raises Dropped: its image can't be had."""
    found = {meaning: _value(values, meaning, columns) for meaning in _MEANINGS}
    images = tuple(_image(entry, root) for entry in _as_list(list_in_cell(found.pop("image"))) if not _is_empty(entry))
    texts = {meaning: _text(value) for meaning, value in found.items()}
    return SourceItem(number, texts.pop("id") or str(number), images=images, raw=values, **texts)


def _value(values: Mapping[str, Any], meaning: str, columns: Mapping[str, str]) -> Any:
    if meaning in columns:
        return values.get(columns[meaning])
    return next((values[name] for name in _MEANINGS[meaning] if not _is_empty(values.get(name))), None)


def _is_empty(value: Any) -> bool:
    return is_missing(value) or value in ("", [])


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Write a value as text; the contents of a conversation joined."""
    if is_missing(value):
        return ""
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, list):
        return "\n".join(filter(None, (_text(part) for part in value)))
    if isinstance(value, dict):
        return _text(value.get("content") or value.get("text"))
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _image(entry: Any, root: Path) -> Image:
    if isinstance(entry, dict):  # as `datasets` writes it
        entry = entry.get("bytes") or entry.get("path")
    if isinstance(entry, str) and is_text_of_image(entry):
        try:
            entry = from_text(entry)
        except ImageError as problem:
            raise Dropped("image can't be read", str(problem)) from None
    if isinstance(entry, bytes):
        return Image.from_bytes(entry)
    if not isinstance(entry, str):
        raise Dropped("image named in no way known here", str(entry)[:80])
    try:
        return Image.from_path(image_path(root, entry))
    except UserError as problem:
        raise Dropped("image missing or outside its folder", str(problem)) from None
    except OSError as problem:
        raise Dropped("image can't be read", str(problem)) from None


def _folder(path: Path) -> Iterator[SourceItem | Dropped]:
    if not (path / ROWS).is_file():
        raise UserError(f"source: {path} is not a data set folder, it has no {ROWS}")
    for number, row in enumerate(read(path), 1):
        images = tuple(Image.from_path(image_path(path, name)) for name in row.images)
        yield SourceItem(
            number,
            row.id,
            row.request,
            images,
            row.expected,
            str(row.facts.get("scenario") or row.category or row.subset),
            row.category,
            row.subset,
            row.answer if row.completion else "",
            row.chosen[0].content if row.chosen else "",
            row.rejected[0].content if row.rejected else "",
            row.licence,
            {"facts": row.facts, "source": row.source, "split": row.split},
        )
