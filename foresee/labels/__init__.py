"""Answers that people labelled, one file a set; judges are checked against them."""

from foresee.labels._rows import LabelledAnswer, Question

__all__ = ["LabelledAnswer", "Question"]
