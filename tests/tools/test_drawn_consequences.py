"""The generator of drawn_consequences makes the images that the package ships."""

from __future__ import annotations

import io

import numpy as np
import PIL
import pytest
from PIL import Image

from foresee.benchmarks import drawn_consequences
from tools.drawn_consequences.draw import PILLOW, Drawing, drawings

SAME_PILLOW = PIL.__version__ == PILLOW


def test_each_item_has_its_drawing() -> None:
    assert [drawing.id for drawing in drawings()] == [
        item.id for item in drawn_consequences.items(None, drawn_consequences.Options())
    ]
    assert {path.stem for path in drawn_consequences.IMAGES.iterdir()} == {drawing.id for drawing in drawings()}


@pytest.mark.parametrize("drawing", drawings(), ids=[drawing.id for drawing in drawings()])
def test_the_generator_makes_what_is_shipped(drawing: Drawing) -> None:
    """Byte for byte with the Pillow that drew them; another may pack bytes, or smooth an edge, in its own way."""
    shipped, made = (drawn_consequences.IMAGES / f"{drawing.id}.png").read_bytes(), drawing.png()
    if SAME_PILLOW:
        assert made == shipped
    else:
        one, other = (np.asarray(Image.open(io.BytesIO(data)), dtype=float) for data in (shipped, made))
        assert abs(one - other).mean() < 0.5
