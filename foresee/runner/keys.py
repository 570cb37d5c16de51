"""Compute journal keys: what makes two calls the same call. Equal keys are answered once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from foresee.errors import ModelError, UserError
from foresee.records import Attack, Defense, Generation, Image, Item, Message, Model, Request


class Keyed(NamedTuple):
    """An item with the journal key of its answer in each epoch, and what is sent for it but for how it is decoded.

    Under an attack every epoch sends something else, which is made when its turn comes: `request` is None.
    """

    item: Item
    request: Request | None
    keys: tuple[str, ...]


class Prepared(NamedTuple):
    """What is asked: the item, or an attack's try of it, before any defense; and what is sent for that."""

    item: Item
    request: Request


def request_for(item: Item, defense: Defense | None, generation: Generation) -> Request:
    """Build what is sent for an item: its first turn, where more follow (the choices are for the last).

    Raises:
        UserError: the defense can't edit it.
    """
    if defense is None:
        return Request(item.messages, generation, () if item.turns else item.choices)
    try:
        edited = defense.edit(item)
        choices, hidden = () if item.turns else edited.choices, getattr(defense, "hidden", None)
        return Request(edited.messages, generation, choices, decoding=defense.decoding, hidden=hidden)
    except UserError:
        raise
    except Exception as problem:
        reason = f"{type(problem).__name__}: {problem}"
        raise UserError(f"defense {defense.name} failed on item '{item.id}': {reason}") from problem


def under_attack(item: Item, number: int, attack: Attack, defense: Defense | None, generation: Generation) -> Prepared:
    """Make a try, and build what is sent for it: the attack's item, edited by the defense.

    Raises:
        ModelError: the attack can't do it with this item, which then has no answer.
        UserError: the defense can't edit what the attack made.
    """
    try:
        attacked = attack.attempt(item, number)
    except Exception as problem:
        told = str(problem) if isinstance(problem, UserError) else f"{type(problem).__name__}: {problem}"
        raise ModelError(f"attack {attack.name} can't be made of item '{item.id}': {told}") from problem
    return Prepared(attacked, request_for(attacked, defense, generation))


def keyed(
    items: Iterable[Item | Keyed],
    model: Model,
    *,
    defense: Defense | None,
    generation: Generation,
    epochs: int,
    attack: Attack | None = None,
) -> Iterator[Keyed]:
    """Edit each item under the defense and compute its answers' keys; one that has its keys passes as it is.

    Raises:
        UserError: the defense can't edit one.
    """
    settings = settings_digest(model.identity, generation, defense.identity if defense else None)
    for item in items:
        if isinstance(item, Keyed):
            yield item
            continue
        if attack is not None:  # a try is known by what it is made of, so that drawing it can wait until it is asked
            of = digest([settings, attack.identity, _seen(item)])
            original = Request(item.messages, generation, item.choices)
            yield Keyed(item, None, tuple(answer_key(of, original, epoch) for epoch in range(epochs)))
            continue
        full = request_for(item, defense, generation)
        request = full  # but for what is the run's, and may be large
        if full.decoding is not None or full.hidden is not None:
            request = replace(full, decoding=None, hidden=None)
        yield Keyed(item, request, tuple(answer_key(settings, full, each, item.turns) for each in range(epochs)))


def answer_keys(
    items: Iterable[Item],
    model: Model,
    *,
    defense: Defense | None,
    generation: Generation,
    epochs: int,
    attack: Attack | None = None,
) -> list[tuple[str, ...]]:
    """Compute the journal keys of each item's answers, one per epoch, without asking anything."""
    found = keyed(items, model, defense=defense, generation=generation, epochs=epochs, attack=attack)
    return [each.keys for each in found]


def settings_digest(model: Mapping[str, Any], generation: Generation, defense: Mapping[str, Any] | None) -> str:
    """Compute the part of an answer's key that all items of a run share."""
    return digest({"model": model, "generation": generation.settings(), "defense": defense})


def answer_key(settings: str, request: Request, epoch: int, turns: Sequence[Message] = ()) -> str:
    """Compute the key of an answer: equal for two items exactly if the same calls would be made for both.

    Args:
        settings: from `settings_digest`.
        request: what is sent; images count by the hash of their bytes, not by where they lie.
        epoch: which repeat.
        turns: what the user says after the answer.
    """
    strategy = request.decoding
    decoding = None if strategy is None else getattr(strategy, "identity", type(strategy).__qualname__)
    parts: list[Any] = [settings, _content(request.messages), request.choices, decoding, epoch]
    if request.schema is not None or request.logprobs:
        parts += [request.schema, request.logprobs]
    if request.hidden is not None:
        parts.append({"hidden": request.hidden.identity})
    if request.read:
        parts.append({"read": True})
    if request.closed or request.template:
        parts += [request.closed, request.template]
    if turns:
        parts.append({"turns": _content(turns)})
    return digest(parts)


def verdict_key(answer: str, judge: str, item: Item) -> str:
    """Compute the key of a verdict: the answer's key, the judge's digest, and what a judge may read of the item."""
    return digest([answer, judge, _seen(item)])


def _seen(item: Item) -> list[Any]:
    """List what judges and attacks may read of an item."""
    seen = [item.id, item.subset, item.scenario, item.expected, item.choices, item.metadata, _content(item.messages)]
    return [*seen, _content(item.turns)] if item.turns else seen


def digest(value: Any) -> str:
    """128 bits of SHA-256 (hex) of a value's canonical JSON."""
    # ASCII escapes, because a data set may hold text that UTF-8 can't (half of a surrogate pair).
    return hashlib.sha256(_CANONICAL.encode(value).encode("ascii")).hexdigest()[:32]


def _content(messages: Iterable[Message]) -> list[Any]:
    return [
        [m.role, [{"image": part.sha256} if isinstance(part, Image) else part for part in m.content]] for m in messages
    ]


def _canonical(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))  # their order changes from process to process
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_canonical)
