"""Texts in a table that a spreadsheet may open: none is run as a formula (CSV injection, OWASP), none is lost."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x20\u200b-\u200f\u2060\ufeff'\"]*[=+\-@|＝＋－＠﹣﹢﹦﹫]")


def inert(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet may run as a formula."""
    text = text.replace("\0", "\ufffd")  # not a character of text files; readers stop there
    return "'" + text if _FORMULA.match(text) else text


def as_written(text: str) -> str:
    """Return the text that `inert` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def comma_separated_lines(rows: Iterable[Iterable[object]]) -> str:
    """Write rows as CSV; no text in them starts a formula, and None is an empty cell."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()
