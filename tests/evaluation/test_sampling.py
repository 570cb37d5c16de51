"""A part that stands for the whole: at random, every subset by its share, clusters whole, few within many."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from foresee.evaluation.plan import plan, sampled
from foresee.evaluation.sampling import sample
from foresee.records import Item
from foresee.statistics import rate


def items(*subsets: str, cluster: int = 1) -> tuple[Item, ...]:
    return tuple(
        Item(str(number), (), subset=subset, cluster=f"c{number // cluster}") for number, subset in enumerate(subsets)
    )


def counts(chosen: Sequence[Item]) -> Counter[str]:
    return Counter(item.subset for item in chosen)


@pytest.mark.parametrize("limit", [3, 7, 50, 99])
def test_as_many_as_asked_for_in_their_order_and_every_subset_its_share(limit: int) -> None:
    mixed = items(*["a"] * 70, *["b"] * 29, "c")
    chosen = sampled(mixed, limit)
    assert len(chosen) == len({item.id for item in chosen}) == limit
    assert [int(item.id) for item in chosen] == sorted(int(item.id) for item in chosen)
    found = counts(chosen)
    assert min(found[name] for name in "abc") >= 1
    assert all(abs(found[name] - limit * size / 100) <= 1.2 for name, size in (("a", 70), ("b", 29), ("c", 1)))


def test_few_lie_within_many_and_another_seed_draws_others() -> None:
    whole = items(*["typical", "attack", "attack", "attack"] * 60, *["over_safe"] * 40, cluster=4)
    parts = [{item.id for item in sampled(whole, limit)} for limit in range(1, len(whole) + 1)]
    assert all(few <= many for few, many in pairwise(parts))
    assert parts[-1] == {item.id for item in whole}
    assert {item.id for item in sampled(whole, 60, seed=1)} not in parts


def test_clusters_stay_whole() -> None:
    whole = items(*["hazard", "twin"] * 200, cluster=2)
    for limit in (2, 3, 40, 41, 399):
        chosen = sampled(whole, limit)
        assert set(Counter(item.cluster for item in chosen).values()) == {2}
        assert len(chosen) == limit - limit % 2


def test_a_cluster_that_is_most_of_what_was_asked_for_is_cut_and_meets_every_subset() -> None:
    whole = (*items(*["over_safe"] * 30), *(replace(i, cluster="big") for i in items(*["attack"] * 20, "typical")))
    whole = tuple(replace(item, id=str(place)) for place, item in enumerate(whole))
    assert counts(sampled(whole, 4)) == {"over_safe": 1, "typical": 1, "attack": 2}
    parts = [{item.id for item in sampled(whole, limit)} for limit in range(1, 52)]
    assert all(few <= many for few, many in pairwise(parts))
    assert all(len(part) >= limit / 2 for limit, part in enumerate(parts, 1))


def test_the_order_of_the_file_does_not_matter() -> None:
    whole = items(*["a", "b"] * 50, cluster=2)
    shuffled = random.Random(3).sample(whole, len(whole))
    assert {item.id for item in sampled(shuffled, 30)} == {item.id for item in sampled(whole, 30)}


def test_no_limit_is_everything() -> None:
    two = items("a", "b")
    assert sampled(two, None) == sampled(two, 2) == sampled(two, 9) == two
    assert sampled((), 3) == ()


def test_equal_parts_of_strata() -> None:
    rows = ["common"] * 90 + ["rare"] * 10
    drawn = sample(list(enumerate(rows)), 16, subset=lambda row: row[1], cluster=lambda row: row[0], equal=True)
    assert Counter(name for _, name in drawn) == {"common": 8, "rare": 8}


def test_samples_hold_the_truth_where_the_kinds_take_turns() -> None:
    """As in world_awareness: in pairs, every second one goes wrong; an even step meets one kind alone."""
    held = {100: 0, 200: 0}
    whole = items(*["unsafe", "over_safe"] * 200, cluster=2)
    wrong = {item.id: float(int(item.id) // 2 % 2) for item in whole}
    seeds = 200
    for limit in held:
        for seed in range(seeds):
            chosen = [item for item in sampled(whole, limit, seed) if item.subset == "unsafe"]
            found = rate([wrong[item.id] for item in chosen], [item.cluster for item in chosen])
            assert found.low is not None
            assert found.high is not None
            held[limit] += found.low <= 0.5 <= found.high
    assert min(held.values()) >= 0.93 * seeds, held


@pytest.mark.parametrize("subset", ["unsafe", "over_safe"])
def test_samples_of_the_world_hold_the_truth(subset: str) -> None:
    """Of a model that goes by the words alone: the share of items in conflict. An even step met one kind alone."""
    whole = plan("world_awareness").items
    truth = np.mean([item.metadata["conflict"] for item in whole if item.subset == subset])
    held, seeds = 0, 100
    for seed in range(seeds):
        chosen = [item for item in sampled(whole, 200, seed) if item.subset == subset]
        found = rate([float(item.metadata["conflict"] is True) for item in chosen], [item.cluster for item in chosen])
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held >= 0.93 * seeds
