"""Images on their way to a server: the bytes as they are on disk where it takes the format, else a PNG."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from dataclasses import dataclass
from typing import Literal

from foresee.data.image_structure import gif_ends, jpeg_segments
from foresee.data.images import ImageError, load_rgb, require_whole
from foresee.errors import ModelError, shortage
from foresee.records import Image

_AT_ONCE = 64_000  # bytes
Reencode = Literal["never", "when_needed", "png"]


@dataclass(frozen=True)
class Handling:
    """What a server takes. `formats` are those sent as they are; `max_side` in pixels."""

    formats: frozenset[str]
    reencode: Reencode = "when_needed"
    max_side: int | None = None


class ImageFolders:
    """Data URLs of images, each made once, off the event loop, while any request in flight holds it."""

    def __init__(self, handling: Handling) -> None:
        self._handling = handling
        self._made: dict[str, str | asyncio.Future[str]] = {}
        self._holders: dict[str, int] = {}

    async def take(self, image: Image) -> str:
        """Return the image's data URL; `drop` must follow, whatever happens.

        Raises:
            ModelError: the image can't be read or is no image; the request is not to be sent.
        """
        name = image.sha256
        self._holders[name] = self._holders.get(name, 0) + 1
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._making(image)
        return made if isinstance(made, str) else await asyncio.shield(made)  # cancelled, the others still get it

    def _making(self, image: Image) -> str | asyncio.Future[str]:
        """Begin a data URL: a small image's is made at once, which is quicker than a change of threads."""
        if _small(image):
            return data_url(image, self._handling)
        made = asyncio.get_running_loop().run_in_executor(None, data_url, image, self._handling)
        made.add_done_callback(lambda done: done.cancelled() or done.exception())
        return made

    def drop(self, image: Image) -> None:
        self._holders[image.sha256] -= 1
        if self._holders[image.sha256] == 0:
            del self._holders[image.sha256]
            self._made.pop(image.sha256, None)


def _small(image: Image) -> bool:
    try:
        size = len(image.data) if image.data is not None else os.stat(image.path or "").st_size
    except (OSError, ValueError):
        return False
    return size <= _AT_ONCE


def data_url(image: Image, handling: Handling) -> str:
    """`data:image/...;base64,...` of an image. Raises ModelError: unreadable, or not an image."""
    name = f"image {image.path or image.sha256[:12]}"
    try:
        kind, data = _fitting(image.read(), handling, name)
    except OSError as problem:
        raise shortage(problem) or ModelError(f"{name} can't be read: {problem.strerror or problem}") from None
    except ImageError as problem:
        raise ModelError(str(problem)) from None
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _fitting(data: bytes, handling: Handling, name: str) -> tuple[str, bytes]:
    shape = require_whole(data, name=name)
    kind = shape.format
    too_large = handling.max_side is not None and max(shape.width, shape.height) > handling.max_side
    if too_large or handling.reencode == "png":
        return "png", _png(data, handling.max_side, name)
    if handling.reencode == "when_needed":
        if kind == "MPO":
            data, kind = first_frame(data), "JPEG"
        elif kind not in handling.formats or (kind == "GIF" and not (gif_ends(data) and _is_still(data))):
            return "png", _png(data, None, name)  # providers refuse GIFs that move
    return ("jpeg" if kind == "MPO" else kind.lower()), data


def _png(data: bytes, max_side: int | None, name: str) -> bytes:
    image = load_rgb(data, name=name)
    if max_side is not None:
        image.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # little larger than the best level, several times as fast
    return buffer.getvalue()


def _is_still(gif: bytes) -> bool:
    from PIL import GifImagePlugin

    try:
        with GifImagePlugin.GifImageFile(io.BytesIO(gif)) as image:
            return not image.is_animated
    except Exception:  # decoders of hostile files raise anything; decoding it for a PNG will say what it is
        return False


def first_frame(data: bytes) -> bytes:
    """Cut the first image out of a two-image JPEG (MPO), bit for bit, without the index of the others.

    JPEG segments: ITU-T T.81, B.1.1; the index is the APP2 segment "MPF" of CIPA DC-007. Bytes that are not
    laid out so come back unchanged.
    """
    kept = bytearray(data[:2])
    for marker, start, end in jpeg_segments(data):
        if not (marker == 0xE2 and data[start + 4 : start + 8] == b"MPF\0"):
            kept += data[start:end]
        if marker == 0xD9:
            return bytes(kept)
    return data
