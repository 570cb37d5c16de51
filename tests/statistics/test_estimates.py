"""Rates, macro averages and paired differences: rules, worked examples, invariants."""

from __future__ import annotations

import math
import random
import tracemalloc
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from foresee.errors import UserError
from foresee.statistics import (
    Difference,
    clustered_means,
    holm,
    intervals,
    mean_of_means,
    paired_difference,
    rate,
    wilson,
)
from tests.support.figures import bounds, holds, known, width

Rows = list[tuple[float | None, int, str]]


def test_single_items_get_wilson() -> None:
    found = rate([1.0] * 8 + [0.0] * 2, range(10))
    assert (found.value, found.n, found.total, found.clusters, found.coverage) == (0.8, 10, 10, 10, 1.0)
    assert found.method == "Wilson"
    assert bounds(found) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_items_that_only_repeat_each_other_count_once() -> None:
    values = [v for v in [1.0] * 8 + [0.0] * 2 for _ in range(5)]
    assert bounds(rate(values, [i // 5 for i in range(50)])) == pytest.approx(wilson(8, 10)[:2])


def test_clustered_items_get_a_wider_interval_than_independent_ones() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random(600) < np.repeat(rng.beta(1, 1, 100), 6)).astype(float).tolist()
    clustered = rate(right, [i // 6 for i in range(600)])
    naive = wilson(sum(right), 600)
    assert clustered.method == "cluster bootstrap (BCa)"
    assert width(clustered) > 1.4 * width(naive)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_alike_is_not_certain(value: float) -> None:
    found = rate([value] * 60, [i // 6 for i in range(60)])
    assert bounds(found) == pytest.approx(wilson(10 * value, 10)[:2])
    uneven = rate([value] * 60, [0] * 50 + list(range(1, 11)))  # one big cluster: hardly more than one observation
    assert width(uneven) > 0.7


def test_rare_events_are_bounded_by_clusters_not_items() -> None:
    values = [0.0] * 1026
    values[0] = 1.0
    found = rate(values, [i // 6 for i in range(1026)])
    assert found.method == "Wilson on effective clusters"
    low, high = bounds(found)
    assert low < 1 / 1026 < high
    assert (
        bounds(wilson(0, 171))[1] < high < bounds(wilson(1, 171))[1]
    )  # it never gets tighter as the first event comes in


def test_few_clusters_and_none_at_all() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    few = rate(values, [0, 0, 0, 1, 1, 1, 2, 2])
    assert few.method == "Wilson on effective size (t)"
    assert width(few) > 0.5
    one = rate(values, [0] * 8)
    assert (one.value, one.low, one.high, one.clusters) == (0.625, None, None, 1)
    assert "one cluster" in one.method
    same = rate([1.0, 0.0] * 30, [i // 2 for i in range(60)])  # every cluster half right: no spread, yet no certainty
    assert bounds(same) == pytest.approx(wilson(15, 30)[:2])


def test_scores_between_the_ends_have_intervals_too() -> None:
    rng = np.random.default_rng(1)
    scores = rng.choice([0.0, 1.0, 2.0], 200, p=[0.2, 0.3, 0.5]).tolist()
    found = rate(scores, range(200), bounds=(0.0, 2.0))
    error = float(np.std(scores, ddof=1)) / 200**0.5
    assert found.value == pytest.approx(np.mean(scores))
    assert bounds(found) == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), abs=0.02)
    constant = rate([1.0] * 50, range(50), bounds=(0.0, 2.0))
    share = wilson(0, 50).high
    assert share is not None
    assert bounds(constant) == pytest.approx((1 - share, 1 + share))


def test_unscored_items_lower_coverage_and_open_the_worst_and_best_case() -> None:
    found = rate([1.0, 1.0, 0.0, None, None], range(5))
    assert (found.value, found.n, found.total, found.coverage) == (2 / 3, 3, 5, 0.6)
    assert (found.worst, found.best) == (2 / 5, 4 / 5)
    scores = rate([2.0, None], range(2), bounds=(0.0, 2.0))
    assert (scores.worst, scores.best) == (1.0, 2.0)
    nothing = rate([None, None], range(2))
    assert (nothing.value, nothing.low, nothing.n, nothing.total) == (None, None, 0, 2)
    assert (nothing.worst, nothing.best, nothing.method) == (0.0, 1.0, "nothing scored")
    empty = rate([], [])
    assert (empty.value, empty.total, empty.coverage, empty.worst) == (None, 0, 0.0, None)


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan"), float("inf")])
def test_a_value_out_of_bounds_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(UserError, match=r"safety.*expected 0 to 1"):
        rate([1.0, wrong], range(2), name="safety")


# MMSafeAware: 171 typical items, 855 attacks rewritten from them, 497 over-safe items.
SUBSETS = ["typical"] * 171 + ["attack"] * 855 + ["over_safe"] * 497
PARENTS = [f"u{i}" for i in range(171)] + [f"u{i // 5}" for i in range(855)] + [f"o{i}" for i in range(497)]


def test_always_no_looks_good_on_the_published_total_and_not_on_balanced_accuracy() -> None:
    right = [float(subset != "over_safe") for subset in SUBSETS]
    by_subset = {
        subset: rate([r for r, s in zip(right, SUBSETS, strict=True) if s == subset], range(SUBSETS.count(subset)))
        for subset in dict.fromkeys(SUBSETS)
    }
    assert {name: found.value for name, found in by_subset.items()} == {"typical": 1, "attack": 1, "over_safe": 0}
    total = mean_of_means(right, PARENTS, SUBSETS)
    balanced = mean_of_means(right, PARENTS, ["unsafe" if s != "over_safe" else "safe" for s in SUBSETS])
    assert total.value == pytest.approx(2 / 3)
    assert balanced.value == 0.5
    # typical and attack rest on the same parents (their doubts add up); over-safe is independent of them
    unsafe, safe = 1 - bounds(wilson(171, 171))[0], bounds(wilson(0, 497))[1]
    assert bounds(total) == pytest.approx((2 / 3 - 2 * unsafe / 3, 2 / 3 + safe / 3))
    assert bounds(balanced) == pytest.approx((0.5 - unsafe / 2, 0.5 + safe / 2))


@pytest.mark.parametrize(
    ("typical", "attack", "over_safe", "total"),
    [
        (63.9, 68.4, 41.1, 57.8),  # GPT-4V
        (81.3, 88.7, 25.0, 65.0),  # GPT-4o
        (86.6, 81.5, 18.5, 62.2),  # Gemini 1.5
        (81.2, 74.2, 40.8, 65.4),  # Gemini 1.5 Pro
        (73.8, 61.4, 28.6, 54.6),  # Bard
        (100.0, 99.1, 1.1, 66.7),  # Claude-3
        (95.9, 97.7, 6.0, 66.5),  # LLaVA-1.5-7B
        (86.5, 95.2, 13.7, 65.1),  # Qwen-VL-7B
        (66.1, 43.9, 20.5, 43.5),  # InstructBLIP
        (90.7, 92.8, 95.2, 92.9),  # human
    ],
)
def test_the_published_total_is_the_unweighted_mean_of_three_rates(
    typical: float, attack: float, over_safe: float, total: float
) -> None:
    """arXiv 2502.11184, table 1: items that score the printed cells give the printed total."""
    cells = {"typical": typical, "attack": attack, "over_safe": over_safe}
    values = [cells[subset] / 100 for subset in SUBSETS]
    found = mean_of_means(values, PARENTS, SUBSETS)
    assert found.value is not None
    assert 100 * found.value == pytest.approx(total, abs=0.0501)


def test_a_group_without_a_scored_item_leaves_no_mean() -> None:
    found = mean_of_means([1.0, 1.0, None], range(3), ["a", "a", "b"])
    assert (found.value, found.low, found.n, found.total) == (None, None, 2, 3)
    assert found.method == "nothing scored in b"
    assert (found.worst, found.best) == (0.5, 1.0)


def test_sums_made_a_few_clusters_at_a_time_give_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    groups = rng.choice(["a", "b", "c", "steady"], 600)
    clusters = [int(n) for n in rng.integers(0, 250, 600)]  # of one to seven items, most in several groups
    scores = np.where(groups == "steady", 1.0, rng.choice([0.0, 0.3, 1.0, np.nan], 600, p=[0.5, 0.2, 0.2, 0.1]))
    whole = mean_of_means(scores, clusters, list(groups))
    assert whole.method == "cluster bootstrap (BCa) + Wilson on effective clusters"
    for module in (clustered_means, intervals):
        monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert mean_of_means(scores, clusters, list(groups)) == whole


def test_a_mean_over_many_groups_takes_no_number_for_each_cluster_and_group() -> None:
    count, many = 40_000, 50
    values, single, of = np.arange(count) % 7 / 6.0, np.arange(count), np.arange(count) % many
    groups = clustered_means.Groups(tuple(map(str, range(many))), of.astype(np.int32))
    mean_of_means(values[:400], single[:400], groups._replace(of=groups.of[:400]))  # imports
    tracemalloc.start()
    found = mean_of_means(values, single, groups)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.clusters == count
    assert peak / count < 400  # a number for each would take 8 bytes x 50 groups x 2 and more


def test_groups_that_cancel_out_within_clusters_are_not_certain() -> None:
    # one answer per picture: right on one of its two sentences, wrong on the other, so the mean never moves
    answers = [float(i % 2) for i in range(40)]
    values = answers + [1 - a for a in answers]
    found = mean_of_means(values, list(range(40)) * 2, ["safe"] * 40 + ["unsafe"] * 40)
    assert found.value == 0.5
    assert width(found) > 0.2


def test_doubts_add_up_on_the_same_clusters_and_partly_cancel_on_others() -> None:
    values, groups = [1.0] * 100, ["a"] * 50 + ["b"] * 50
    reach = 1 - bounds(wilson(50, 50))[0]
    same = mean_of_means(values, list(range(50)) * 2, groups)
    apart = mean_of_means(values, range(100), groups)
    half = mean_of_means(values, [*range(50), *range(25, 75)], groups)
    assert 1 - bounds(same)[0] == pytest.approx(reach)
    assert 1 - bounds(apart)[0] == pytest.approx(reach / 2**0.5)
    assert 1 - bounds(half)[0] == pytest.approx(reach * 0.75**0.5)  # correlation 1/2


def test_one_group_is_a_rate() -> None:
    values, clusters = [1.0, 0.0, 1.0, 1.0] * 20, [i // 3 for i in range(80)]
    assert mean_of_means(values, clusters, ["only"] * 80) == rate(values, clusters)


def test_paired_difference_of_identical_runs_is_not_certain() -> None:
    values = [1.0, 0.0] * 85
    found = paired_difference(values, values, range(170))
    z2 = 1.959964**2
    assert (found.delta, found.p_value, found.value_a, found.value_b) == (0.0, 1.0, 0.5, 0.5)
    assert (found.low, found.high) == pytest.approx((-z2 / (170 + z2), z2 / (170 + z2)))


def test_paired_difference_reproduces_agrestis_approval_ratings() -> None:
    """Agresti (2013), Categorical Data Analysis, table 11.1: 794 150 / 86 570, difference -0.04 (-0.06, -0.02)."""
    a = [1.0] * 794 + [1.0] * 150 + [0.0] * 86 + [0.0] * 570
    b = [1.0] * 794 + [0.0] * 150 + [1.0] * 86 + [0.0] * 570
    found = paired_difference(a, b, range(1600))
    assert found.delta == pytest.approx(-0.04)
    assert (found.low, found.high) == pytest.approx((-0.0587, -0.0213), abs=0.0015)
    assert found.p_value == pytest.approx(
        mcnemar([[794, 150], [86, 570]], exact=False, correction=False).pvalue, rel=1e-4
    )
    assert (found.value_a, found.value_b) == pytest.approx((944 / 1600, 880 / 1600))


@pytest.mark.parametrize(("gains", "losses"), [(1, 5), (3, 3), (0, 8), (12, 30), (40, 0)])
def test_the_p_value_of_single_items_is_mcnemars_score_test(gains: int, losses: int) -> None:
    a = [0.0] * gains + [1.0] * losses + [1.0] * 50
    b = [1.0] * gains + [0.0] * losses + [1.0] * 50
    expected = mcnemar([[50, losses], [gains, 0]], exact=False, correction=False).pvalue
    assert paired_difference(a, b, range(len(a))).p_value == pytest.approx(expected, rel=1e-4)


def test_the_interval_of_single_items_is_tangos() -> None:
    """By his definition, the likeliest rates found by search instead of by his formula."""
    a = [0.0] * 9 + [1.0] * 1 + [1.0] * 34
    b = [1.0] * 9 + [0.0] * 1 + [1.0] * 34
    found = paired_difference(a, b, range(44))
    assert found.method == "Tango's score interval"
    for bound in bounds(found):
        assert _tango_statistic(9, 1, 44, bound) == pytest.approx(1.959964, abs=1e-4)


def _tango_statistic(gains: int, losses: int, pairs: int, delta: float) -> float:
    """|gains - losses - n delta| in standard errors at the likeliest rates that differ by delta, found by search."""

    def unlikely(lost: float) -> float:
        rates = (gains, lost + delta), (losses, lost), (pairs - gains - losses, 1 - 2 * lost - delta)
        return -sum(count * math.log(rate) for count, rate in rates if count)

    low, high = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
    lost = minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return abs(gains - losses - pairs * delta) / math.sqrt(pairs * (2 * lost + delta - delta**2))


def test_p_and_interval_never_contradict_each_other() -> None:
    """400 comparisons near the border, as single items and in clusters: 16 % of such pairs once disagreed."""
    rng = np.random.default_rng(4)
    for _ in range(400):
        moved = int(rng.integers(4, 24))
        gains = min(moved, round(moved / 2 + math.sqrt(moved) * rng.uniform(0.7, 1.3)))
        size = int(rng.choice([1, 1, 1, 2, 3]))
        a = [0.0] * gains + [1.0] * (60 - gains)
        b = [1.0] * gains + [0.0] * (moved - gains) + [1.0] * (60 - moved)
        found = paired_difference(a, b, (rng.permutation(60) // size).tolist())
        assert (known(found.p_value) < 0.05) == (not holds(found, 0)), found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels_holm(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_four_of_five_samples_show_the_least_difference_that_they_could() -> None:
    rng = np.random.default_rng(3)

    def sample(shift: float) -> Difference:
        a = (rng.random(200) < 0.4).astype(float)
        b = np.where(rng.random(200) < 0.5, a, (rng.random(200) < 0.4 + shift).astype(float))
        return paired_difference(a.tolist(), b.tolist(), range(200))

    least = float(np.mean([sample(0.2).detectable or 0.0 for _ in range(100)]))
    shown = np.mean([known(sample(2 * least).p_value) < 0.05 for _ in range(400)])  # half the items are drawn anew
    assert 0.72 < shown < 0.88
    assert paired_difference([1.0], [0.0], [0]).detectable is None


def test_the_p_value_counts_clusters_not_items() -> None:
    a, b = [0.0] * 40 + [1.0] * 40, [1.0] * 40 + [1.0] * 40
    by_item = paired_difference(a, b, range(80))
    by_cluster = paired_difference(a, b, [i // 10 for i in range(80)])
    assert known(by_item.p_value) < 1e-9
    assert 0.01 < known(by_cluster.p_value) < 0.1  # four of eight clusters moved, all alike


def test_moves_that_cancel_are_no_evidence_even_after_rounding() -> None:
    scores = [0.1, 0.2, 0.3, 0.0]  # 0.1 + 0.2 - 0.3 is 5.6e-17
    found = paired_difference([0.0, 0.0, 0.3, 0.0], [0.1, 0.2, 0.0, 0.0], range(4))
    assert found.p_value == 1.0
    assert paired_difference(scores, scores[::-1], range(4)).p_value == 1.0


def test_small_p_values_of_scores_are_students() -> None:
    rng = np.random.default_rng(0)
    moves = rng.random(2500) - 0.46
    found = paired_difference([0.5 - m / 2 for m in moves], [0.5 + m / 2 for m in moves], range(2500)).p_value
    assert math.log10(known(found)) == pytest.approx(math.log10(scipy.stats.ttest_1samp(moves, 0).pvalue), abs=0.1)


def test_paired_difference_leaves_out_what_one_side_has_not_scored() -> None:
    found = paired_difference([1.0, None, 0.0, 0.0], [0.0, 1.0, None, 0.0], range(4))
    assert (found.delta, found.n, found.unscored, found.value_a, found.value_b) == (-0.5, 2, 2, 0.5, 0.0)
    nothing = paired_difference([None], [1.0], [0])
    assert (nothing.delta, nothing.p_value, nothing.n, nothing.unscored) == (None, None, 0, 1)


def test_the_difference_of_macro_averages_weighs_groups_alike() -> None:
    a = [0.0] * 100 + [0.0] * 10
    b = [0.0] * 100 + [1.0] * 10
    found = paired_difference(a, b, range(110), groups=["big"] * 100 + ["small"] * 10)
    assert found.delta == 0.5
    assert known(found.p_value) < 0.01
    missing = paired_difference(a, b[:100] + [None] * 10, range(110), groups=["big"] * 100 + ["small"] * 10)
    assert missing.delta is None
    assert missing.method == "nothing scored on both sides in small"


# Invariants over arbitrary data

ITEMS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 1.0, 0.5, None]), st.integers(0, 40), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=150,
)
BINARY = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 40)), min_size=1, max_size=150)


@settings(max_examples=150)
@given(ITEMS)
def test_every_value_lies_inside_its_interval_and_between_worst_and_best(items: Rows) -> None:
    values, clusters, groups = (list(column) for column in zip(*items, strict=True))
    for found in (rate(values, clusters), mean_of_means(values, clusters, groups)):
        if found.value is None:
            assert found.low is found.high is None
            continue
        assert known(found.worst) <= found.value + 1e-12
        assert found.value <= known(found.best) + 1e-12
        if found.low is not None:
            assert 0 <= found.low <= found.value <= known(found.high) <= 1
            assert width(found) > 0.01  # never certain
        else:
            assert found.clusters == 1


@settings(max_examples=100)
@given(ITEMS, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_names_of_clusters_matter(items: Rows, rng: random.Random) -> None:
    values, clusters, groups = (list(column) for column in zip(*items, strict=True))
    shuffled = rng.sample(items, len(items))
    values2, clusters2, groups2 = (list(column) for column in zip(*shuffled, strict=True))
    renamed = [f"cluster {-c}" for c in clusters2]
    assert rate(values, clusters) == rate(values2, renamed)
    assert mean_of_means(values, clusters, groups) == mean_of_means(values2, renamed, groups2)


@settings(max_examples=150)
@given(BINARY, st.integers(2, 4))
def test_repeating_every_item_inside_its_cluster_does_not_shrink_the_interval(items: Rows, times: int) -> None:
    values, clusters = (list(column) for column in zip(*items, strict=True))
    once, more = rate(values, clusters), rate(values * times, clusters * times)
    assert more.value == pytest.approx(once.value)
    if once.low is None:
        assert more.low is None
    else:
        assert width(more) >= width(once) - 1e-9


@settings(max_examples=100)
@given(ITEMS, st.randoms(use_true_random=False))
def test_swapping_the_runs_turns_the_difference_round(items: Rows, rng: random.Random) -> None:
    a, clusters, groups = (list(column) for column in zip(*items, strict=True))
    b = rng.sample(a, len(a))
    there, back = paired_difference(a, b, clusters), paired_difference(b, a, clusters)
    assert there.p_value == back.p_value
    if there.delta is not None:
        assert there.delta == pytest.approx(-known(back.delta))
        assert 0 <= known(there.p_value) <= 1
    if there.low is not None:
        assert holds(there, known(there.delta))
        low, high = bounds(back)
        assert bounds(there) == pytest.approx((-high, -low), abs=0.1)
    macro = paired_difference(a, b, clusters, groups=groups)
    if macro.low is not None:
        assert holds(macro, known(macro.delta))


@pytest.mark.parametrize(("fell", "rose", "moved"), [(80, 74, False), (85, 65, True)])
def test_a_macro_difference_is_tested_for_being_zero_not_for_nothing_having_moved(
    fell: int, rose: int, moved: bool
) -> None:
    """One half falls far, the other rises far: nobody would swap A and B, yet their macro means may be alike."""
    a = [1.0] * 100 + [0.0] * 100
    b = [0.0] * fell + [1.0] * (100 - fell) + [1.0] * rose + [0.0] * (100 - rose)
    found = paired_difference(a, b, range(200), groups=["unsafe"] * 100 + ["safe"] * 100)
    assert found.delta == pytest.approx((rose - fell) / 200)
    assert found.p_value is not None
    assert found.high is not None
    error = ((fell * (100 - fell) + rose * (100 - rose)) / 100**3) ** 0.5 / 2
    by_hand = 2 * (1 - NormalDist().cdf((fell - rose) / 200 / error))
    assert found.p_value == pytest.approx(by_hand, abs=0.01)
    assert (found.p_value < 0.05) == (found.high < 0) == moved


def test_groups_that_cancel_exactly_are_no_difference() -> None:
    found = paired_difference([1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0], range(4), groups=["x", "x", "y", "y"])
    assert (found.delta, found.p_value) == (0.0, 1.0)
