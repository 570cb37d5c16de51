"""The generator of the world's icons makes the sheets that the package ships."""

from __future__ import annotations

import numpy as np
import PIL
import pytest
from PIL import Image

from foresee.organism.world import icons
from tools.world_icons.sheets import DRAWINGS, PILLOW, sheet

SAME_PILLOW = PIL.__version__ == PILLOW


def test_every_icon_has_its_drawing() -> None:
    assert tuple(sorted(DRAWINGS)) == icons.NAMES
    assert {path.name for path in icons.SHEETS.iterdir()} == {f"{size}.png" for size in icons.ANGLES}


@pytest.mark.parametrize("size", icons.ANGLES)
def test_the_generator_makes_what_is_shipped(size: int) -> None:
    """Pixel for pixel with the Pillow that drew them; another may smooth an edge in its own way."""
    with Image.open(icons.SHEETS / f"{size}.png") as image:
        shipped = np.asarray(image, dtype=float)
    assert abs(np.asarray(sheet(size), dtype=float) - shipped).mean() <= (0 if SAME_PILLOW else 0.5)


def test_a_mirrored_sprite_is_mirrored_before_it_is_turned() -> None:
    mirrored = icons.sprite("key", mirrored=True, angle=8)
    assert mirrored.transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes() == icons.sprite("key", angle=-8).tobytes()
