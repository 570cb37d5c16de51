"""foresee: measure and improve the safety of vision-language models.

import foresee
run = foresee.evaluate("mmsafeaware", "openai/gpt-4o", data="MMSafetyAwareness")
print(run.estimate("balanced_accuracy"))
run.frame()                       # one line per item, as a pandas DataFrame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foresee.curation import curate
    from foresee.errors import ModelError, UserError
    from foresee.evaluation.evaluate import evaluate
    from foresee.evaluation.join import join
    from foresee.evaluation.plan import plan
    from foresee.evaluation.run_folder import Run, read_run
    from foresee.evaluation.runs import Runs
    from foresee.evaluation.score import rescore, score
    from foresee.judges import JudgeChoice, open_judge
    from foresee.report.comparison import Comparison, compare
    from foresee.report.profile import Profile, profile
    from foresee.report.stored_runs import read_runs
    from foresee.runner.budget import Budget, BudgetSpent
    from foresee.training import train

_WHERE = {
    "evaluate": "foresee.evaluation.evaluate",
    "plan": "foresee.evaluation.plan",
    "curate": "foresee.curation",
    "train": "foresee.training",
    "compare": "foresee.report.comparison",
    "Comparison": "foresee.report.comparison",
    "join": "foresee.evaluation.join",
    "score": "foresee.evaluation.score",
    "rescore": "foresee.evaluation.score",
    "Budget": "foresee.runner.budget",
    "BudgetSpent": "foresee.runner.budget",
    "open_judge": "foresee.judges",
    "JudgeChoice": "foresee.judges",
    "Run": "foresee.evaluation.run_folder",
    "Runs": "foresee.evaluation.runs",
    "read_run": "foresee.evaluation.run_folder",
    "read_runs": "foresee.report.stored_runs",
    "profile": "foresee.report.profile",
    "Profile": "foresee.report.profile",
    "ModelError": "foresee.errors",
    "UserError": "foresee.errors",
}

__all__ = [
    "Budget",
    "BudgetSpent",
    "Comparison",
    "JudgeChoice",
    "ModelError",
    "Profile",
    "Run",
    "Runs",
    "UserError",
    "compare",
    "curate",
    "evaluate",
    "join",
    "open_judge",
    "plan",
    "profile",
    "read_run",
    "read_runs",
    "rescore",
    "score",
    "train",
]


def __dir__() -> list[str]:
    """List the public names, though none is imported yet."""
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import foresee` and `foresee --help` cost nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("foresee")
    if name not in _WHERE:
        raise AttributeError(f"module 'foresee' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
