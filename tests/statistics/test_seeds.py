"""Figures over seeds and items."""

from __future__ import annotations

import math
import random

import pytest

from foresee.statistics import rate
from foresee.statistics.seeds import over_seeds


def test_one_seed_has_the_interval_of_its_items() -> None:
    assert over_seeds([0.3], (0.3, 0.2, 0.4), (0, 1))[:3] == (0.3, 0.2, 0.4)


def test_distances_add_by_their_squares() -> None:
    found = over_seeds([0.2, 0.3, 0.4], (0.3, 0.26, 0.36), (0, 1))
    assert found.value == pytest.approx(0.3)
    reach = 4.302653 * 0.1 / math.sqrt(3)  # Student's t at 97.5 % with two degrees of freedom
    assert found.low == pytest.approx(0.3 - math.hypot(0.04, reach))
    assert found.high == pytest.approx(0.3 + math.hypot(0.06, reach))
    assert over_seeds([0.0, 1.0], (0.5, 0.4, 0.6), (0, 1))[1:3] == (0.0, 1.0)


def test_a_seed_without_a_figure_leaves_none() -> None:
    assert over_seeds([0.2, None], (0.2, 0.1, 0.3), (0, 1))[:3] == (None, None, None)
    with pytest.raises(ValueError, match="one seed at least"):
        over_seeds([], (0.2, 0.1, 0.3), (0, 1))


@pytest.mark.parametrize(("low", "value", "high"), [(0.01, 0.1, 0.2), (-0.2, -0.1, -0.01), (-0.01, 0.1, 0.2)])
def test_p_is_below_a_twentieth_exactly_where_zero_is_left_out(low: float, value: float, high: float) -> None:
    p_value = over_seeds([value], (value, low, high), (-1, 1)).p_value
    assert p_value is not None
    assert (p_value < 0.05) == (low > 0 or high < 0)


def test_intervals_hold_the_truth_where_seeds_and_items_vary() -> None:
    """80 items, 5 seeds, both with spread: 95 % intervals hold the mean of the population in 93 % and more."""
    rng = random.Random(0)
    held = 0
    trials = 200
    for _ in range(trials):
        hardness = [rng.gauss(0, 1) for _ in range(80)]
        luck = [rng.gauss(0, 0.5) for _ in range(5)]
        values = [[float(rng.gauss(0, 1.2) < h + s) for h in hardness] for s in luck]
        each = [sum(row) / 80 for row in values]
        items = rate([sum(column) / 5 for column in zip(*values, strict=True)], list(range(80)))
        found = over_seeds(each, (items.value, items.low, items.high), (0, 1))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    assert held / trials >= 0.93
