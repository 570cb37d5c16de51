"""The outcome reward: what judges say of sampled answers, as named parts that are logged and weighed one by one.

An answer on which any judge has no verdict has no reward at all (None for every part): half a sum would be a score.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foresee.records import Item, Judge
from foresee.training import _probe
from foresee.training._rows import INDEX, Rows

Reward = Callable[..., list[float | None]]


@dataclass
class Outcomes:
    """Judges with the weights of their parts. Equal answers to one row are judged once a batch.

    Attributes:
        judges: judge -> part of its value, or word that it may say -> weight.
        rows: where the items come from.
        at_once: calls of a judge model in flight.
    """

    judges: Mapping[Judge, Mapping[str, float]]
    rows: Rows
    at_once: int = 32
    _seen: Any = field(default=None, repr=False)
    _parts: list[dict[str, float] | None] = field(default_factory=list, repr=False)

    def functions(self) -> tuple[list[Reward], list[float]]:
        """A reward function for each part, named as it is logged, and the weights; one that gives 0 without judges."""
        named = [
            (f"{judge.name}.{part}", weight) for judge, parts in self.judges.items() for part, weight in parts.items()
        ]
        if not named:
            return [_nothing], [1.0]
        return [self._function(name) for name, _ in named], [weight for _, weight in named]

    def parts(self, row: Sequence[int], texts: Sequence[str]) -> list[dict[str, float] | None]:
        """For each answer the numbers by `JUDGE.PART`, or None where a judge has no verdict.

        Parts that do not apply to a row are absent: they add nothing, to all answers of its group alike.
        """
        distinct = list(dict.fromkeys(zip(row, texts, strict=True)))
        items = [self.rows.item(index) for index, _ in distinct]
        answers = [text for _, text in distinct]
        found: dict[tuple[int, str], dict[str, float] | None] = {key: {} for key in distinct}
        for judge, weights in self.judges.items():
            for key, item, verdict in zip(
                distinct, items, _probe.read(items, answers, judge, self.at_once), strict=True
            ):
                known = _known(item, judge, weights, verdict)
                held = found[key]
                found[key] = None if known is None or held is None else {**held, **known}
        return [found[key] for key in zip(row, texts, strict=True)]

    def _function(self, name: str) -> Reward:
        def reward(*, completions: Sequence[Sequence[Mapping[str, str]]], **columns: Any) -> list[float | None]:
            if completions is not self._seen:  # TRL hands the same list to every part's function
                texts = [answer[0]["content"] for answer in completions]
                self._seen, self._parts = completions, self.parts(columns[INDEX], texts)
                unscored = sum(found is None for found in self._parts)
                columns["log_metric"]("reward/unscored", unscored / len(texts))
            return [None if found is None else found.get(name) for found in self._parts]

        reward.__name__ = name
        return reward


def _known(item: Item, judge: Judge, weights: Mapping[str, float], verdict: Any) -> dict[str, float] | None:
    numbers = _probe.values(item, verdict)
    if numbers is None:
        return None
    if isinstance(verdict.value, str):  # every word that has a weight is a part, 0 where another word was said
        return {f"{judge.name}.{word}": float(word == verdict.value) for word in weights}
    return {f"{judge.name}.{part}": numbers[part] for part in weights if part in numbers}


def _nothing(*, completions: Sequence[Any], **_: Any) -> list[float | None]:
    return [0.0] * len(completions)


_nothing.__name__ = "none"


class WithoutRows(logging.Filter):
    """TRL prints a row with all it holds where no judge had a verdict; rows may be harmful: only the fact is kept."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("All reward functions returned None"):
            record.msg = "some answers have no verdict of any judge; they take no part in the outcome advantage"
        return True
