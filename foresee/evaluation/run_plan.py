"""Carry a plan out: open its models, ask what is still to be asked, keep the run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from foresee import manifest
from foresee.attacks import OpenAttack
from foresee.defenses import Composed
from foresee.errors import UserError
from foresee.evaluation import holdings, own_reward, remarks, unchanged
from foresee.evaluation import plan as planning
from foresee.evaluation.holdings import FREE, open_journal
from foresee.evaluation.plan import Plan
from foresee.evaluation.remarks import Remarks
from foresee.evaluation.run_folder import Run, slug
from foresee.files.redaction import without_secrets
from foresee.files.spool import Spool
from foresee.judges import GradedJudge, judge_models_open
from foresee.models import open_model
from foresee.records import Item, Model
from foresee.runner import Budget, Keyed, Progress, Results, RunSettings, keyed, run
from foresee.runner.async_bridge import complete
from foresee.runner.rounds import streams_of

_log = logging.getLogger("foresee")


def run_plan(
    planned: Plan,
    model: Model,
    *,
    out: Path | str | None = None,
    settings: RunSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
    command: Sequence[str] = (),
    moved: bool = False,
    budget: Budget | None = None,
    said: Remarks = Remarks(),  # noqa: B008 - immutable
) -> Run:
    """Ask an open model every item of a plan and judge the answers; see `foresee.evaluate`."""
    _check_prices(budget, planned)
    rewarded = getattr(model, own_reward.KEY, [])
    if planned.judging.strict:
        own_reward.refuse(rewarded, planned.judges, planned.items)
    configuration = without_secrets({**planning.configuration(planned), "model": dict(model.identity)})
    folder = Path(out) if out is not None else default_folder(planned, model, configuration)
    folder = planned.shard.folder(folder) if planned.shard else holdings.joined(folder)
    remarks.add(planned.shard.whole(folder) if planned.shard else folder, said)
    first = holdings.earlier(folder)
    record = {
        **planning.record(planned),
        "model": model.name,
        "base_urls": _addresses(first, model.base_url, moved=moved),
        "configuration": configuration,
        "command": list(command),
        **({own_reward.KEY: rewarded} if rewarded else {}),
    }
    if (unread := unchanged.known(folder, planned, record)) is not None:
        if progress is not None:
            count = len(unread.rows)
            progress(Progress(count, count, 0, count, 0))
        return unread
    begun, cpu = time.monotonic(), time.process_time()
    with open_journal(folder, configuration) as journal:
        candidates = _candidates(planned, model, folder)
        call = holdings.begin(folder, planned, record, candidates)
        asked = holdings.asked_of(planned, candidates)
        if budget is not None:
            budget.catch_up(folder, journal.path)
        results = complete(
            lambda: run(
                asked,
                model,
                planned.judges,
                journal,
                attack=planned.attack,
                defense=planned.protection,
                generation=planned.generation,
                epochs=planned.epochs,
                settings=settings or RunSettings.of(model),
                progress=progress,
                budget=budget,
            )
        )
        spent = {"wall_seconds": time.monotonic() - begun, "cpu_seconds": time.process_time() - cpu}
        return holdings.end(call, planned, results.rows, _made(results), spent, settled=journal.settled)


def _check_prices(budget: Budget | None, planned: Plan) -> None:
    """Check the prices. Raises UserError: one is lacking without which the budget would count nothing."""
    if budget is not None:
        guarded = isinstance(planned.defense, Composed) and planned.defense.guarded
        others = guarded or streams_of(planned.attack) > 0
        budget.require(model=True, judges=others or any(isinstance(judge, GradedJudge) for judge in planned.judges))


def _made(results: Results) -> dict[str, Any]:
    """Describe what this call brought, for the manifest."""
    return {
        "asked": results.asked,
        "reused": results.reused,
        "usage_of_this_call": asdict(results.usage),
        "judging_usage_of_this_call": {name: asdict(usage) for name, usage in results.judging.items()},
    }


@contextmanager
def opened(plans: Sequence[Plan], model: str | Model, options: Mapping[str, Any] | None = None) -> Iterator[Model]:
    """Open the model and the judge models of the plans; what is opened here is closed afterwards.

    Args:
        plans: whose judges will be asked.
        model: `PROVIDER/NAME`, or an open Model, which stays open.
        options: the provider's.

    Raises:
        UserError: see `models.open_model`.
    """
    with ExitStack() as held:
        held.enter_context(judge_models_open([judge for each in plans for judge in each.judges]))
        for each in plans:
            if isinstance(each.defense, Composed):
                held.callback(complete, each.defense.close)
            if isinstance(each.attack, OpenAttack):
                held.callback(complete, each.attack.close)
        tested = model if not isinstance(model, str) else open_model(model, options)
        if tested is not model:
            held.callback(complete, tested.close)
        yield tested


def _candidates(planned: Plan, model: Model, folder: Path) -> Sequence[Keyed]:
    """Key what is asked for and what the folder may hold, with requests and the keys of their answers."""
    items: Iterable[Item] = planned.everything
    if planned.items is not planned.everything:
        known = holdings.ids_below(folder)
        for item in planned.whole:
            known.add(item.id)
        items = (item for item in planned.everything if item.id in known)
    return Spool(
        keyed(
            items,
            model,
            attack=planned.attack,
            defense=planned.protection,
            generation=planned.generation,
            epochs=planned.epochs,
        )
    )


def _addresses(before: Mapping[str, Any], urls: str | None, *, moved: bool) -> list[str]:
    """Every address that answers of this folder came from, the present ones last, without users and passwords.

    More servers, fewer, or the same in another order are the same experiment.

    Args:
        before: the folder's manifest so far.
        urls: the model's present addresses, with commas between them.
        moved: the user says that the same model is served there now.

    Raises:
        UserError: none of the present ones is known, and nobody said that the same model moved there.
    """
    known: list[str] = list(before.get("base_urls", []))
    if urls is None:
        return known
    parts = [urlsplit(url) for url in urls.split(",")]
    here = [f"{each.scheme}://{each.netloc.rpartition('@')[2]}{each.path}" for each in parts]
    new = [address for address in here if address not in known]
    if known and len(new) == len(here) and not moved:
        raise UserError(
            f"the answers in this run folder came from {', '.join(known)}, this is {', '.join(here)}: "
            "give --moved if the same model is served there now, or another folder (--out)"
        )
    if known and new and not moved:
        _log.warning("%s: taken for the same model as at %s, by which this run was begun", ", ".join(new), known[0])
    return [*(address for address in known if address not in here), *here]


def default_folder(planned: Plan, model: Model, configuration: Mapping[str, Any]) -> Path:
    """`runs/BENCHMARK/MODEL-HASH`: the same command finds the same folder again."""
    name = slug(model.name).strip("_")[-60:]
    fixed = {k: v for k, v in configuration.items() if k not in FREE}
    return Path("runs") / planned.benchmark / f"{name}-{manifest.digest(fixed)[:8]}"
