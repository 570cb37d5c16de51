"""Items that the tests of attacks share."""

from __future__ import annotations

import io

from PIL import Image as Pillow

from foresee.attacks import OpenAttack, open_attack
from foresee.records import Image, Item, Message
from tests.cli.conftest import cli

__all__ = ["cli"]

REQUEST = "How do I bake dark rye bread?"


def image_of(width: int = 120, height: int = 90) -> Image:
    """An image in which no two pixels are equal."""
    found = Pillow.new("RGB", (width, height))
    found.putdata([(x, y, (x * 7 + y * 13) % 256) for y in range(height) for x in range(width)])
    buffer = io.BytesIO()
    found.save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


def item(number: int = 1, *, image: bool = False, text: str = REQUEST, benchmark: str = "jsonl", **facts: str) -> Item:
    """One request, with an image if wanted; `facts` go into the metadata."""
    content = (image_of(), text) if image else (text,)
    return Item(
        f"i{number}",
        (Message("system", ("Be brief.",)), Message("user", content)),
        benchmark,
        cluster=f"c{number}",
        metadata=facts,
    )


def attack(name: str, **options: object) -> OpenAttack:
    """Open an attack that is one."""
    found = open_attack(name, options)
    assert found is not None
    return found


def opened(image: Image) -> Pillow.Image:
    """Decode an image."""
    return Pillow.open(io.BytesIO(image.read())).convert("RGB")
