"""What label sets share: a labelled answer, how a judge's words meet the people's, and reading published tables."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from foresee.errors import UserError, unknown_name

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
        metadata: further columns of the row (published label, annotators, taxonomy, ...).
    """

    id: str
    prompt: str
    response: str
    label: str
    model: str
    group: str
    cluster: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One way to compare a judge with the labels: both sides are mapped to the same few words.

    Attributes:
        name: what is asked, in a few words.
        human: label of the set -> word.
        judge: verdict of the judge -> word. A judge fits if it gives no other verdicts.
        positive: the word that precision, recall and F1 are about; None compares all words.
        doc: what to know when reading the figures.
    """

    name: str
    human: Mapping[str, str]
    judge: Mapping[str, str]
    positive: str | None
    doc: str = ""


class Line(NamedTuple):
    """A row of a published table, and where it stands ("FILE line N")."""

    values: Mapping[str, str]
    where: str


def read_table(path: Path, columns: Sequence[str], *, name: str) -> Iterator[Line]:
    """The rows of a CSV file; a byte-order mark and Windows line ends are nothing special.

    Args:
        path: the file.
        columns: those that must be there; others are passed on as they are.
        name: of the label set, for messages.

    Raises:
        UserError: no such file, not a CSV file in UTF-8, a column missing, or a row cut short.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            absent = [column for column in columns if column not in (reader.fieldnames or ())]
            if absent:
                got = ", ".join((reader.fieldnames or ())[:20])[:300] or "an empty file"
                raise UserError(f"{path} lacks the column '{absent[0]}'; expected {', '.join(columns)}; got {got}")
            for values in reader:
                where = f"{path} line {reader.line_num}"
                if None in values or None in values.values():
                    raise UserError(
                        f"{where}: expected {len(reader.fieldnames or ())} values, got another number; "
                        f"the file may be cut short: run 'foresee data fetch {name}'"
                    )
                yield Line(values, where)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"no such file: {path}; give the folder of {name} with --data, or run 'foresee data fetch {name}'"
        ) from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path} is not UTF-8 text (byte {problem.start}); expected the published CSV file") from None
    except csv.Error as problem:
        raise UserError(f"{path} line {reader.line_num}: not readable as CSV: {problem}") from None
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None


def label_of(line: Line, column: str, known: Mapping[str, str]) -> str:
    """Our word for the published label in a column. Raises UserError: a label that the set does not have."""
    value = line.values[column].strip()
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
