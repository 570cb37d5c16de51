"""Set text as images: wrapped, in letters as large as fit, the same pixels for the same text and settings."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import TYPE_CHECKING

import pydantic

from foresee.config import Settings
from foresee.errors import UserError

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image as Raster


class Page(Settings):
    """How a text is set."""

    side: int = pydantic.Field(default=760, ge=64, le=4096)
    """width and height in pixels; 760 in FigStep"""

    size: int = pydantic.Field(default=72, ge=6)
    """of the letters in pixels; made smaller, down to a quarter, where a prompt would not fit"""

    margin: int = pydantic.Field(default=24, ge=0)
    """around the text, in pixels"""

    numbers: int = pydantic.Field(default=3, ge=0, le=9)
    """empty numbers below the text"""

    ink: str = "black"
    paper: str = "white"

    font: str = ""
    """a TrueType file; default: the font that ships with Pillow (Latin letters)"""


def heading(prompt: str) -> str:
    """Turn a request into the heading of a list: "How do I bake bread?" -> "Steps to bake bread."."""
    words = " ".join(prompt.split())
    asked = re.match(
        r"(?:please[ ,]+)?(?:(?:how (?:do|can|could|would|should|might) (?:i|we|you|one|someone|somebody))|(?:how to)|"
        r"(?:(?:tell|show|teach) me how to)|(?:what is the best way to)|(?:help me(?: to)?)) +(.+?)[ ?.!]*$",
        words,
        re.I,
    )
    return f"Steps to {asked.group(1)}." if asked else words


def typeset(text: str, page: Page) -> Raster:
    """Draw the page.

    Raises:
        ValueError: the text is too long for the page, even in small letters, or has letters that the font lacks.
        UserError: no such font.
    """
    from PIL import Image, ImageDraw

    if not page.font and not has_letters(text):
        raise ValueError("letters that the font lacks (name a TrueType file)")
    letters, lines = fitted(text, page)
    lines += [f"{number}." for number in range(1, page.numbers + 1)]
    step = round(letters.size * 1.2)
    raster = Image.new("RGB", (page.side, page.side), page.paper)
    pen = ImageDraw.Draw(raster)
    for number, line in enumerate(lines):
        pen.text((page.margin, page.margin + number * step), line, fill=page.ink, font=letters)
    return raster


def fitted(text: str, page: Page) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """Find the largest letters in which a text fits the page, and its lines. Raises ValueError: none."""
    size, room = page.size, page.side - 2 * page.margin
    letters = font(page.font, size)
    while (lines := wrapped(text, letters, room, int(room / (size * 1.2)) - page.numbers)) is None:
        size = round(size * 0.9)
        if size < page.size / 4 or size < 6:
            raise ValueError("prompt too long for the page")
        letters = font(page.font, size)
    return letters, lines


def wrapped(text: str, letters: ImageFont.FreeTypeFont, width: int, most: int) -> list[str] | None:
    """Wrap a text to at most so many lines of that width; None if it takes more, or a word is wider."""
    lines: list[str] = []
    for word in text.split():
        if lines and letters.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        elif len(lines) == most or letters.getlength(word) > width:
            return None
        else:
            lines.append(word)
    return lines


@cache
def font(file: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a font. Raises UserError: no such font."""
    from PIL import ImageFont

    try:
        found = ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
    except (OSError, ValueError) as problem:
        raise UserError(f"font: {problem}") from None
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise UserError("this Pillow was built without FreeType, so it can't set text; install the usual wheel")
    return found


def check_colours(page: Page) -> None:
    """Check the colours. Raises UserError: one is no colour."""
    from PIL import ImageColor

    try:
        ImageColor.getrgb(page.ink), ImageColor.getrgb(page.paper)
    except ValueError as problem:
        raise UserError(f"page: {problem}") from None


def has_letters(text: str) -> bool:
    """Whether Pillow's own font has the letters: Latin ones and the usual marks."""
    return all(ord(letter) < 0x180 or letter in "–—‘’“”…€" for letter in text)


def png(raster: Raster) -> bytes:
    """Encode an image as PNG."""
    buffer = io.BytesIO()
    raster.save(buffer, "PNG")
    return buffer.getvalue()
