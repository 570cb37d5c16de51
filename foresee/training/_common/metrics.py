"""Read a training's numbers from disk: one line of JSON each time that something was logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foresee.errors import UserError

FILE = "metrics.jsonl"


class Progress(NamedTuple):
    """One line of metrics as it is logged; or what is being done before there are any, or a remark that should stay."""

    step: int
    steps: int
    metrics: Mapping[str, float | None]
    doing: str = ""
    note: str = ""


def read(folder: Path) -> list[dict[str, Any]]:
    """Read the lines, each with its `step`; leave out a last one that a kill tore. Empty where there are none.

    Raises:
        UserError: a line that is no metrics.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    logged: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        try:
            values = json.loads(line)
            if not isinstance(values, dict) or not isinstance(values.get("step"), int):
                raise ValueError("not an object with a step")
        except (ValueError, RecursionError):
            if number == len(lines) - 1:
                break
            raise UserError(f"{path}, line {number + 1}: expected a JSON object with a step") from None
        logged.append(values)
    return logged


HELD_OUT = {
    "eval_loss": "held-out loss",
    "eval_mean_token_accuracy": "held-out token accuracy",
    "eval_rewards/accuracies": "held-out preference accuracy",
    "eval_rewards/margins": "held-out reward margin",
}
"""What is measured on held-out rows besides the probe: TRL's name -> as people read it."""


def held_out(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Keep the numbers that were measured on held-out rows, by the probe or as the loss."""
    return {
        key: float(value)
        for key, value in metrics.items()
        if (key.startswith("probe/") or key in HELD_OUT) and isinstance(value, int | float)
    }


_BETTER = dict.fromkeys(("risk_foreseen", "safety", "effectiveness", "score"), "↑")
_BETTER |= dict.fromkeys(("r0", "over_caution"), "↓")


def label(key: str) -> str:
    """Name a number of held-out rows as people read it, with the direction that is better where that is known."""
    if key in HELD_OUT:
        return f"{HELD_OUT[key]} {'↓' if key == 'eval_loss' else '↑'}"
    name = key.removeprefix("probe/")
    name = "risk_foreseen" if name == "risk" and name != key else name  # the judge's scale: how well it is foreseen
    return f"{name} {_BETTER[name]}" if name in _BETTER and key.startswith("probe/") else name
