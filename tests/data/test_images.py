"""Pictures from untrusted files: what is opened, how it looks afterwards, what is refused and why."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest

from foresee.data import images
from foresee.data.images import ImageError, inspect_bytes, inspect_image, load_rgb, recognise


def encoded(picture: PIL.Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def pixel(picture: PIL.Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    value = picture.getpixel(at)
    assert isinstance(value, tuple)
    return value


def two_halves(mode: str = "RGB") -> PIL.Image.Image:
    """Red on the left, blue on the right; 40 x 20."""
    picture = PIL.Image.new("RGB", (40, 20), (255, 0, 0))
    picture.paste((0, 0, 255), (20, 0, 40, 20))
    return picture.convert(mode)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int) -> bytes:
    """A valid PNG header that promises so many pixels, with a few bytes of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_formats_are_recognised_by_content_whatever_the_ending(format: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(two_halves(), format))
    facts = inspect_image(path)
    assert (facts.format, facts.width, facts.height) == (format, 40, 20)
    assert recognise(path.read_bytes()[:512]) == format
    rgb = load_rgb(path)
    assert rgb.mode == "RGB"
    left, right = pixel(rgb, (3, 10)), pixel(rgb, (36, 10))
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


def test_a_png_opens_before_any_jpeg_was_opened() -> None:
    # Pillow loads its MPO reader with the first JPEG only; asking for it by name fails until then.
    import subprocess
    import sys

    script = "import sys, foresee.data.images as i; print(i.inspect_bytes(sys.stdin.buffer.read()).format)"
    done = subprocess.run([sys.executable, "-c", script], input=encoded(two_halves(), "PNG"), capture_output=True)
    assert done.stdout.decode().strip() == "PNG", done.stderr.decode()


def test_a_two_frame_jpeg_gives_its_first_frame() -> None:
    data = encoded(two_halves(), "MPO", save_all=True, append_images=[PIL.Image.new("RGB", (40, 20), "green")])
    assert inspect_bytes(data).format == "MPO"
    assert pixel(load_rgb(data), (3, 10))[0] > 200


def test_an_animation_gives_its_first_frame() -> None:
    data = encoded(two_halves(), "GIF", save_all=True, append_images=[PIL.Image.new("RGB", (40, 20), "green")])
    assert load_rgb(data).getpixel((3, 10)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["P", "L", "1", "CMYK", "LA", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    picture = load_rgb(encoded(two_halves(mode), format))
    assert (picture.mode, picture.size) == ("RGB", (40, 20))


def test_a_palette_keeps_its_colours() -> None:
    data = encoded(two_halves("P"), "PNG")
    assert inspect_bytes(data).mode == "P"
    assert load_rgb(data).getpixel((36, 10)) == (0, 0, 255)


def test_transparency_lies_over_white() -> None:
    clear = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert load_rgb(encoded(clear, "PNG")).getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bit_greys_keep_their_tones() -> None:
    deep = PIL.Image.new("I;16", (4, 4), 32768)
    assert load_rgb(encoded(deep, "PNG")).getpixel((0, 0)) == (128, 128, 128)


def test_a_rotated_photograph_is_upright() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    picture = load_rgb(encoded(two_halves(), "JPEG", exif=exif))
    assert picture.size == (20, 40)
    assert pixel(picture, (10, 3))[0] > 200  # left became top


REFUSED = {
    b"": "the file is empty",
    b"<!DOCTYPE html><html><body>404</body></html>": "its content is HTML",
    b"\xef\xbb\xbf \n<html>": "its content is HTML",
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>': "its content is SVG",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "its content is Git LFS pointer",
    b"%PDF-1.7": "its content is PDF",
    b"%!PS-Adobe-3.0 EPSF-3.0\n": "of no kind known here",
    b"\x89PNG\r\n\x1a\n": "damaged PNG",
    b"\xff\xd8\xff\xe0garbage": "damaged JPEG",
    b"GIF89a": "damaged GIF",
    b"RIFF\x10\0\0\0WEBPVP8 ": "damaged WEBP",
}


@pytest.mark.parametrize(("content", "why"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_picture_says_what_it_is(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "7.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=why) as caught:
        inspect_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_picture_is_refused(format: str) -> None:
    noise = PIL.Image.effect_noise((200, 200), 90).convert("RGB")
    data = encoded(noise, format)
    with pytest.raises(ImageError, match="damaged"):
        inspect_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="damaged"):
        load_rgb(data[: len(data) // 2])


def test_a_header_is_enough_where_pixels_are_not_asked_for() -> None:
    data = encoded(PIL.Image.effect_noise((200, 200), 90).convert("RGB"), "JPEG")
    assert inspect_bytes(data[: len(data) // 2], decode=False).width == 200


@pytest.mark.parametrize("size", [(8000, 8000), (60_000, 60_000)])
def test_a_picture_that_unpacks_to_too_much_is_refused_unopened(size: tuple[int, int]) -> None:
    data = png_of(*size)
    assert len(data) < 300
    with pytest.raises(ImageError, match="pixels"):
        load_rgb(data, name="bomb.png")


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    path = tmp_path / "big.png"
    path.write_bytes(encoded(two_halves(), "BMP"))
    with pytest.raises(ImageError, match="at most 100 bytes"):
        inspect_image(path)
    with pytest.raises(ImageError, match="at most 100 bytes"):
        inspect_bytes(path.read_bytes())


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        load_rgb(tmp_path / "none.png")
