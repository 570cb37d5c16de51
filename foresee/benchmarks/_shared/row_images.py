"""Finds the images that a row of the user's own file names or holds."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from foresee.benchmarks._shared.images import NamedImage, from_base64, from_cell, opened
from foresee.data.images import is_text_of_image
from foresee.data.tables import Line, is_missing, list_in_cell
from foresee.errors import UserError
from foresee.files.untrusted import leads_out


def images_of_row(line: Line, folder: Path, *, follow_links: bool = False) -> list[NamedImage]:
    """Open the images of a row's `image` or `images` column, in order; one that can't be used says why.

    Args:
        line: the row. A cell holds a path below `folder`, base64, a data URL, or what `datasets` stores, or a list of
            these; in CSV also a list written as text.
        folder: the file's folder.
        follow_links: also open images that links lead to outside the folder.

    Raises:
        UserError: both columns hold images, a path or link leads out of the folder, or a cell is none of these.
    """
    columns = [_cells(line.values.get(key)) for key in ("images", "image")]
    filled = [cells for cells in columns if any(map(_holds_image, cells))]
    if len(filled) > 1:
        raise UserError(f"{line.where}: expected image or images, got both; leave one of them empty")
    cells = filled[0] if filled else columns[0] or columns[1]
    return [
        _image(cell, f"{line.where}, image {place}", line, folder, follow_links=follow_links)
        for place, cell in enumerate(cells, 1)
    ]


def _cells(value: Any) -> list[Any]:
    """List the images of a column, without gaps; a list may be written into a cell of CSV."""
    listed = list_in_cell(value)
    cells = listed if isinstance(listed, list) else [listed]
    return [each for each in cells if not is_missing(each) and not (isinstance(each, str) and not each.strip())]


def _holds_image(cell: Any) -> bool:
    return bool(cell.get("bytes") or cell.get("path")) if isinstance(cell, Mapping) else True


def _image(cell: Any, place: str, line: Line, folder: Path, *, follow_links: bool) -> NamedImage:
    """Open the image of a cell. Raises UserError: a path out of the file's folder, or something that names no image."""
    if not isinstance(cell, str | bytes | Mapping):
        raise UserError(f"{line.where}: expected the path of an image, got a {type(cell).__name__}")
    name = cell.get("path") if isinstance(cell, Mapping) and not cell.get("bytes") else cell
    if not isinstance(name, str) or not name:
        return from_cell(cell, place)
    if is_text_of_image(name):
        return from_base64(name, place)
    if name.startswith(("http://", "https://")):
        return NamedImage(_short(name), None, "an address: images are not downloaded; save it and give its path")
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or Path(name).is_absolute():
        raise UserError(f"{line.where}: expected an image below {folder}, got the path {name[:80]!r}")
    if not follow_links:
        _refuse_links_out(folder / pure, folder, line)
    return opened(folder / pure, _short(name))


def _refuse_links_out(path: Path, folder: Path, line: Line) -> None:
    """Check that an image lies below its folder. Raises UserError: a link leads elsewhere, to a file of the user's."""
    try:
        out = leads_out(path, folder)
    except OSError:
        return  # no such file, which opening it tells
    if out:
        raise UserError(
            f"{line.where}: expected an image below {folder}, {str(path)[-80:]!r} leads to {path.resolve()} by a link; "
            "if that is meant, -T follow_links=true allows it"
        )


def _short(name: str) -> str:
    """Shorten a name so that it fits a message and a table."""
    if len(name) <= 200:
        return name
    return f"{name[:60]}… ({len(name):,} characters, {sha256(name.encode()).hexdigest()[:8]})"
