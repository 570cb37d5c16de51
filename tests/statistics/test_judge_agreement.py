"""A judge against people: textbook tables, statsmodels, unscored answers, degenerate judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa as statsmodels_kappa

from foresee.errors import UserError
from foresee.statistics import agreement, cohens_kappa, wilson
from tests.support.figures import bounds, holds, known


def labels(table: dict[tuple[str, str | None], int]) -> tuple[list[str], list[str | None]]:
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    return [human for human, _ in pairs], [judge for _, judge in pairs]


TWENTY: dict[tuple[str, str | None], int] = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}


def test_a_textbook_two_by_two_table() -> None:
    human, judge = labels(TWENTY)
    found = agreement(human, judge, range(50), "yes")
    assert found.precision is not None
    assert found.recall is not None
    assert found.f1 is not None
    assert found.accuracy.value == 0.7
    assert found.kappa.value == pytest.approx(0.4)
    assert found.precision.value == pytest.approx(20 / 30)
    assert found.recall.value == pytest.approx(20 / 25)
    assert found.f1.value == pytest.approx(40 / 55)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(wilson(35, 50)[:2])
    assert found.confusion == {"yes": {"yes": 20, "no": 5}, "no": {"yes": 10, "no": 15}}
    # the large-sample standard error of kappa for this table, as statsmodels has it
    theirs = statsmodels_kappa([[20, 5], [10, 15]])
    assert (found.kappa.low, found.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=0.04)


def test_cohens_own_example_with_three_labels() -> None:
    """Cohen (1960), table 1: 200 cases, agreement 0.70, kappa 0.492."""
    counts = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    human, judge = labels({(f"{i}", f"{j}"): counts[i][j] for i in range(3) for j in range(3)})
    found = agreement(human, judge, range(200))
    assert found.accuracy.value == 0.70
    assert found.kappa.value == pytest.approx(0.492, abs=5e-4)
    assert found.precision is found.recall is found.f1 is None
    assert holds(found.kappa, 0.492)
    assert [[found.confusion[f"{i}"][f"{j}"] for j in range(3)] for i in range(3)] == counts


@given(st.lists(st.lists(st.integers(1, 30), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_agrees_with_statsmodels(counts: list[list[int]]) -> None:
    assert float(cohens_kappa(np.array(counts, dtype=float))) == pytest.approx(statsmodels_kappa(counts).kappa)


def test_several_positive_labels_count_as_one() -> None:
    human, judge = labels({("full", "partial"): 10, ("partial", "full"): 5, ("none", "none"): 20, ("none", "full"): 5})
    found = agreement(human, judge, range(40), ("full", "partial"))
    assert found.accuracy.value == 35 / 40
    assert found.precision is not None
    assert found.precision.value == 15 / 20
    assert found.confusion["full"]["partial"] == 10
    strict = agreement(human, judge, range(40), "full")
    assert strict.recall is not None
    assert strict.recall.value == 0


def test_unscored_answers_lower_coverage_and_never_count_as_a_label() -> None:
    human, judge = labels({**TWENTY, ("yes", None): 6, ("no", None): 4})
    found = agreement(human, judge, range(60), "yes")
    assert found.precision is not None
    assert found.recall is not None
    assert found.f1 is not None
    assert found.accuracy.value == 0.7
    assert (found.accuracy.n, found.accuracy.total) == (50, 60)
    assert (found.accuracy.worst, found.accuracy.best) == (35 / 60, 45 / 60)
    assert (found.recall.n, found.recall.total) == (25, 31)
    assert (found.recall.worst, found.recall.best) == (20 / 31, 26 / 31)
    assert (found.precision.n, found.precision.total) == (30, 40)
    assert (found.precision.worst, found.precision.best) == (20 / 34, 26 / 36)
    assert found.f1.coverage == pytest.approx(50 / 60)
    assert (found.f1.worst, found.f1.best) == pytest.approx((40 / (40 + 14 + 11), 52 / (52 + 10 + 5)))
    assert found.unscored == {"yes": 6, "no": 4}
    assert known(found.kappa.worst) < known(found.kappa.value) < known(found.kappa.best)


def test_clusters_widen_every_interval() -> None:
    human, judge = labels({pair: 10 * count for pair, count in TWENTY.items()})
    single = agreement(human, judge, range(500), "yes")
    clustered = agreement(human, judge, [i // 10 for i in range(500)], "yes")
    for name in ("accuracy", "kappa", "precision", "recall", "f1"):
        narrow, wide = getattr(single, name), getattr(clustered, name)
        assert narrow.value == wide.value
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_a_perfect_judge_is_not_certainly_perfect() -> None:
    human = ["yes"] * 20 + ["no"] * 30
    found = agreement(human, human, range(50), "yes")
    assert found.kappa.value == 1
    assert found.f1 is not None
    assert found.f1.value == 1
    expected = 1 - (1 - known(wilson(50, 50).low)) / (1 - (0.4**2 + 0.6**2))
    assert (found.kappa.low, found.kappa.high) == pytest.approx((expected, 1))
    assert (found.f1.low, found.f1.high) == pytest.approx((wilson(20, 20).low, 1))


def test_a_judge_with_one_answer_has_kappa_zero_with_doubt_and_no_precision() -> None:
    human = ["yes"] * 20 + ["no"] * 30
    found = agreement(human, ["no"] * 50, range(50), "yes")
    assert found.kappa.value == 0
    low, high = bounds(found.kappa)
    assert low < -0.1
    assert high > 0.1
    assert found.precision is not None
    assert found.recall is not None
    assert found.precision.value is None
    assert "undefined" in found.precision.method
    assert found.recall.value == 0
    assert found.recall.high == pytest.approx(wilson(0, 20).high)


def test_figures_that_are_not_defined_say_so() -> None:
    one_label = agreement(["yes"] * 10, ["yes"] * 10, range(10), "yes")
    assert (one_label.kappa.value, one_label.accuracy.value) == (None, 1)
    assert "same label" in one_label.kappa.method
    unscored = agreement(["yes", "no"], [None, None], range(2), "yes")
    assert unscored.kappa.value is unscored.accuracy.value is None
    assert unscored.kappa.method == "nothing scored"
    one_cluster = agreement(["yes", "no", "yes"], ["yes", "no", "no"], [0, 0, 0], "yes")
    assert one_cluster.kappa.value is not None
    assert one_cluster.kappa.low is None
    assert one_cluster.f1 is not None
    assert one_cluster.f1.low is None


@pytest.mark.parametrize(
    ("human", "judge", "clusters", "positive", "message"),
    [
        (["a"], ["a", "b"], [0], None, r"as many human labels .* got 1, 2 and 1"),
        ([], [], [], None, "no labelled answers"),
        (["refusal", "none"], ["none", "none"], [0, 1], "refusals", "did you mean refusal"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    human: list[str], judge: list[str], clusters: list[int], positive: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        agreement(human, judge, clusters, positive)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["a", "b", "b", None]), st.integers(0, 40)),
        min_size=1,
        max_size=120,
    )
)
def test_every_figure_lies_in_its_interval_whatever_the_order(items: list[tuple[str, str | None, int]]) -> None:
    human, judge, clusters = (list(column) for column in zip(*items, strict=True))
    positive = human[0]
    found = agreement(human, judge, clusters, positive)
    backwards = agreement(human[::-1], judge[::-1], clusters[::-1], positive)
    for name in ("accuracy", "kappa", "precision", "recall", "f1"):
        estimate = getattr(found, name)
        assert estimate == getattr(backwards, name)
        if estimate.low is not None:
            assert estimate.bounds[0] <= estimate.low <= estimate.value <= estimate.high <= estimate.bounds[1]
            assert estimate.high - estimate.low > 0.005
