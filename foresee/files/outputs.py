"""Say where a command may write a file: never over one that foresee needs, and over any other only if told to."""

from __future__ import annotations

from pathlib import Path

from foresee.errors import UserError

_NEEDED = frozenset({"manifest.json", "journal.jsonl", "items.jsonl", "calls.jsonl"})
_MADE_AGAIN = frozenset({".html", ".csv", ".parquet", ".eval", ".svg", ".pdf"})
"""Kinds of files that commands make of a folder's content and can make again."""


def output_file(path: Path, *, force: bool = False, flag: str = "--out") -> Path:
    """Check the path of a page, table or sheet to write: nothing may be lost by it.

    Args:
        path: where the user wants it; links are followed.
        force: write over a file that is there.
        flag: what names the path on the command line.

    Raises:
        UserError: a folder, a file that a run, data set or training consists of (whatever `force` says), or one that
            is there already.
    """
    for place in {path.absolute(), path.resolve()}:
        if _is_part(place):
            raise UserError(f"{flag}: {path} is or would be part of what foresee reads there; choose another name")
    if path.is_dir():
        raise UserError(f"{flag}: expected a file to write, {path} is a folder")
    if path.exists() and not force:
        raise UserError(f"{path} is there already: give --force to write over it, or another {flag}")
    return path


def free_name(path: Path) -> Path:
    """Find a free path: this one, or the first of NAME-2, NAME-3, … that is not there."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def _is_part(path: Path) -> bool:
    """Whether a file is one of those of which a folder of ours consists: its records, rows, images or weights."""
    if path.name in _NEEDED:
        return True
    folders = (path.parent, path.parent.parent)  # images lie one folder deeper
    if not path.is_file() or not any((folder / "manifest.json").is_file() for folder in folders):
        return False
    exported = path.name == "rows.jsonl" and (path.parent / "journal.jsonl").is_file()
    return path.suffix not in _MADE_AGAIN and not exported
