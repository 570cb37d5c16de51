"""Check every row of a data set folder before a training trusts it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from foresee.data.images import ImageError, inspect_image
from foresee.dataset_format.rows import ROWS, DataRow, attempted_rows, image_path
from foresee.errors import UserError

MAX_ASPECT = 200
"""Times that an image may be longer than wide, or wider: Qwen2-VL's image processors refuse what exceeds it."""

_CONTROL = re.compile(
    r"<\|\w+\|>|<(?:image|video|image_soft_token|start_of_image|end_of_image|start_of_turn|end_of_turn)>"
)


class Fault(NamedTuple):
    """What is wrong with a row, and where ("FILE, line N"). A `text` fault spells a model's control token."""

    where: str
    kind: Literal["row", "image", "text"]
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass
class Checked:
    """What a folder holds: rows by kind, distinct images, and every fault in the order of the rows."""

    rows: Counter[str] = field(default_factory=Counter)
    images: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether every row is one and every image can be shown; control tokens in a text are plain text."""
        return bool(self.rows) and not any(fault.kind != "text" for fault in self.faults)


def check(folder: Path) -> Checked:
    """Read every row and decode every image once.

    Raises:
        UserError: no data set folder, or a file of rows that can't be read at all.
    """
    path = folder / ROWS
    if not path.exists():
        raise UserError(f"{folder} is not a data set folder: it has no {ROWS}")
    found = Checked()
    lines: dict[str, int] = {}
    known: dict[str, str] = {}
    for number, row in attempted_rows(path):
        where = f"{path}, line {number}"
        if isinstance(row, UserError):
            found.faults.append(Fault(where, "row", str(row).removeprefix(f"{where}: ")))
            continue
        if row.id in lines:
            found.faults.append(Fault(where, "row", f"id '{row.id}' is that of line {lines[row.id]}"))
        lines.setdefault(row.id, number)
        found.rows[row.kind] += 1
        found.faults += [fault._replace(where=where) for fault in row_faults(row, folder, known)]
    found.images = len(known)
    return found


def row_faults(row: DataRow, folder: Path, known: dict[str, str] | None = None) -> Iterator[Fault]:
    """List what keeps a row from being trained on. `known` caches the result for images: each is decoded once."""
    known = {} if known is None else known
    for name in row.images:
        if name not in known:
            known[name] = _image_fault(folder, name)
        if known[name]:
            yield Fault(f"row '{row.id}'", "image", known[name])
    if spelled := control_tokens(row):
        yield Fault(f"row '{row.id}'", "text", f"its text spells the control token {', '.join(spelled)}")


def control_tokens(row: DataRow) -> list[str]:
    """List the models' control tokens that a row's texts spell ("<image>", "<|im_end|>"), each once."""
    turns = (*row.prompt, *(row.completion or ()), *(row.chosen or ()), *(row.rejected or ()))
    return list(dict.fromkeys(found for turn in turns for found in _CONTROL.findall(turn.content)))


def _image_fault(folder: Path, name: str) -> str:
    """Why an image can't be trained on; "" if it can."""
    try:
        facts = inspect_image(image_path(folder, name))
    except ImageError as problem:
        return str(problem).replace(str(folder / name), f"image {name}")
    except UserError as problem:
        return str(problem)
    if max(facts.width, facts.height) >= MAX_ASPECT * min(facts.width, facts.height):
        return f"image {name}: {facts.width} x {facts.height}, expected at most {MAX_ASPECT} times as long as wide"
    return ""
