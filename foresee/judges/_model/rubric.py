"""Rubrics: what a model judge is asked about an answer, and what its filled-in fields mean.

A rubric is data. A judge file holds the one of its own scale; a benchmark whose source defines another brings it
(`rubric(judge, item)` in the benchmark's file). How a judge model is asked, held to the fields, read and retried is
the same for all of them and lives in `foresee.judges`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Seen = Literal["image", "request", "answer"]
Filled: TypeAlias = "Mapping[str, str | int | float]"
Value: TypeAlias = "str | float | Mapping[str, float]"


@dataclass(frozen=True)
class Blank:
    """One field that a judge model fills in.

    Attributes:
        name: the key in its JSON.
        doc: what it means and what each value means, for the judge model.
        values: what may stand there; empty for a number within `bounds`.
        bounds: lowest and highest number, where `values` is empty.
    """

    name: str
    doc: str
    values: tuple[str | int | float, ...] = ()
    bounds: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Wording:
    """A published wording that is sent to the letter, in place of a form.

    Attributes:
        system: the system message, if any.
        prompt: the text with its placeholders.
        reads: field -> the regular expression that finds it in the reply; empty for the whole reply.
        sha256: of the file that it comes from.
    """

    system: str
    prompt: str
    reads: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True)
class Rubric:
    """What a judge model is asked.

    Attributes:
        name: as in tables and journals.
        version: raised when verdicts stop being comparable; `value` is not hashed, so its changes count too.
        task: what is to be judged, on which scale, and what the hard cases are; our own words unless a source is named.
        blanks: the fields to fill in, in this order. A short "reason" comes before them by itself.
        value: what the filled-in fields, all within their bounds, mean as a verdict: a word, a number, or numbers by
            name. For the judge `harmful` a mapping with at least "harmful" (0 or 1).
        shows: what the judge model sees besides the rubric. Some sources show it the answer alone.
        facts: key of the item's metadata -> the heading under which the judge model sees it.
        needs: keys of the item's metadata without which there is no verdict (a gold answer to compare with).
        wording: a published wording that replaces the form that is made of the above.
        source: where scale and inputs come from: paper, or URL at a commit.
        no_verdict: words of `value` that say that there is none to give ("unclear"); the verdict is then None.
    """

    name: str
    version: str
    task: str
    blanks: tuple[Blank, ...]
    value: Callable[[Mapping[str, Any]], Value]
    shows: tuple[Seen, ...] = ("image", "request", "answer")
    facts: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    source: str = ""
    wording: Wording | None = None
    no_verdict: tuple[str, ...] = ()

    @property
    def extremes(self) -> tuple[Filled, Filled]:
        """The form with the first value of every field, and with the last; those that mean no verdict aside."""
        scales = {b.name: [v for v in b.values or b.bounds if v not in self.no_verdict] for b in self.blanks}
        first, last = ({name: values[place] for name, values in scales.items()} for place in (0, -1))
        return first, last

    @property
    def ends(self) -> tuple[Value, Value]:
        """The verdicts of these two forms."""
        first, last = map(self.value, self.extremes)
        return first, last
