"""The page on statistics says what its code prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
BLOCK = re.compile(r"```python\n(.*?)```\n```text\n(.*?)```", re.DOTALL)


def test_every_block_prints_what_the_page_shows() -> None:
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) >= 6
    names: dict[str, object] = {}
    for code, shown in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == shown
