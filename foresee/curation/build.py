"""Run a recipe: take its work items in order, work on many at once, write rows, account for everything."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from foresee.config import build
from foresee.curation import build_manifest, model_calls
from foresee.curation.build_manifest import Making
from foresee.curation.cost import BudgetSpent, Ledger, check_budget, read_prices
from foresee.curation.drafts import CurationConfig, Draft, Dropped, Piece, configured, fields_marked
from foresee.curation.evaluation_sets import BenchmarkItems, check_named
from foresee.curation.model_calls import Desk, Failed
from foresee.curation.writer import Keeper
from foresee.data.images import ImageError
from foresee.dataset_format import RowWriter
from foresee.errors import UserError
from foresee.plugins import contracts
from foresee.plugins.contracts import Recipe
from foresee.runner import RunSettings
from foresee.runner.async_bridge import complete
from foresee.runner.journal import Journal

_AHEAD = 2  # pieces begun beyond those that the models can take at once
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
    """What came of it. `finished` is false after a budget was used up or something failed: run it again to go on."""

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


class Order(NamedTuple):
    """How a build is carried out, beside its configuration."""

    hard: Mapping[str, Any] = {}
    """run settings that replace those that suit each model (concurrency, retries, timeout)"""

    prices: Sequence[str] = ()
    budget: float | None = None
    parquet: bool = False
    command: Sequence[str] = ()
    of_benchmark: BenchmarkItems | None = None
    """a benchmark's name -> its items, to keep what they ask out; see `EvaluationSets`"""


def make(
    recipe: str,
    values: Mapping[str, Any] | CurationConfig,
    out: Path,
    *,
    order: Order = Order(),  # noqa: B008 - immutable
    progress: Callable[[Progress], None] | None = None,
) -> Built:
    """Build a data set into a folder; the same call goes on with one that was interrupted.

    Args:
        recipe: a file of `foresee/curation`.
        values: its configuration.
        out: the data set's folder; made if it is not there.
        order: how it is carried out.
        progress: called after each piece.

    Raises:
        UserError: a configuration that does not fit, a folder with another data set, models that fail alike again and
            again, or a disk that refuses to be written. What is done is kept.
    """
    file = contracts.recipe(recipe)
    config = values if isinstance(values, CurationConfig) else configured(file.config, values, recipe)
    making = Making(recipe, file, config, order.command)
    hard = build(RunSettings, order.hard, what="run settings").model_dump(include=set(order.hard))
    roles = fields_marked(type(config), "model")
    model_calls.check_options(config, roles)
    check_named(config.exclude)
    prices = read_prices(order.prices, roles)
    check_budget(order.budget, prices)
    build_manifest.check_output(out, parquet=order.parquet)
    began, began_cpu = time.monotonic(), time.process_time()
    work = out / build_manifest.WORK
    models = model_calls.open_models(config, roles, work / "pictures")
    free = ("rows", *file.free)
    with Journal.open(work / "calls.jsonl", making.sameness(models), free=free) as journal:
        ledger = Ledger(prices, order.budget)
        ledger.catch_up(journal.path)
        build_manifest.begin(out, making)
        asks = Desk(config, models, journal, work / "pictures", ledger, hard)
        with RowWriter.open(out) as writer:
            keeper = Keeper(writer, config, build_manifest.reviewed(out), order.of_benchmark)
            outcome = complete(lambda: _build(file, config, asks, keeper, progress))
            content = {
                "finished": not outcome.stopped and not outcome.failures,
                "stopped": outcome.stopped,
                "models": model_calls.identities(models),
                "drops": dict(keeper.drops.most_common()),
                "drop_examples": keeper.examples,
                "failures": dict(outcome.failures.most_common()),
                "evaluation_pictures": keeper.guard_record(),
                "cost": ledger.record(),
                "seconds": round(time.monotonic() - began, 2),
                "cpu_seconds": round(time.process_time() - began_cpu, 2),
            }
    build_manifest.finish(out, making, content, parquet=order.parquet)
    drops, usd = dict(keeper.drops), ledger.usd if ledger.priced else None
    finished = bool(content["finished"])
    rows, failures = len(keeper.writer.ids), dict(outcome.failures)
    return Built(out, rows, keeper.new, drops, failures, finished, outcome.stopped, usd, keeper.examples)


async def _build(
    file: Recipe,
    config: CurationConfig,
    asks: Desk,
    keeper: Keeper,
    progress: Callable[[Progress], None] | None,
) -> _Outcome:
    outcome = _Outcome()
    most, taken = config.rows, 0
    pieces = _taken(file.build(config), asks)
    try:
        async for made in pieces:
            if isinstance(made, Failed):
                outcome.failures[re.sub(r"[0-9a-f-]{12,}", "#", str(made))] += 1
            elif isinstance(made, BudgetSpent):
                outcome.stopped = "budget"
                break
            for draft in made if isinstance(made, list) else ():
                if most is not None and keeper.tally.rows >= most:
                    break
                keeper.drop(draft) if isinstance(draft, Dropped) else keeper.keep(draft)
            if progress is not None:
                usd = asks.ledger.usd if asks.ledger.priced else None
                failed = sum(outcome.failures.values())
                progress(Progress(keeper.tally.rows, most, sum(keeper.drops.values()), failed, usd))
            if (most is not None and keeper.tally.rows >= most) or file.enough(config, keeper.tally):
                break
            taken += 1
            if taken % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if not outcome.stopped:
            asks.finish()
    finally:
        await pieces.aclose()
        await asks.close()
    return outcome


_Made = list[Draft | Dropped] | Failed | BudgetSpent


async def _taken(pieces: Iterator[Piece], asks: Desk) -> AsyncGenerator[_Made, None]:
    """Each piece's outcome in the order of the pieces; jobs among the next few run beside each other."""
    begun: deque[asyncio.Task[_Made] | _Made] = deque()
    most = _AHEAD * asks.concurrency
    try:
        for piece in pieces:
            if isinstance(piece, Draft | Dropped):
                begun.append([piece])
            else:
                begun.append(asyncio.create_task(_done(piece, asks)))
            while begun and (len(begun) > most or _settled(begun[0])):
                yield await _awaited(begun[0])
                begun.popleft()
        while begun:
            yield await _awaited(begun[0])
            begun.popleft()
    finally:
        tasks = [task for task in begun if isinstance(task, asyncio.Task)]
        if asks.ledger.over:  # what is under way is paid for: let it arrive in the journal
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _settled(made: asyncio.Task[_Made] | _Made) -> bool:
    return made.done() if isinstance(made, asyncio.Task) else True


async def _awaited(made: asyncio.Task[_Made] | _Made) -> _Made:
    return await made if isinstance(made, asyncio.Task) else made


async def _done(job: Callable[[Desk], Any], asks: Desk) -> _Made:
    """Run one job and return its rows or its failure. Raises UserError: something that concerns the whole build."""
    try:
        return list(await job(asks))
    except Dropped as dropped:
        return [dropped]
    except ImageError as problem:
        return [Dropped("picture can't be opened", str(problem))]
    except UserError:
        raise
    except (Failed, BudgetSpent) as ended:
        return ended
    except Exception as problem:  # whatever breaks on one piece must not end the build
        return Failed(f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}")
