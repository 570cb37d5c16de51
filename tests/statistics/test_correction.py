"""Corrected rates: by hand where that is possible, by simulation where only coverage can tell."""

from __future__ import annotations

import random

import pytest

from foresee.statistics.correction import Correction, Labelled, prediction_powered, rogan_gladen
from foresee.statistics.weighted_agreement import weighted_agreement
from tests.support.figures import holds, known


def simulated(
    seed: int, rows: int, labelled: int, *, rate: float, sensitivity: float, specificity: float
) -> Correction:
    draw = random.Random(seed)
    human = [float(draw.random() < rate) for _ in range(rows)]
    judge = [float(draw.random() < (sensitivity if h else 1 - specificity)) for h in human]
    sample = draw.sample(range(rows), labelled)
    labels = [Labelled(judge[i], human[i], rows / labelled, i) for i in sample]
    return prediction_powered(judge, range(rows), labels)


def test_a_fully_labelled_run_is_what_people_found() -> None:
    judge = [1.0] * 20 + [0.0] * 20
    human = [1.0] * 10 + [0.0] * 30
    labels = [Labelled(j, h, 1.0, i) for i, (j, h) in enumerate(zip(judge, human, strict=True))]
    found = prediction_powered(judge, range(40), labels)
    assert found.raw == 0.5
    assert found.value == pytest.approx(0.25)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.25 < found.high


def test_a_perfect_judge_still_leaves_doubt() -> None:
    judge = [1.0] * 50 + [0.0] * 350
    labels = [Labelled(judge[i], judge[i], 4.0, i) for i in range(0, 400, 4)]
    found = prediction_powered(judge, range(400), labels)
    assert found.value == pytest.approx(0.125)
    assert found.high is not None
    assert found.high > 0.15, "a hundred labels without an error do not prove that there is none"
    assert "hardly seen" in found.method


def test_few_labels_give_a_figure_and_no_interval() -> None:
    found = prediction_powered([1.0, 0.0] * 50, range(100), [Labelled(1.0, 0.0, 50.0, 0), Labelled(0.0, 0.0, 50.0, 1)])
    assert found.low is None
    assert "fewer than 20 labelled clusters" in found.method
    assert prediction_powered([], [], []).value is None


def test_intervals_cover() -> None:
    hits = 0
    for seed in range(60):
        found = simulated(seed, 300, 80, rate=0.2, sensitivity=0.85, specificity=0.9)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.2 <= found.high
    assert hits >= 52  # 95 % of 60 is 57; below 52 in one of 700 such tests


def test_a_good_judge_narrows_the_interval() -> None:
    good = simulated(1, 2000, 100, rate=0.3, sensitivity=0.95, specificity=0.97)
    poor = simulated(1, 2000, 100, rate=0.3, sensitivity=0.5, specificity=0.5)
    widths = [(f.high or 0) - (f.low or 0) for f in (good, poor)]
    assert widths[0] < 0.6 * widths[1]


def test_rogan_gladen_by_hand() -> None:
    judged = [1.0] * 30 + [0.0] * 70
    labels = [Labelled(1.0, 1.0, 1.0, i) for i in range(18)] + [Labelled(0.0, 1.0, 1.0, 18 + i) for i in range(2)]
    labels += [Labelled(0.0, 0.0, 1.0, 20 + i) for i in range(64)] + [
        Labelled(1.0, 0.0, 1.0, 84 + i) for i in range(16)
    ]
    found = rogan_gladen(judged, range(100), labels)
    assert found.value == pytest.approx((0.3 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert found.low is not None
    assert found.high is not None
    assert holds(found, known(found.value))


def test_a_judge_that_tells_nothing_is_said_to() -> None:
    labels = [Labelled(float(i % 2), float(i // 2 % 2), 1.0, i) for i in range(40)]
    found = rogan_gladen([1.0, 0.0] * 20, range(40), labels)
    assert found.value is None
    assert "tells nothing" in found.method
    assert "only shares" in rogan_gladen([0.5], [0], labels).method
    assert "one kind" in rogan_gladen([1.0], [0], labels[:2]).method


def test_weighted_agreement_by_hand() -> None:
    found = weighted_agreement(["a", "a", "b", "b"], ["a", "b", "b", None], range(4), [3.0, 1.0, 2.0, 9.0])
    assert found.consistency == pytest.approx(5 / 6)
    assert found.kappa == pytest.approx((5 / 6 - 1 / 2) / (1 - 1 / 2))
