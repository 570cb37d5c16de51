"""Open images from untrusted files: recognised by their content, within limits, always handed on as plain RGB.

A benchmark's image may be a web page saved as `.jpg`, a cut-off download, a phone's two-frame JPEG or a few
bytes that unpack into gigabytes. Whatever can't be opened safely raises ImageError with the reason.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from foresee.data.image_structure import MAX_PIXELS, whole_size, without_texts
from foresee.errors import UserError, shortage
from foresee.files.untrusted import MAX_IMAGE_BYTES, read_regular

if TYPE_CHECKING:
    import PIL.Image

Format = Literal["JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP"]
"""What may be opened. Pillow knows many more, some of which start other programs (EPS) or are rarely tested."""

FORMATS: tuple[Format, ...] = get_args(Format)
_DECODERS = tuple(name for name in FORMATS if name != "MPO")  # found through JPEG; by itself Pillow does not load it
MAX_FILE_BYTES = MAX_IMAGE_BYTES
_CONVERTIBLE = ("AVIF", "HEIC", "TIFF", "JPEG 2000", "JPEG XL")

_OPENING = threading.Lock()  # warning filters are the whole process's, so two threads must not change them at once


class ImageError(UserError):
    """An image that can't be used, and why."""


class ImageFacts(NamedTuple):
    """What an image is by its content; `width` and `height` in pixels, `mode` as Pillow names it."""

    format: Format
    width: int
    height: int
    mode: str


def recognise(start: bytes) -> str:
    """Recognise a file's format by its first bytes.

    Args:
        start: at least the first 512 bytes, or the whole file if it is shorter.

    Returns:
        A name in FORMATS (an MPO file starts as the JPEG that its first frame is), or else "HTML", "SVG",
        "PDF", "AVIF", "HEIC", "TIFF", "JPEG 2000", "JPEG XL", "Git LFS pointer", "empty" or "unknown".
    """
    if not start:
        return "empty"
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        brands = start[8:64]
        return "AVIF" if b"avi" in brands else "HEIC" if b"hei" in brands or b"mif1" in brands else "unknown"
    text = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if b"<svg" in text:
        return "SVG"
    return "unknown"


_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"%PDF": "PDF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  \r\n": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n": "JPEG XL",
    b"\xff\n": "JPEG XL",
    b"version https://git-lfs": "Git LFS pointer",
}


def is_text_of_image(text: str) -> bool:
    """Whether a text is an image itself, as a data URL or as base64, and not the path of one."""
    return text.startswith("data:") or (len(text) > 60 and text.startswith(_BASE64_STARTS))


def from_text(text: str) -> bytes:
    """Decode a data URL or a base64 text. Raises ImageError: neither, or too many."""
    head, comma, body = text.partition(",") if text.startswith("data:") else ("", ",", text)
    if not comma or (head and not head.lower().endswith(";base64")):
        raise ImageError("expected a data URL with base64")
    if len(body) > MAX_FILE_BYTES * 3 // 2:
        raise ImageError(f"expected at most {MAX_FILE_BYTES:,} bytes")
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except ValueError:  # also letters beyond ASCII
        raise ImageError("not readable as base64") from None


_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "R0lGODlh", "R0lGODdh", "UklGR", "Qk0", "Qk1", "Qk2", "Qk3")
"""How the base64 of a PNG, JPEG, GIF, WebP and BMP begins."""


def inspect_image(path: Path, *, decode: bool = True) -> ImageFacts:
    """Inspect the image in a file.

    Args:
        path: the file.
        decode: also decode every pixel, which finds cut-off and damaged data; else only the header is read.

    Raises:
        ImageError: not an image that can be used, and why. The message names the file.
    """
    return inspect_bytes(_read(path), name=str(path), decode=decode)


def inspect_bytes(data: bytes, *, name: str = "image", decode: bool = True) -> ImageFacts:
    """As `inspect_image`, for bytes; `name` is what error messages call them."""
    with _opened(data, name) as image:
        if decode:
            _decode(image, name)
        return ImageFacts(_format(image), image.width, image.height, image.mode)


class Shape(NamedTuple):
    """What an image is that was found whole; `width` and `height` in pixels."""

    format: Format
    width: int
    height: int


def require_whole(data: bytes, *, name: str = "image") -> Shape:
    """Check that an image is whole, by its structure, or by decoding it where the structure leaves doubt.

    Raises:
        ImageError: not an image that can be used, damaged or cut off, and why.
    """
    mark = hashlib.sha256(data).digest()  # a benchmark asks with one image many times: epochs, texts, attacks
    shape = _WHOLE.get(mark)
    if shape is None:
        shape = _shape_of(data, name)
        if len(_WHOLE) >= _REMEMBERED:
            _WHOLE.clear()
        _WHOLE[mark] = shape
    return shape


_WHOLE: dict[bytes, Shape] = {}  # by the hash of the bytes, so that what has changed is looked at again
_REMEMBERED = 50_000  # images; about 10 MB


def _shape_of(data: bytes, name: str) -> Shape:
    kind = recognise(data[:512])
    size = whole_size(kind, data) if len(data) <= MAX_FILE_BYTES else None
    if size is None:
        facts = inspect_bytes(data, name=name)
        return Shape(facts.format, facts.width, facts.height)
    _refuse_huge(*size, name)
    return Shape(next(known for known in FORMATS if known == kind), *size)


def load_rgb(source: bytes | Path, *, name: str = "image") -> PIL.Image.Image:
    """Load an image as models see it: first frame, upright, 8-bit RGB, transparency over white.

    Args:
        source: the encoded bytes, or their file.
        name: what error messages call bytes.

    Raises:
        ImageError: not an image that can be used, and why.
    """
    from PIL import ImageOps

    data, name = (_read(source), str(source)) if isinstance(source, Path) else (source, name)
    with _opened(data, name) as image:
        _decode(image, name)
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # the pixels are sound; a damaged EXIF block only loses the rotation
            upright = image.copy()
        return _to_rgb(upright)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_FILE_BYTES)
    except OSError as problem:
        if short := shortage(problem):
            raise UserError(str(short)) from None
        raise ImageError(f"{path} can't be read: {problem.strerror or problem}") from None


def _opened(data: bytes, name: str) -> PIL.Image.Image:
    """Open an image: its header read and its size checked, pixels not yet decoded."""
    from PIL import Image as Pillow

    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"{name}: expected an image of at most {MAX_FILE_BYTES:,} bytes, it has {len(data):,}")
    kind = recognise(data[:512])
    if kind not in FORMATS:
        raise ImageError(f"{name}: expected an image ({', '.join(FORMATS)}), {_described(kind)}")
    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit, below, is stricter than the one Pillow warns of
            plain = without_texts(data) if kind == "PNG" else data  # Pillow refuses a PNG for a long text in it
            image = Pillow.open(io.BytesIO(plain), formats=_DECODERS)
    except Pillow.DecompressionBombError as problem:
        raise ImageError(f"{name}: {problem}") from None
    except Exception as problem:  # decoders of hostile files raise anything
        raise ImageError(f"{name}: a damaged {kind} file ({_reason(problem)})") from None
    _refuse_huge(image.width, image.height, name)
    return image


def _refuse_huge(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: expected at most {MAX_PIXELS:,} pixels, it unpacks to {width} x {height}")


def _decode(image: PIL.Image.Image, name: str) -> None:
    try:
        image.seek(0)
        image.load()
    except Exception as problem:  # as above
        raise ImageError(f"{name}: a damaged or cut-off {image.format} file ({_reason(problem)})") from None


def _to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    from PIL import Image as Pillow

    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        sheet = Pillow.new("RGBA", layer.size, "white")
        sheet.alpha_composite(layer)
        image = sheet
    return image.convert("RGB")


def _deep_to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """16-bit greys keep their tones: Pillow's own conversion would clip everything above 255 to white."""
    import numpy as np
    from PIL import Image as Pillow

    tones = np.asarray(image).astype(np.float64)
    scale = 255 / 65535 if tones.max(initial=0) > 255 else 1.0
    return Pillow.fromarray(np.clip(np.rint(tones * scale), 0, 255).astype(np.uint8)).convert("RGB")


def _format(image: PIL.Image.Image) -> Format:
    return next(name for name in FORMATS if name == image.format)


def _described(kind: str) -> str:
    if kind == "empty":
        return "the file is empty"
    if kind == "unknown":
        return "its content is of no kind known here"
    advice = "; convert it to PNG or JPEG" if kind in _CONVERTIBLE else ""
    return f"its content is {kind}{advice}"


def _reason(problem: Exception) -> str:
    return " ".join(str(problem).split())[:120] or type(problem).__name__
