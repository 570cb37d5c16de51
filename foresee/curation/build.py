"""Run a recipe: take its work items in order, work on many at once, write rows, account for everything."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from foresee.config import build
from foresee.curation import build_manifest, model_calls, shares
from foresee.curation.build_manifest import BuildSpec
from foresee.curation.cost import CostTracker, check_budget, read_prices
from foresee.curation.drafts import CurationConfig, Draft, Dropped, WorkItem, configured, fields_marked
from foresee.curation.evaluation_sets import BenchmarkItems, benchmark_items, check_named
from foresee.curation.model_calls import Failed, ModelCalls
from foresee.curation.writer import Writer
from foresee.data.images import ImageError
from foresee.dataset_format import RowWriter
from foresee.errors import UserError
from foresee.files.shards import Shard
from foresee.plugins import contracts
from foresee.plugins.contracts import Recipe
from foresee.runner import BudgetSpent, RunSettings
from foresee.runner.async_bridge import complete
from foresee.runner.journal import Journal

_AHEAD = 2  # items started beyond those that the models can take at once
_YIELD_EVERY = 50


class Progress(NamedTuple):
    """Where a build stands. `total` is what was asked for, where that is known."""

    rows: int
    total: int | None
    dropped: int
    failed: int
    usd: float | None


@dataclass(frozen=True)
class Built:
    """The result of a build. `finished` is false if a budget was used up or something failed: run it again to go on."""

    folder: Path
    rows: int
    new: int
    drops: Mapping[str, int]
    failures: Mapping[str, int]
    finished: bool
    stopped: str
    usd: float | None
    examples: Mapping[str, str] = field(default_factory=dict)
    """reason of a drop -> the beginning of what was dropped for it"""


@dataclass
class _Outcome:
    failures: Counter[str] = field(default_factory=Counter)
    stopped: str = ""


class BuildOptions(NamedTuple):
    """How a build is carried out, beside its configuration."""

    run_overrides: Mapping[str, Any] = {}
    """run settings that replace those that suit each model (concurrency, retries, timeout)"""

    prices: Sequence[str] = ()
    budget: float | None = None
    parquet: bool = False
    command: Sequence[str] = ()
    of_benchmark: BenchmarkItems | None = None
    """a benchmark's name -> its items, to keep what they ask out; see `EvaluationSets`"""
    shard: Shard | None = None
    """the share of one of several processes, below the folder; the build without takes in what they asked"""


def make(
    recipe: str,
    values: Mapping[str, Any] | CurationConfig,
    out: Path,
    *,
    options: BuildOptions = BuildOptions(),  # noqa: B008 - immutable
    progress: Callable[[Progress], None] | None = None,
) -> Built:
    """Build a data set into a folder; the same call goes on with one that was interrupted.

    Args:
        recipe: a file of `foresee/curation`.
        values: its configuration.
        out: the data set's folder; made if it is not there.
        options: how it is carried out.
        progress: called after each item.

    Raises:
        UserError: a configuration that does not fit, a folder with another data set, models that fail alike again and
            again, or a disk that refuses to be written. What is done is kept.
    """
    file = contracts.recipe(recipe)
    config = values if isinstance(values, CurationConfig) else configured(file.config, values, recipe)
    spec = BuildSpec(recipe, file, config, options.command)
    run_overrides = build(RunSettings, options.run_overrides, what="run settings").model_dump(
        include=set(options.run_overrides)
    )
    roles = fields_marked(type(config), "model")
    model_calls.check_options(config, roles)
    check_named(config.exclude)
    prices = read_prices(options.prices, roles)
    check_budget(options.budget, prices)
    build_manifest.check_output(out, parquet=options.parquet)
    if options.shard is not None:
        out = options.shard.folder(out)
    began, began_cpu = time.monotonic(), time.process_time()
    work = out / build_manifest.WORK
    models = model_calls.open_models(config, roles, work / "pictures")
    free = ("rows", *file.free)
    with Journal.open(work / "calls.jsonl", spec.sameness(models), free=free) as journal:
        if options.shard is None:
            shares.take_in(out, journal, spec.sameness(models), free)
        cost = CostTracker(prices, options.budget)
        cost.catch_up(journal.path)
        build_manifest.begin(out, spec)
        calls = ModelCalls(config, models, journal, work / "pictures", cost, run_overrides)
        with RowWriter.open(out) as rows_file:
            writer = Writer(rows_file, config, build_manifest.reviewed(out), options.of_benchmark)
            outcome = complete(lambda: _build(file, config, calls, writer, progress, options.shard))
            content = {
                **_record(outcome, writer),
                "models": model_calls.identities(models),
                "cost": cost.record(),
                "seconds": round(time.monotonic() - began, 2),
                "cpu_seconds": round(time.process_time() - began_cpu, 2),
            }
    build_manifest.finish(out, spec, content, parquet=options.parquet)
    drops, usd = dict(writer.drops), cost.usd if cost.priced else None
    rows, failures = len(writer.rows_file.ids), dict(outcome.failures)
    return Built(out, rows, writer.new, drops, failures, content["finished"], outcome.stopped, usd, writer.examples)


def _record(outcome: _Outcome, writer: Writer) -> dict[str, Any]:
    """Describe how a build went, for the manifest."""
    return {
        "finished": not outcome.stopped and not outcome.failures,
        "stopped": outcome.stopped,
        "drops": dict(writer.drops.most_common()),
        "drop_examples": writer.examples,
        "failures": dict(outcome.failures.most_common()),
        "evaluation_pictures": writer.guard_record(),
    }


def curate(
    recipe: str,
    out: Path | str | None = None,
    *,
    options: BuildOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    **settings: object,
) -> Built:
    """Build a data set by a recipe, as `foresee curate` does; the same call goes on with an interrupted build.

        foresee.curate("threat_vqa", "datasets/vsfa", source="world", images=700)

    Args:
        recipe: as in `foresee list curation`.
        out: the data set's folder; None for `datasets/RECIPE`.
        options: how it is carried out; None keeps out what the benchmarks named in `exclude` ask.
        progress: called after each item.
        settings: of the recipe.

    Raises:
        UserError: as `make`.
    """
    values = {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}
    chosen = options or BuildOptions(of_benchmark=benchmark_items)
    return make(
        recipe, values, Path(out) if out is not None else Path("datasets") / recipe, options=chosen, progress=progress
    )


async def _build(
    file: Recipe,
    config: CurationConfig,
    calls: ModelCalls,
    writer: Writer,
    progress: Callable[[Progress], None] | None,
    shard: Shard | None,
) -> _Outcome:
    outcome = _Outcome()
    most, taken = config.rows, 0
    items, so_far = _results(shares.share(work_items(file, config), shard), calls), shares.Counted(writer.tally, shard)
    if most is not None and shard is not None:
        most = math.ceil(most / shard.of)
    try:
        async for result in items:
            if isinstance(result, Failed):
                outcome.failures[re.sub(r"[0-9a-f-]{12,}", "#", str(result))] += 1
            elif isinstance(result, BudgetSpent):
                outcome.stopped = "budget"
                break
            for draft in result if isinstance(result, list) else ():
                if most is not None and writer.tally.rows >= most:
                    break
                writer.drop(draft) if isinstance(draft, Dropped) else writer.keep(draft)
            if progress is not None:
                usd = calls.cost.usd if calls.cost.priced else None
                failed = sum(outcome.failures.values())
                progress(Progress(writer.tally.rows, most, sum(writer.drops.values()), failed, usd))
            if (most is not None and writer.tally.rows >= most) or file.enough(config, so_far.all()):
                break
            taken += 1
            if taken % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if not outcome.stopped:
            calls.finish()
    finally:
        await items.aclose()
        await calls.close()
    return outcome


def work_items(file: Recipe, config: CurationConfig) -> Iterator[WorkItem]:
    """Yield what a recipe's `build` does. Raises UserError: it gives something else than work items."""
    found = file.build(config)
    expected = f"recipe {file.name}: build() was to yield Draft, Dropped or jobs"
    if not isinstance(found, Iterable):
        raise UserError(f"{expected}, it gave {type(found).__name__} {repr(found)[:60]}")
    for piece in found:
        if not isinstance(piece, Draft | Dropped) and not callable(piece):
            raise UserError(f"{expected}, it gave {type(piece).__name__} {repr(piece)[:60]}")
        yield piece


def _fitting(draft: object) -> Draft | Dropped:
    """Check what a job gave. Raises TypeError: something else."""
    if not isinstance(draft, Draft | Dropped):
        raise TypeError(f"the recipe's job gave {type(draft).__name__} {repr(draft)[:60]}, expected Draft or Dropped")
    return draft


_Result = list[Draft | Dropped] | Failed | BudgetSpent


async def _results(items: Iterator[WorkItem], calls: ModelCalls) -> AsyncGenerator[_Result, None]:
    """Yield each work item's result in their order; jobs among the next few run beside each other."""
    started: deque[asyncio.Task[_Result] | _Result] = deque()
    most = _AHEAD * calls.concurrency
    try:
        for item in items:
            if isinstance(item, Draft | Dropped):
                started.append([item])
            else:
                started.append(asyncio.create_task(_run_job(item, calls)))
            while started and (len(started) > most or _settled(started[0])):
                yield await _awaited(started[0])
                started.popleft()
        while started:
            yield await _awaited(started[0])
            started.popleft()
    finally:
        tasks = [task for task in started if isinstance(task, asyncio.Task)]
        if calls.cost.over:  # what is under way is paid for: let it arrive in the journal
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _settled(result: asyncio.Task[_Result] | _Result) -> bool:
    return result.done() if isinstance(result, asyncio.Task) else True


async def _awaited(result: asyncio.Task[_Result] | _Result) -> _Result:
    return await result if isinstance(result, asyncio.Task) else result


async def _run_job(job: Callable[[ModelCalls], Any], calls: ModelCalls) -> _Result:
    """Run one job and return its rows or its failure. Raises UserError: something that concerns the whole build."""
    try:
        return [_fitting(draft) for draft in await job(calls)]
    except Dropped as dropped:
        return [dropped]
    except ImageError as problem:
        return [Dropped("image can't be opened", str(problem))]
    except (Failed, BudgetSpent) as ended:
        return ended
    except UserError:
        raise
    except Exception as problem:  # whatever breaks on one item must not end the build
        return Failed(f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}")
