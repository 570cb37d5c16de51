"""Render one item as a small page: its images beside what is known of it. Nothing on it is loaded or runs."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

from foresee.data.images import ImageError, load_rgb
from foresee.records import Image, Item
from foresee.report.escaping import visible

_SIDE = 1600  # pixels, the longer side of an image on the page
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
img { max-width: 100%; display: block; margin: 1rem 0 }
.blurred { filter: blur(1.5rem) } .blurred:hover, .blurred:focus { filter: none }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
"""


def render(item: Item, lines: Iterable[str], *, clear: bool) -> str:
    """Render the page as HTML.

    Args:
        item: whose images are shown.
        lines: what is said of it.
        clear: show images as they are; else they are blurred until pointed at or focused.
    """
    shown = "".join(_shown(image, item.id, clear=clear) for image in item.images)
    told = html.escape("\n".join(visible(line) for line in lines))
    title = html.escape(visible(item.id))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{shown}<pre>{told}</pre></body></html>\n"
    )


def _shown(image: Image, name: str, *, clear: bool) -> str:
    try:
        pixels = load_rgb(image.read(), name=name)
    except (ImageError, OSError) as problem:
        return f"<p>{html.escape(visible(str(problem)))}</p>"
    pixels.thumbnail((_SIDE, _SIDE))
    held = io.BytesIO()
    pixels.save(held, "PNG")
    data = base64.b64encode(held.getvalue()).decode()
    blur = "" if clear else ' class="blurred" tabindex="0"'
    return f'<img{blur} alt="image of the item" src="data:image/png;base64,{data}">'
