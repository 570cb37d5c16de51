"""Finds a published file below the folder that the user named, wherever a clone or an archive put it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foresee.errors import UserError

_DEPTH = 4  # folders below the one that was named


def only(data: Path, name: str) -> Path:
    """Find the one file of this name (or with this end of its path) in a folder or a few levels below it.

    Raises:
        UserError: it is nowhere, or in several places.
    """
    found = some(data, name)
    if not found:
        raise UserError(f"expected {name} in {data} or below; it is not there: give --data the folder of the set")
    if len(found) > 1:
        raise UserError(
            f"{name} lies in {len(found)} places below {data} ({found[0]}, {found[1]}); name one with --data"
        )
    return found[0]


def some(data: Path, pattern: str) -> list[Path]:
    """Find the files that fit a pattern (`*.parquet`, `imgs/*.json`), at the least depth at which there are any."""
    if data.is_file():
        return [data] if data.match(pattern) else []
    if not data.is_dir():
        raise UserError(f"expected the folder with {pattern}, there is no {data}")
    level = [data]
    for _ in range(_DEPTH + 1):
        found = [path for folder in level for path in sorted(folder.glob(pattern)) if path.is_file()]
        if found:
            return found
        level = [child for folder in level for child in _folders(folder)]
    return []


def tables(data: Path, *splits: str) -> list[Path]:
    """Find the files of a split as the hub or `datasets` has it (`harm-00000-of-00001.parquet`, `harm/…`, arrow)."""
    if data.is_file():
        return [data] if data.name.startswith(splits) else []
    for split in splits:
        for ending in ("parquet", "arrow"):
            for pattern in (f"{split}-*.{ending}", f"{split}.{ending}", f"{split}/*.{ending}"):
                if found := some(data, pattern):
                    return found
    return []


def _folders(folder: Path) -> Iterator[Path]:
    return (child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith((".", "__")))
