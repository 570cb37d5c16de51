"""Evaluate a model on a benchmark, compare two runs.

`plan` resolves everything that can go wrong before a model is called; `evaluate` carries a plan out.
The command line and the Python API are both thin faces of this file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from foresee import _discovery, manifest, sources
from foresee.config import BenchmarkOptions, from_pairs
from foresee.errors import UserError
from foresee.journal import Journal
from foresee.judges import open_judge
from foresee.metrics import compare as paired_differences
from foresee.models import open_model
from foresee.records import Defense, Generation, Item, Judge, Model
from foresee.report import rows as run_folder
from foresee.report.rows import KeyedItem, Run
from foresee.runner import Progress, RunSettings, answer_keys, run_sync
from foresee.runner.loops import complete
from foresee.statistics import Difference


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
    epochs: int
    limit: int | None

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
    defense: Defense | None = None,
) -> Plan:
    """Resolve a benchmark into what would be asked.

    Args:
        benchmark: its name, as in `foresee list benchmarks`.
        data: the folder with its published files; None looks in $FORESEE_DATA and the cache.
        options: `key=value` strings or a mapping (`-T` on the command line).
        limit: at most this many items, spread evenly over the benchmark so that every subset is met.
        epochs: how often each item is asked.
        generation: settings that replace the benchmark's own (temperature, max_tokens, ...).
        defense: edits, decode-time strategy or procedure to run under.

    Raises:
        UserError: anything that does not exist or does not fit.
    """
    module = _discovery.load("benchmarks", benchmark)
    _check_contract(module, benchmark)
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
    return Plan(
        benchmark=benchmark,
        module=module,
        options=chosen,
        data=folder,
        items=items,
        generation=replace(module.generation(chosen), **settings),
        judges=tuple(open_judge(name) for name in module.JUDGES),
        defense=defense,
        epochs=epochs,
        limit=limit,
    )


def evaluate(
    benchmark: str | Plan,
    model: str | Model,
    *,
    out: Path | str | None = None,
    model_options: Mapping[str, Any] | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
    command: Sequence[str] = (),
    **plan_options: Any,
) -> Run:
    """Ask a model every item of a benchmark, judge the answers, and write a run folder.

    The same call continues an interrupted run: what is in the folder's journal is not asked again.

    Args:
        benchmark: a name (with `plan`'s keyword arguments) or a finished Plan.
        model: `PROVIDER/NAME`, or an open Model, which stays open.
        out: the run folder; None picks one under `runs/` from the configuration, the same one each time.
        model_options: the provider's options (`-M` on the command line).
        settings: concurrency, retries and timeouts.
        progress: called with the state after each finished item.
        command: the command line, for the record.
        plan_options: what `plan` takes, when `benchmark` is a name.

    Returns:
        The run: rows, estimates, manifest.

    Raises:
        UserError: anything the caller can mend; work that was done is in the folder.
    """
    planned = benchmark if isinstance(benchmark, Plan) else plan(benchmark, **plan_options)
    if isinstance(model, str):
        with opened(model, model_options) as answering:
            return evaluate(planned, answering, out=out, settings=settings, progress=progress, command=command)
    configuration = _configuration(planned, model)
    folder = Path(out) if out is not None else default_folder(planned, model, configuration)
    record = _manifest(planned, model, configuration, command)
    keys = answer_keys(
        planned.items, model, defense=planned.defense, generation=planned.generation, epochs=planned.epochs
    )
    begun, cpu = time.monotonic(), time.process_time()
    with open_journal(folder, configuration) as journal:
        manifest.write(folder, "evaluation", {**record, "finished": False})
        run_folder.write_items(folder, map(KeyedItem, planned.items, keys))
        results = run_sync(
            planned.items,
            model,
            planned.judges,
            journal,
            defense=planned.defense,
            generation=planned.generation,
            epochs=planned.epochs,
            settings=settings or RunSettings(),
            progress=progress,
        )
    record |= {
        "finished": True,
        "asked": results.asked,
        "reused": results.reused,
        "usage": asdict(results.usage),
        "wall_seconds": round(time.monotonic() - begun, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }
    manifest.write(folder, "evaluation", record)
    rows = [run_folder.measured(planned.module, r.item, r.answer, r.verdicts) for r in results.rows]
    return run_folder.assemble(folder, planned.module, rows, record)


@contextmanager
def opened(model: str, options: Mapping[str, Any] | None = None) -> Iterator[Model]:
    """An open model for as long as the block lasts; several evaluations may share it.

    Raises:
        UserError: see `models.open_model`.
    """
    answering = open_model(model, options)
    try:
        yield answering
    finally:
        complete(answering.close)


def compare(run_a: Run | Path | str, run_b: Run | Path | str) -> list[Difference]:
    """Paired differences B - A of every metric over the items that both runs hold.

    Raises:
        UserError: not run folders, different benchmarks, or no item in common.
    """
    a, b = (run if isinstance(run, Run) else run_folder.read_run(Path(run)) for run in (run_a, run_b))
    if a.benchmark != b.benchmark:
        raise UserError(f"can't compare {a.benchmark} with {b.benchmark}: expected two runs of one benchmark")
    return paired_differences(a.rows, b.rows, a.metrics)


def spread(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """At most `limit` items, evenly spaced over the benchmark's own order."""
    if limit is None or limit >= len(items):
        return items
    return tuple(items[i * len(items) // limit] for i in range(limit))


def default_folder(planned: Plan, model: Model, configuration: Mapping[str, Any]) -> Path:
    """`runs/BENCHMARK/MODEL-HASH`: the same command finds the same folder again."""
    slug = re.sub(r"[^\w.-]+", "_", model.name).strip("_")[-60:]
    fixed = {k: v for k, v in configuration.items() if k != "limit"}
    return Path("runs") / planned.benchmark / f"{slug}-{manifest.digest(fixed)[:8]}"


def _options(cls: type[BenchmarkOptions], given: Iterable[str] | Mapping[str, Any], *, what: str) -> BenchmarkOptions:
    if isinstance(given, Mapping):
        return from_pairs(cls, (), what=what, base=given)
    return from_pairs(cls, given, what=what)


def _check_contract(module: ModuleType, name: str) -> None:
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


def open_journal(folder: Path, configuration: Mapping[str, Any]) -> Journal:
    """The folder's journal. Raises UserError: it belongs to another configuration, or another process holds it."""
    return Journal.open(folder / run_folder.JOURNAL, configuration, free=("limit",))


def plan_configuration(planned: Plan) -> dict[str, Any]:
    """What makes two runs the same run; `limit` alone may change from one call to the next."""
    return {
        "benchmark": planned.benchmark,
        "benchmark_version": planned.module.VERSION,
        "options": planned.options.model_dump(mode="json"),
        "generation": asdict(planned.generation),
        "defense": dict(planned.defense.identity) if planned.defense else None,
        "epochs": planned.epochs,
        "judges": [dict(judge.identity) for judge in planned.judges],
        "limit": planned.limit,
    }


def _configuration(planned: Plan, model: Model) -> dict[str, Any]:
    return {**plan_configuration(planned), "model": dict(model.identity)}


def plan_record(planned: Plan) -> dict[str, Any]:
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


def _manifest(planned: Plan, model: Model, configuration: Mapping[str, Any], command: Sequence[str]) -> dict[str, Any]:
    return {
        **plan_record(planned),
        "model": model.name,
        "configuration": dict(configuration),
        "command": list(command),
    }


def comparison_notes(a: Run, b: Run) -> list[str]:
    """What a reader of a comparison must know: items on one side only, and settings that differ."""
    ids_a, ids_b = ({row.item.id for row in run.rows} for run in (a, b))
    notes = [f"{len(ids_a & ids_b)} items in both; paired difference over these alone"]
    if ids_a ^ ids_b:
        notes.append(f"only in A: {len(ids_a - ids_b)}; only in B: {len(ids_b - ids_a)}")
    for key in ("options", "generation", "defense", "benchmark_version", "judges"):
        left, right = a.manifest.get(key), b.manifest.get(key)
        if left != right:
            notes.append(f"{key} differ: A {left}, B {right}")
    return notes
