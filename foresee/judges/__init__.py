"""Judges: a rubric and its parser, one file each. This file only offers them by name.

A judge file has `VERSION`, and `judge(item, answer) -> Verdict` if it reads by rules, `rubric(item) -> Rubric` if it
asks a judge model, or both (then rules unless a model is asked for). `RUBRICS` may name further ones.
"""

from foresee.judges._choice import JudgeChoice, seated
from foresee.judges._graded import GradedJudge, needs_model
from foresee.judges._members import Member
from foresee.judges._opening import RuleJudge, forms, open_judge
from foresee.judges._voting import agreed

__all__ = [
    "GradedJudge",
    "JudgeChoice",
    "Member",
    "RuleJudge",
    "agreed",
    "forms",
    "needs_model",
    "open_judge",
    "seated",
]
