"""What the tests of training share: settings of tiny runs, and sessions of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foresee import training
from foresee.training._common import run

DATA = {"sft": "completion", "dpo": "preference", "caspo": "prompt"}
CASPO = ("generations=4", "max_new_tokens=6", "constitution=world", "reward.world.effectiveness=0.5")


def settings(
    method: str, models: dict[str, Path], folders: dict[str, Path], out: Path, *given: str, kind: str = "llava"
) -> training.TrainingConfig:
    """Two steps of four sequences, fast enough to see what moves; `given` is laid over it."""
    common = [f"model={models[kind]}", f"data={folders[DATA[method]]}", f"out={out}", "steps=2", "batch=4"]
    own = CASPO if method == "caspo" else ()
    pairs = [*common, "device=cpu", "learning_rate=0.01", *own, *given]
    last = {pair.partition("=")[0]: pair for pair in pairs}  # a key given twice is refused
    return training.configure(method, None, list(last.values()))


def session(method: str, config: training.TrainingConfig) -> run.Session:
    return run.prepare(method, training.method(method), config, lambda progress: None)


def weights(model: Any) -> dict[str, Any]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
