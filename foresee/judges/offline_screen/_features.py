"""Turn an answer into hashed n-grams of words and of letters.

The same code makes the features in training (`tools/offline_screen.py`) and here; a change needs new weights.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 17  # buckets of each block: 2 ** BITS
MOST_LETTERS = 20_000  # of an answer; what comes behind is not read
_WORD = re.compile(r"[a-z']+|\d+|[^\sa-z\d]")


class Features(NamedTuple):
    """The buckets of an answer's n-grams, each once: of one and two words, and of three to five letters of a word."""

    words: NDArray[np.int64]
    letters: NDArray[np.int64]


def features(answer: str) -> Features:
    """Compute the features of an answer in plain words."""
    text = answer[:MOST_LETTERS].lower()
    return Features(_buckets(_of_words(text)), _buckets(_of_letters(text)))


def _of_words(text: str) -> Iterable[str]:
    words = _WORD.findall(text)
    yield from words
    yield from map(" ".join, pairwise(words))


def _of_letters(text: str) -> Iterable[str]:
    for word in set(text.split()):
        padded = f" {word} "
        for size in (3, 4, 5):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _buckets(grams: Iterable[str]) -> NDArray[np.int64]:
    import numpy as np

    mask = (1 << BITS) - 1
    found = {zlib.crc32(gram.encode("utf-8", "replace")) & mask for gram in set(grams)}
    return np.array(sorted(found), dtype=np.int64)
