"""Hold rows out of a training, so that the loss on them can be measured.

Rows that share an image, a pair (`facts.twin_of`) or, without images, the request, are held out together: a model that
was trained on one of them has seen the others.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from foresee.dataset_format import image_path
from foresee.dataset_format.writing import file_hash
from foresee.errors import UserError
from foresee.training._common.rows import Rows


def split(rows: Rows, share: float) -> tuple[Rows, Rows]:
    """Split rows into those to train on and about `share` of them to hold out, drawn at random, the same each time.

    The draw depends on nothing but the rows, so that trainings with several seeds are measured on the same ones.

    Raises:
        UserError: all rows belong together.
    """
    groups = _groups([*_contents(rows, index), _pair(rows, index)] for index in range(len(rows)))
    if len(groups) < 2:
        raise UserError(
            f"eval_split: all {len(rows)} rows of {rows.folder} share an image, a request or a pair, so none can be "
            "held out; give a folder of other rows (eval_data=FOLDER)"
        )
    random.Random("eval_split").shuffle(groups)
    wanted = max(1, round(share * len(rows)))
    held_out: set[int] = set()
    for group in groups:
        if len(held_out) + len(group) <= wanted:
            held_out |= group
    held_out = held_out or min(groups, key=len)
    return rows.select(i for i in range(len(rows)) if i not in held_out), rows.select(sorted(held_out))


def without(rows: Rows, held_out: Rows) -> Rows:
    """Leave out the rows that show an image, or without images make a request, of a held-out row.

    Raises:
        UserError: none is left.
    """
    shown = {content for index in range(len(held_out)) for content in _contents(held_out, index)}
    kept = rows.select(index for index in range(len(rows)) if shown.isdisjoint(_contents(rows, index)))
    if not len(kept):
        raise UserError(f"every row of {rows.folder} is in the held-out rows too: nothing is left to train on")
    return kept


def _contents(rows: Rows, index: int) -> list[str]:
    """Name what a row shows by its content: its images, or its request where it has none."""
    row = rows.rows[index]
    if row.images:
        return [file_hash(image_path(rows.folder, name)) for name in row.images]
    return ["request " + " ".join(row.request.split())]


def _pair(rows: Rows, index: int) -> str:
    row = rows.rows[index]
    return f"row {row.facts.get('twin_of') or row.id}"


def _groups(names: Iterable[list[str]]) -> list[set[int]]:
    """Group the places of rows that share a name, directly or through others; in the order of their first rows."""
    group_of: dict[str, int] = {}
    groups: dict[int, set[int]] = {}
    members: dict[int, set[str]] = {}
    for place, shared in enumerate(names):
        joined = {group_of[name] for name in shared if name in group_of}
        first = min(joined, default=place)
        groups.setdefault(first, set()).add(place)
        members.setdefault(first, set()).update(shared)
        for other in joined - {first}:
            groups[first] |= groups.pop(other)
            members[first] |= members.pop(other)
        group_of |= dict.fromkeys(members[first] if len(joined) > 1 else shared, first)
    return list(groups.values())
