"""Defenses: one file each, of one of five kinds. This file only opens and composes them.

A defense file has `VERSION`, `class Options(Settings)` and exactly one of
    edit(item, options) -> Item                               a prompt: changes what is asked
    filter(options) -> Filter                                 a guard before and behind the model
    decoding(options) -> DecodingStrategy                     works on the logits while the answer is written
    hidden(options) -> HiddenStates                           reads or edits hidden states meanwhile
    async answer(item, generation, ask, options) -> Reply     a procedure: owns the asking
and may have
    guard(options) -> OwnGuard                                a guard that `answer` is passed, as examine(item, answer)
    LANGUAGES                                                 a literal: those of its own words, if it has any
    fitted(options, items) -> Options                         the options, once the benchmark's items are known
    fit(states, settings) -> Fitted                           vectors from a model's hidden states (`defense fit`)
`a+b` runs both: any number of prompts and filters in this order, at most one of each other kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from foresee.config import Settings, build, pairs
from foresee.defenses._shared import vectors
from foresee.errors import UserError, unknown_name
from foresee.plugins import contracts
from foresee.plugins.contracts import DefenseFile
from foresee.records import Answer, Ask, Filter, Generation, GuardedAsk, Item, Json, Procedure, Reply

if TYPE_CHECKING:
    from foresee.defenses._shared.guarding import OwnGuard
    from foresee.judges import Finding

_NO_DEFENSE = "-S: defense options were given, but no defense (--defense)"
DRAWN_WORLD = "drawn world"


@dataclass(frozen=True)
class Part:
    """One defense file with its options."""

    name: str
    file: DefenseFile
    options: Settings

    @property
    def kind(self) -> str:
        return self.file.kind

    @property
    def languages(self) -> tuple[str, ...]:
        """Those its words are in; empty where it has none, or where they are the user's own."""
        own = getattr(self.options, "text", "auto") == "auto"
        return self.file.languages if own else ()

    def fitted(self, items: Sequence[Item]) -> Part:
        if self.file.fitted is None:
            return self
        return replace(self, options=self.file.fitted(self.options, items))


@dataclass(frozen=True)
class Composed:
    """Several parts as one `records.Defense`."""

    name: str
    parts: tuple[Part, ...]

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            part.name: {"version": part.file.version, "options": part.options.model_dump(mode="json")}
            for part in self.parts
        }

    def edit(self, item: Item) -> Item:
        for part in self.parts:
            if part.file.edit is not None:
                item = part.file.edit(item, part.options)
        return item

    def fitted(self, items: Sequence[Item]) -> Composed:
        """Fit the defense to a benchmark's items."""
        return replace(self, parts=tuple(part.fitted(items) for part in self.parts))

    @cached_property
    def decoding(self) -> Any | None:
        """The decode-time strategy, built once."""
        return next((part.file.decoding(part.options) for part in self.parts if part.file.decoding is not None), None)

    @cached_property
    def hidden(self) -> Any | None:
        """The strategy on hidden states, made once. Raises UserError: its vectors can't be used."""
        return next((part.file.hidden(part.options) for part in self.parts if part.file.hidden is not None), None)

    @cached_property
    def filters(self) -> tuple[Filter, ...]:
        """The guards before and behind the model, made once. Raises UserError: one that can't be."""
        return tuple(part.file.filter(part.options) for part in self.parts if part.file.filter is not None)

    @cached_property
    def guard(self) -> OwnGuard | None:
        """The procedure's guard, named once. Raises UserError: one that can't be."""
        return next((part.file.guard(part.options) for part in self.parts if part.file.guard is not None), None)

    @property
    def guarded(self) -> bool:
        """Whether another model is asked."""
        return bool(self.filters) or self.guard is not None

    async def close(self) -> None:
        """Close what the guards opened."""
        for each in self.filters:
            await each.close()
        if self.guard is not None:
            await self.guard.close()

    @property
    def procedure(self) -> Procedure | None:
        part = next((part for part in self.parts if part.kind == "answer"), None)
        return None if part is None else partial(_answer, part, self.guard)


async def _answer(part: Part, guard: OwnGuard | None, item: Item, generation: Generation, ask: Ask) -> Reply:
    assert part.file.answer is not None
    if guard is None:
        return await part.file.answer(item, generation, ask, part.options)
    own, asking = guard, cast("GuardedAsk", ask)

    async def examine(item: Item, answer: Answer | None) -> Finding:
        found = await own.examine(item, answer, asking.other)
        if found.harm is None:
            asking.unjudged.append(found.reason)
        return found

    return await part.file.answer(item, generation, ask, part.options, examine)


def open_defense(name: str, options: Iterable[str] | Mapping[str, Any] = ()) -> Composed | None:
    """Open the defense called `name`, `a+b` for several at once, None for "none".

    Args:
        name: as in `foresee list defenses`.
        options: `key=value` strings or a mapping (`-S` on the command line); `a.key=value` is for `a` alone.

    Raises:
        UserError: no such defense, parts that can't go together, an option that none of them has.
    """
    if name == "none":
        if options:
            raise UserError(_NO_DEFENSE)
        return None
    files = _files(name)
    only_one = (("decoding", "works on logits"), ("hidden", "works on hidden states"), ("answer", "owns the asking"))
    for kind, what in only_one:
        clash = [each for each, file in files.items() if file.kind == kind]
        if len(clash) > 1:
            raise UserError(f"--defense {name}: only one may be of the kind that {what}, got {' and '.join(clash)}")
    chosen = _assign(files, _pairs(options))
    parts = (Part(n, m, build(m.options, chosen[n], what=f"{n} (-S)")) for n, m in files.items())
    composed = Composed(name, tuple(parts))
    # What is wrong with what they need comes to light now.
    _ = composed.filters, composed.decoding, composed.hidden, composed.guard
    for part in composed.parts:
        if part.file.fit is not None:
            vectors.read(getattr(part.options, "vectors", ""), part.name)
    return composed


def dealt(names: Sequence[str], options: Iterable[str] | Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each of several defenses, those of the options that it has. Raises UserError: an option that none has."""
    given = _pairs(options)
    if given and set(names) == {"none"}:
        raise UserError(_NO_DEFENSE)
    files = [{} if name == "none" else _files(name) for name in names]
    for key in given:
        if not any(key in known or _owners(known, key) for known in files):
            fields = {f for known in files for file in known.values() for f in file.options.model_fields}
            raise unknown_name("defense option (-S)", key, fields)
    return [{key: v for key, v in given.items() if key in known or _owners(known, key)} for known in files]


def unfit(name: str, options: Iterable[str] | Mapping[str, Any], language: str) -> str:
    """Why a defense means nothing to a model that reads this language alone; "" if it may mean something.

    Raises:
        UserError: as `open_defense`.
    """
    defense = open_defense(name, options)
    parts = defense.parts if defense else ()
    return next((why for part in parts if (why := contracts.unread(part.name, part.languages, language))), "")


def _files(name: str) -> dict[str, DefenseFile]:
    names = name.split("+")
    files = {each: contracts.defense_file(each) for each in names}
    if len(files) < len(names):
        raise UserError(f"--defense {name}: the same defense twice")
    return files


def _pairs(options: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    return dict(options) if isinstance(options, Mapping) else pairs(options, what="defense option (-S)")


def _owners(files: Mapping[str, DefenseFile], key: str) -> list[str]:
    return [name for name, file in files.items() if key in file.options.model_fields]


def _assign(files: Mapping[str, DefenseFile], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each option to every part that has it, or to the part it names."""
    chosen: dict[str, dict[str, Any]] = {name: {} for name in files}
    for key, value in given.items():
        if key in files and isinstance(value, Mapping):
            chosen[key] |= value
            continue
        owners = _owners(files, key)
        if not owners:
            raise unknown_name("defense option (-S)", key, {f for m in files.values() for f in m.options.model_fields})
        for owner in owners:
            chosen[owner][key] = value
    return chosen
