"""Detect a collapse from a training's numbers. Pure: numbers in, reason out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from foresee.training._common.config import CollapseBounds

ENTROPY = "entropy"
LENGTHS = ("completions/mean_length", "probe/length")
OVER_CAUTION = "probe/over_caution"


@dataclass
class CollapseDetector:
    """Remembers the first value of each number and how often in a row it was out of bounds.

    After a resumption it is shown the earlier lines again, which brings it back to where it was.
    """

    bounds: CollapseBounds
    first: dict[str, float] = field(default_factory=dict)
    strikes: dict[str, int] = field(default_factory=dict)
    last_good_step: int = 0

    def observe(self, step: int, metrics: Mapping[str, object]) -> str | None:
        """Return the reason to stop, or None. Numbers that are absent or None are ignored."""
        reason = None
        numbers = {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}
        for key, value in numbers.items():
            problem = self._problem(key, value)
            if problem is None:
                self.strikes.pop(key, None)
                continue
            self.strikes[key] = self.strikes.get(key, 0) + 1
            if self.strikes[key] >= self.bounds.patience:
                reason = reason or f"{problem}, {self.strikes[key]} times in a row"
        if not self.strikes:
            self.last_good_step = step
        return reason

    def _problem(self, key: str, value: float) -> str | None:
        if key == OVER_CAUTION:
            ceiling = self.bounds.over_caution_ceiling
            return f"over-caution {value:.2f} is above {ceiling:g}" if _over(value, ceiling) else None
        if key != ENTROPY and key not in LENGTHS:
            return None
        if math.isnan(value):
            return f"{key} is not a number"
        first = self.first.setdefault(key, value)
        if key in LENGTHS:
            floor = self.bounds.length_floor
            short = floor is not None and value < floor * first
            return f"answers are down to {value:.1f} from {first:.1f} tokens at first" if short else None
        fall, rise = self.bounds.entropy_fall, self.bounds.entropy_rise
        if abs(value - first) < self.bounds.entropy_slack:
            return None
        if fall is not None and value < fall * first:
            return f"entropy fell to {value:.3g} from {first:.3g} at first"
        if rise is not None and value > rise * first:
            return f"entropy rose to {value:.3g} from {first:.3g} at first"
        return None


def _over(value: float, ceiling: float | None) -> bool:
    return ceiling is not None and value > ceiling
