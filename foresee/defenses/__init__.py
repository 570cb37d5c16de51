"""Defenses: one file each, of one of three kinds. This file only opens and composes them.

A defense file has `VERSION`, `class Options(Settings)` and exactly one of
    edit(item, options) -> Item                               a prompt: changes what is asked
    decoding(options) -> DecodingStrategy                     works on the logits while the answer is written
    async answer(item, generation, ask, options) -> Reply     a procedure: owns the asking
`a+b` runs both: any number of prompts in this order, at most one of each other kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from foresee import _discovery
from foresee.config import Settings, build, pairs
from foresee.errors import UserError, unknown_name
from foresee.records import Ask, Defense, Generation, Item, Json, Procedure, Reply

_KINDS = ("edit", "decoding", "answer")


@dataclass(frozen=True)
class Part:
    """One defense file with its options."""

    name: str
    module: ModuleType
    options: Settings

    @property
    def kind(self) -> str:
        return next(kind for kind in _KINDS if hasattr(self.module, kind))


@dataclass(frozen=True)
class Composed:
    """Several parts as one `records.Defense`."""

    name: str
    parts: tuple[Part, ...]

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            part.name: {"version": part.module.VERSION, "options": part.options.model_dump(mode="json")}
            for part in self.parts
        }

    def edit(self, item: Item) -> Item:
        for part in self.parts:
            if part.kind == "edit":
                item = part.module.edit(item, part.options)
        return item

    @property
    def decoding(self) -> Any | None:
        return next((part.module.decoding(part.options) for part in self.parts if part.kind == "decoding"), None)

    @property
    def procedure(self) -> Procedure | None:
        part = next((part for part in self.parts if part.kind == "answer"), None)
        return None if part is None else partial(_answer, part)


async def _answer(part: Part, item: Item, generation: Generation, ask: Ask) -> Reply:
    reply: Reply = await part.module.answer(item, generation, ask, part.options)
    return reply


def open_defense(name: str, options: Iterable[str] | Mapping[str, Any] = ()) -> Defense | None:
    """The defense called `name`, `a+b` for several at once, None for "none".

    Args:
        name: as in `foresee list defenses`.
        options: `key=value` strings or a mapping (`-S` on the command line); `a.key=value` is for `a` alone.

    Raises:
        UserError: no such defense, parts that can't go together, an option that none of them has.
    """
    if name == "none":
        if options:
            raise UserError("-S: defense options were given, but no defense (--defense)")
        return None
    names = name.split("+")
    modules = {each: _discovery.load("defenses", each) for each in names}
    if len(modules) < len(names):
        raise UserError(f"--defense {name}: the same defense twice")
    for each, module in modules.items():
        kinds = [kind for kind in _KINDS if hasattr(module, kind)]
        if len(kinds) != 1 or not hasattr(module, "VERSION") or not hasattr(module, "Options"):
            raise UserError(f"defense file {module.__file__} of {each} needs VERSION, Options and one of {_KINDS}")
    for kind, what in (("decoding", "works on logits"), ("answer", "owns the asking")):
        clash = [each for each, module in modules.items() if hasattr(module, kind)]
        if len(clash) > 1:
            raise UserError(f"--defense {name}: only one may be of the kind that {what}, got {' and '.join(clash)}")
    given = dict(options) if isinstance(options, Mapping) else pairs(options, what="defense option (-S)")
    chosen = _assign(modules, given)
    parts = (Part(n, m, build(m.Options, chosen[n], what=f"{n} (-S)")) for n, m in modules.items())
    return Composed(name, tuple(parts))


def _assign(modules: Mapping[str, ModuleType], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each option to every part that has it, or to the part it names."""
    chosen: dict[str, dict[str, Any]] = {name: {} for name in modules}
    for key, value in given.items():
        if key in modules and isinstance(value, Mapping):
            chosen[key] |= value
            continue
        owners = [name for name, module in modules.items() if key in module.Options.model_fields]
        if not owners:
            raise unknown_name(
                "defense option (-S)", key, {f for m in modules.values() for f in m.Options.model_fields}
            )
        for owner in owners:
            chosen[owner][key] = value
    return chosen
