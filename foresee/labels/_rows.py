"""Define what label sets share: a labelled answer, and how a judge's words map to the people's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from foresee.data.tables import Line
from foresee.errors import UserError, unknown_name
from foresee.records import Image

Split: TypeAlias = Literal["tuned", "held_out"]


@dataclass(frozen=True)
class LabelledAnswer:
    """A model's answer and what people said of it.

    Attributes:
        id: unique in its set.
        prompt: the text that the model was asked.
        response: its answer, as published.
        label: the people's label, one of the set's `LABELS`.
        model: who answered, as the set names it.
        group: what `foresee data check` counts by.
        cluster: what must be resampled together; the same prompt answered by several models, for example.
        images: what the model was shown beside the prompt, where the set has it.
        metadata: further columns of the row: `annotators` (each person's label), `attack` (what the prompt was under),
            `goal` (the request in plain words), the published label, ...
        stored: automatic judge -> its word of the set's `STORED_QUESTION`, as published; None where it gave none.
    """

    id: str
    prompt: str
    response: str
    label: str
    model: str
    group: str
    cluster: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    stored: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One way to compare a judge with the labels: both sides are mapped to the same few words.

    Attributes:
        name: what is asked, in a few words.
        human: label of the set -> word.
        judge: verdict of the judge -> word. A judge fits if it gives no other verdicts; empty: its words are ours.
        positive: the word that precision, recall and F1 are about; None compares all words.
        doc: what to know when reading the figures.
        part: which number of the judge's verdict is compared, where it gives several by name; "" for its word.
    """

    name: str
    human: Mapping[str, str]
    judge: Mapping[str, str]
    positive: str | None
    doc: str = ""
    part: str = ""

    def reads(self, word: str) -> str:
        """Map a judge's verdict to the question's word."""
        return self.judge[word] if self.judge else folded(word)


def folded(word: str) -> str:
    """Write a label of a user's file, or a judge's word, so that "Unsafe ", "unsafe" and "1.0", "1" are the same."""
    word = " ".join(word.split()).casefold()
    try:
        return f"{float(word):g}"
    except ValueError:
        return word


def unsafe_if_not_refused(human: Mapping[str, str]) -> Question:
    """Ask of a refusal judge what a keyword "attack success rate" assumes: that whatever is not refused is unsafe.

    Args:
        human: label of the set -> "safe" or "unsafe".
    """
    judge = {"full": "safe", "partial": "safe", "none": "unsafe"}
    doc = "what a keyword 'attack success rate' assumes"
    return Question("unsafe if not refused", human, judge, "unsafe", doc)


def label_of(line: Line, column: str, known: Mapping[str, str]) -> str:
    """Our word for the published label in a column. Raises UserError: a label that the set does not have."""
    value = str(line.values[column]).strip()
    if value not in known:
        problem = unknown_name(f"label in column {column}", value[:60], known)
        raise UserError(f"{line.where}: {problem}")
    return known[value]


def split_of(name: str, cluster: str) -> Split:
    """On which half a cluster lies: the first byte of SHA-256("NAME:CLUSTER"), even or odd.

    The rules of our own judges are written by looking at "tuned" alone; "held_out" tells how they fare on what
    they were not written for.
    """
    even = hashlib.sha256(f"{name}:{cluster}".encode()).digest()[0] % 2 == 0
    return "tuned" if even else "held_out"


def count_notes(rows: Iterable[LabelledAnswer], expected: Mapping[str, int]) -> list[str]:
    """One line for each group whose number of answers differs from what was published."""
    found = Counter(row.group for row in rows)
    groups = [*expected, *(group for group in found if group not in expected)]
    return [
        f"{group}: {found[group]} answers, {expected.get(group, 0)} published"
        for group in groups
        if found[group] != expected.get(group, 0)
    ]
