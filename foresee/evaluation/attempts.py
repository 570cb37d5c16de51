"""What an attack makes of one item, to be looked at: nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from foresee.attacks import open_attack
from foresee.errors import ModelError, UserError
from foresee.records import Attack, Generation, Item
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
