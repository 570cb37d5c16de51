"""SI, shuffle inconsistency: the words and the patches of the image in another order.

After S. Zhao et al., "Jailbreaking Multimodal Large Language Models via Shuffle Inconsistency" (arXiv 2501.04931;
zhaoshiji123/SI-Attack@5ca39e5): words split at blanks and shuffled, four patches of the image shuffled, ten draws at
most. The published loop stops at the first draw that its judge scores high and reports that one; here every draw is
a try, so that one try and any of k stand side by side. Ours: patches of whatever size the image has (the published
code cuts 512 pixels of images that it takes to have 1024), and what becomes of an edge that no patch covers: it stays.
The item's own words and images are shuffled, not the goal behind them. Without an image only the words are.

    foresee eval mm_safetybench --model M --attack none,si --judge-model J
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pydantic

from foresee.attacks import Attempt
from foresee.attacks._shared.images import opened
from foresee.attacks._shared.requests import asked, last_turn
from foresee.config import AttackOptions
from foresee.data.typesetting import png
from foresee.records import Image, Item

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

VERSION = "1"


class Options(AttackOptions):
    """Options of SI (`-A key=value`)."""

    tries: int = pydantic.Field(default=10, ge=1, le=10_000)
    """how often an item is tried; ten as published"""

    grid: int = pydantic.Field(default=2, ge=1, le=64)
    """the image is cut into so many rows and columns; 1 leaves it whole"""

    shuffle_words: bool = True
    """whether the words are shuffled as well"""


def transform(item: Item, attempt: Attempt, options: Options) -> Item:
    """Shuffle the last user turn's words and images. Raises OSError or ImageError: an image that does not open."""
    parts: list[str | Image] = []
    for part in last_turn(item).content:
        if isinstance(part, Image):
            drawn = patches_shuffled(opened(part), options.grid, attempt.random) if options.grid > 1 else None
            parts.append(Image.from_bytes(png(drawn)) if drawn else part)
        else:
            parts.append(words_shuffled(part, attempt.random) if options.shuffle_words else part)
    return asked(item, *parts)


def words_shuffled(text: str, random: Random) -> str:
    """Put the words of a text in another order."""
    found = text.split()
    random.shuffle(found)
    return " ".join(found)


def patches_shuffled(raster: Raster, grid: int, random: Random) -> Raster:
    """Put the patches of an image, of equal size, in another order; what is left over at the edges stays."""
    wide, high = raster.width // grid, raster.height // grid
    boxes = [(x * wide, y * high, (x + 1) * wide, (y + 1) * high) for y in range(grid) for x in range(grid)]
    made, order = raster.copy(), random.sample(boxes, len(boxes))
    for box, source in zip(boxes, order, strict=True):
        made.paste(raster.crop(source), box)
    return made
