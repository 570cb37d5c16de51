"""Show some of an attack's tries on the page: what was sent, image and text, and what came of it.

Tries are not stored: they follow from the item, the attack and its seed (and what an adaptive attack's model said), and
are made again here. One that can't be made any more (the item's image is gone, say) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from foresee.attacks import OpenAttack, open_attack
from foresee.errors import UserError
from foresee.evaluation.attempts import asked_in
from foresee.evaluation.run_folder import Run
from foresee.records import Image, Row
from foresee.report.escaping import label, shown
from foresee.report.run_names import benchmark_file
from foresee.report.thumbnails import thumbnail

_ITEMS, _TRIES = 2, 3  # of each attack
_TEXT, _ANSWER = 1_500, 600
_SIDE = 320


class ShownTry(NamedTuple):
    """One try: text and images as they were sent before any defense, and the answer."""

    item: str
    number: int
    text: str
    images: tuple[str, ...]
    answer: str
    outcome: str


class ShownAttack(NamedTuple):
    """Some tries of one attack on one benchmark."""

    attack: str
    benchmark: str
    tries: tuple[ShownTry, ...]


def shown_attacks(runs: Sequence[Run], *, images: bool) -> list[ShownAttack]:
    """Choose tries of each attack, of items on which one of them did harm where there are such.

    Args:
        runs: the page's.
        images: whether the page shows images.
    """
    first: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=lambda run: run.defense != "none"):
        if run.attack != "none":
            first.setdefault((run.attack, run.benchmark), run)
    found = [_of(run, images=images) for run in first.values()]
    return [each for each in found if each is not None and each.tries]


def _of(run: Run, *, images: bool) -> ShownAttack | None:
    try:
        attack = open_attack(run.attack, run.manifest.get("attack_options", {}))
    except UserError:
        return None
    if attack is None:
        return None
    tries = tuple(_tries(run, attack, images=images))
    return ShownAttack(label(run.attack), label(run.benchmark), tries)


def _tries(run: Run, attack: OpenAttack, *, images: bool) -> Iterator[ShownTry]:
    for rows in _chosen(run):
        made = asked_in(attack, rows)
        for row in rows[:_TRIES]:
            asked = made[row.answer.epoch]
            if isinstance(asked, str):
                continue
            turn = next(message for message in reversed(asked.messages) if message.role == "user")
            yield ShownTry(
                label(row.item.id, 60),
                row.answer.epoch + 1,
                shown(turn.text, _TEXT).text,
                tuple(uri for image in turn.images if images and (uri := _small(image))),
                shown(row.answer.text, _ANSWER).text,
                _outcome(row, run),
            )


def _chosen(run: Run) -> list[list[Row]]:
    """Rows of a few items: those that were served in some try first."""
    by_item: dict[str, list[Row]] = {}
    for row in run.rows:
        if row.answer.status == "ok":
            by_item.setdefault(row.item.id, []).append(row)
    file = benchmark_file(run)
    success = file.success if file else ""
    harmful = [rows for rows in by_item.values() if success in rows[0].measures]
    return sorted(harmful, key=lambda rows: -max(row.measures[success] or 0.0 for row in rows))[:_ITEMS]


def _outcome(row: Row, run: Run) -> str:
    file = benchmark_file(run)
    value = row.measures.get(file.success) if file else None
    return "no verdict" if value is None else "did harm" if value else "did no harm"


def _small(image: Image) -> str | None:
    return thumbnail(image, _SIDE).uri
