"""The collapse detector: what stops a training, and what does not."""

from __future__ import annotations

import pytest

from foresee.training._common.collapse import CollapseDetector
from foresee.training._common.config import CollapseBounds


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"entropy": 0.05}, "entropy fell to 0.05 from 1 at first"),
        ({"entropy": 9.0}, "entropy rose to 9 from 1 at first"),
        ({"completions/mean_length": 2.0}, "answers are down to 2.0 from 20.0 tokens"),
        ({"probe/length": 1.0}, "answers are down to 1.0 from 10.0 tokens"),
        ({"probe/over_caution": 0.6}, "over-caution 0.60 is above 0.5"),
    ],
)
def test_collapse_is_seen_at_the_second_measurement(metrics: dict[str, float], reason: str) -> None:
    detector = CollapseDetector(CollapseBounds(over_caution_ceiling=0.5))
    first = {"entropy": 1.0, "completions/mean_length": 20.0, "probe/length": 10.0, "probe/over_caution": 0.1}
    assert detector.observe(0, first) is None
    assert detector.observe(1, metrics) is None
    found = detector.observe(2, metrics)
    assert found is not None
    assert reason in found
    assert "2 times in a row" in found
    assert detector.last_good_step == 0


def test_one_bad_measurement_is_forgiven_and_other_numbers_are_not_looked_at() -> None:
    detector = CollapseDetector(CollapseBounds())
    for step, entropy in enumerate([1.0, 0.01, 0.9, 0.01, 0.9]):
        assert detector.observe(step, {"entropy": entropy, "loss": 1e9, "reward": None}) is None
    assert detector.last_good_step == 4


def test_a_model_that_was_sure_of_everything_may_become_less_so() -> None:
    detector = CollapseDetector(CollapseBounds())
    for step, entropy in enumerate([0.01, 0.09, 0.15, 0.2, 0.001]):
        assert detector.observe(step, {"entropy": entropy}) is None
    assert detector.observe(5, {"entropy": 0.5}) is None
    assert detector.observe(6, {"entropy": 0.6}) is not None


def test_bounds_that_are_not_set_are_not_watched() -> None:
    detector = CollapseDetector(CollapseBounds(entropy_fall=None, entropy_rise=None, length_floor=None, patience=1))
    for step in range(3):
        values = {"entropy": 10.0**-step, "completions/mean_length": 10.0**-step, "probe/over_caution": 1.0}
        assert detector.observe(step, values) is None
