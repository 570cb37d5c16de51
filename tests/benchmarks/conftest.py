"""Small files in the published layouts, drawn and written by the tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from foresee import plugins
from foresee.config import from_pairs
from foresee.records import Answer, Item, Verdict

Load = Callable[..., list[Item]]


@pytest.fixture
def load() -> Load:
    """`load("figstep", folder, "variant=tiny")` -> the items."""

    def items(name: str, data: Path | None, *options: str) -> list[Item]:
        module = plugins.load("benchmarks", name)
        return list(module.items(data, from_pairs(module.Options, options, what=name)))

    return items


def png(path: Path, number: int = 0) -> Path:
    """A small picture of its own colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.new("RGB", (8, 6), (number % 256, number // 256 % 256, 90)).save(
        path, "PNG" if path.suffix != ".jpg" else "JPEG"
    )
    return path


def png_bytes(number: int, folder: Path) -> bytes:
    return png(folder / f"drawn-{number}.png", number).read_bytes()


def write(path: Path, content: Any) -> Path:
    """JSON, JSON Lines (a `.jsonl` path and a list) or text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        content = "".join(json.dumps(row) + "\n" for row in content)
    elif path.suffix == ".json" and not isinstance(content, str):
        content = json.dumps(content)
    path.write_bytes(content.encode())
    return path


def table(path: Path, rows: Sequence[Mapping[str, Any]], *, newline: str = "\n", bom: bool = False) -> Path:
    """A CSV file."""
    quoted = [
        ",".join('"' + str(v).replace('"', '""') + '"' for v in row) for row in (rows[0], *(r.values() for r in rows))
    ]
    return write(path, ("\ufeff" if bom else "") + newline.join(quoted) + newline)


def parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def pack(folder: Path, archive: Path, top: str = "") -> Path:
    """The files of a folder as a zip, below a top folder of that name."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            file.write(path, Path(top) / path.relative_to(folder))
    return archive


def measured(name: str, item: Item, text: str = "", **values: Any) -> dict[str, float | None]:
    """A benchmark's measures for an answer with these verdicts, judge -> value."""
    module = plugins.load("benchmarks", name)
    verdicts = {judge: Verdict(item.id, 0, judge, value) for judge, value in values.items()}
    found: dict[str, float | None] = module.measures(item, Answer(item.id, 0, text), verdicts)
    assert set(found) == set(module.applies(item))
    return found
