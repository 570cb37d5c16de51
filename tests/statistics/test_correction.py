"""Corrected rates: by hand where that is possible, by simulation where only coverage can tell."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from foresee.statistics.correction import Correction, Labelled, post_stratified, rogan_gladen
from foresee.statistics.weighted_agreement import weighted_agreement
from tests.support.figures import holds, known


class Setting(NamedTuple):
    """What is simulated: people's rate, the judge's errors, and how many rows and labels there are."""

    rate: float
    misses: float
    false_alarms: float
    rows: int
    labels: int
    balanced: bool = False


def simulated(seed: int, setting: Setting) -> Correction:
    draw = random.Random(seed)
    human = [float(draw.random() < setting.rate) for _ in range(setting.rows)]
    judge = [float(draw.random() < (1 - setting.misses if h else setting.false_alarms)) for h in human]
    strata = {str(v): [i for i in range(setting.rows) if judge[i] == v] for v in (0.0, 1.0)} if setting.balanced else {}
    labels = []
    for stratum, rows in (strata or {"": list(range(setting.rows))}).items():
        count = min(len(rows), setting.labels // max(1, len(strata)))
        sample = draw.sample(rows, count)
        labels += [Labelled(judge[i], human[i], len(rows) / count, i, stratum) for i in sample]
    return post_stratified(judge, range(setting.rows), labels)


def coverage(setting: Setting, draws: int) -> tuple[float, float]:
    """Share of intervals that hold the true rate, and of those that lie below it."""
    held = below = 0
    for seed in range(draws):
        found = simulated(seed, setting)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= setting.rate <= found.high
        below += found.high < setting.rate
    return held / draws, below / draws


BALANCED = [
    Setting(0.06, 0.5, 0.05, 1000, 100, balanced=True),
    Setting(0.06, 0.3, 0.10, 1000, 100, balanced=True),
    Setting(0.045, 0.2, 0.02, 1000, 200, balanced=True),
    Setting(0.045, 0.3, 0.19, 4000, 200, balanced=True),
]
RANDOM = [Setting(0.06, 0.5, 0.05, 1000, 100), Setting(0.1, 0.3, 0.1, 1000, 100), Setting(0.2, 0.15, 0.1, 300, 80)]


def test_a_fully_labelled_run_is_what_people_found() -> None:
    judge = [1.0] * 20 + [0.0] * 20
    human = [1.0] * 10 + [0.0] * 30
    labels = [Labelled(j, h, 1.0, i) for i, (j, h) in enumerate(zip(judge, human, strict=True))]
    found = post_stratified(judge, range(40), labels)
    assert found.raw == 0.5
    assert found.value == pytest.approx(0.25)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.25 < found.high


def test_a_perfect_judge_still_leaves_doubt() -> None:
    judge = [1.0] * 50 + [0.0] * 350
    labels = [Labelled(judge[i], judge[i], 4.0, i) for i in range(0, 400, 4)]
    found = post_stratified(judge, range(400), labels)
    assert found.value == pytest.approx(0.125)
    assert found.high is not None
    assert found.high > 0.15, "a hundred labels without an error do not prove that there is none"


def test_a_verdict_that_nobody_looked_at_could_be_anything() -> None:
    judge = [1.0] * 20 + [0.0] * 180
    labels = [Labelled(0.0, 0.0, 4.5, 20 + i) for i in range(40)]
    found = post_stratified(judge, range(200), labels)
    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(0.0, abs=0.01)
    assert found.high is not None
    assert found.high > 0.1


def test_labels_drawn_by_another_judges_verdicts_keep_their_weights() -> None:
    """Of the rows that this judge calls 1, those drawn from the other's rare 1 stand for few."""
    judge = [1.0] * 100 + [0.0] * 100
    labels = [Labelled(1.0, 1.0, 1.0, i, "1") for i in range(10)]
    labels += [Labelled(1.0, 0.0, 9.0, 10 + i, "0") for i in range(10)]
    labels += [Labelled(0.0, 0.0, 10.0, 100 + i, "0") for i in range(10)]
    assert post_stratified(judge, range(200), labels).value == pytest.approx(0.5 * 10 / 100)


def test_numbers_are_corrected_too() -> None:
    judge = [i / 10 for i in range(11)] * 20
    labels = [Labelled(judge[i], judge[i] / 2, 5.0, i) for i in range(0, 220, 3)]
    found = post_stratified(judge, range(220), labels)
    assert found.value == pytest.approx(0.25, abs=0.03)


def test_few_labels_give_a_figure_and_no_interval() -> None:
    found = post_stratified([1.0, 0.0] * 50, range(100), [Labelled(1.0, 0.0, 50.0, 0), Labelled(0.0, 0.0, 50.0, 1)])
    assert found.low is None
    assert "fewer than 20 labelled clusters" in found.method
    assert post_stratified([], [], []).value is None


@pytest.mark.parametrize("setting", [*BALANCED[:3], *RANDOM[:2]], ids=str)
def test_intervals_cover(setting: Setting) -> None:
    """Balanced sheets too, with many false alarms and hardly a miss: a rate of harm must not look too low."""
    held, below = coverage(setting, 40)
    assert held >= 34 / 40  # of 95 % of 40; below 34 in one of 1,000 such tests
    assert below <= 3 / 40


@pytest.mark.slow
@pytest.mark.parametrize("setting", [*BALANCED, *RANDOM], ids=str)
def test_coverage_is_as_documented(setting: Setting) -> None:
    held, _ = coverage(setting, 500)
    assert held >= 0.93


def test_a_good_judge_narrows_the_interval() -> None:
    good = simulated(1, Setting(0.3, 0.05, 0.03, 2000, 100))
    poor = simulated(1, Setting(0.3, 0.5, 0.5, 2000, 100))
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
