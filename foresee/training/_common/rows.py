"""Load the rows of a training from data set folders, check them for the method, mix them, turn them into items."""

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
        left_out: those that can't be used, as "FILE, line N: why" (see `inspection`).
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
        """Make a data set of `images`, `prompt`, these columns and the row's index; images are decoded on access."""
        dataset = dataset_format.to_dataset(self.folder, self.rows)
        dataset = dataset.select_columns(["images", "prompt", *columns])
        return dataset.add_column(INDEX, list(range(len(self.rows))))

    def select(self, places: Iterable[int]) -> Rows:
        """Keep the rows at these places, in this order."""
        kept = list(places)
        return replace(
            self, rows=tuple(self.rows[place] for place in kept), lines=tuple(self.lines[place] for place in kept)
        )

    def item(self, index: int) -> Item:
        """Turn a row into an item for judges; its facts are the metadata."""
        return to_item(self.folder, self.rows[index])

    def for_checks(self) -> list[Item]:
        """Pick a row with an image, if there is one, and one without: who can judge both can judge all."""
        first = {bool(row.images): index for index, row in reversed(list(enumerate(self.rows)))}
        return [self.item(index) for index in first.values()]

    def record(self) -> dict[str, Any]:
        """Describe the rows for a manifest: folder, counts, and the essence of the folder's own manifest."""
        record: dict[str, Any] = {
            "folder": str(self.folder),
            "rows_used": len(self.rows),
            "rows_left_out": list(self.left_out),
            "rows_rewritten": dict(self.rewritten),
            "rows_sha256": dataset_format.writing.file_hash(self.folder / dataset_format.ROWS),
        }
        if (self.folder / manifest.FILE).is_file():
            about = manifest.read(self.folder, "data set")
            record |= {key: about[key] for key in ("recipe", "curation", "config", "counts", "licence") if key in about}
        return record


def load(folder: str | Path, columns: Sequence[str], *, limit: int | None = None, text_only: bool = False) -> Rows:
    """Load a folder's rows for a method that needs these columns besides the prompt.

    Args:
        folder: a data set folder.
        columns: ("completion",), ("chosen", "rejected") or () for prompts alone.
        limit: at most so many rows, drawn at random and the same each time.
        text_only: allow a folder without a single image.

    Raises:
        UserError: not a data set folder, no rows, rows of another kind, or no images at all.
    """
    path = Path(folder).expanduser()
    numbered = tuple(dataset_format.read_numbered(path, images=False))
    if not numbered:
        raise UserError(f"{path} holds no rows")
    if tuple(columns) == ("completion",):
        numbered = tuple((line, _chosen_side(row)) for line, row in numbered)
    for _, row in numbered:
        absent = [column for column in columns if getattr(row, column) is None]
        if absent:
            wanted = _KINDS.get(tuple(columns), " and ".join(columns))
            raise UserError(f"{path}: expected rows with {wanted}; row '{row.id}' is a {row.kind} row, no {absent[0]}")
    if not text_only and not any(row.images for _, row in numbered):
        raise UserError(
            f"{path} has no images in any of its {len(numbered)} rows; if that is meant: --set text_only=true"
        )
    lines, rows = zip(*drawn(numbered, limit), strict=True)
    return Rows(path, rows, lines)


def _chosen_side(row: DataRow) -> DataRow:
    """Take a preference's chosen answer for the one to learn."""
    if row.completion is not None or row.chosen is None:
        return row
    return row.model_copy(update={"completion": row.chosen, "chosen": None, "rejected": None})


def drawn(everything: Sequence[T], limit: int | None) -> tuple[T, ...]:
    """Draw at most `limit` of them, in their order, the same each time. At random: every second may be of one kind."""
    if limit is None or limit >= len(everything):
        return tuple(everything)
    return tuple(everything[i] for i in sorted(random.Random(0).sample(range(len(everything)), limit)))


def mixed(rows: Rows, replay: Rows | None, share: float, columns: Sequence[str], seed: int) -> datasets.Dataset:
    """Mix in as many replay rows as make up `share` of all; the index of those is -1.

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
    """Turn a row into an item: its images before the first user text."""
    images = [Image.from_path(dataset_format.image_path(folder, name)) for name in row.images]
    messages = []
    for turn in row.prompt:
        content: tuple[str | Image, ...] = (turn.content,)
        if turn.role == "user" and images:
            content, images = (*images, turn.content), []
        messages.append(Message(turn.role, content))
    return Item(
        id=row.id,
        messages=tuple(messages),
        subset=row.subset,
        scenario=row.category,
        expected=row.expected,
        metadata={**row.facts, "expected": row.expected} if row.expected else dict(row.facts),
    )
