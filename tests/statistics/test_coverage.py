"""Do the 95 % intervals hold the truth 95 % of the time? Populations whose truth is known, sampled again and again.

`python tests/statistics/test_coverage.py` prints the full table that docs/statistics.md quotes (some minutes).
"""

from __future__ import annotations

import sys
import warnings
from typing import Literal, NamedTuple

import numpy as np
import pytest
import scipy.stats

from foresee.statistics import mean_of_means, paired_difference, rate, wilson
from tests.support.figures import holds, known, width


class Population(NamedTuple):
    """Clusters whose items are right with a probability of the cluster's own, spread by `icc` around `truth`."""

    clusters: int
    size: int  # items per cluster; 0 for sizes 1, 2, 3, ... drawn geometrically, mean 3
    truth: float
    icc: float = 0.3

    def sample(self, rng: np.random.Generator) -> tuple[list[float], list[int]]:
        sizes = rng.geometric(1 / 3, self.clusters) if self.size == 0 else np.full(self.clusters, self.size)
        weight = (1 - self.icc) / self.icc
        chance = rng.beta(self.truth * weight, (1 - self.truth) * weight, self.clusters)
        clusters = np.repeat(np.arange(self.clusters), sizes)
        return (rng.random(len(clusters)) < chance[clusters]).astype(float).tolist(), clusters.tolist()


class Coverage(NamedTuple):
    ours: float
    naive: float
    width: float
    naive_width: float


def coverage(population: Population, repeats: int, seed: int = 0) -> Coverage:
    """Share of samples whose interval holds the truth: ours, and Wilson's over items as if they were independent."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        values, clusters = population.sample(rng)
        ours = rate(values, clusters)
        naive = wilson(sum(values), len(values))
        pair = (ours, naive)
        found.append([*(holds(each, population.truth) for each in pair), *(width(each) for each in pair)])
    ours_holds, naive_holds, ours_width, naive_width = np.mean(found, axis=0)
    return Coverage(ours_holds, naive_holds, ours_width, naive_width)


def bootstrap_coverage(population: Population, method: Literal["percentile", "BCa"], repeats: int) -> float:
    """What a bootstrap alone, scipy's, covers: why it is BCa, and why it is not used for few clusters."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(repeats):
        values, clusters = population.sample(rng)
        table = np.bincount(clusters, values), np.bincount(clusters).astype(float)
        with warnings.catch_warnings(action="ignore"):  # all clusters alike: nan, which holds nothing
            low, high = scipy.stats.bootstrap(
                table,
                lambda right, size, axis: right.sum(axis) / size.sum(axis),
                paired=True,
                vectorized=True,
                n_resamples=2000,
                method=method,
                random_state=rng,
            ).confidence_interval
        held += int(low <= population.truth <= high)
    return held / repeats


def uneven_coverage(clusters: int, largest: int, repeats: int, truth: float = 0.3, icc: float = 0.5) -> float:
    """Of one cluster of `largest` items among pairs."""
    rng = np.random.default_rng(1)
    sizes = np.full(clusters, 2)
    sizes[0] = largest
    labels, weight, held = np.repeat(np.arange(clusters), sizes), (1 - icc) / icc, 0
    for _ in range(repeats):
        chance = rng.beta(truth * weight, (1 - truth) * weight, clusters)
        found = rate((rng.random(len(labels)) < chance[labels]).astype(float).tolist(), labels.tolist())
        held += holds(found, truth)
    return held / repeats


def difference_coverage(
    clusters: int, shift: float, repeats: int, seed: int = 0, groups: int = 1
) -> tuple[float, float]:
    """(share of intervals that hold the true difference, share of p values under 0.05); A and B agree on 70 %."""
    rng = np.random.default_rng(seed)
    held = rejected = 0
    labels = np.repeat(np.arange(clusters), 6)
    for _ in range(repeats):
        a_chance, b_chance = rng.beta(1.4, 0.6, clusters), rng.beta(1.4 + 2 * shift, 0.6 - 2 * shift, clusters)
        a = rng.random(len(labels)) < a_chance[labels]
        b = np.where(rng.random(len(labels)) < 0.7, a, rng.random(len(labels)) < b_chance[labels])
        group = [f"g{i % groups}" for i in range(len(labels))]
        found = paired_difference(a.astype(float).tolist(), b.astype(float).tolist(), labels.tolist(), groups=group)
        held += holds(found, 0.3 * shift)
        rejected += known(found.p_value) < 0.05
    return held / repeats, rejected / repeats


def balanced_coverage(truths: tuple[float, float], repeats: int, seed: int = 0) -> float:
    """Coverage of the mean of two groups' rates: 160 clusters of 6 items and 60 single items, ten of them shared."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(repeats):
        first, clusters = Population(160, 6, truths[0]).sample(rng)
        second = (rng.random(60) < truths[1]).astype(float).tolist()
        groups = ["first"] * len(first) + ["second"] * 60
        found = mean_of_means(first + second, clusters + list(range(150, 210)), groups)
        held += holds(found, sum(truths) / 2)
    return held / repeats


@pytest.mark.parametrize(
    "population",
    [Population(171, 6, 0.8), Population(60, 0, 0.3), Population(12, 6, 0.5), Population(12, 6, 0.1)],
    ids=["171 clusters of 6", "60 uneven clusters", "12 clusters", "12 clusters, rare"],
)
def test_the_interval_covers_where_the_naive_one_does_not(population: Population) -> None:
    found = coverage(population, repeats=300)
    assert found.ours >= 0.90
    assert found.naive < 0.88
    assert found.width < 2.5 * found.naive_width  # honest, not merely huge


def test_the_interval_of_rare_events_covers() -> None:
    assert coverage(Population(171, 6, 0.005), repeats=300).ours >= 0.90


def test_the_interval_of_single_items_covers_and_costs_nothing() -> None:
    found = coverage(Population(100, 1, 0.9), repeats=300)
    assert found.ours >= 0.90
    assert found.width == found.naive_width


def test_the_paired_difference_covers_and_its_test_keeps_its_level() -> None:
    held, rejected = difference_coverage(40, 0.0, repeats=120)
    assert held >= 0.90
    assert 0.01 <= rejected <= 0.10
    held, rejected = difference_coverage(40, 0.25, repeats=120)
    assert held >= 0.90
    assert rejected > 0.5


@pytest.mark.parametrize(("clusters", "largest"), [(24, 60), (24, 20), (40, 60), (100, 200)])
def test_one_large_cluster_counts_as_few(clusters: int, largest: int) -> None:
    """Pairs and one large cluster: by Kish's number there are 3.0, 8.9, 5.1 and 3.9 clusters, and a bootstrap of
    whole clusters held the truth in 80, 88, 84 and 78 % of the samples."""
    assert uneven_coverage(clusters, largest, 400) >= 0.93


@pytest.mark.parametrize("clusters", [20, 24, 40])
def test_the_difference_of_means_of_rates_covers_with_few_clusters(clusters: int) -> None:
    held, rejected = difference_coverage(clusters, 0.0, 300, groups=2)
    assert held >= 0.92
    assert held + rejected == pytest.approx(1)  # the test is the interval, turned round


@pytest.mark.parametrize("truths", [(0.8, 0.3), (0.95, 0.999), (0.999, 0.001)], ids=str)
def test_the_mean_of_two_rates_covers(truths: tuple[float, float]) -> None:
    assert balanced_coverage(truths, repeats=300) >= 0.90


def main(repeats: int) -> None:
    print(f"clusters  items each  truth   ours  naive  width  naive width   ({repeats} samples each)")
    for clusters, size in ((100, 1), (171, 6), (60, 0), (40, 6), (20, 6), (19, 6), (10, 6), (5, 6)):
        for truth in (0.02, 0.1, 0.5, 0.9):
            found = coverage(Population(clusters, size, truth), repeats)
            each = f"{size}" if size else "1,2,.. (3)"
            print(
                f"{clusters:8d}  {each:>10}  {truth:5.2f}  {found.ours:5.3f}  {found.naive:5.3f}  "
                f"{found.width:5.3f}  {found.naive_width:11.3f}"
            )
    for clusters, size, truth in ((171, 6, 0.05), (60, 0, 0.1), (40, 6, 0.1), (10, 6, 0.3), (5, 6, 0.3)):
        population = Population(clusters, size, truth)
        alone = [bootstrap_coverage(population, method, repeats) for method in ("percentile", "BCa")]
        print(f"{population}: percentile alone {alone[0]:.3f}, BCa alone {alone[1]:.3f}")
    for clusters in (10, 20, 24, 60, 171):
        for shift, groups in ((0.0, 1), (0.25, 1), (0.0, 2)):
            held, rejected = difference_coverage(clusters, shift, repeats, groups=groups)
            print(
                f"paired difference, {clusters} clusters of 6, {groups} groups, truth {0.3 * shift:.3f}: {held:.3f}, "
                f"p < 0.05: {rejected:.3f}"
            )
    for clusters, largest in ((24, 60), (24, 20), (40, 60), (100, 200)):
        print(f"{clusters} pairs, one of them of {largest}: {uneven_coverage(clusters, largest, repeats):.3f}")
    for truths in ((0.8, 0.3), (0.95, 0.999), (0.999, 0.001)):
        print(f"mean of two rates, truths {truths}: {balanced_coverage(truths, repeats):.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
