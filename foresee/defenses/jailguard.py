"""JailGuard: refuses where the answers to changed copies of the image fall apart, or all refuse.

An attack is brittle: small changes of the image make some answers refuse and others not. Zhang et al., arXiv
2312.10766; reference code shiningrain/JailGuard at 0a8bd79. Eight copies, each rotated by up to 180 degrees (with
probability 0.34), blurred (0.45) or posterised to one or two bits a colour (0.21), as in their policy RR-BL-RP. Of
the answers' first 100 characters, each pair has a similarity, at least 0.01; answer i's row of similarities becomes a
distribution p_i, and the divergence is the largest KL(p_i || p_j) of all pairs, at most 100. Above a threshold it is
an attack; so it is where every answer refuses. An attack gets a fixed refusal, everything else the answer to the
image as it is: one call more than copies. Ours: similarity is the cosine of word counts, for which theirs has spaCy's
word vectors (en_core_web_md, threshold 0.025); the threshold is therefore ours too, and better chosen on validation
data. Whether an answer refuses is told by the rules of the judge `refusal` in place of a list of words. A posterised
copy is always posterised (theirs every other time). Only images are changed: an item without one is simply answered.
Where a copy's call fails the item has no answer, and the next run asks for that copy alone.

    foresee eval mmsafeaware --model local/M --data P --defense none,jailguard -S threshold=0.1
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pydantic

from foresee.config import Settings
from foresee.defenses._shared import copies, wording
from foresee.records import Ask, Generation, Item, Reply, Request

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

VERSION = "1"
CHARACTERS = 100
LEAST_SIMILARITY, MOST_DIVERGENCE = 0.01, 100.0
ROTATE, BLUR, POSTERISE = 0.34, 0.45, 0.21


class Options(Settings):
    """Options of JailGuard (`-S key=value`)."""

    copies: int = pydantic.Field(default=8, ge=2, le=100)
    """how many copies are asked about"""

    threshold: float = pydantic.Field(default=0.1, ge=0)
    """divergence above which it refuses"""

    seed: int = 0
    """of the changes"""

    refusal: str = "auto"
    """auto for our refusal, or a file with another"""


async def answer(item: Item, generation: Generation, ask: Ask, options: Options) -> Reply:
    """Answer the copies, then refuse or answer the item as it is."""
    plain = Request(item.messages, generation, item.choices)
    if not item.images:
        return await ask(plain)
    replies = await copies.answers(item, generation, ask, options.copies, changed, options.seed)
    apart = divergence([reply.text for reply in replies]) > options.threshold
    if apart or all(copies.refuses(item, reply) for reply in replies):
        return Reply(wording.refusal(options.refusal, item), finish_reason="refused by jailguard")
    return await ask(plain)


def divergence(texts: Sequence[str]) -> float:
    """Compute the largest KL divergence between the answers' distributions of similarity; see the top of this file."""
    counts = [Counter(text[:CHARACTERS].lower().split()) for text in texts]
    similar = np.array([[max(LEAST_SIMILARITY, _cosine(one, other)) for other in counts] for one in counts])
    shares = similar / similar.sum(axis=1, keepdims=True)
    logs = np.log(shares)
    return min(MOST_DIVERGENCE, float(((shares * logs).sum(axis=1)[:, None] - shares @ logs.T).max()))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return float(one == other)
    squares = sum(n * n for n in one.values()) * sum(n * n for n in other.values())
    return sum(n * other[word] for word, n in one.items()) / math.sqrt(squares)


def changed(raster: Raster, random: Random) -> Raster:
    """Rotate, blur or posterise an image, by chance."""
    from PIL import ImageFilter, ImageOps

    (how,) = random.choices(("rotate", "blur", "posterise"), (ROTATE, BLUR, POSTERISE))
    if how == "rotate":
        return raster.rotate(random.uniform(0, random.uniform(0.1, 180)))
    if how == "blur":
        return raster.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2)))
    return ImageOps.posterize(raster, random.randint(1, 2))
