"""Open a label set: a published one by its name, or a table of the user's own answers and labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foresee import plugins
from foresee.config import Settings, from_pairs
from foresee.data import sources
from foresee.data.tables import TABLES, Line, is_missing, read_rows
from foresee.errors import UserError
from foresee.labels._rows import LabelledAnswer, Question, count_notes, folded
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile, LabelSet


@dataclass(frozen=True)
class Labels:
    """A label set, read.

    Attributes:
        name: of the set.
        options: as given, for the record.
        rows: the labelled answers.
        questions: how judges can be compared with them.
        notes: where this copy differs from the published counts, one line each.
        folder: where the files lie.
        file: the set's file; None for a file of the user's own.
    """

    name: str
    options: Mapping[str, Any]
    rows: tuple[LabelledAnswer, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]
    folder: Path
    file: LabelSet | None = field(default=None, repr=False)


class FileOptions(Settings):
    """What `-T key=value` sets for a file of the user's own."""

    part: str = ""
    """the part of the judge's verdict that the labels are about, e.g. risk; default: the judge's word"""

    positive: str = ""
    """the label that precision, recall and F1 are about; default: accuracy and kappa over all labels"""


def read_labels(
    name: str,
    *,
    data: Path | str | None = None,
    options: Iterable[str] | Mapping[str, Any] = (),
    flag: str = "--data ",
) -> Labels:
    """Read a label set and count it against what was published, or read a table (JSONL, JSON, CSV, parquet, arrow).

    Args:
        name: of a set, or the path of a table.
        data: where the set's files lie; None for those that were fetched.
        options: as `-T`.
        flag: what gives `data` on the command line, for messages.

    Raises:
        UserError: a name, file, column or option that does not exist, or no answer that fits the options.
    """
    if name.lower().endswith(TABLES) or "/" in name:
        return _from_file(Path(name), options)
    file = contracts.label_set(name)
    chosen = _chosen(file.options, options, name)
    embedded = bool(file.source.get("embedded"))
    folder = Path() if embedded else sources.locate(name, Path(data) if data is not None else None, flag)
    rows = tuple(file.rows(folder, chosen))
    if not rows:
        raise UserError(f"{name}: no labelled answer in {folder}; run 'foresee data check {name}'")
    expected = file.expected(chosen)
    notes = tuple(count_notes(rows, expected))
    return Labels(name, chosen.model_dump(mode="json"), rows, file.questions, notes, folder, file=file)


def sets_for(judge: JudgeFile) -> list[str]:
    """Name the label sets that can check a judge: they know all of its words, or some of its numbers; finest first."""
    parts = {blank.name for blank in judge.sheet}

    def finest(name: str) -> int:
        """Count the words of the set's finest question that fits; 0 where none does."""
        questions = contracts.label_set(name).questions
        if not judge.scale:
            return max((len(q.human) for q in questions if q.part in parts), default=0)
        return max((len(set(q.judge.values())) for q in questions if set(judge.scale) <= set(q.judge)), default=0)

    found = {name: finest(name) for name in plugins.names("labels")}
    return sorted((name for name, words in found.items() if words), key=lambda name: (-found[name], name))


def how_to_check(judge: str, models: Collection[str], asked: str = "", run: str = "RUN") -> str:
    """Write the command that compares a judge with people.

    Args:
        judge: its name.
        models: its judge models; none for rules.
        asked: the options that name these on the command line, where they are known.
        run: whose answers could be labelled, where no label set knows what the judge says.
    """
    labels = people_for(judge)
    if not labels and judge in plugins.names("judges") and contracts.judge_file(judge).sheet:
        return f"foresee judge sheet {run}"
    named = asked or (f"--judge-model {','.join(models)}" if models else "")
    return " ".join(filter(None, (f"foresee judge check {judge} --labels {labels or 'FILE'}", _data(labels), named)))


def people_for(judge: str) -> str:
    """Name the first label set that can check a judge by what people said; "" if there is none."""
    known = sets_for(contracts.judge_file(judge)) if judge in plugins.names("judges") else []
    return next((name for name in known if contracts.label_set(name).people), "")


def _data(labels: str) -> str:
    """Write the option that says where a set's files lie, if they are at none of the usual places."""
    if not labels or contracts.label_set(labels).source.get("embedded"):
        return ""
    try:
        sources.locate(labels)
    except UserError:
        return "--data FOLDER"
    return ""


def _chosen(cls: type[Settings], options: Iterable[str] | Mapping[str, Any], name: str) -> Settings:
    return from_pairs(
        cls,
        () if isinstance(options, Mapping) else options,
        what=f"{name} (-T)",
        base=options if isinstance(options, Mapping) else None,
    )


def _from_file(path: Path, options: Iterable[str] | Mapping[str, Any]) -> Labels:
    chosen = _chosen(FileOptions, options, path.name)
    assert isinstance(chosen, FileOptions)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a file of labelled answers, or a set's name with --data {path}")
    rows = tuple(_rows(path))
    if not rows:
        raise UserError(f"{path} holds no labelled answer; {_EXPECTED}")
    labels = {row.label: row.label for row in rows}
    positive = folded(chosen.positive)
    if positive and positive not in labels:
        raise UserError(
            f"-T positive={chosen.positive}: no answer in {path} has that label; they are {', '.join(sorted(labels))}"
        )
    question = Question(f"labels of {path.name}", labels, {}, positive or None, part=chosen.part)
    return Labels(path.stem, chosen.model_dump(mode="json"), rows, (question,), (), path.parent)


_EXPECTED = 'expected rows with "prompt", "response" and "label", perhaps with "model", "id", "cluster", "metadata"'


def _rows(path: Path) -> Iterator[LabelledAnswer]:
    seen: set[str] = set()
    for line in read_rows(path):
        row = _row(line)
        if row.id in seen:
            raise UserError(f"{line.where}: id '{row.id}' a second time")
        seen.add(row.id)
        yield row


def _row(line: Line) -> LabelledAnswer:
    values, where = line.values, line.where
    for key in ("prompt", "response"):
        if not isinstance(values.get(key), str):
            got = f"got {str(values[key])[:60]!r}" if key in values else f"the row has {', '.join(values) or 'nothing'}"
            raise UserError(f"{where}: expected a text under {key}, {got}; {_EXPECTED}")
    label, metadata = values.get("label"), values.get("metadata") or {}
    labelled = isinstance(label, str | int | float) and not isinstance(label, bool) and not is_missing(label)
    if not labelled or not isinstance(metadata, dict):
        raise UserError(f"{where}: the label is {label!r}; {_EXPECTED}")
    model = str(values.get("model") or "one model")
    return LabelledAnswer(
        id=line.text("id", default="") or (re.findall(r"\d+$", where) or [where])[0],
        prompt=values["prompt"],
        response=values["response"],
        label=folded(str(label)),
        model=model,
        group=model,
        cluster=str(values.get("cluster") or hashlib.sha256(values["prompt"].encode("utf-8", "replace")).hexdigest()),
        metadata=metadata,
    )
