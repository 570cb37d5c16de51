"""Ask about changed copies of an item's images, and tell which of the answers refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from foresee.data.images import load_rgb
from foresee.data.typesetting import png
from foresee.defenses._shared import asking
from foresee.defenses._shared.wording import of_the_world
from foresee.judges import refusal
from foresee.organism.world import grading
from foresee.records import Ask, Generation, Image, Item, Message, Reply, Request

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

Change = Callable[["Raster", Random], "Raster"]


async def answers(
    item: Item, generation: Generation, ask: Ask, number: int, change: Change, seed: int = 0
) -> list[Reply]:
    """Ask about `number` copies of an item, each with all of its images changed.

    The changes depend on the seed, the images and the copy's number alone, so that a run that was killed asks for no
    copy twice. Where a copy's call fails, the others are still finished, and kept by the run's journal.

    Raises:
        ModelError: some copy has no answer, and so the item has none.
        OSError: an image's file is gone. ImageError: it does not open.
    """
    made = await asyncio.to_thread(lambda: [_copy(item, change, seed, place) for place in range(number)])
    return await asking.every(ask, (Request(messages, generation, item.choices) for messages in made))


def refuses(item: Item, reply: Reply) -> bool | None:
    """Whether an answer refuses in full, or is withheld by its provider; None where rules can't tell."""
    if reply.status != "ok":
        return True
    if of_the_world(item):
        return grading.refuses(reply.text)
    found = refusal.verdict(reply.text, item.prompt)
    return None if found is None else found == "full"


def _copy(item: Item, change: Change, seed: int, place: int) -> tuple[Message, ...]:
    def changed(part: str | Image) -> str | Image:
        if isinstance(part, str):
            return part
        return Image.from_bytes(png(change(load_rgb(part.read()), Random(f"{seed} {part.sha256} {place}"))))

    return tuple(replace(turn, content=tuple(map(changed, turn.content))) for turn in item.messages)
