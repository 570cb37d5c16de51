"""Write runs' results to Weights & Biases (extra `[wandb]`): figures and settings, no prompts, answers or images.

W&B's own settings hold: `WANDB_API_KEY` or `wandb login`; `WANDB_MODE=offline` writes a folder that `wandb sync` sends.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from foresee import manifest
from foresee.errors import UserError, missing_extra
from foresee.evaluation import remarks
from foresee.evaluation.run_folder import Run
from foresee.report import provenance

_SETTINGS = (
    "benchmark_version",
    "options",
    "generation",
    "judge_models",
    "limit",
    "epochs",
    "seed",
    "items",
    "usage",
    "cost",
)


def check() -> None:
    """Check that W&B can be written to, before anything is asked. Raises UserError: wandb is not installed."""
    if importlib.util.find_spec("wandb") is None:
        raise missing_extra("Weights & Biases", "wandb")


def write(runs: Sequence[Run], project: str, out: Path) -> list[str]:
    """Log each run as a run of W&B: every metric with interval, counts and coverage; return their addresses.

    The same run folder, as it stands, is the same run there: sent again it is not doubled.

    Args:
        runs: with their metrics.
        project: its name there; it is made where there is none.
        out: the folder below which W&B keeps its own files.

    Raises:
        UserError: wandb is missing, nobody is logged in, or W&B does not answer.
    """
    check()
    import wandb

    offline = os.environ.get("WANDB_MODE") == "offline"
    out.mkdir(parents=True, exist_ok=True)
    written = []
    hooks = sys.exit, sys.excepthook  # wandb puts its own in their place, and leaves them there
    for run in runs:
        said = remarks.read(run.folder)
        try:
            with wandb.init(
                project=project,
                id=manifest.digest([str(run.folder.absolute()), run.manifest.get("written")])[:16],
                resume=None if offline else "allow",
                name=run.title[:120],
                group=run.benchmark,
                tags=[tag[:64] for tag in (run.benchmark, *said.tags)],
                notes=said.note or None,
                config=_config(run),
                dir=str(out),
                settings=wandb.Settings(silent=True, console="off"),
            ) as logged:
                logged.summary.update(_figures(run))
                written.append(str(Path(logged.dir).parent) if offline else str(logged.url))
        except wandb.errors.Error as problem:
            raise UserError(
                f"W&B: {str(problem).splitlines()[0]}; log in with 'wandb login', or set WANDB_MODE=offline"
            ) from None
        finally:
            sys.exit, sys.excepthook = hooks
    return written


def _config(run: Run) -> dict[str, object]:
    """Gather what was run, without local paths and keys."""
    known = provenance.record(run, public=True)
    settings = {key: known[key] for key in _SETTINGS if known.get(key) is not None}
    own = {"model": run.model, "attack": run.attack, "defense": run.defense, "commit": known.get("commit")}
    return {**own, "benchmark": run.benchmark, "foresee": known.get("foresee"), **settings}


def _figures(run: Run) -> dict[str, float | int]:
    """Name every metric's value, `/low`, `/high`, `/n`, `/total` and `/coverage`; what has no value is left out."""
    found: dict[str, float | int] = {}
    for each in run.estimates:
        parts = {"": each.value, "/low": each.low, "/high": each.high, "/n": each.n, "/total": each.total}
        parts["/coverage"] = each.coverage if each.total else None
        found |= {each.name + part: value for part, value in parts.items() if value is not None}
    return found
