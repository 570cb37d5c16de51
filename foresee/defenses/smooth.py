"""Smoothing: the model answers copies of the image with changed patches, and the majority decides whether it refuses.

A patch that someone put there to break the model survives in few copies, what the image shows in most. After SmoothVLM
(Sun et al., arXiv 2405.10529) and SmoothLLM (arXiv 2310.03684); their code was not at hand. Each copy has a share of
its square patches replaced by noise or by the image's mean colour; a copy votes by whether its answer refuses in full
(the rules of the judge `refusal`; in the drawn world its own). The first answer of the majority is given, so that no
answer is a mixture. A tie refuses, and is counted ("refused by smooth, tie"); an answer that rules can't read has no
vote, one that the provider withholds is a refusal. Where a copy's call fails the item has no answer: the next run asks
for that copy alone. Where the benchmark asks for a first word, that word is the vote. An item without an image is
simply answered. Costs as many calls as copies. Number, size and share of patches, and how votes are read, are ours.

    foresee eval mmsafeaware --model local/M --data P --defense none,smooth -S copies=8 -S share=0.1
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

import numpy as np
import pydantic

from foresee.config import Settings
from foresee.defenses._shared import copies
from foresee.records import Ask, Generation, Item, Reply, Request

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

VERSION = "1"


class Options(Settings):
    """Options of smoothing (`-S key=value`)."""

    copies: int = pydantic.Field(default=8, ge=1, le=100)
    """how many copies are asked about"""

    share: float = pydantic.Field(default=0.1, ge=0, le=1)
    """share of the patches that are changed in each copy"""

    patches: int = pydantic.Field(default=16, ge=1, le=1000)
    """patches along the image's shorter side"""

    change: Literal["noise", "mask"] = "noise"
    """what a patch becomes: noise, or the image's mean colour"""

    seed: int = 0
    """of the choice of patches and of the noise"""


async def answer(item: Item, generation: Generation, ask: Ask, options: Options) -> Reply:
    """Answer every copy and give the first answer of the majority."""
    if not item.images:
        return await ask(Request(item.messages, generation, item.choices))
    change = partial(changed, share=options.share, patches=options.patches, change=options.change)
    replies = await copies.answers(item, generation, ask, options.copies, change, options.seed)
    if item.choices:
        word, _ = Counter(reply.text for reply in replies).most_common(1)[0]
        return next(reply for reply in replies if reply.text == word)
    votes = [copies.refuses(item, reply) for reply in replies]
    against, in_favour = votes.count(True), votes.count(False)
    refused = against > 0 and against >= in_favour
    given = next((reply for reply, vote in zip(replies, votes, strict=True) if vote is refused), replies[0])
    if not refused or given.status != "ok":
        return given
    return replace(given, finish_reason="refused by smooth" + (", tie" if against == in_favour else ""))


def changed(raster: Raster, random: Random, *, share: float, patches: int, change: str) -> Raster:
    """Replace a share of an image's square patches, chosen by chance; rounded to whole patches."""
    from PIL import Image as Pillow

    pixels = np.array(raster)
    side = max(1, min(raster.size) // patches)
    corners = [(y, x) for y in range(0, raster.height, side) for x in range(0, raster.width, side)]
    noise = np.random.default_rng(random.getrandbits(64))
    mean = pixels.mean(axis=(0, 1)).round()
    for y, x in random.sample(corners, round(share * len(corners))):
        patch = pixels[y : y + side, x : x + side]
        patch[:] = noise.integers(0, 256, patch.shape) if change == "noise" else mean
    return Pillow.fromarray(pixels)
