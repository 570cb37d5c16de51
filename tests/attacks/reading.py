"""Read what an attack has drawn, letter by letter, from its pixels alone: no knowledge of the text goes in."""

from __future__ import annotations

import string

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont

from foresee.data.typesetting import font

LETTERS = " " + string.ascii_lowercase + string.ascii_uppercase + string.digits + ".,?!'+/="
Pixels = NDArray[np.uint8]


def read(raster: Image.Image, sizes: tuple[int, ...] = (72, 65, 60, 54, 58), margin: int = 24) -> list[str]:
    """Return the lines of a page of black letters on white, of the first of these sizes in which it can be read."""
    for size in sizes:
        lines = _lines(raster, font("", size), margin)
        if lines is not None:
            return lines
    raise AssertionError("no size fits what was drawn")


def _lines(raster: Image.Image, letters: FreeTypeFont, margin: int) -> list[str] | None:
    step, found = round(letters.size * 1.2), []
    page: Pixels = np.asarray(raster.convert("L"))
    top = margin
    while top + step <= raster.height and (page[top : top + step, margin:] < 128).any():
        line = _line(page[top : top + step, margin:], letters)
        if line is None:
            return None
        found.append(line)
        top += step
    return found


def _line(strip: Pixels, letters: FreeTypeFont) -> str | None:
    """Grow the text letter by letter, keeping every beginning that looks like the strip as far as it goes."""
    right = int(np.flatnonzero((strip < 128).any(axis=0))[-1]) + 1
    open_: list[str] = [""]
    for _ in range(200):
        grown = [text + letter for text in open_ for letter in LETTERS if _fits(strip, text + letter, letters)]
        for text in grown:
            if not text.endswith(" ") and _same(_drawn(text, letters, strip.shape), strip):
                return text
        open_ = [text for text in grown if letters.getlength(text) < right + letters.size]
        if not open_:
            return None
    return None


def _fits(strip: Pixels, text: str, letters: FreeTypeFont) -> bool:
    sure = max(0, int(letters.getlength(text)) - 4)  # the next letter may reach into the last columns
    new = max(0, int(letters.getlength(text[:-1])) - 8)  # what stands before was found to be the same
    there = strip[:, new:sure]
    return _same(_drawn(text, letters, there.shape, new), there)


def _drawn(text: str, letters: FreeTypeFont, shape: tuple[int, ...], left: int = 0) -> Pixels:
    """Draw so much of a text as is seen from that column on."""
    raster = Image.new("L", (shape[1], shape[0]), 255)
    ImageDraw.Draw(raster).text((-left, 0), text, fill=0, font=letters)
    return np.asarray(raster)


def _same(a: Pixels, b: Pixels) -> bool:
    return bool(np.array_equal(a < 128, b < 128))
