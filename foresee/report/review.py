"""Render the page on which a person reviews a data set: one row at a time, keep, fix or drop, by keyboard.

One self-contained HTML file for each few hundred rows: no network, nothing from the data that could run. Decisions are
kept by the browser while the person works and saved as JSON, which `foresee.curation.review` applies.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from foresee import manifest
from foresee.curation.review import FOLDER, FORMAT, fingerprint
from foresee.data.images import ImageError
from foresee.dataset_format import ROWS, DataRow, file_hash, image_path, read
from foresee.errors import UserError
from foresee.records import Image
from foresee.report.assets import rendered
from foresee.report.escaping import label, script_json, shown
from foresee.report.thumbnails import URI_START, thumbnail

ROWS_A_PAGE = 400
_LONGEST = 20_000  # characters of a text that a page shows; longer ones can be kept or dropped, not fixed
_SIDE = 640
_PARTS = ("completion", "chosen", "rejected")


class Pages(NamedTuple):
    """The files written, in order, and how many rows they show."""

    paths: tuple[Path, ...]
    rows: int


def write_pages(
    folder: Path, *, sample: int | None = None, seed: int = 0, page_rows: int = ROWS_A_PAGE, again: bool = False
) -> Pages:
    """Write `review/page-1.html` and so on into a data set folder.

    Args:
        folder: the data set.
        sample: so many rows, drawn by the seed; None for all.
        seed: of the sample.
        page_rows: rows of one page.
        again: also those rows that a person has decided on already.

    Raises:
        UserError: not a data set folder, rows that do not fit, nothing left to review, or a disk that refuses it.
    """
    record = manifest.read(folder, "data set") if (folder / manifest.FILE).is_file() else {}
    title = label(record.get("title") or "A data set", 160).rstrip(".")
    total = sum(1 for _ in read(folder))
    chosen = None if sample is None else set(random.Random(seed).sample(range(total), min(sample, total)))
    rows = (row for number, row in enumerate(read(folder)) if chosen is None or number in chosen)
    known = frozenset() if again else frozenset(record.get("review", {}).get("seen", ()))
    rows = (row for row in rows if row.id not in known)
    digest = file_hash(folder / ROWS)
    paths = []
    count = 0
    for number, group in enumerate(_groups(rows, page_rows), 1):
        path = folder / FOLDER / f"page-{number}.html"
        manifest.write_atomically(path, _page(folder, title, digest, number, group, total))
        paths.append(path)
        count += len(group)
    if not paths:
        raise UserError(f"{folder} holds no rows to review")
    for path in folder.joinpath(FOLDER).glob("page-*.html"):
        if path not in paths:  # of an earlier, longer review
            path.unlink()
    return Pages(tuple(paths), count)


def _page(folder: Path, title: str, digest: str, number: int, rows: Sequence[DataRow], total: int) -> str:
    images: dict[str, str | None] = {}
    entries = [_entry(folder, row, images) for row in rows]
    known = {"review": FORMAT, "dataSet": digest, "page": number, "name": folder.resolve().name, "start": URI_START}
    return rendered(
        "review.html.jinja",
        "review.css",
        "review.js",
        title=title,
        name=label(known["name"]),
        number=number,
        count=len(rows),
        total=total,
        data=Markup(script_json({**known, "rows": entries, "pictures": images})),  # noqa: S704 - script_json escapes
    )


def _entry(folder: Path, row: DataRow, images: dict[str, str | None]) -> dict[str, Any]:
    """Encode a row for the script: texts as they are (an edit must not change anything else), the rest made fit."""
    for name in row.images:
        if name not in images:
            images[name] = _image(folder, name)
    earlier = [{"role": turn.role, "text": shown(turn.content, _LONGEST).text} for turn in row.prompt[:-1]]
    texts = {"request": row.request}
    texts |= {part: turns[0].content for part in _PARTS if (turns := getattr(row, part))}
    facts = [[label(key, 60), _fact(value)] for key, value in row.facts.items()]
    fields = ("subset", "category", "expected", "source", "licence", "split")
    return {
        "id": row.id,
        "shown": label(row.id, 120),
        "row": fingerprint(row),
        "images": list(row.images),
        "earlier": earlier,
        "texts": texts,
        "editable": all(len(text) <= _LONGEST for text in texts.values()),
        "facts": facts,
        "fields": [[name, label(value, 200)] for name in fields if (value := getattr(row, name))],
    }


def _fact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown(text, 2000).text


def _image(folder: Path, name: str) -> str | None:
    try:
        return thumbnail(Image.from_path(image_path(folder, name)), _SIDE).uri
    except (ImageError, UserError, OSError):
        return None


def _groups(rows: Iterable[DataRow], size: int) -> Iterator[list[DataRow]]:
    stream = iter(rows)
    while group := list(islice(stream, size)):
        yield group
