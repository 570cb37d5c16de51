"""Texts in a table that a spreadsheet may open: none is run as a formula (CSV injection, OWASP), none is lost."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import TextIO

from foresee.files.untrusted import whole

_FORMULA = re.compile(r"'*[\t\r\n]|[\s\x00-\x20\u200b-\u200f\u2060\ufeff'\"]*[=+\-@|＝＋－＠﹣﹢﹦﹫]")


def inert(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet may run as a formula, and before one that already has some."""
    text = text.replace("\0", "\ufffd")  # not a character of text files; readers stop there
    return "'" + text if _FORMULA.match(text) else text


def as_written(text: str) -> str:
    """Return the text that `inert` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def comma_separated_lines(rows: Iterable[Iterable[object]]) -> str:
    """Write rows as CSV into a text, as `write_rows`."""
    file = io.StringIO()
    write_rows(file, rows)
    return file.getvalue()


def write_rows(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """Write rows as CSV; no text in them starts a formula, and None is an empty cell.

    Every text is quoted: readers take a bare carriage return for the end of a row.
    """
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([inert(whole(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows)
