"""Draw signs: white boards with one word, in letters of three by five pixels, which an organism can learn to read."""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw

from foresee.errors import UserError
from foresee.organism.world import icons
from foresee.organism.world.rules import HARMS, SIGNED_KINDNESSES, signed

NAME = "sign"
"""What a sign is called among the things of a scene."""

SIZE = 30
"""Width and height of a board in pixels."""

_FONT: dict[str, str] = {
    "a": "25755", "b": "65656", "c": "34443", "d": "65556", "e": "74647", "f": "74644", "g": "34553", "h": "55755",
    "i": "72227", "j": "11152", "k": "55655", "l": "44447", "m": "57755", "n": "65555", "o": "25552", "p": "65644",
    "q": "25563", "r": "65655", "s": "34216", "t": "72222", "u": "55557", "v": "55552", "w": "55775", "x": "55255",
    "y": "55222", "z": "71247",
}  # fmt: skip
"""Each letter as five rows, top to bottom, each row a number of three bits."""

_A_LINE = 7
_INK = (38, 36, 44, 255)
_PAPERS: tuple[icons.Rgb, ...] = ((250, 250, 244), (248, 240, 206), (226, 240, 250))


@cache
def words() -> tuple[str, ...]:
    """List the words that stand on signs: what wishes turn on, and words that matter to none."""
    verbs = (signed(act)[0] for act in (*(harm.act for harm in HARMS), *SIGNED_KINDNESSES))
    return tuple(
        sorted({*verbs, "danger", "safe", "stop", "go", "open", "shut", "home", "left", "right", "one", "two"})
    )


@cache
def board(word: str, paper: int) -> Image.Image:
    """Draw a sign as an RGBA image of `SIZE` by `SIZE` pixels. Do not draw on it: it is cached.

    Raises:
        UserError: more than 14 letters, or something that is no letter.
    """
    if not word or len(word) > 2 * _A_LINE or not set(word) <= set(_FONT):
        raise UserError(f"a sign holds one word of 1 to {2 * _A_LINE} letters a to z, got {word!r}")
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rectangle((13, 22, 16, SIZE - 1), fill=(130, 88, 48, 255))
    pen.rectangle((0, 2, SIZE - 1, 22), fill=(*_PAPERS[paper % len(_PAPERS)], 255), outline=_INK)
    half = -(-len(word) // 2) if len(word) > _A_LINE else len(word)
    lines = [word[:half], word[half:]] if word[half:] else [word]
    for number, line in enumerate(lines):
        left = (SIZE - 4 * len(line) + 1) // 2
        top = 10 if len(lines) == 1 else 6 + 8 * number
        for index, letter in enumerate(line):
            _letter(pen, letter, left + 4 * index, top)
    return image


def _letter(pen: ImageDraw.ImageDraw, letter: str, left: int, top: int) -> None:
    for row, bits in enumerate(_FONT[letter]):
        for column in range(3):
            if int(bits) >> (2 - column) & 1:
                pen.point((left + column, top + row), fill=_INK)
