"""Evaluate a model on a benchmark, compare two runs.

`planning.plan` resolves everything that can go wrong before a model is called; `evaluate` carries a plan out.
The command line and the Python API are both thin faces of this file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import holdings
from foresee.evaluation import plan as planning
from foresee.evaluation.holdings import FREE, open_journal
from foresee.evaluation.plan import Plan, plan
from foresee.evaluation.run_folder import KeyedItem, Run
from foresee.judges import GradedJudge
from foresee.models import open_model
from foresee.records import Model
from foresee.redaction import without_secrets
from foresee.runner import Budget, Progress, Results, RunSettings, answer_keys, run_sync
from foresee.runner.async_bridge import complete
from foresee.runner.journal import Journal


def evaluate(
    benchmark: str | Plan,
    model: str | Model,
    *,
    out: Path | str | None = None,
    model_options: Mapping[str, Any] | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
    command: Sequence[str] = (),
    moved: bool = False,
    budget: Budget | None = None,
    **plan_options: Any,
) -> Run:
    """Ask a model every item of a benchmark, judge the answers, and write a run folder.

    The same call continues an interrupted run: what is in the folder's journal is not asked again.

    Args:
        benchmark: a name (with `plan`'s keyword arguments) or a finished Plan.
        model: `PROVIDER/NAME`, or an open Model, which stays open.
        out: the run folder; None picks one under `runs/` from the configuration, the same one each time.
        model_options: the provider's options (`-M` on the command line).
        settings: concurrency, retries and timeouts; None for what suits the model.
        progress: called with the state after each finished item.
        command: the command line, for the record.
        moved: the folder's answers came from another address, where the same model was served.
        budget: what the calls may cost, those that the folder holds already included; see `foresee.Budget`.
        plan_options: what `plan` takes, when `benchmark` is a name.

    Returns:
        The run: rows, estimates, manifest.

    Raises:
        UserError: anything the caller can mend; work that was done is in the folder.
        BudgetSpent: a UserError: the budget is spent; the same call with a larger one goes on.
    """
    planned = benchmark if isinstance(benchmark, Plan) else plan(benchmark, **plan_options)
    if isinstance(model, str) or not planned.is_seated:
        with _all_open(planned, model, model_options) as (seated, answering):
            return evaluate(
                seated, answering, out=out, settings=settings, progress=progress, command=command, moved=moved,
                budget=budget,
            )  # fmt: skip
    _check_prices(budget, planned)
    configuration = without_secrets({**planning.configuration(planned), "model": dict(model.identity)})
    folder = Path(out) if out is not None else default_folder(planned, model, configuration)
    first = holdings.earlier(folder)
    record = {
        **planning.record(planned),
        "model": model.name,
        "base_urls": _addresses(first, getattr(model, "base_url", None), moved=moved),
        "configuration": configuration,
        "command": list(command),
    }
    begun, cpu = time.monotonic(), time.process_time()
    with open_journal(folder, configuration) as journal:
        call = holdings.begin(folder, planned, record, _candidates(planned, model, folder))
        results = _asked(planned, model, journal, settings or default_settings(model), progress, budget)
        spent = {"wall_seconds": time.monotonic() - begun, "cpu_seconds": time.process_time() - cpu}
        return holdings.end(call, planned, results.rows, _made(results), spent)


def _check_prices(budget: Budget | None, planned: Plan) -> None:
    """Raises UserError: a price is lacking without which the budget would count nothing."""
    if budget is not None:
        budget.require(model=True, judges=any(isinstance(judge, GradedJudge) for judge in planned.judges))


def _made(results: Results) -> dict[str, Any]:
    """What this call brought, for the manifest."""
    return {
        "asked": results.asked,
        "reused": results.reused,
        "usage_of_this_call": asdict(results.usage),
        "judging_usage_of_this_call": {name: asdict(usage) for name, usage in results.judging.items()},
    }


@contextmanager
def _all_open(planned: Plan, model: str | Model, options: Mapping[str, Any] | None) -> Iterator[tuple[Plan, Model]]:
    """The plan with its judge models open, and the model; closed afterwards is what was opened here."""
    judges = planned.judging.opened() if not planned.is_seated else nullcontext(())
    asked = opened(model, options) if isinstance(model, str) else nullcontext(model)
    with judges as members, asked as answering:
        yield planned.seated(members), answering


def default_settings(model: Model) -> RunSettings:
    """32 calls at once for a server; for a local model two batches' worth, so that the next is ready in time."""
    return RunSettings(concurrency=getattr(model, "suggested_concurrency", 32))


def _candidates(planned: Plan, model: Model, folder: Path) -> list[KeyedItem]:
    """What is asked for and what the folder may hold, with the keys that the answers have today."""
    known = {item.id for item in planned.items} | holdings.ids_below(folder)
    items = [item for item in planned.everything if item.id in known]
    keys = answer_keys(items, model, defense=planned.protection, generation=planned.generation, epochs=planned.epochs)
    return list(map(KeyedItem, items, keys))


def _asked(
    planned: Plan,
    model: Model,
    journal: Journal,
    settings: RunSettings,
    progress: Callable[[Progress], None] | None,
    budget: Budget | None,
) -> Results:
    if budget is not None:
        budget.catch_up(journal.path.parent, journal.path)
    return run_sync(
        planned.items,
        model,
        planned.judges,
        journal,
        defense=planned.protection,
        generation=planned.generation,
        epochs=planned.epochs,
        settings=settings,
        progress=progress,
        budget=budget,
    )


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


def _addresses(before: Mapping[str, Any], url: str | None, *, moved: bool) -> list[str]:
    """Every address that answers of this folder came from, the present one last, without users and passwords.

    Raises:
        UserError: the present one is new, and nobody said that the same model moved there.
    """
    known: list[str] = list(before.get("base_urls", []))
    if url is None:
        return known
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if known and known[-1] != address and not moved:
        raise UserError(
            f"the answers in this run folder came from {known[-1]}, this is {address}: "
            "give --moved if the same model is served there now, or another folder (--out)"
        )
    return [*(each for each in known if each != address), address]


def default_folder(planned: Plan, model: Model, configuration: Mapping[str, Any]) -> Path:
    """`runs/BENCHMARK/MODEL-HASH`: the same command finds the same folder again."""
    slug = re.sub(r"[^\w.-]+", "_", model.name).strip("_")[-60:]
    fixed = {k: v for k, v in configuration.items() if k not in FREE}
    return Path("runs") / planned.benchmark / f"{slug}-{manifest.digest(fixed)[:8]}"
