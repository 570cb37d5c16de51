"""Whole or damaged by structure alone: cut anywhere, flipped bytes, texts that Pillow refuses; API and local agree."""

from __future__ import annotations

import io
import random
import zlib

import PIL.Image
import pytest
from PIL import PngImagePlugin

from foresee.data.image_structure import whole_size
from foresee.data.images import ImageError, load_rgb, recognise, require_whole
from foresee.errors import ModelError
from foresee.models._images import Handling, data_url
from foresee.records import Image
from tests.data.test_images import chunk, encoded, png_of


def noise(side: int = 96, mode: str = "RGB") -> PIL.Image.Image:
    return PIL.Image.effect_noise((side, side), 90).convert(mode)


def with_thumbnail() -> bytes:
    """A JPEG whose EXIF block holds a whole JPEG of its own."""
    thumbnail = encoded(noise(32), "JPEG")
    body = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    data = encoded(noise(), "JPEG")
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def png_text(kind: str, **options: bool) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    getattr(info, kind)("a", "x" * 3_000_000, **options)
    return info


SOUND = {
    "JPEG": encoded(noise(), "JPEG"),
    "progressive": encoded(noise(), "JPEG", progressive=True),
    "grey": encoded(noise(mode="L"), "JPEG"),
    "CMYK": encoded(noise(mode="CMYK"), "JPEG"),
    "thumbnail": with_thumbnail(),
    "PNG": encoded(noise(), "PNG"),
    "palette": encoded(noise(mode="P"), "PNG"),
    "RGBA": encoded(noise(mode="RGBA"), "PNG"),
    "GIF": encoded(noise(mode="P"), "GIF"),
    "animation": encoded(noise(mode="P"), "GIF", save_all=True, append_images=[noise(mode="P")]),
    "trailing": encoded(noise(), "JPEG") + b"\0" * 5000,
    "long text": encoded(noise(), "PNG", pnginfo=png_text("add_text", zip=True)),
    "long utf8": encoded(noise(), "PNG", pnginfo=png_text("add_itxt", zip=True)),
    "long plain": encoded(noise(), "PNG", pnginfo=png_text("add_itxt")),
}  # fmt: skip
big_profile = encoded(noise(), "PNG")
SOUND["profile"] = big_profile[:33] + chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3_000_000))) + big_profile[33:]


def sent(data: bytes) -> bool:
    try:
        data_url(Image.from_bytes(data), Handling(frozenset({"JPEG", "PNG", "GIF", "WEBP"})))
    except ModelError:
        return False
    return True


def shown(data: bytes) -> bool:
    try:
        load_rgb(data)
    except ImageError:
        return False
    return True


@pytest.mark.parametrize("name", SOUND)
def test_sound_ones_are_told_without_decoding_and_never_refused(name: str) -> None:
    data = SOUND[name]
    kind = recognise(data[:512])
    assert whole_size(kind, data) == (None if kind == "GIF" or name == "progressive" else (96, 96))
    assert require_whole(data) == (kind, 96, 96)
    assert sent(data)
    assert shown(data)


@pytest.mark.parametrize("name", ["JPEG", "progressive", "thumbnail", "PNG", "palette", "GIF"])
def test_cut_anywhere_is_never_sent(name: str) -> None:
    data = SOUND[name]
    places = [*range(20, len(data) - 2, len(data) // 40), len(data) - 3]
    assert [place for place in places if whole_size(recognise(data), data[:place])] == []
    for place in places:
        assert sent(data[:place]) == shown(data[:place]), place
    assert not sent(data[: len(data) // 2])


def test_damaged_pixels_of_a_png_are_found() -> None:
    data = bytearray(SOUND["PNG"])
    place = data.index(b"IDAT") + 500
    data[place : place + 40] = bytes(40)
    assert whole_size("PNG", bytes(data)) is None
    assert not sent(bytes(data))
    assert not shown(bytes(data))


def rebuilt(png: bytes, pixels: bytes) -> bytes:
    """The PNG with other compressed data, every checksum right."""
    return png[:33] + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_broken_pixels_behind_right_checksums_are_found() -> None:
    raw = b"".join(b"\0" + bytes([row]) * 96 for row in range(96))
    png = encoded(noise(mode="L"), "PNG")
    sound = zlib.compress(raw)
    assert sent(rebuilt(png, sound))
    assert whole_size("PNG", rebuilt(png, sound)) == (96, 96)
    middle = len(sound) // 2
    broken = {
        "changed": sound[:middle] + bytes([sound[middle] ^ 0xFF]) + sound[middle + 1 :],
        "cut": sound[:middle],
        "no stream": b"x" * 200,
        "too short": zlib.compress(raw[:4000]),
        "too long": zlib.compress(raw + bytes(50_000_000)),
    }
    for name, pixels in broken.items():
        data = rebuilt(png, pixels)
        assert whole_size("PNG", data) is None, name
        assert sent(data) == shown(data), name
    assert not any(sent(rebuilt(png, broken[name])) for name in ("changed", "cut", "no stream"))


def test_a_wrong_checksum_alone_is_settled_by_decoding() -> None:
    data = bytearray(SOUND["PNG"])
    data[-1] ^= 1  # the checksum of the end marker
    assert whole_size("PNG", bytes(data)) is None
    assert sent(bytes(data)) == shown(bytes(data))


@pytest.mark.parametrize("name", ["JPEG", "progressive", "grey", "CMYK", "PNG", "palette", "GIF", "animation"])
def test_bytes_changed_at_random_never_crash_and_both_ways_agree(name: str) -> None:
    chance, data = random.Random(name), SOUND[name]
    for turn in range(80):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 3, 30))):
            changed[chance.randrange(12, len(data) if turn % 2 else 700)] = chance.randrange(256)
        assert sent(bytes(changed)) == shown(bytes(changed))


def test_what_is_whole_but_no_image_to_show() -> None:
    assert whole_size("PNG", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b"")) is None
    with pytest.raises(ImageError, match="pixels"):
        require_whole(png_of(60_000, 60_000))
    for empty in (b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(ImageError):
            require_whole(empty)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1", "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC"),
        (b"II*\0" + bytes(20), "TIFF"),
        (b"MM\0*" + bytes(20), "TIFF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_other_kinds_are_named(start: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=f"its content is {kind}; convert it to PNG or JPEG"):
        require_whole(start)


def test_every_kind_that_pillow_writes_is_recognised() -> None:
    for format in ("TIFF", "JPEG2000", "AVIF"):
        file = io.BytesIO()
        try:
            noise().save(file, format)
        except (KeyError, OSError):
            continue  # this Pillow lacks it
        assert recognise(file.getvalue()[:512]).replace(" ", "") == format
