"""Find judges that are no independent measure, as the model was trained for their verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from foresee.errors import UserError
from foresee.judges import GradedJudge
from foresee.models.checkpoints.rewards import KEY as KEY
from foresee.records import Item, Judge

_HOW = ("asked", "sampling")  # how a judge model was asked, which makes it no other judge


def marked_by_reward(
    rewarded: Sequence[Mapping[str, Any]],
    judges: Iterable[Mapping[str, Any]],
    rubrics: Mapping[str, Collection[str]],
) -> list[str]:
    """Name the judges that were the model's reward: the same judge, rubric, and a judge model in common.

    Args:
        rewarded: as from `models.checkpoints.rewards`.
        judges: identities of those that judge now.
        rubrics: judge -> name, version and hash of each rubric that it used; what a benchmark adds to a rubric for its
            items (further facts, "+goal") makes it no other one.
    """
    found = []
    for judge in judges:
        name = str(judge.get("judge", ""))
        mine, asked = _models(judge), {_rubric(each) for each in rubrics.get(name, ())}
        for reward in rewarded:
            given = {_rubric(each) for each in _texts(reward.get("rubrics"))}
            same_rubric = bool(given & asked) if given or asked else reward.get("version") == judge.get("version")
            shared = any(model in mine for model in _models(reward)) if mine else not _models(reward)
            if reward.get("judge") == name and same_rubric and shared and name not in found:
                found.append(name)
    return found


def refuse(rewarded: Sequence[Mapping[str, Any]], judges: Sequence[Judge], items: Iterable[Item]) -> None:
    """Refuse what `--strict` forbids. Raises UserError: a judge was the reward of the model that it is to judge."""
    if not rewarded:
        return
    seen = list(items)
    rubrics = {j.name: {j.key_part(item) for item in seen} for j in judges if isinstance(j, GradedJudge)}
    own = marked_by_reward(rewarded, [judge.identity for judge in judges], rubrics)
    if own:
        raise UserError(
            f"--strict: the model was trained for the verdicts of {', '.join(own)} by the same rubric and judge model; "
            "choose another judge model, or leave --strict out (the figures then say so)"
        )


def warning(model: str, names: Sequence[str]) -> str:
    """Say beside the figures what they are."""
    return (
        f"{model} was trained for the verdicts of {', '.join(names)}, by the same rubric and judge model: "
        "these figures are its training's own objective, not an independent measure"
    )


def _rubric(fingerprint: str) -> str:
    """Take name and version of a rubric without its hash and what a benchmark added."""
    name, _, rest = fingerprint.partition(" ")
    return f"{name.partition('+')[0]} {rest.partition(' ')[0]}"


def _texts(given: object) -> list[str]:
    return [str(each) for each in given] if isinstance(given, list) else []


def _models(judge: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = judge.get("models")
    models = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return [{key: value for key, value in model.items() if key not in _HOW} for model in models]
