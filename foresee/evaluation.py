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

from foresee import holdings, manifest, planning
from foresee.errors import UserError
from foresee.holdings import FREE, open_journal
from foresee.journal import Journal
from foresee.judges import GradedJudge
from foresee.metrics import compare as paired_differences
from foresee.models import open_model
from foresee.planning import Plan, plan
from foresee.records import Model
from foresee.redaction import without_secrets
from foresee.report import failures
from foresee.report import rows as run_folder
from foresee.report.rows import KeyedItem, Run
from foresee.runner import Budget, Progress, Results, RunSettings, answer_keys, run_sync
from foresee.runner.loops import complete
from foresee.statistics import Difference


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


def compare(run_a: Run | Path | str, run_b: Run | Path | str) -> list[Difference]:
    """Paired differences B - A of every metric over the items that both runs hold.

    Raises:
        UserError: not run folders, different benchmarks, or no item in common.
    """
    a, b = (run if isinstance(run, Run) else run_folder.read_run(Path(run)) for run in (run_a, run_b))
    if a.benchmark != b.benchmark:
        raise UserError(f"can't compare {a.benchmark} with {b.benchmark}: expected two runs of one benchmark")
    return paired_differences(a.rows, b.rows, a.metrics)


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


def comparison_notes(a: Run, b: Run, found: Sequence[Difference]) -> list[str]:
    """What a reader of the differences found must know: items on one side only, and settings that differ."""
    ids_a, ids_b = ({row.item.id for row in run.rows} for run in (a, b))
    notes = [f"{len(ids_a & ids_b)} items in both; paired difference over these alone"]
    if ids_a ^ ids_b:
        notes.append(f"only in A: {len(ids_a - ids_b)}; only in B: {len(ids_b - ids_a)}")
    for side, run in (("A", a), ("B", b)):
        notes += [f"{side}: {line}" for line in failures.notes(run)]
        if run.unfinished:
            notes.append(f"{side} is UNFINISHED: {run.unfinished} rows not asked yet")
    notes += [f"{d.name}: {d.method}" for d in found if d.method.startswith("not compared")]
    unscored = {d.name: d.unscored for d in found if d.unscored}
    if unscored:
        notes.append("unscored on a side, so not compared: " + ", ".join(f"{k} {n}" for k, n in unscored.items()))
    for key in ("options", "generation", "defense", "epochs", "benchmark_version", "judges"):
        left, right = (run.manifest.get("configuration", {}).get(key) for run in (a, b))
        if left != right:
            notes.append(f"{key} differ: A {_told_apart(left, right)}, B {_told_apart(right, left)}")
    return notes


def _told_apart(value: Any, other: Any) -> str:
    """A setting as far as it differs from another: the entries of a mapping, the judges of a list."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items() if each != other.get(key)) or "without"
    if isinstance(value, list) and isinstance(other, list):
        names = [_judge_in_words(each) for each in value]
        others = [_judge_in_words(each) for each in other]
        told = names if set(names) != set(others) else [str(each) for each in value]
        differing = [word for word, each in zip(told, value, strict=True) if each not in other]
        return "; ".join(differing) or "none of them"
    return str(value)


def _judge_in_words(identity: Any) -> str:
    """`harmful by openai/gpt-4.1 (benchmark figstep 1)`, from what the configuration keeps of a judge."""
    if not isinstance(identity, Mapping):
        return str(identity)
    models = [f"{each.get('provider')}/{each.get('model')}" for each in identity.get("models", ())]
    rubric = ", ".join(str(each) for each in identity.get("rubric", {}).values())
    words = f"{identity.get('judge')} by {', '.join(models) or 'rules'}"
    return f"{words} ({rubric})" if rubric and rubric != "own" else words
