"""Figures of which a test knows that they are there: low, high and value are None where the data give none."""

from __future__ import annotations

from typing import Protocol, TypeVar

Value = TypeVar("Value")


class Bounded(Protocol):
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


def known(value: Value | None) -> Value:
    assert value is not None
    return value


def bounds(found: Bounded) -> tuple[float, float]:
    return known(found.low), known(found.high)


def width(found: Bounded) -> float:
    low, high = bounds(found)
    return high - low


def holds(found: Bounded, value: float) -> bool:
    low, high = bounds(found)
    return low <= value <= high
