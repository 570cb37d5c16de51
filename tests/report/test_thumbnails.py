"""Pictures on the page: re-encoded, small, each once, and nothing that is not a picture."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as Pillow

from foresee.records import Image
from foresee.report.thumbnails import SIDE, URI_START, album, thumbnail


def picture(size: tuple[int, int] = (60, 40), kind: str = "PNG", mode: str = "RGB", **settings: object) -> bytes:
    written = io.BytesIO()
    Pillow.new(mode, size, "red").save(written, kind, **settings)
    return written.getvalue()


def decoded(uri: str | None) -> Pillow.Image:
    assert uri is not None
    assert uri.startswith(URI_START)
    return Pillow.open(io.BytesIO(base64.b64decode(uri.removeprefix(URI_START))), formats=("WEBP",))


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims this size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("GIF", "P"), ("PNG", "LA")]
)
def test_pictures_become_small_webp(kind: str, mode: str) -> None:
    found = decoded(thumbnail(Image.from_bytes(picture((1600, 400), kind, mode))).uri)
    assert found.size == (SIDE, SIDE // 4)
    assert found.mode == "RGB"


def test_small_pictures_keep_their_size_and_lose_their_metadata() -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "taken at home"
    found = thumbnail(Image.from_bytes(picture(kind="JPEG", exif=exif, comment=b"private note")))
    assert decoded(found.uri).size == (60, 40)
    assert not decoded(found.uri).getexif()
    data = base64.b64decode((found.uri or "").removeprefix(URI_START))
    assert b"home" not in data
    assert b"private" not in data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="window.__pwned=1"/>', "SVG"),
        (b"<!doctype html><script>window.__pwned=1</script>", "HTML"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not shown"),
        (picture()[:60], "not shown"),
        (bomb(60_000, 60_000), "not shown"),
        (bomb(300, 300), "not shown"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_gets_a_reason_instead(data: bytes, reason: str) -> None:
    found = thumbnail(Image.from_bytes(data))
    assert found.uri is None
    assert reason in found.problem


def test_files_that_changed_or_went_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    image = Image.from_path(path)
    assert thumbnail(image).uri
    path.write_bytes(picture((61, 40)))
    assert thumbnail(image) == (None, "the file has changed since the run")
    path.unlink()
    assert thumbnail(image) == (None, "the file is no longer there")
    assert thumbnail(Image("0" * 64, Path("/dev/zero"))) == (None, "the file is no longer there")
    assert thumbnail(Image("0" * 64)) == (None, "the file is no longer there")


def test_album_holds_each_picture_once_within_its_budget() -> None:
    images = [Image.from_bytes(picture((40 + n, 40))) for n in range(5)]
    whole = album([*images, *images])
    assert list(whole.thumbnails) == [hashlib.sha256(picture((40 + n, 40))).hexdigest() for n in range(5)]
    assert whole.left_out == 0
    size = len(whole.thumbnails[images[0].sha256].uri or "")
    small = album(images, budget=2 * size)
    assert [found.uri is not None for found in small.thumbnails.values()].count(True) in (2, 3)
    assert small.left_out == [found.uri for found in small.thumbnails.values()].count(None)
    assert "left out" in small.thumbnails[images[-1].sha256].problem
