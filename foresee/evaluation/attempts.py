"""What an attack makes of one item, to be looked at, or made of it in a run: nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foresee.attacks import OpenAttack, open_attack
from foresee.errors import ModelError, UserError
from foresee.records import Attack, Generation, Item, Round, Row
from foresee.runner.async_bridge import complete
from foresee.runner.keys import under_attack

_MOST = 100  # tries shown


def opened(name: str, options: Iterable[str] | Mapping[str, Any] = ()) -> Attack:
    """Open an attack. Raises UserError: there is none of that name, or it is "none"."""
    found = open_attack(name, options)
    if found is None:
        raise UserError("expected an attack, got none; see 'foresee list attacks'")
    return found


def attempts(attack: Attack, item: Item) -> Iterator[Item | str]:
    """Make the tries of one item, the first hundred at most; where one can't be made, yield why."""
    for number in range(min(attack.tries, _MOST)):
        try:
            yield replace(item, messages=under_attack(item, number, attack, None, Generation()).item.messages)
        except ModelError as problem:
            yield str(problem)


def asked_in(attack: OpenAttack, rows: Sequence[Row]) -> dict[int, Item | str]:
    """Make the tries of one item again as they were asked in a run, before any defense.

    Args:
        attack: with the run's options.
        rows: of the item, one a try.

    Returns:
        By the number of the try, from 0: the item as it was asked, or why it can't be told.
    """
    found: dict[int, Item | str] = {}
    by_number = {row.answer.epoch: row for row in rows}
    for number, row in sorted(by_number.items()):
        try:
            found[number] = _asked(attack, row, by_number, found)
        except (ModelError, UserError) as problem:
            found[number] = str(problem)
    return found


def _asked(attack: OpenAttack, row: Row, rows: Mapping[int, Row], before: Mapping[int, Item | str]) -> Item | str:
    number = row.answer.epoch
    if not attack.streams:
        return under_attack(row.item, number, attack, None, Generation()).item
    rounds = []
    for earlier in range(number % attack.streams, number, attack.streams):
        made = before.get(earlier)
        if not isinstance(made, Item):
            return f"try {earlier + 1}, on which this follows, can't be told"
        rounds.append(Round(made, rows[earlier].answer))
    said = row.answer.attacker
    if not said:
        return row.answer.reason or "the run does not hold what its attacker said"
    return complete(lambda: attack.again(row.item, number, rounds, said))
