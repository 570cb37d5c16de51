"""The pages `docs/add_a_….md`: the files that they tell how to write."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str) -> list[str]:
    """Return the page's code."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def write_plugin(folder: Path, page: str) -> None:
    """Write a page's first block where the page says that it belongs."""
    found = re.search(r"`FOLDER/(\w+/\w+\.py)`", (DOCS / page).read_text(encoding="utf-8"))
    assert found, f"{page} does not say where its file lies"
    path = folder / found[1]
    path.parent.mkdir(parents=True)
    path.write_text(blocks(page)[0], encoding="utf-8")
