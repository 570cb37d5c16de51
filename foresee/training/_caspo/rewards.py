"""Reward sampled answers by judges' verdicts, as named parts that are logged and weighted one by one.

An answer on which any judge has no verdict has no reward at all (None for every part): half a sum would be a score.
An empty answer (or thinking alone) is no failure of a judge: it gets the lowest reward, or
an empty answer would be better than a wrong one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foresee.errors import UserError
from foresee.judges import GradedJudge, RuleJudge
from foresee.models.thinking import without_thinking
from foresee.plugins import contracts
from foresee.records import Answer, Item, Judge, Verdict
from foresee.training._common import heldout_eval
from foresee.training._common.rows import INDEX, Rows

Reward = Callable[..., list[float | None]]


_BATCHES = 3  # in a row without a single verdict, after which the judge is taken to be out of order


@dataclass
class Outcomes:
    """Judges with the weights of their parts. Equal answers to one row are judged once a batch.

    Attributes:
        judges: judges, each with part of its value, or word that it may say -> weight.
        rows: where the items come from.
        tokens_alone: row index -> whether it learns nothing from outcomes; no judge model is asked about those.
        at_once: calls of a judge model in flight.
    """

    judges: Sequence[tuple[Judge, Mapping[str, float]]]
    rows: Rows
    tokens_alone: Callable[[int], bool] = lambda index: False
    at_once: int = 32
    _seen: Any = field(default=None, repr=False)
    _parts: list[dict[str, float] | None] = field(default_factory=list, repr=False)
    _failing: int = field(default=0, repr=False)
    _reason: str = field(default="", repr=False)

    def functions(self) -> tuple[list[Reward], list[float]]:
        """Build a reward function for each part, named as it is logged, and the weights; one of 0 without judges."""
        named = [(f"{judge.name}.{part}", weight) for judge, parts in self.judges for part, weight in parts.items()]
        if not named:
            return [_nothing], [1.0]
        return [self._function(name) for name, _ in named], [weight for _, weight in named]

    def parts(self, row: Sequence[int], texts: Sequence[str]) -> list[dict[str, float] | None]:
        """Return each answer's numbers by `JUDGE.PART`, or None where a judge has no verdict.

        Parts that do not apply to a row are absent: they add nothing, to all answers of its group alike.
        """
        distinct = list(dict.fromkeys(zip(row, texts, strict=True)))
        items = {index: self.rows.item(index) for index in dict.fromkeys(row)}
        numbers: dict[tuple[int, str], dict[str, float] | None] = {key: {} for key in distinct}
        for judge, weights in self.judges:
            judged = [key for key in distinct if not (isinstance(judge, GradedJudge) and self.tokens_alone(key[0]))]
            pairs = [(items[index], text) for index, text in judged]
            for key, verdict in zip(judged, self._verdicts(judge, weights, pairs), strict=True):
                known = _known(items[key[0]], judge, weights, verdict)
                earlier = numbers[key]
                numbers[key] = None if known is None or earlier is None else {**earlier, **known}
                self._reason = verdict.reason if known is None else self._reason
        return [numbers[key] for key in zip(row, texts, strict=True)]

    def _verdicts(self, judge: Judge, weights: Mapping[str, float], pairs: Sequence[tuple[Item, str]]) -> list[Verdict]:
        with_text = [pair for pair in pairs if _has_text(pair[1])]
        verdicts = iter(
            heldout_eval.judge_answers(
                [item for item, _ in with_text], [text for _, text in with_text], judge, self.at_once
            )
        )
        return [next(verdicts) if _has_text(text) else _lowest(item, judge, weights) for item, text in pairs]

    def _function(self, name: str) -> Reward:
        def reward(*, completions: Sequence[Sequence[Mapping[str, str]]], **columns: Any) -> list[float | None]:
            if completions is not self._seen:  # TRL hands the same list to every part's function
                texts = [answer[0]["content"] for answer in completions]
                self._seen, self._parts = completions, self.parts(columns[INDEX], texts)
                empty = sum(not _has_text(text) for text in texts)
                unscored = sum(parts is None for parts in self._parts)
                columns["log_metric"]("reward/unscored", unscored / len(texts))
                columns["log_metric"]("reward/empty", empty / len(texts))
                self._refuse_failing_judge(unscored == len(texts))
            return [None if parts is None else parts.get(name) for parts in self._parts]

        reward.__name__ = name
        return reward

    def _refuse_failing_judge(self, unscored: bool) -> None:
        """Refuse a judge that fails on everything. Raises UserError: so many batches in a row had no verdict at all."""
        self._failing = self._failing + 1 if unscored else 0
        if self._failing >= _BATCHES:
            raise UserError(f"stopped: no answer of {_BATCHES} batches in a row has a verdict: {self._reason}")


def _has_text(text: str) -> bool:
    return bool(without_thinking(text).strip())


def _known(item: Item, judge: Judge, weights: Mapping[str, float], verdict: Verdict) -> dict[str, float] | None:
    numbers = heldout_eval.values(item, verdict)
    if numbers is None:
        return None
    if isinstance(verdict.value, str):  # every word that has a weight is a part, 0 where the verdict is another word
        return {f"{judge.name}.{word}": float(word == verdict.value) for word in weights}
    return {f"{judge.name}.{part}": numbers[part] for part in weights if part in numbers}


def _lowest(item: Item, judge: Judge, weights: Mapping[str, float]) -> Verdict:
    """Make the verdict of the least reward: the bad end of each part's scale, or the word of the least weight."""
    scales = _scales(item, judge)
    value: Any
    if scales:
        value = {part: scales[part][weight < 0] for part, weight in weights.items() if part in scales}
    else:
        worst = min(weights, key=lambda word: weights[word])
        value = worst if weights[worst] < 0 else ""
    return Verdict(item.id, 0, judge.name, value, "empty answer")


def _scales(item: Item, judge: Judge) -> dict[str, tuple[float, float]]:
    """Map each part to its bounds, by a rubric's blanks or a rule judge's `BOUNDS`; words have none."""
    if isinstance(judge, GradedJudge):
        blanks = judge.rubric(item).blanks
        numeric = [blank for blank in blanks if not any(isinstance(value, str) for value in blank.values)]
        ends = {blank.name: [float(value) for value in blank.values] or list(blank.bounds) for blank in numeric}
        return {name: (min(numbers), max(numbers)) for name, numbers in ends.items()}
    if not isinstance(judge, RuleJudge):
        return {}
    bounds = contracts.judge_file(judge.name).bounds
    value = judge.rule(item, Answer(item.id, 0, "")).value if bounds else None  # which parts this item has
    return {part: bounds[part] for part in value if part in bounds} if isinstance(value, Mapping) else {}


def _nothing(*, completions: Sequence[Any], **_: Any) -> list[float | None]:
    return [0.0] * len(completions)


_nothing.__name__ = "none"


class WithoutRows(logging.Filter):
    """Drop TRL's print of a whole row where no judge had a verdict; rows may be harmful, and the share is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "All reward functions returned None" not in str(record.msg)
