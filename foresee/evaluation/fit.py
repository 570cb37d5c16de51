"""Fit a defense's vectors to a model: read hidden states of labelled requests, fit, write the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresee import plugins
from foresee.attacks import open_attack
from foresee.config import build
from foresee.defenses._shared.vectors import FitSettings, States, write
from foresee.errors import ModelError, UserError
from foresee.evaluation import plan as planning
from foresee.evaluation.run_folder import items_digest
from foresee.judges import JudgeChoice
from foresee.models import open_model
from foresee.models.local.hidden_states import model_mark
from foresee.models.local.steering import Collector, in_words
from foresee.plugins import contracts
from foresee.records import Attack, Generation, Item, Model, Request
from foresee.runner.async_bridge import complete, each

HARMFUL = ("harmful", "unsafe", "refuse")
BENIGN = ("benign", "safe", "serve")


@dataclass(frozen=True)
class Sides:
    """Which requests are which: the values of a field of the items that make the positive and the negative side."""

    by: str = "expected"
    positive: tuple[str, ...] = HARMFUL
    negative: tuple[str, ...] = BENIGN

    def of(self, item: Item) -> bool | None:
        """Tell whether an item is on the positive side; None for neither."""
        value = item.metadata.get(self.by[9:]) if self.by.startswith("metadata.") else getattr(item, self.by)
        return True if str(value) in self.positive else False if str(value) in self.negative else None


def fit(
    defense: str,
    model: str | Model,
    benchmark: str,
    out: Path | str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    model_options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    sides: Sides | None = None,
    attack: str | Attack | None = None,
    attack_options: Iterable[str] | Mapping[str, Any] = (),
    limit: int | None = None,
    command: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Fit a defense's vectors and write them into a folder that no other model takes.

    Args:
        defense: one that can be fitted.
        model: local or an organism, open or by name.
        benchmark: whose items are the labelled requests; choose a part of it that tests nothing.
        out: the folder.
        data: of the benchmark.
        options: of the benchmark (`-T`).
        model_options: of the model.
        settings: of the fit (`FitSettings`).
        sides: which items are positive and negative.
        attack: makes pairs of the positive items alone: each under the attack (its first try) and as it is.
        attack_options: of the attack (`-A`).
        limit: so many items at most.
        command: the command line, for the record.

    Returns:
        What was found: layer, threshold and figures on the held-out half.

    Raises:
        UserError: a defense that has nothing to fit, a model without hidden states, or items of one side alone.
    """
    file, chosen = contracts.defense_file(defense), sides or Sides()
    if file.fit is None:
        able = [name for name in plugins.names("defenses") if contracts.defense_file(name).fit is not None]
        raise UserError(f"{defense} has nothing to fit; those that have: {', '.join(able)}")
    how = build(FitSettings, dict(settings or {}), what="fit (--set)")
    planned = planning.plan(benchmark, data=data, options=options, limit=limit, judging=JudgeChoice(off=True))
    labelled = [(item, side) for item in planned.items if (side := _side(item, chosen)) is not None]
    if not labelled:
        raise UserError(
            f"{benchmark}: no item's {chosen.by} is {' or '.join((*chosen.positive, *chosen.negative))}; "
            "name the field and its values (--by, --positive, --negative)"
        )
    under = open_attack(attack, attack_options) if isinstance(attack, str) else attack
    if under is not None:
        labelled = [pair for item, side in labelled if side for pair in _attacked(item, under)]
    opened = open_model(model, model_options) if isinstance(model, str) else model
    try:
        if "hidden_states" not in opened.capabilities:
            raise UserError(f"{opened.name} shows no hidden states; local/FOLDER_OR_HUB_ID and organism/NAME do")
        vectors, inner = complete(lambda: _collected(opened, [item for item, _ in labelled]))
        found = file.fit(_states(vectors, labelled, how, inner), how)
    finally:
        if opened is not model:
            complete(opened.close)
    record = {
        "model": opened.name,
        "fitted_to": model_mark(opened.identity),
        "settings": how.model_dump(mode="json"),
        "sides": {"by": chosen.by, "positive": list(chosen.positive), "negative": list(chosen.negative)},
        "attack": dict(under.identity) if under is not None else None,
        "benchmark": benchmark,
        "items": items_digest([item for item, _ in labelled]),
        "counts": {"positive": sum(side for _, side in labelled), "negative": sum(not side for _, side in labelled)},
        "command": list(command),
    }
    write(Path(out), defense, found, record)
    return dict(found.facts)


def _attacked(item: Item, attack: Attack) -> tuple[tuple[Item, bool], tuple[Item, bool]]:
    """Pair an item under the attack with itself. Raises UserError: the attack can't be made of it."""
    try:
        return (attack.attempt(item, 0), True), (item, False)
    except Exception as problem:
        raise UserError(f"attack {attack.name} can't be made of item '{item.id}': {problem}") from problem


def _side(item: Item, sides: Sides) -> bool | None:
    return None if item.missing_image is not None else sides.of(item)


async def _collected(model: Model, items: Sequence[Item]) -> tuple[Any, Any]:
    """Collect the states (items, layers, width) at the last position of each prompt, and the transformers model."""
    import torch

    collectors = [Collector() for _ in items]

    async def read(place: int) -> None:
        request = Request(items[place].messages, Generation(max_tokens=1), hidden=collectors[place])
        try:
            await model.generate(request)
        except ModelError as problem:
            raise UserError(f"item '{items[place].id}': {problem}") from None

    await each(iter(range(len(items))), read, min(len(items), model.suggested_concurrency or 32))
    return torch.stack([one.states for one in collectors]), collectors[0].model


def _states(vectors: Any, labelled: Sequence[tuple[Item, bool]], how: FitSettings, model: Any) -> States:
    import torch

    def words(states: Any) -> Any:
        with torch.no_grad():
            return in_words(model, states.to(model.device)).float().cpu()

    held = [_held_out(item, how.seed) for item, _ in labelled]
    return States(vectors, torch.tensor([side for _, side in labelled]), torch.tensor(held), words)


def _held_out(item: Item, seed: int) -> bool:
    """Half of the clusters, whole, by their hash."""
    return hashlib.sha256(f"{seed} {item.cluster or item.id}".encode()).digest()[0] % 2 == 1
