"""Few-shot: worked examples, images included, as earlier turns of the conversation.

`-S examples=` names a data set folder or a file of its format (JSON Lines, images beside it) whose rows have a
`completion` (or a `chosen` answer):

    {"id": "1", "images": ["a.png"], "prompt": [{"role": "user", "content": "Is it safe to …?"}],
     "completion": [{"role": "assistant", "content": "No. The …"}]}                       (on one line)

`seed` decides which `k` are shown, the same for every item. An example that shows an image of the benchmark, or asks
one of its questions without an image, is passed over, so that no evaluation item is ever given away.

    foresee eval mmsafeaware --model openai/gpt-4o --data P --defense few_shot -S examples=shots.jsonl -S k=4 -S seed=1
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pydantic

from foresee.config import Settings
from foresee.dataset_format import DataRow, image_path, read_file
from foresee.errors import UserError
from foresee.records import Image, Item, Message

VERSION = "1"


class Options(Settings):
    """Options of few-shot (`-S key=value`)."""

    examples: Path
    """data set folder, or file of its format, with the examples"""

    k: int = pydantic.Field(default=4, ge=1)
    """how many are shown"""

    seed: int = 0
    """which ones, and in which order"""

    taken: frozenset[str] = pydantic.Field(default=frozenset(), exclude=True)
    """images (SHA-256) and imageless questions that no example may show; the benchmark's own are added"""


def fitted(options: Options, items: Sequence[Item]) -> Options:
    """Mark everything that the benchmark asks about as taken; the file is read anew."""
    _chosen.cache_clear()
    images = {image.sha256 for item in items for image in item.images}
    return options.model_copy(update={"taken": options.taken | images | {i.prompt for i in items if not i.images}})


def edit(item: Item, options: Options) -> Item:
    """Put the examples before an item's first turn (after its system message).

    Raises:
        UserError: no such file, a line that is no row, an image that is not there, or too few left to choose from.
    """
    shown = [turn for example in _chosen(options) for turn in example]
    head = [turn for turn in item.messages[:1] if turn.role == "system"]
    return replace(item, messages=(*head, *shown, *item.messages[len(head) :]))


@lru_cache(maxsize=8)
def _chosen(options: Options) -> tuple[tuple[Message, ...], ...]:
    path = options.examples.expanduser()
    rows = [row for row in read_file(path) if row.answer]
    random.Random(options.seed).shuffle(rows)
    found: list[tuple[Message, ...]] = []
    for row in rows:
        turns = _turns(row, path if path.is_dir() else path.parent)
        images = {image.sha256 for turn in turns for image in turn.images}
        if not (images or {row.request}) & options.taken:
            found.append(turns)
        if len(found) == options.k:
            return tuple(found)
    raise UserError(
        f"few_shot: expected {options.k} examples with an answer in {path} that are no items of this benchmark, "
        f"found {len(found)} among {len(rows)}; give more, or a smaller k (-S k=…)"
    )


def _turns(row: DataRow, folder: Path) -> tuple[Message, ...]:
    """Write an example as turns without its system message, its images in the first user turn."""
    images = tuple(Image.from_path(image_path(folder, name)) for name in row.images)
    turns = [Message(turn.role, (turn.content,)) for turn in row.prompt if turn.role != "system"]
    first = next(i for i, turn in enumerate(turns) if turn.role == "user")
    turns[first] = replace(turns[first], content=(*images, *turns[first].content))
    return (*turns, Message("assistant", (row.answer,)))
