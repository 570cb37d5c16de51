"""Judges: a rubric and its parser, one file each. This file only opens them by name.

A judge file has `VERSION` and `judge(item, answer) -> Verdict`; that is all a rule-based judge needs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from foresee import _discovery
from foresee.errors import UserError
from foresee.records import Answer, Item, Json, Judge, Verdict


@dataclass(frozen=True)
class RuleJudge:
    """A judge that is rules alone: no model, no cost, the same verdict every time."""

    name: str
    version: str
    rule: Callable[[Item, Answer], Verdict]

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"judge": self.name, "version": self.version}

    async def judge(self, item: Item, answer: Answer) -> Verdict:
        return self.rule(item, answer)


def open_judge(name: str) -> Judge:
    """The judge `name`, ready to read answers.

    Raises:
        UserError: no such judge (nearest offered), or its file does not hold what a judge needs.
    """
    module = _discovery.load("judges", name)
    rule, version = getattr(module, "judge", None), getattr(module, "VERSION", None)
    if not callable(rule) or not isinstance(version, str) or inspect.iscoroutinefunction(rule):
        raise UserError(f"judge file {module.__file__} needs VERSION = '...' and a function judge(item, answer)")
    return RuleJudge(name, version, rule)
