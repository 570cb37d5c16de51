"""Tell whether an encoded image is whole from its structure alone, without decoding it.

Cheaper than decoding: a JPEG's segments are walked, a PNG's pixels are unpacked but not made into an image. What such
a check can't vouch for (another format, an unusual variant, several scans, a damaged or missing piece) is in doubt, and
decoding decides.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
MAX_PIXELS = 50_000_000  # 150 MB as RGB; the largest image of the published sets here has 4 million
_BLOCK = 1 << 20  # bytes that are unpacked at a time
_PNG_START = 8
_COMPRESSED_TEXT = (b"zTXt", b"iCCP")
_PLAIN_TEXT = (b"tEXt", b"iTXt")
_LONG_TEXT = 500_000  # bytes; Pillow refuses texts of over 1 MiB
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; Huffman coded
_PLAIN = frozenset({*range(0xD0, 0xD8), 0xDD, *range(0xE0, 0xF0), 0xFE})  # restarts, their interval, APPn, comments


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def whole_size(kind: str, data: bytes) -> Size | None:
    """Measure a JPEG or PNG that is whole; None where only decoding can tell."""
    check = {"PNG": _png, "JPEG": _jpeg}.get(kind)
    size = check(data) if check else None
    return size if size and size.width > 0 and size.height > 0 else None


def without_texts(png: bytes) -> bytes:
    """Strip a PNG of its compressed and its long texts and its colour profile, which say nothing of the pixels."""
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
    view, place, palette = memoryview(data), _PNG_START, False
    pixels: list[memoryview] = []
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
            size = Size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
            if size.width * size.height > MAX_PIXELS:
                return size  # whoever asks refuses it; it is not unpacked
            row = 1 + (size.width * depth * _PNG_CHANNELS[colour] + 7) // 8  # its filter, its samples
            fits = not interlace and (palette or colour != 3) and _unpacks(pixels, row * size.height)
            return size if fits else None
        if kind == b"IDAT":
            pixels.append(view[place + 8 : end])
        palette, place = palette or kind == b"PLTE", end + 4
    return None


def _unpacks(parts: list[memoryview], expected: int) -> bool:
    """Whether a compressed stream is sound and gives this many bytes; never more than a block of them is held."""
    stream, count = zlib.decompressobj(), 0
    try:
        for part in parts:
            packed: bytes | memoryview = part
            while packed and not stream.eof and count <= expected:
                count += len(stream.decompress(packed, _BLOCK))
                packed = stream.unconsumed_tail
        while not stream.eof and count <= expected and (more := stream.decompress(b"", _BLOCK)):
            count += len(more)
    except zlib.error:
        return False
    return stream.eof and count == expected


def _jpeg(data: bytes) -> Size | None:
    """Segments, tables and scans up to the end-of-image marker: ITU-T T.81, B.1, B.2. Several frames are in doubt."""
    seen = _Jpeg()
    for marker, start, _ in jpeg_segments(data):
        if marker == 0xD9:
            return seen.size if seen.scanned and not seen.progressive else None  # many scans: decoding tells more
        if marker == 0xE2 and data[start + 4 : start + 8] == b"MPF\0":
            return None
        check = {0xC4: seen.huffman, 0xDB: seen.quantisation, 0xDA: seen.scan}.get(marker)
        if marker in _FRAMES:
            check, seen.progressive = seen.frame, marker == 0xC2
        elif marker not in _PLAIN and not check:
            return None
        if check and not check(data[start + 4 : start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")]):
            return None
    return None


class _Jpeg:
    """What a JPEG has declared so far; each check takes a segment's content and says whether it fits."""

    def __init__(self) -> None:
        self.size: Size | None = None
        self.scanned = self.progressive = False
        self._quantisations: set[int] = set()
        self._codes: set[int] = set()
        self._components: dict[int, int] = {}  # id -> quantisation table

    def quantisation(self, body: bytes) -> bool:
        place = 0
        while place < len(body):
            wide, table = divmod(body[place], 16)
            if wide > 1 or table > 3:
                return False
            self._quantisations.add(table)
            place += 65 + 64 * wide
        return place == len(body)

    def huffman(self, body: bytes) -> bool:
        place = 0
        while place + 17 <= len(body):
            counts = body[place + 1 : place + 17]
            used = 0
            for bits, count in enumerate(counts, 1):
                used = 2 * used + count
                if used > 1 << bits:
                    return False  # more codes of this length than there are
            symbols = body[place + 17 : place + 17 + sum(counts)]
            if body[place] & 0xEC or len(symbols) > 256 or (body[place] < 16 and any(each > 15 for each in symbols)):
                return False
            self._codes.add(body[place])
            place += 17 + sum(counts)
        return place == len(body)

    def frame(self, body: bytes) -> bool:
        if self.size or len(body) < 6 or body[0] != 8 or body[5] not in (1, 3, 4) or len(body) != 6 + 3 * body[5]:
            return False
        self.size = Size(int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
        self._components = dict(zip(body[6::3], body[8::3], strict=True))
        return len(self._components) == body[5] and all(1 <= f >> 4 <= 4 and 1 <= f & 15 <= 4 for f in body[7::3])

    def scan(self, body: bytes) -> bool:
        self.scanned = True
        count = body[0] if body else 0
        if not 1 <= count <= 4 or len(body) != 4 + 2 * count:
            return False
        first, last, (high, low) = body[-3], body[-2], divmod(body[-1], 16)
        if self.progressive and not (
            (last == 0 if first == 0 else count == 1 and first <= last <= 63) and low <= 13 and high in (0, low + 1)
        ):
            return False
        for component, tables in zip(body[1 : 1 + 2 * count : 2], body[2 : 2 + 2 * count : 2], strict=True):
            needed = set[int]()
            if not self.progressive or (first == 0 and high == 0):  # a refinement of DC is plain bits
                needed.add(tables >> 4)
            if not self.progressive or first > 0:
                needed.add(16 + (tables & 15))  # numbers of AC tables are held with 16 added, as DHT writes them
            if self._components.get(component) not in self._quantisations or needed - self._codes:
                return False
        return True


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


def gif_ends(data: bytes) -> bool:
    """Whether a GIF's blocks lead to its trailer (GIF89a specification, 17 to 27), whatever they hold."""
    place = 13 + _table(data[10]) if len(data) > 13 else len(data)
    while place < len(data) and data[place] != 0x3B:
        if data[place] == 0x21:
            place += 2
        elif data[place] == 0x2C and place + 10 < len(data):
            place += 10 + _table(data[place + 9]) + 1
        else:
            return False
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return place < len(data)


def _table(packed: int) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
