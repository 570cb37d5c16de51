"""Small pictures and turns that the tests of local models share."""

from __future__ import annotations

import io
import random

from foresee.records import Image, Message


def picture(seed: int, width: int = 64, height: int = 64) -> Image:
    """A coarse random pattern, so that resizing leaves something of it."""
    from PIL import Image as Pil

    draw = random.Random(seed)
    small = Pil.new("RGB", (4, 4))
    small.putdata([(draw.randrange(256), draw.randrange(256), draw.randrange(256)) for _ in range(16)])
    buffer = io.BytesIO()
    small.resize((width, height), Pil.Resampling.NEAREST).save(buffer, "PNG")
    return Image.from_bytes(buffer.getvalue())


def user(*content: str | Image) -> tuple[Message, ...]:
    return (Message("user", content),)
