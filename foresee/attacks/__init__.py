"""Attacks: one file each. This file only opens them and deals their options out.

An attack file has `VERSION`, `class Options(AttackOptions)` and
    transform(item, attempt, options) -> Item     the item as it is asked in this attempt
or, if a try is made of the answers to those before it, `class Options(AdaptiveOptions)` (`_shared/adaptive.py`) and
    async rewrite(item, rounds, attempt, ask, options) -> Item
and may have
    LANGUAGES                                     a literal: those of its own words, if it has any
    Search, optimise(load, examples, search, folder, report)   for one that is sought on a local model's gradients
    identity(options) -> Mapping                  what a try depends on, where the options only name a file
Judges never see what it made: they read the answer to the item as the benchmark has it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from foresee import manifest, plugins
from foresee.attacks._shared.adaptive import AdaptiveOptions
from foresee.config import AttackOptions, build, pairs
from foresee.errors import UserError, unknown_name
from foresee.plugins import contracts
from foresee.plugins.contracts import AttackFile
from foresee.records import AskModel, Item, Json, Model, Reply, Request, Round

__all__ = ["Attempt", "OpenAttack", "dealt", "open_attack", "unfit"]
_NO_ATTACK = "-A: attack options were given, but no attack (--attack)"


class Attempt(NamedTuple):
    """One try of one item.

    Attributes:
        number: which one, from 0.
        random: chance that depends on the attack's seed, the item's id and the number, and on nothing else.
    """

    number: int
    random: random.Random


@dataclass(frozen=True)
class OpenAttack:
    """One attack file with its options, as a `records.Attack`."""

    name: str
    file: AttackFile
    options: AttackOptions
    _open: dict[str, Model] = field(default_factory=dict, compare=False, repr=False)

    @property
    def identity(self) -> Mapping[str, Json]:
        """What a try depends on; how many there are is no part of it, so that more of them leave the first as is."""
        own = self.file.identity
        options = self.options.model_dump(mode="json", exclude={"tries"}) if own is None else dict(own(self.options))
        return {self.file.name: {"version": self.file.version, "options": options}}

    @property
    def tries(self) -> int:
        return self.options.tries

    @property
    def streams(self) -> int:
        """How many conversations run beside each other, each try following on one; 0 where none follows on any."""
        return self.options.streams if isinstance(self.options, AdaptiveOptions) else 0

    @property
    def languages(self) -> tuple[str, ...]:
        """Those its words are in; empty where it has none, or where they are the user's own."""
        return self.file.languages if getattr(self.options, "text", "auto") == "auto" else ()

    def attempt(self, item: Item, number: int) -> Item:
        """Make a try; it keeps the item's id, cluster and facts. Raises whatever the file's transform raises."""
        if self.file.transform is None:
            raise UserError(f"{self.name} makes each try of the answers to those before it, while they are asked")
        made = self.file.transform(item, self._attempt(item, number), self.options)
        return replace(item, messages=made.messages, choices=made.choices)

    async def follow(self, item: Item, number: int, rounds: Sequence[Round], ask: AskModel) -> Item:
        """Make a try that follows on others (`records.Attack`). Raises ModelError: the attacker brought nothing."""
        assert self.file.rewrite is not None
        assert isinstance(self.options, AdaptiveOptions)
        if "attacker" not in self._open:
            self._open["attacker"] = self.options.opened()
        attacker = partial(ask, self._open["attacker"])
        made = await self.file.rewrite(item, rounds, self._attempt(item, number), attacker, self.options)
        return replace(item, messages=made.messages, choices=made.choices, metadata=made.metadata)

    async def again(self, item: Item, number: int, rounds: Sequence[Round], said: str) -> Item:
        """Make a try that follows on others from what its attacker once said; nothing is asked."""
        assert self.file.rewrite is not None

        async def repeated(_: Request) -> Reply:
            return Reply(said)

        return await self.file.rewrite(item, rounds, self._attempt(item, number), repeated, self.options)

    async def close(self) -> None:
        """Close the attacker's model, if it is open; another try opens it anew."""
        while self._open:
            await self._open.popitem()[1].close()

    def _attempt(self, item: Item, number: int) -> Attempt:
        chance = random.Random(f"{self.file.name}/{self.options.seed}/{item.benchmark}/{item.id}/{number}")
        return Attempt(number, chance)


def open_attack(name: str, options: Iterable[str] | Mapping[str, Any] = ()) -> OpenAttack | None:
    """Open the attack called `name`, None for "none".

    Args:
        name: as in `foresee list attacks`, or the folder of an optimised one.
        options: `key=value` strings or a mapping (`-A` on the command line); `name.key=value` says the same.

    Raises:
        UserError: no such attack, or an option that it does not have.
    """
    given = _pairs(options)
    if name == "none":
        if given:
            raise UserError(_NO_ATTACK)
        return None
    file, stored = _file(name)
    own = {**stored, **{key: value for key, value in given.items() if key != name}, **_nested(given, name)}
    found = OpenAttack(name, file, build(file.options, own, what=f"{name} (-A)"))
    _ = found.identity  # what the options name can be read
    if isinstance(found.options, AdaptiveOptions):
        found.options.check(name)
    return found


def _file(name: str) -> tuple[AttackFile, dict[str, Any]]:
    """Load the file of an attack, and the options that the folder of an optimised one stands for."""
    folder = Path(name).expanduser()
    if name in plugins.names("attacks") or not (folder / manifest.FILE).is_file():
        return contracts.attack_file(name), {}
    record = manifest.read(folder, "attack")
    return contracts.attack_file(str(record.get("attack"))), {"artefact": name}


def dealt(names: Sequence[str], options: Iterable[str] | Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each of several attacks, those of the options that it has. Raises UserError: an option that none has."""
    given = _pairs(options)
    if given and set(names) == {"none"}:
        raise UserError(_NO_ATTACK)
    fields = [set() if name == "none" else set(_file(name)[0].options.model_fields) for name in names]
    for key in given:
        if key not in names and not any(key in own for own in fields):
            raise unknown_name("attack option (-A)", key, {field for own in fields for field in own})
    return [
        {**{key: value for key, value in given.items() if key in own}, **_nested(given, name)}
        for name, own in zip(names, fields, strict=True)
    ]


def unfit(name: str, options: Iterable[str] | Mapping[str, Any], language: str) -> str:
    """Why an attack means nothing to a model that reads this language alone; "" if it may mean something.

    Raises:
        UserError: as `open_attack`.
    """
    attack = open_attack(name, options)
    return "" if attack is None else contracts.unread(name, attack.languages, language)


def _pairs(options: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    return dict(options) if isinstance(options, Mapping) else pairs(options, what="attack option (-A)")


def _nested(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Find the options of `name.key=value`. Raises UserError: the attack's name stands for a value itself."""
    own = given.get(name, {})
    if not isinstance(own, Mapping):
        raise UserError(f"-A {name}={own}: expected an option of it, {name}.KEY=VALUE")
    return dict(own)
