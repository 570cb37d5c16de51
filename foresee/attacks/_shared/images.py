"""Open an item's images, and find or draw harmless ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from foresee.errors import UserError
from foresee.records import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def opened(image: Image) -> Raster:
    """Decode an image as RGB. Raises OSError or ImageError: it is gone, or no image that may be opened."""
    from foresee.data.images import load_rgb

    return load_rgb(image.read())


def picked(folder: Path, random: Random) -> Raster:
    """One of the images in a folder. Raises UserError: there are none."""
    return opened(Image.from_path(random.choice(_listed(folder))))


@cache
def _listed(folder: Path) -> tuple[Path, ...]:
    found = tuple(sorted(path for path in folder.glob("*") if path.suffix.lower() in _ENDINGS and path.is_file()))
    if not found:
        raise UserError(f"expected a folder of images ({', '.join(_ENDINGS)}), found none in {folder}")
    return found


def harmless_scene(random: Random, side: int = 384) -> Raster:
    """Draw a meadow with a sun, a house and trees, in colours and places of chance."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    raster = Pillow.new("RGB", (side, side), (random.randint(130, 190), random.randint(190, 230), 255))
    pen = ImageDraw.Draw(raster)
    ground = round(side * random.uniform(0.55, 0.75))
    pen.rectangle((0, ground, side, side), fill=(random.randint(60, 120), random.randint(150, 200), 80))
    x, size = random.randint(0, side * 3 // 4), side // 6
    pen.ellipse((x, size // 3, x + size, size // 3 + size), fill=(255, 225, 90))
    x, size = random.randint(size, side - 3 * size), side // 4
    wall = (random.randint(150, 255), random.randint(120, 220), random.randint(100, 200))
    pen.rectangle((x, ground - size, x + size, ground + size // 4), fill=wall)
    roof = ((x - 12, ground - size), (x + size // 2, ground - size * 3 // 2), (x + size + 12, ground - size))
    pen.polygon(roof, fill=(150, 60, 50))
    for _ in range(random.randint(2, 4)):
        x, high = random.randint(0, side), random.randint(side // 8, side // 4)
        pen.rectangle((x - 5, ground - high // 2, x + 5, ground + high // 4), fill=(110, 75, 45))
        pen.ellipse((x - high // 2, ground - high, x + high // 2, ground), fill=(50, random.randint(110, 150), 60))
    return raster
