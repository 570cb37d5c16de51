"""How a row with images becomes a question: what is shown under each modality, and what happens without an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from foresee.benchmarks._shared.images import NamedImage
from foresee.config import BenchmarkOptions
from foresee.records import Image, Message


class Numbered:
    """Ids as a set has them; one that comes again gets its number ("7#2"), since items need ids of their own."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, row_id: str) -> str:
        self._seen[row_id] += 1
        return row_id if self._seen[row_id] == 1 else f"{row_id}#{self._seen[row_id]}"


class Turn(NamedTuple):
    """The parts of an Item that depend on modality and on whether its images are there."""

    messages: tuple[Message, ...]
    missing_image: str | None
    metadata: Mapping[str, Any]


def user_turn(text: str, images: Sequence[NamedImage], options: BenchmarkOptions, *, alone: str = "") -> Turn:
    """One user turn: images first, then the text.

    Under modality=both and image, an item whose image is missing or damaged is never sent. Under modality=text no
    image is wanted, so it is sent, and its metadata say that this copy could not have shown the image
    ("lacks_picture"): good for trying a set out, and no figure of the set.

    Args:
        text: the published text.
        images: in the order in which they are shown; empty for an item that has none by design.
        options: for the modality.
        alone: what stands for the whole item under modality=text, where the published text says nothing by itself.
    """
    lacking = [image for image in images if image.file is None]
    shown: tuple[str | Image, ...] = tuple(image.file for image in images if image.file)
    facts: dict[str, Any] = {"modality": options.modality}
    if options.modality == "text":
        facts |= {"lacks_picture": True} if lacking else {}
        nothing = None if (alone or text).strip() else "no text by design, and modality=text shows nothing else"
        return Turn((Message("user", (alone or text,)),), nothing, facts)
    if options.modality == "image" and not images:
        return Turn((Message("user", ()),), "none by design, and modality=image shows nothing else", facts)
    words = () if options.modality == "image" else (text,)
    content = (*shown, *(word for word in words if word.strip() or not shown))  # some servers refuse an empty text
    missing = f"{lacking[0].name} ({lacking[0].problem})" if lacking else None
    return Turn((Message("user", content),), missing, facts)
