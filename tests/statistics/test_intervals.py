"""Intervals against published values, against scipy and statsmodels, and where they must not claim certainty."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from foresee.statistics import Resampling, wilson
from foresee.statistics.clustered_means import _mean_of_ratios
from foresee.statistics.intervals import STANDARD, effective_clusters, from_clusters, mostly_constant, scaled_wilson
from tests.support.figures import bounds


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_bounds(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(successes: int, n: int, confidence: float) -> None:
    successes = min(successes, n)
    theirs = scipy.stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    found = wilson(successes, n, confidence)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    low, high = bounds(found)
    assert 0 <= low <= successes / n <= high <= 1


@given(st.floats(0, 1), st.floats(0.3, 1e6), st.floats(1e-12, 0.5))
def test_wilson_agrees_with_statsmodels_for_any_size_and_confidence(share: float, n: float, alpha: float) -> None:
    """Effective sizes are no whole numbers, and Student's quantile may ask for a tiny alpha."""
    theirs = proportion_confint(share * n, n, alpha=alpha, method="wilson")
    found = scaled_wilson(share, n, (0.0, 1.0), alpha, "")
    assert (found.low, found.high) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_nothing_scored_has_no_interval() -> None:
    assert wilson(0, 0) == (None, None, "nothing scored")


def test_effective_clusters_is_the_count_for_equal_sizes_and_less_for_unequal_ones() -> None:
    assert effective_clusters(np.array([6.0] * 171)) == pytest.approx(171)
    assert effective_clusters(np.array([1.0, 1.0, 1.0, 97.0])) == pytest.approx(100**2 / (97**2 + 3))


def test_scaled_wilson_is_wilson_on_another_scale() -> None:
    low, high = bounds(scaled_wilson(1.6, 10, (0.0, 2.0), 0.05, ""))
    assert (low / 2, high / 2) == pytest.approx(wilson(8, 10)[:2])


def test_constant_data_get_wilson_at_the_ends_and_tango_for_differences() -> None:
    assert mostly_constant(1.0, (0.0, 0.0), 30, (0.0, 1.0), 0.05)[:2] == pytest.approx(wilson(30, 30)[:2])
    assert mostly_constant(0.0, (0.0, 0.0), 30, (0.0, 1.0), 0.05)[:2] == pytest.approx(wilson(0, 30)[:2])
    z2 = scipy.stats.norm.ppf(0.975) ** 2
    reach = z2 / (30 + z2)  # Tango (1998) for no discordant pair
    assert mostly_constant(0.0, (0.0, 0.0), 30, (-1.0, 1.0), 0.05)[:2] == pytest.approx((-reach, reach))


def _clusters(seed: int, clusters: int = 80, share: float = 0.67) -> np.ndarray:
    """[clusters x (right, all)] of uneven sizes."""
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(0.3, clusters)
    return np.stack([rng.binomial(sizes, rng.beta(3 * share, 3 - 3 * share, clusters)), sizes], axis=1).astype(float)


@pytest.mark.parametrize(("seed", "clusters", "share"), [(0, 80, 0.67), (1, 80, 0.67), (2, 60, 0.9), (3, 50, 0.15)])
def test_the_cluster_bootstrap_agrees_with_scipys_bca(seed: int, clusters: int, share: float) -> None:
    table = _clusters(seed, clusters, share)
    found = from_clusters(table, _mean_of_ratios, (0.0, 1.0), Resampling(resamples=100_000))
    theirs = scipy.stats.bootstrap(
        (table[:, 0], table[:, 1]),
        lambda right, size, axis: right.sum(axis) / size.sum(axis),
        paired=True,
        vectorized=True,
        batch=10_000,
        n_resamples=100_000,
        method="BCa",
        random_state=seed,
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_both_ways_of_drawing_clusters_agree() -> None:
    few_kinds = np.repeat([[1.0, 2.0], [0.0, 1.0], [3.0, 3.0], [2.0, 5.0]], 75, axis=0)
    rng = np.random.default_rng(0)
    many_kinds = few_kinds + rng.normal(0, 1e-7, few_kinds.shape) * [1, 0]  # all different, all but equal
    wide = Resampling(resamples=20_000)
    found = [from_clusters(table, _mean_of_ratios, (0.0, 1.0), wide) for table in (few_kinds, many_kinds)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][:2] == pytest.approx(found[1][:2], abs=0.003)


def test_the_same_seed_gives_the_same_interval_and_another_one_hardly_differs() -> None:
    table = _clusters(0)
    first, again = (from_clusters(table, _mean_of_ratios, (0.0, 1.0), STANDARD) for _ in range(2))
    other = from_clusters(table, _mean_of_ratios, (0.0, 1.0), Resampling(seed=1))
    assert first == again
    assert first is not None
    assert other is not None
    assert first != other
    assert first[:2] == pytest.approx(other[:2], abs=0.02)


def test_more_confidence_is_wider() -> None:
    for clusters in (10, 80):
        table = _clusters(1, clusters)
        found = [from_clusters(table, _mean_of_ratios, (0.0, 1.0), Resampling(c)) for c in (0.8, 0.95, 0.99)]
        widths = [i.high - i.low for i in found if i is not None and i.high is not None and i.low is not None]
        assert widths == sorted(widths)
        assert widths[0] < widths[1] < widths[2]


def test_what_does_not_vary_between_clusters_is_not_given_an_interval() -> None:
    assert from_clusters(np.array([[1.0, 2.0]] * 50), _mean_of_ratios, (0.0, 1.0), STANDARD) is None


def test_memory_does_not_grow_with_clusters_times_resamples() -> None:
    rng = np.random.default_rng(0)
    table = np.stack([rng.random(50_000), np.ones(50_000)], axis=1)
    from_clusters(table[:1000], _mean_of_ratios, (0.0, 1.0), STANDARD)  # imports
    tracemalloc.start()
    found = from_clusters(table, _mean_of_ratios, (0.0, 1.0), Resampling(resamples=200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert peak < 20e6  # 200 x 50,000 weights at once would be 80 MB


def test_importing_statistics_and_metrics_loads_no_number_crunching() -> None:
    heavy = ("numpy", "scipy", "statsmodels", "pandas")
    script = f"import sys, foresee.metrics; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
