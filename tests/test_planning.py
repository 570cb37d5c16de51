"""What is asked when not everything is: every subset's share, evenly spaced."""

from __future__ import annotations

from collections import Counter

import pytest

from foresee.planning import spread
from foresee.records import Item


def items(*subsets: str) -> tuple[Item, ...]:
    return tuple(Item(str(number), (), subset=subset) for number, subset in enumerate(subsets))


def test_pairs_stay_together() -> None:
    pairs = items(*["hazard", "twin"] * 200)
    chosen = spread(pairs, 40)
    assert Counter(item.subset for item in chosen) == {"hazard": 20, "twin": 20}
    assert [int(item.id) for item in chosen[:4]] == [0, 1, 20, 21]


@pytest.mark.parametrize("limit", [1, 3, 7, 50, 99])
def test_as_many_as_asked_for_in_their_order(limit: int) -> None:
    mixed = items(*["a"] * 70, *["b"] * 29, "c")
    chosen = spread(mixed, limit)
    assert len(chosen) == len({item.id for item in chosen}) == limit
    assert [int(item.id) for item in chosen] == sorted(int(item.id) for item in chosen)
    counts = Counter(item.subset for item in chosen)
    assert all(abs(counts[name] - limit * size / 100) < 1 for name, size in (("a", 70), ("b", 29), ("c", 1)))


def test_no_limit_is_everything() -> None:
    assert spread(items("a", "b"), None) == spread(items("a", "b"), 2) == spread(items("a", "b"), 9) == items("a", "b")
