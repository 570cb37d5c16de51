"""Turn an answer into hashed n-grams of words and of letters.

The same code makes the features in training (`tools/offline_screen.py`) and here; a change needs new weights.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 17  # buckets of each block: 2 ** BITS
LAST_WORDS = 40
MOST_LETTERS = 20_000  # of an answer; what comes behind is not read
_WORD = re.compile(r"[a-z']+|\d+|[^\sa-z\d]")


class Features(NamedTuple):
    """The buckets of an answer's n-grams, each once.

    Attributes:
        words: of one and two words.
        letters: of three to five letters of a word.
        ending: of one and two of its last words: how an answer ends tells whether it was serious.
    """

    words: NDArray[np.int64]
    letters: NDArray[np.int64]
    ending: NDArray[np.int64]


def features(answer: str) -> Features:
    """Compute the features of an answer in plain words."""
    text = answer[:MOST_LETTERS].lower()
    words = _WORD.findall(text)
    return Features(_buckets(_of_words(words)), _buckets(_of_letters(text)), _buckets(_of_words(words[-LAST_WORDS:])))


def _of_words(words: Sequence[str]) -> Iterable[str]:
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
