"""Compare the rates that a judge finds with published ones, where answers are stored and no label of an answer is.

It says less than labels do: the order of the models and the mean difference, and nothing of single answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foresee.errors import UserError
from foresee.labels._rows import LabelledAnswer, Question
from foresee.statistics import Estimate, mean_of_means, rate


@dataclass(frozen=True)
class ModelRate:
    """One model: the judge's rate, the published one, and how many of its stored answers are empty."""

    model: str
    judge: Estimate
    published: float
    empty: int

    @property
    def difference(self) -> float | None:
        return None if self.judge.value is None else self.judge.value - self.published


@dataclass(frozen=True)
class PublishedRates:
    """A judge's rates beside published ones.

    Attributes:
        question: the word whose share is meant.
        models: in the order of the published rates, highest first.
        same_order: whether the judge orders the models likewise.
        correlation: Spearman's rank correlation over the models; None where the rates do not differ.
        difference: mean of judge minus published over the models; prompts are resampled, published rates are given.
        with_empty: the same if every empty answer counts as positive.
    """

    question: str
    models: tuple[ModelRate, ...]
    same_order: bool
    correlation: float | None
    difference: Estimate
    with_empty: float | None


def published_rates(
    question: Question, rows: Sequence[LabelledAnswer], words: Sequence[str | None], rates: Mapping[str, float]
) -> PublishedRates:
    """Compare with published rates; models without one are left out.

    Args:
        question: maps the judge's words; its `positive` word is the one whose share is published.
        rows: the stored answers.
        words: what the judge says of each, None where it says nothing.
        rates: model -> published share, 0 to 1.

    Raises:
        UserError: no answer of a model with a published rate.
    """
    read = [
        (row, None if word is None else float(question.judge[word] == question.positive))
        for row, word in zip(rows, words, strict=True)
        if row.model in rates
    ]
    if not read:
        raise UserError(f"none of the models has a published rate: {', '.join(rates)} have")
    found = []
    for model in sorted({row.model for row, _ in read}, key=lambda name: -rates[name]):
        mine = [(row, value) for row, value in read if row.model == model]
        ours = rate([value for _, value in mine], [row.cluster for row, _ in mine], name=model)
        found.append(ModelRate(model, ours, rates[model], sum(not row.response.strip() for row, _ in mine)))
    order = [each.judge.value or 0.0 for each in found]
    groups = [row.model for row, _ in read]
    ours = mean_of_means([value for _, value in read], [row.cluster for row, _ in read], groups, name="difference")
    filled = [1.0 if not row.response.strip() else value for row, value in read]
    published = sum(each.published for each in found) / len(found)
    both = mean_of_means(filled, [row.cluster for row, _ in read], groups)
    return PublishedRates(
        question=question.positive or "",
        models=tuple(found),
        same_order=order == sorted(order, reverse=True),
        correlation=_spearman(order, [each.published for each in found]),
        difference=_less(ours, published),
        with_empty=None if both.value is None else both.value - published,
    )


def _less(estimate: Estimate, constant: float) -> Estimate:
    value, low, high = (None if x is None else x - constant for x in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high, worst=None, best=None, bounds=(-1.0, 1.0))


def _spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    from scipy.stats import spearmanr

    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(spearmanr(first, second).statistic)
