"""Draw a contact sheet: the images of many items side by side with their ids and requests."""

from __future__ import annotations

import io
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from foresee.data.images import ImageError, load_rgb
from foresee.errors import UserError
from foresee.records import Item

if TYPE_CHECKING:
    import PIL.Image

_TILE = 300  # pixels
_GAP = 10
_CAPTION = 58
MOST = 200  # items on one sheet: about 20 million pixels


def png(items: Sequence[Item], *, columns: int = 4, clear: bool = False) -> bytes:
    """Draw the first image of each item, with its id and the beginning of its request, as a PNG file.

    Args:
        items: what to show, in this order; one without an image gets an empty tile.
        columns: tiles side by side.
        clear: show images as they are; else they are blurred, as images of published sets may be hard to look at.

    Raises:
        UserError: nothing to show, or more than MOST items.
    """
    from PIL import Image

    if not items:
        raise UserError("nothing to show: no item fits these options")
    if len(items) > MOST:
        raise UserError(
            f"expected at most {MOST} items for one sheet, got {len(items)}; choose fewer with --limit or -T"
        )
    rows = -(-len(items) // columns)
    across, down = _TILE + _GAP, _TILE + _CAPTION + _GAP
    sheet = Image.new("RGB", (min(columns, len(items)) * across + _GAP, rows * down + _GAP), "white")
    for place, item in enumerate(items):
        left, top = _GAP + place % columns * across, _GAP + place // columns * down
        sheet.paste(_tile(item, clear=clear), (left, top))
        _caption(sheet, item, left, top + _TILE + 4)
    held = io.BytesIO()
    sheet.save(held, "PNG")
    return held.getvalue()


def _tile(item: Item, *, clear: bool) -> PIL.Image.Image:
    from PIL import Image, ImageFilter, ImageOps

    blank = Image.new("RGB", (_TILE, _TILE), (232, 232, 228))
    if not item.images:
        return blank
    try:
        image = load_rgb(item.images[0].read(), name=item.id)
    except (ImageError, OSError):
        return blank
    small = ImageOps.contain(image, (_TILE, _TILE))
    if not clear:
        small = small.filter(ImageFilter.GaussianBlur(_TILE / 18))
    blank.paste(small, ((_TILE - small.width) // 2, (_TILE - small.height) // 2))
    return blank


def _caption(sheet: PIL.Image.Image, item: Item, x: int, y: int) -> None:
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(sheet)
    what = f"{item.id}  [{item.subset}]" if item.subset else item.id
    draw.text((x, y), what[:42], fill=(20, 20, 30), font=ImageFont.load_default(14))
    request = "\n".join(wrap(" ".join(item.prompt[:1000].split()), 46)[:2])
    draw.text((x, y + 18), request, fill=(70, 70, 80), font=ImageFont.load_default(12))
