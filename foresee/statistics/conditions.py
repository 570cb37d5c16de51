"""Conditions on figures, for use in a continuous integration: "over_safe.accuracy < 0.4"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from foresee.errors import UserError, unknown_name
from foresee.statistics.estimates import Estimate

Operator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Condition:
    """`metric op threshold`, such as "over_safe.accuracy < 0.4"."""

    metric: str
    op: Operator
    threshold: float

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.threshold:g}"

    def holds(self, estimates: Iterable[Estimate]) -> bool:
        """Whether the metric's value fulfils the condition.

        Raises:
            UserError: no such metric; it has no value (nothing was scored); the threshold lies outside its range.
        """
        known = {e.name: e for e in estimates}
        if self.metric not in known:
            raise unknown_name("metric", self.metric, known)
        found = known[self.metric]
        self.check_range(found.bounds)
        if found.value is None:
            raise UserError(f"'{self}' can't be decided: {self.metric} has no value ({found.method})")
        same = math.isclose(found.value, self.threshold, rel_tol=1e-9, abs_tol=1e-12)  # 0.1 + 0.2 is 0.3 here
        above = found.value > self.threshold
        by_operator = {"<": not above and not same, "<=": not above or same, ">": above and not same}
        by_operator |= {">=": above or same, "==": same, "!=": not same}
        return by_operator[self.op]

    def check_range(self, bounds: tuple[float, float]) -> None:
        """Check the threshold. Raises UserError: no value of a metric with these bounds could reach the threshold."""
        low, high = bounds
        if not low <= self.threshold <= high:
            hint = f"; did you mean {self.threshold:g}%?" if (low, high) == (0, 1) and 1 < self.threshold <= 100 else ""
            raise UserError(f"'{self}': expected a number from {low:g} to {high:g}, got {self.threshold:g}{hint}")


def parse_condition(text: str) -> Condition:
    """Read `NAME OP NUMBER`; OP is one of < <= > >= == !=, NUMBER may end in a percent sign.

    Raises:
        UserError: not of that form.
    """
    found = re.fullmatch(r"\s*([^\s<>=!]+)\s*(<=|>=|==|!=|<|>)\s*([^\s%]+)\s*(%?)\s*", text)
    try:
        if found is None:
            raise ValueError
        threshold = float(found[3]) / (100 if found[4] else 1)
        if not math.isfinite(threshold):
            raise ValueError
    except ValueError:
        operators = " ".join(get_args(Operator))
        raise UserError(
            f"condition '{text}': expected NAME OP NUMBER with OP one of {operators}, such as 'accuracy < 0.4'"
        ) from None
    op: Operator = next(known for known in get_args(Operator) if known == found[2])
    return Condition(found[1], op, threshold)
