"""The rows that a training uses: read from data set folders, checked against what the method needs, mixed, as items."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foresee import dataset_format, manifest
from foresee.dataset_format import DataRow
from foresee.errors import UserError
from foresee.records import Image, Item, Message

if TYPE_CHECKING:
    import datasets

INDEX = "row"
"""Column of the trainer's data that says which row an example is."""

T = TypeVar("T")
_KINDS = {
    ("completion",): "prompt and completion",
    ("chosen", "rejected"): "prompt, chosen and rejected",
    (): "prompt",
}


@dataclass(frozen=True)
class Rows:
    """Rows of one data set folder, in its order.

    Attributes:
        folder: where they lie.
        rows: those that are used.
        lines: of each, its line in the folder's file.
        left_out: those that can't be used, as "FILE, line N: why" (see `_inspection`).
        rewritten: what was changed in texts -> in how many rows.
    """

    folder: Path
    rows: tuple[DataRow, ...]
    lines: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    rewritten: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def dataset(self, columns: Sequence[str]) -> datasets.Dataset:
        """Columns `images`, `prompt`, those asked for, and the row's index; pictures are decoded when looked at."""
        made = dataset_format.to_dataset(self.folder, self.rows)
        made = made.select_columns(["images", "prompt", *columns])
        return made.add_column(INDEX, list(range(len(self.rows))))

    def select(self, places: Iterable[int]) -> Rows:
        """Keep the rows at these places, in this order."""
        kept = list(places)
        return replace(
            self, rows=tuple(self.rows[place] for place in kept), lines=tuple(self.lines[place] for place in kept)
        )

    def item(self, index: int) -> Item:
        """A row as judges know it; its facts are the metadata."""
        return to_item(self.folder, self.rows[index])

    def for_checks(self) -> list[Item]:
        """A row with an image, if there is one, and one without: whoever can be asked about both can be about all."""
        first = {bool(row.images): index for index, row in reversed(list(enumerate(self.rows)))}
        return [self.item(index) for index in first.values()]

    def record(self) -> dict[str, Any]:
        """What a manifest says of it: where it lies, how much is used, and its own manifest's essence."""
        found: dict[str, Any] = {
            "folder": str(self.folder),
            "rows_used": len(self.rows),
            "rows_left_out": list(self.left_out),
            "rows_rewritten": dict(self.rewritten),
            "rows_sha256": dataset_format.writing.file_hash(self.folder / dataset_format.ROWS),
        }
        if (self.folder / manifest.FILE).is_file():
            about = manifest.read(self.folder, "data set")
            found |= {key: about[key] for key in ("recipe", "curation", "config", "counts", "licence") if key in about}
        return found


def load(folder: str | Path, columns: Sequence[str], *, limit: int | None = None, text_only: bool = False) -> Rows:
    """A folder's rows for a method that needs these columns besides the prompt.

    Args:
        folder: a data set folder.
        columns: ("completion",), ("chosen", "rejected") or () for prompts alone.
        limit: at most so many rows, drawn at random and the same each time.
        text_only: allow a folder without a single picture.

    Raises:
        UserError: not a data set folder, no rows, rows of another kind, or no pictures at all.
    """
    path = Path(folder).expanduser()
    found = tuple(dataset_format.read_numbered(path, pictures=False))
    if not found:
        raise UserError(f"{path} holds no rows")
    for _, row in found:
        absent = [column for column in columns if getattr(row, column) is None]
        if absent:
            wanted = _KINDS.get(tuple(columns), " and ".join(columns))
            raise UserError(f"{path}: expected rows with {wanted}; row '{row.id}' is a {row.kind} row, no {absent[0]}")
    if not text_only and not any(row.images for _, row in found):
        raise UserError(f"{path} has no images in any of its {len(found)} rows; if that is meant: --set text_only=true")
    lines, rows = zip(*drawn(found, limit), strict=True)
    return Rows(path, rows, lines)


def drawn(everything: Sequence[T], limit: int | None) -> tuple[T, ...]:
    """At most `limit` of them in their order, the same each time. At random: every second one may be of one kind."""
    if limit is None or limit >= len(everything):
        return tuple(everything)
    return tuple(everything[i] for i in sorted(random.Random(0).sample(range(len(everything)), limit)))


def mixed(rows: Rows, replay: Rows | None, share: float, columns: Sequence[str], seed: int) -> datasets.Dataset:
    """The rows with as many replay rows among them as make up `share` of all; the index of those is -1.

    Too few replay rows come again, too many are drawn from.
    """
    data = rows.dataset(columns)
    if replay is None:
        return data
    import datasets

    wanted = max(1, round(len(rows) * share / (1 - share)))
    rng = random.Random(f"replay {seed}")
    picked: list[int] = []
    while len(picked) < wanted:
        order = list(range(len(replay)))
        rng.shuffle(order)
        picked += order[: wanted - len(picked)]
    general = replay.dataset(columns).select(picked).remove_columns(INDEX).add_column(INDEX, [-1] * wanted)
    return datasets.concatenate_datasets([data, general])


def to_item(folder: Path, row: DataRow) -> Item:
    """A row as an item: its pictures before the first user text."""
    pictures = [Image.from_path(dataset_format.image_path(folder, name)) for name in row.images]
    messages = []
    for turn in row.prompt:
        shown: tuple[str | Image, ...] = (turn.content,)
        if turn.role == "user" and pictures:
            shown, pictures = (*pictures, turn.content), []
        messages.append(Message(turn.role, shown))
    return Item(
        id=row.id,
        messages=tuple(messages),
        subset=row.subset,
        scenario=row.category,
        expected=row.expected,
        metadata={**row.facts, "expected": row.expected} if row.expected else dict(row.facts),
    )
