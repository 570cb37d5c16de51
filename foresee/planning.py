"""What would be asked: a benchmark resolved into items, generation, judges and defense, before a model is called.

Everything that a user may have got wrong about a benchmark comes to light here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from foresee import _discovery, manifest, sources
from foresee.config import BenchmarkOptions, from_pairs
from foresee.defenses import open_defense
from foresee.errors import UserError
from foresee.judges import open_judge
from foresee.records import Defense, Generation, Item, Json, Judge, Procedure


@dataclass(frozen=True)
class Dialogue:
    """A benchmark that asks an item in several turns, under a defense that only edits or decodes."""

    benchmark: str
    procedure: Procedure
    inner: Defense | None

    @property
    def name(self) -> str:
        return self.inner.name if self.inner else "none"

    @property
    def identity(self) -> Mapping[str, Json]:
        own: dict[str, Json] = {"asked by": f"{self.benchmark} in several turns"}
        return {**own, **(self.inner.identity if self.inner else {})}

    def edit(self, item: Item) -> Item:
        return self.inner.edit(item) if self.inner else item

    @property
    def decoding(self) -> Any | None:
        return self.inner.decoding if self.inner else None


@dataclass(frozen=True)
class Plan:
    """A benchmark resolved: its items, how they are asked and how they are judged."""

    benchmark: str
    module: ModuleType
    options: BenchmarkOptions
    data: Path | None
    items: tuple[Item, ...]
    generation: Generation
    judges: tuple[Judge, ...]
    defense: Defense | None
    procedure: Procedure | None
    epochs: int
    limit: int | None

    @property
    def protection(self) -> Defense | None:
        """The defense together with the benchmark's own way of asking, as the runner wants it."""
        if self.procedure is None:
            return self.defense
        return Dialogue(self.benchmark, self.procedure, self.defense)

    @property
    def askable(self) -> int:
        """Items that can be sent (their image is there)."""
        return sum(item.missing_image is None for item in self.items)


def plan(
    benchmark: str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    limit: int | None = None,
    epochs: int = 1,
    generation: Mapping[str, Any] | None = None,
    defense: str | Defense | None = None,
    defense_options: Iterable[str] | Mapping[str, Any] = (),
) -> Plan:
    """Resolve a benchmark into what would be asked.

    Args:
        benchmark: its name, as in `foresee list benchmarks`.
        data: the folder with its published files; None looks in $FORESEE_DATA and the cache.
        options: `key=value` strings or a mapping (`-T` on the command line).
        limit: at most this many items, spread evenly over the benchmark so that every subset is met.
        epochs: how often each item is asked.
        generation: settings that replace the benchmark's own (temperature, max_tokens, ...).
        defense: what to run under: a name, as in `foresee list defenses`, `a+b` for several, or an open defense.
        defense_options: `key=value` strings or a mapping (`-S` on the command line).

    Raises:
        UserError: anything that does not exist or does not fit.
    """
    module = _discovery.load("benchmarks", benchmark)
    check_contract(module, benchmark)
    chosen = _options(module.Options, options, what=f"{benchmark} (-T)")
    embedded = bool(module.SOURCE.get("embedded"))
    folder = None if embedded else sources.locate(benchmark, Path(data) if data is not None else None)
    items = tuple(replace(item, benchmark=benchmark) for item in module.items(folder, chosen))
    _refuse_repeated_ids(items, benchmark)
    if limit is not None and limit < 1:
        raise UserError(f"--limit: expected a number of items above 0, got {limit}")
    if epochs < 1:
        raise UserError(f"--epochs: expected a number above 0, got {epochs}")
    items = spread(items, limit)
    if not items:
        raise UserError(f"{benchmark}: no item fits these options; see 'foresee data check {benchmark}'")
    settings = {k: v for k, v in (generation or {}).items() if v is not None}
    planned = Plan(
        benchmark=benchmark,
        module=module,
        options=chosen,
        data=folder,
        items=items,
        generation=replace(module.generation(chosen), **settings),
        judges=tuple(open_judge(name) for name in module.JUDGES),
        defense=open_defense(defense, defense_options) if isinstance(defense, str) else defense,
        procedure=module.procedure(chosen) if hasattr(module, "procedure") else None,
        epochs=epochs,
        limit=limit,
    )
    if planned.procedure and planned.defense and planned.defense.procedure:
        raise UserError(f"{benchmark} asks in several turns with these options, and so does {planned.defense.name}")
    return planned


def spread(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """At most `limit` items, evenly spaced over the benchmark's own order."""
    if limit is None or limit >= len(items):
        return items
    return tuple(items[i * len(items) // limit] for i in range(limit))


def _options(cls: type[BenchmarkOptions], given: Iterable[str] | Mapping[str, Any], *, what: str) -> BenchmarkOptions:
    if isinstance(given, Mapping):
        return from_pairs(cls, (), what=what, base=given)
    return from_pairs(cls, given, what=what)


def check_contract(module: ModuleType, name: str) -> None:
    """Raises UserError: the benchmark file lacks something that every benchmark has."""
    needed = ("SOURCE", "VERSION", "JUDGES", "METRICS", "Options", "items", "generation", "applies", "measures")
    absent = [attribute for attribute in needed if not hasattr(module, attribute)]
    if absent:
        raise UserError(f"benchmark file {module.__file__} lacks {', '.join(absent)}; see docs/add_a_benchmark.md")


def _refuse_repeated_ids(items: tuple[Item, ...], benchmark: str) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UserError(f"{benchmark}: id '{item.id}' occurs twice; every item needs an id of its own")
        seen.add(item.id)


def configuration(planned: Plan) -> dict[str, Any]:
    """What makes two runs the same run; `limit` alone may change from one call to the next."""
    return {
        "benchmark": planned.benchmark,
        "benchmark_version": planned.module.VERSION,
        "options": planned.options.model_dump(mode="json"),
        "generation": asdict(planned.generation),
        "defense": dict(planned.protection.identity) if planned.protection else None,
        "epochs": planned.epochs,
        "judges": [dict(judge.identity) for judge in planned.judges],
        "limit": planned.limit,
    }


def record(planned: Plan) -> dict[str, Any]:
    source = planned.module.SOURCE
    return {
        "benchmark": planned.benchmark,
        "benchmark_version": planned.module.VERSION,
        "source": {key: source[key] for key in ("homepage", "revision", "licence") if key in source},
        "data": str(planned.data.absolute()) if planned.data else None,
        "options": planned.options.model_dump(mode="json"),
        "generation": asdict(planned.generation),
        "defense": planned.defense.name if planned.defense else "none",
        "judges": [dict(judge.identity) for judge in planned.judges],
        "epochs": planned.epochs,
        "limit": planned.limit,
        "items": len(planned.items),
        "items_sha256": manifest.digest([(item.id, item.prompt, item.image_sha256) for item in planned.items]),
        "seed": planned.generation.seed,
    }
