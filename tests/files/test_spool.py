"""Sequences that move to disk are like tuples, and the small table of places is like a dictionary."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from foresee.files.spool import Places, Spool


@pytest.mark.parametrize("held", [0, 3, 1000])
def test_a_spool_is_like_a_tuple_wherever_it_lies(held: int) -> None:
    elements: Sequence[Any] = [{"n": n, "text": "x" * (n % 7)} for n in range(500)]
    spool = Spool(elements, held=held)
    assert (len(spool), spool[0], spool[-1], spool[499]) == (500, elements[0], elements[-1], elements[499])
    assert spool == tuple(elements)
    assert tuple(elements) == spool
    assert spool[3:6] == tuple(elements[3:6])
    assert spool != tuple(elements[:-1])
    with pytest.raises(IndexError):
        spool[500]


@pytest.mark.parametrize("held", [2, 1000])
def test_elements_may_come_in_any_order_and_need_not_be_picklable(held: int) -> None:
    spool: Spool[Any] = Spool(size=100, held=held)
    order = list(range(100))
    random.Random(0).shuffle(order)
    odd = lambda: None  # noqa: E731  (no pickle can hold it)
    for place in order:
        spool.put(place, odd if place == 7 else place)
    assert list(spool) == [odd if place == 7 else place for place in range(100)]
    spool.append("last")
    assert (len(spool), spool[100]) == (101, "last")


def test_places_are_like_a_dictionary() -> None:
    drawn, places, known = random.Random(1), Places(), dict[str, int]()
    for number in range(20_000):
        key = f"key {drawn.randrange(3000)}"
        if drawn.random() < 0.3:
            places.discard(key)
            known.pop(key, None)
        else:
            places[key] = known[key] = number
    assert len(places) == len(known)
    assert all(places.get(f"key {n}") == known.get(f"key {n}") for n in range(3000))
    assert not places.add(next(iter(known)))
    assert places.add("another")
