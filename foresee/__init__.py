"""foresee: measure and improve the safety of vision-language models.

import foresee
run = foresee.evaluate("mmsafeaware", "openai/gpt-4o", data="MMSafetyAwareness")
print(run.estimate("balanced_accuracy"))
run.frame()                       # one line per item, as a pandas DataFrame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foresee.errors import ModelError, UserError
    from foresee.evaluation import compare, evaluate
    from foresee.judges import JudgeChoice, open_judge
    from foresee.planning import plan
    from foresee.report.rows import Run, read_run
    from foresee.report.stored_runs import read_runs
    from foresee.runner.budget import Budget, BudgetSpent
    from foresee.stored import rescore, score

_WHERE = {
    "evaluate": "foresee.evaluation",
    "plan": "foresee.planning",
    "compare": "foresee.evaluation",
    "score": "foresee.stored",
    "rescore": "foresee.stored",
    "Budget": "foresee.runner.budget",
    "BudgetSpent": "foresee.runner.budget",
    "open_judge": "foresee.judges",
    "JudgeChoice": "foresee.judges",
    "Run": "foresee.report.rows",
    "read_run": "foresee.report.rows",
    "read_runs": "foresee.report.stored_runs",
    "ModelError": "foresee.errors",
    "UserError": "foresee.errors",
}

__all__ = [
    "Budget",
    "BudgetSpent",
    "JudgeChoice",
    "ModelError",
    "Run",
    "UserError",
    "compare",
    "evaluate",
    "open_judge",
    "plan",
    "read_run",
    "read_runs",
    "rescore",
    "score",
]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import foresee` and `foresee --help` cost nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("foresee")
    if name not in _WHERE:
        raise AttributeError(f"module 'foresee' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
