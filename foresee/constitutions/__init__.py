"""Constitutions: short texts that say how to weigh consequences before helping; `<name>.md` is the one called `<name>`.

A file may begin with a heading and an HTML comment that says where the text comes from; neither is part of the text.
"""

from __future__ import annotations

import re
from pathlib import Path

from foresee.config import shipped
from foresee.errors import UserError, unknown_name

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.md"))


def text(name_or_file: str) -> str:
    """Read a constitution that ships, or a file (anything with a dot or a slash in it; `config.shipped`).

    Raises:
        UserError: no constitution of that name, no such file, or an empty one.
    """
    path = shipped(name_or_file) if re.search(r"[./\\]", name_or_file) else _FOLDER / f"{name_or_file}.md"
    if path.parent == _FOLDER and path.stem not in names():
        raise unknown_name("constitution", name_or_file, names())
    try:
        raw = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"the constitution {path} can't be read: {problem}") from None
    words = re.sub(r"<!--.*?-->", "", raw, flags=re.DOTALL)
    words = re.sub(r"\A\s*#[^\n]*\n", "", words).strip()
    if not words:
        raise UserError(f"the constitution {path} is empty")
    return words
