"""Judges: a rubric and its parser, one file each. This file only offers them by name.

A judge file has `VERSION`, and `judge(item, answer) -> Verdict` if it reads by rules, `rubric(item) -> Rubric` if it
asks a judge model, or both (then rules unless a model is asked for). `RUBRICS` may name further ones.
"""

from foresee.judges._model.choice import JudgeChoice, bound, judge_models_open
from foresee.judges._model.guards import Finding, Guard
from foresee.judges._model.guards import named as guard_named
from foresee.judges._model.judge import GradedJudge, needs_model
from foresee.judges._model.members import Member
from foresee.judges._model.panel import agreed
from foresee.judges._model.rubric import Blank, Rubric
from foresee.judges._registry import RuleJudge, open_judge

__all__ = [
    "Blank",
    "Finding",
    "GradedJudge",
    "Guard",
    "JudgeChoice",
    "Member",
    "Rubric",
    "RuleJudge",
    "agreed",
    "bound",
    "guard_named",
    "judge_models_open",
    "needs_model",
    "open_judge",
]
