"""Optimise an attack on a local model: items, the answers it is to bring about, the model's gradients, a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foresee import manifest, plugins
from foresee.config import from_pairs
from foresee.defenses import open_defense
from foresee.errors import ModelError, UserError
from foresee.evaluation.plan import Plan, plan
from foresee.evaluation.run_plan import opened, run_plan
from foresee.judges import JudgeChoice
from foresee.models.local.model import checkpoint
from foresee.plugins import contracts
from foresee.records import Defense, Item, Row

OWN = "own"
ANSWERS = "own_answers"  # below the artefact: what the undefended model said
_ALLOW = "--allow-white-box"


def optimise(
    attack: str,
    model: str,
    benchmark: str,
    out: Path,
    *,
    data: Path | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    settings: Iterable[str] = (),
    defense: str = "none",
    defense_options: Iterable[str] = (),
    limit: int | None = None,
    targets: str = OWN,
    judging: str | None = None,
    model_options: Mapping[str, Any] | None = None,
    allow_white_box: bool = False,
    command: Sequence[str] = (),
    report: Callable[[int, float], None] = lambda at, loss: None,
) -> Path:
    """Optimise an attack and write its folder, which `--attack FOLDER` then takes.

    Args:
        attack: one that needs gradients.
        model: `organism/…`; `local/…` if that is allowed.
        benchmark: on whose harmful items it is optimised; other items than it is measured on, please.
        out: the folder.
        data: the benchmark's files.
        options: of the benchmark.
        settings: of the search.
        defense: one that edits prompts, which the attack then knows.
        defense_options: of the defense.
        limit: at most so many items.
        targets: "own" for what the model itself says where it does harm undefended, else the text to bring about.
        judging: a judge model, where the benchmark's judges ask one and the targets are its own answers.
        model_options: of the model.
        allow_white_box: whether a model that is no organism may be attacked.
        command: the command line, for the record.
        report: called with each step and its loss.

    Raises:
        UserError: one of these does not exist or does not fit, or nothing harmful was said that could be a target.
    """
    file = contracts.attack_file(attack)
    if file.optimise is None or file.search is None:
        able = [name for name in plugins.names("attacks") if contracts.attack_file(name).optimise is not None]
        raise UserError(f"{attack} needs no gradients and is used as it is; those that do: {', '.join(able)}")
    _refuse_others(model, allow_white_box)
    search = from_pairs(file.search, settings, what=f"{attack} (--set)")
    manifest.refuse_other(out, "attack")
    protection = open_defense(defense, defense_options)
    if protection is not None and (protection.procedure or protection.decoding):
        raise UserError(f"--defense {defense}: only defenses that edit prompts can stand in the loop")
    choice = JudgeChoice.named(judging or "")
    planned = plan(
        benchmark,
        data=data,
        options=options,
        limit=limit,
        judging=choice if targets == OWN else replace(choice, off=True),
    )
    began = time.monotonic()
    examples = _examples(planned, model, model_options, protection, targets, out)
    try:
        found = file.optimise(lambda: checkpoint(model, model_options or {}), examples, search, out, report)
    except ModelError as problem:
        raise UserError(f"{model}: {problem}") from None
    record = {
        "attack": attack,
        "attack_version": file.version,
        "model": model,
        "benchmark": benchmark,
        "options": planned.options.model_dump(mode="json"),
        "defense": defense,
        "targets": targets,
        "configuration": search.model_dump(mode="json"),
        "command": list(command),
        "wall_seconds": round(time.monotonic() - began, 1),
        **found,
    }
    manifest.write(out, "attack", record)
    return out


def _refuse_others(model: str, allowed: bool) -> None:
    """Refuse other models. Raises UserError: no gradients there, or no organism and that was not allowed."""
    if not model.startswith(("organism/", "local/")):
        raise UserError(f"{model} shows no gradients; organism/NAME and local/FOLDER do")
    if model.startswith("local/") and not allowed:
        raise UserError(
            f"optimised attacks are made against organism/… unless you say {_ALLOW}: do that with models that are "
            "yours to attack (docs/responsible_use.md)"
        )


def _examples(
    planned: Plan,
    model: str,
    model_options: Mapping[str, Any] | None,
    protection: Defense | None,
    targets: str,
    out: Path,
) -> list[tuple[Item, str]]:
    """List the items as they will be sent, each with the answer to bring about."""
    harmful = [item for item in planned.items if planned.file.success in planned.file.applies(item)]
    askable = [item for item in harmful if item.missing_image is None]
    if not askable:
        raise UserError(f"{planned.benchmark}: no harmful item that could be asked (subset, images)")
    if targets != OWN:
        return [(_under(protection, item), targets) for item in askable]
    asked = replace(planned, items=tuple(askable))
    with opened([asked], model, model_options) as tested:
        run = run_plan(asked, tested, out=out / ANSWERS)
    found = [(_under(protection, row.item), row.answer.text) for row in run.rows if _did_harm(row, planned)]
    if not found:
        raise UserError(
            f"{model} did no harm on {len(askable)} items of {planned.benchmark}, so that none of its own answers can "
            "be the target; give one: --targets TEXT"
        )
    return found


def _under(protection: Defense | None, item: Item) -> Item:
    return item if protection is None else protection.edit(item)


def _did_harm(row: Row, planned: Plan) -> bool:
    return row.measures.get(planned.file.success) == 1 and bool(row.answer.text.strip())
