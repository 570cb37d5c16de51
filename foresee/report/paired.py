"""Find the paired differences between runs that stand side by side, which of them hold together, and how they read."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from typing import NamedTuple

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.metrics import Metric, compare
from foresee.statistics import STANDARD, Difference, holm


class Shown(NamedTuple):
    """A difference in words: the difference, its interval in brackets ("" without one), and its mark."""

    delta: str
    span: str
    mark: str


def differences(first: Run, run: Run, metrics: Sequence[Metric]) -> dict[str, Difference]:
    """Compare a run with the first one, by metric; empty for itself, and where they have no item in common."""
    if run is first:
        return {}
    try:
        return {found.name: found for found in compare(first.rows, run.rows, metrics)}
    except UserError:  # no item in common: there is nothing to pair, and the values still stand side by side
        return {}


def sure(found: Collection[Difference]) -> frozenset[Difference]:
    """Choose those that hold by Holm's rule over all of them that have a p value."""
    tested = [each for each in found if each.p_value is not None]
    adjusted = holm([each.p_value or 0.0 for each in tested])
    return frozenset(each for each, p_value in zip(tested, adjusted, strict=True) if p_value < STANDARD.alpha)


def shown(found: Difference, held: Container[Difference], *, percent: bool) -> Shown | None:
    """Write a difference, None where there is none; `*` where the interval leaves out zero, `**` if it is `held`."""
    if found.delta is None:
        return None
    scale, digits = (100, 1) if percent else (1, 3)
    delta = f"{scale * found.delta:+.{digits}f}"
    if found.low is None or found.high is None:
        return Shown(delta, "", "")
    span = f"[{scale * found.low:+.{digits}f}, {scale * found.high:+.{digits}f}]"
    return Shown(delta, span, "**" if found in held else "*" if found.low > 0 or found.high < 0 else "")
