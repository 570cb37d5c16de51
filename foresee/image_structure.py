"""Tells whether an encoded image is whole from its structure alone, without decoding it.

Tens of microseconds where decoding takes milliseconds. What such a check can't vouch for (another format, an unusual
variant, a damaged or missing piece) is in doubt, and decoding decides.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_PNG_START = 8
_COMPRESSED_TEXT = (b"zTXt", b"iCCP")
_PLAIN_TEXT = (b"tEXt", b"iTXt")
_LONG_TEXT = 500_000  # bytes; Pillow refuses texts of over 1 MiB
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; Huffman coded
_UNUSUAL = frozenset({*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC})  # lossless, hierarchical, arithmetic coding


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def whole_size(kind: str, data: bytes) -> Size | None:
    """The size of a JPEG, PNG or GIF that is whole; None where only decoding can tell."""
    check = {"PNG": _png, "JPEG": _jpeg, "GIF": _gif}.get(kind)
    size = check(data) if check else None
    return size if size and size.width > 0 and size.height > 0 else None


def without_texts(png: bytes) -> bytes:
    """A PNG without its compressed and its long texts and its colour profile, which say nothing of the pixels."""
    kept, place = [png[:_PNG_START]], _PNG_START
    while place + 12 <= len(png):
        kind, end = png[place + 4 : place + 8], place + 12 + int.from_bytes(png[place : place + 4], "big")
        packed = kind in _COMPRESSED_TEXT or (kind == b"iTXt" and b"\0\1" in png[place + 8 : place + 90])
        if not packed and not (kind in _PLAIN_TEXT and end - place > _LONG_TEXT):
            kept.append(png[place:end])
        place = end
    return b"".join(kept)


def _png(data: bytes) -> Size | None:
    """Chunks with right checksums from IHDR to IEND: PNG specification, 5.3 and 11.2."""
    view, place, pixels, palette = memoryview(data), _PNG_START, False, False
    if len(data) < 33 or data[12:16] != b"IHDR" or data[8:12] != b"\0\0\0\r":
        return None
    depth, colour, packing, filtering, interlace = data[24:29]
    if depth not in _PNG_DEPTHS.get(colour, ()) or packing or filtering or interlace > 1:
        return None
    while place + 12 <= len(data):
        kind, end = data[place + 4 : place + 8], place + 8 + int.from_bytes(view[place : place + 4], "big")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return None
        if kind == b"IEND":
            fits = pixels and (palette or colour != 3)
            return Size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) if fits else None
        pixels, palette, place = pixels or kind == b"IDAT", palette or kind == b"PLTE", end + 4
    return None


def _jpeg(data: bytes) -> Size | None:
    """Segments and scans up to the end-of-image marker: ITU-T T.81, B.1.1. Files of several frames are in doubt."""
    size, scanned = None, False
    for marker, start, end in jpeg_segments(data):
        if marker == 0xD9:
            return size if scanned else None
        if marker in _FRAMES and end - start >= 10:
            if data[start + 4] != 8 or data[start + 9] not in (1, 3, 4):
                return None
            height, width = data[start + 5 : start + 7], data[start + 7 : start + 9]
            size = Size(int.from_bytes(width, "big"), int.from_bytes(height, "big"))
        elif marker in _UNUSUAL or (marker == 0xE2 and data[start + 4 : start + 8] == b"MPF\0"):
            return None
        scanned = scanned or marker == 0xDA
    return None


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment of a JPEG's first frame; a scan's data belong to its marker.

    Ends with the end-of-image marker, or where the bytes are not laid out so or the file is cut off.
    """
    place = 2
    while place + 2 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes
            place += 1
            continue
        if marker == 0xD9 or marker in _WITHOUT_LENGTH:
            end = place + 2
        else:
            end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDA:
            end = _scan_end(data, end)
        if end > len(data) or end < place + 2:
            return
        yield marker, place, end
        if marker == 0xD9:
            return
        place = end


def _scan_end(data: bytes, place: int) -> int:
    """Where a scan's compressed data end: at the next marker that is not part of them."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return len(data)
        following = data[place + 1]
        if following not in (0, 0xFF) and not 0xD0 <= following <= 0xD7:
            return place
        place += 1 if following == 0xFF else 2


def _gif(data: bytes) -> Size | None:
    """Blocks up to the trailer: GIF89a specification, 17 to 27."""
    if len(data) < 14:
        return None
    place, shown = 13 + _table(data[10]), False
    while place < len(data):
        kind = data[place]
        if kind == 0x3B:
            size = Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))
            return size if shown else None
        if kind == 0x21:
            place += 2
        elif kind == 0x2C and place + 10 < len(data):
            place += 10 + _table(data[place + 9]) + 1
            shown = True
        else:
            return None
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return None


def _table(packed: int) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
