"""Compare people's labels from a labelling page with a judge's verdicts: consistency, kappa, confusion.

`foresee judge sheet` makes the page, a person fills it in, `compare` reads what it saved. The result holds every
labelled row, so that `foresee score RUN --correct` can say what people would have found on the whole run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pydantic

from foresee import manifest, plugins
from foresee.errors import UserError, unknown_name
from foresee.evaluation.run_folder import Run, read_run
from foresee.evaluation.screening import screened
from foresee.files.untrusted import parse_json, read_regular
from foresee.human_labels import saved as saved_labels
from foresee.human_labels.saved import FORMAT, SavedLabels, Value, Weight
from foresee.judges._compared import Compared
from foresee.judges._model.rubric import Blank
from foresee.plugins import contracts
from foresee.plugins.contracts import JudgeFile
from foresee.records import Row, Verdict, decode
from foresee.statistics import Agreement, agreement
from foresee.statistics.weighted_agreement import Weighted, weighted_agreement

KIND = "judge agreement"
_EVEN = 1.05  # weights that differ by less count as equal


@dataclass(frozen=True)
class LabelledRow:
    """One answer with a person's labels and the judge's verdict.

    Attributes:
        id: of the item.
        epoch: of the answer.
        answer: its key in the run's journal.
        cluster: what is resampled together.
        stratum: what it was drawn from.
        weight: how many rows of the run it stands for.
        human: field -> value, as the person filled it in.
        judge: the judge's value; None where it gave none.
        measures: measure -> what the benchmark makes of the judge's verdict and of the person's labels.
    """

    id: str
    epoch: int
    answer: str
    cluster: str
    stratum: str
    weight: Weight
    human: Mapping[str, Any]
    judge: Value
    measures: Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Field:
    """One field of the scale: judge against person. `weighted` where the sample was drawn unevenly."""

    name: str
    agreement: Agreement
    weighted: Weighted | None


@dataclass(frozen=True)
class Found:
    """What a comparison found.

    Attributes:
        judge: its name.
        judge_models: who it asked; empty for rules.
        benchmark: of the run.
        by: who labelled.
        fields: one a field of the scale that both filled in.
        rows: the labelled rows.
        left_out: answers of which the person could not tell.
        unlabelled: answers of the sheet without labels.
        notes: what to know when reading the figures.
    """

    judge: str
    judge_models: tuple[str, ...]
    benchmark: str
    by: str
    fields: tuple[Field, ...]
    rows: tuple[LabelledRow, ...]
    left_out: int
    unlabelled: int
    notes: tuple[str, ...]


def as_compared(found: Found) -> list[Compared]:
    """Sum up how far a judge model agrees with a person, for the line that stands beside its rates; one a field."""
    told = []
    for field in found.fields:
        exact, even = field.agreement, field.weighted
        share = exact.accuracy.value if even is None else even.consistency
        if share is not None:
            told.append(
                Compared(
                    judge=found.judge,
                    version=contracts.judge_file(found.judge).version,
                    models=found.judge_models,
                    labels=f"{found.benchmark}, labelled by {found.by or 'one person'}",
                    question=field.name,
                    accuracy=round(share, 6),
                    low=exact.accuracy.low if even is None else even.consistency_low,
                    high=exact.accuracy.high if even is None else even.consistency_high,
                    kappa=exact.kappa.value if even is None else even.kappa,
                    answers=exact.accuracy.n,
                )
            )
    return told


def compare(labels: Path | str, run: Path | str | Run | None = None) -> Found:
    """Compare what a person said on a labelling page with the judge.

    Args:
        labels: the JSON file that the page saved.
        run: whose verdicts are compared; None for those that the page carries. Another judging of the same answers
            compares another judge with the same labels.

    Raises:
        UserError: not such a file, a label that is none, no labelled answer, or a run of other answers.
    """
    path = Path(labels)
    saved = saved_labels.read(path)
    file = contracts.judge_file(saved.judge)
    held = saved.rows
    found = _run_of(run, saved)
    by_key = _rows_of(found) if found else {}
    if found is not None and run is not None and not any(seal.answer in by_key for seal in held.values()):
        raise UserError(
            f"{found.folder} holds none of the answers that {path} labels; expected a judging of the same run"
        )
    compared = found if run is not None else None
    rows = [_row(file, saved, key, human, by_key, compared) for key, human in saved.labels.items()]
    if found is not None:
        rows = [_measured(row, found, by_key, saved.judge) for row in rows]
    if not rows:
        raise UserError(f"{path} holds no finished label")
    models = compared.manifest.get("judge_models", []) if compared else saved.judge_models
    notes = () if found else (f"the run {saved.folder} is not here: nothing can be corrected by this",)
    return Found(
        judge=saved.judge,
        judge_models=tuple(models),
        benchmark=saved.benchmark,
        by=saved.by,
        fields=tuple(_fields(file, rows)),
        rows=tuple(rows),
        left_out=saved.left_out,
        unlabelled=len(held) - len(rows) - saved.left_out,
        notes=notes,
    )


def between(first: Path | str, second: Path | str) -> Found:
    """Compare two people's labels of one page: the first in the place of the people, the second in that of the judge.

    Raises:
        UserError: as `compare`, or labels of different sheets.
    """
    one, other = saved_labels.read(Path(first)), saved_labels.read(Path(second))
    if one.sheet != other.sheet:
        raise UserError(f"{first} and {second} label different sheets; two people are compared on one and the same")
    compare(second)  # its labels are checked like the first one's
    found = compare(first)
    said = {key: labels for key, labels in other.labels.items() if key in one.labels}
    rows = dict(zip(one.labels, found.rows, strict=True))
    kept = [replace(rows[key], judge=labels, measures={}) for key, labels in said.items()]
    if not kept:
        raise UserError(f"{first} and {second} have no labelled answer in common")
    file = contracts.judge_file(found.judge)
    who = (other.by or "the second person",)
    return replace(found, judge_models=who, fields=tuple(_fields(file, kept)), rows=tuple(kept))


def save(path: Path, found: Found) -> None:
    """Write what `score --correct` reads. Raises UserError: the file can't be written."""
    content = {
        "kind": KIND,
        "format": FORMAT,
        **{key: value for key, value in asdict(found).items() if key not in ("fields", "rows")},
        "fields": {field.name: _figures(field) for field in found.fields},
        "rows": [asdict(row) for row in found.rows],
    }
    manifest.write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n")


def load(path: Path) -> list[LabelledRow]:
    """Load the labelled rows of a saved agreement. Raises UserError: not such a file."""
    if not path.exists() and not path.suffix:
        raise unknown_name("file or label set", str(path), plugins.names("labels"))
    expected = "expected the file that 'foresee judge agree LABELS.json --out FILE' wrote, or a label set's name"
    try:
        content = parse_json(read_regular(path))
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}; {expected}") from None
    except ValueError as problem:
        raise UserError(f"{path} is not JSON: {problem}; {expected}") from None
    if not isinstance(content, dict) or content.get("kind") != KIND or not isinstance(content.get("rows"), list):
        got = "a page's labels: give them to 'foresee judge agree'" if _is_labels(content) else "something else"
        raise UserError(f"{path} holds {got}; {expected}")
    return [_decoded(path, number, row) for number, row in enumerate(content["rows"], 1)]


def _is_labels(content: Any) -> bool:
    return isinstance(content, dict) and content.get("kind") == saved_labels.KIND


def _decoded(path: Path, number: int, row: Any) -> LabelledRow:
    try:
        return decode(LabelledRow, row)
    except pydantic.ValidationError as problem:
        wrong = problem.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the whole row"
        raise UserError(f"{path}: labelled row {number} is damaged at {where}: {wrong['msg'].lower()}") from None


def _run_of(run: Path | str | Run | None, saved: SavedLabels) -> Run | None:
    if isinstance(run, Run):
        return run
    if run is not None:
        return read_run(Path(run))
    there = os.path.exists(saved.folder / manifest.FILE)  # unlike Path's, False for what no path can be
    return read_run(saved.folder) if there else None


def _rows_of(run: Run) -> dict[str, Row]:
    """By the answer's key and by item and epoch; identical items share a key, so both are needed."""
    found: dict[str, Row] = {}
    for row in run.rows:
        found[row.answer.key] = row
        found[f"{row.item.id}#{row.answer.epoch}#{row.answer.key}"] = row
    return found


def _row(
    file: JudgeFile, saved: SavedLabels, key: str, human: Any, by_key: Mapping[str, Row], run: Run | None
) -> LabelledRow:
    seal = saved.rows[key]
    value = seal.value
    if run is not None:
        row = by_key.get(f"{seal.id}#{seal.epoch}#{seal.answer}")
        verdict = row.verdicts.get(saved.judge) if row else None
        value = verdict.value if verdict else None
    known = {blank.name: blank for blank in file.sheet}
    if not isinstance(human, dict) or not human:
        raise UserError(f"the label of '{key}' is {human!r}; expected values by field")
    for name, given in human.items():
        blank: Blank | None = known.get(name)
        if blank is None or isinstance(given, bool) or given not in blank.values:
            allowed = ", ".join(map(str, blank.values)) if blank else f"one of the fields {', '.join(known)}"
            raise UserError(f"the label of '{key}' has {name} = {given!r}; expected {allowed}")
    return LabelledRow(
        seal.id, seal.epoch, seal.answer, seal.cluster, seal.stratum, seal.weight, dict(human), value, {}
    )


def _measured(row: LabelledRow, run: Run, by_key: Mapping[str, Row], judge: str) -> LabelledRow:
    """Add to a row what the benchmark makes of both sides."""
    held = by_key.get(f"{row.id}#{row.epoch}#{row.answer}")
    if held is None:
        return row
    file = screened(contracts.benchmark(run.benchmark), run.manifest.get("made_by", {}))
    sides = []
    for value in (row.judge, _as_value(judge, row.human)):
        verdict = Verdict(row.id, row.epoch, judge, value)
        sides.append(file.measures(held.item, held.answer, {**held.verdicts, judge: verdict}))
    silent = Verdict(row.id, row.epoch, judge, None)
    own = file.measures(held.item, held.answer, {**held.verdicts, judge: silent})
    changing = [n for n in sides[0] if sides[0][n] != own.get(n) or sides[1].get(n) != own.get(n)]
    return replace(row, measures={name: (sides[0][name], sides[1].get(name)) for name in changing})


def _as_value(judge: str, human: Mapping[str, Any]) -> Any:
    """Labels in the form of the judge's verdict: its word, or all of its numbers, 0 for what was not asked."""
    file = contracts.judge_file(judge)
    blanks: Sequence[Blank] = file.sheet
    if len(blanks) == 1 and isinstance(blanks[0].values[0], str):
        return human[blanks[0].name]
    numbers = {blank.name: float(human.get(blank.name, 0)) for blank in blanks}
    return file.as_verdict(numbers) if file.as_verdict else numbers


def _fields(file: JudgeFile, rows: Sequence[LabelledRow]) -> list[Field]:
    found = []
    for blank in file.sheet:
        kept = [row for row in rows if blank.name in row.human]
        if not kept:
            continue
        human = [_word(row.human[blank.name]) for row in kept]
        judge = [_part(row.judge, blank) for row in kept]
        clusters: list[Hashable] = [row.cluster for row in kept]
        positive = _word(blank.values[-1]) if set(blank.values) == {0, 1} else None
        weights = [row.weight for row in kept]
        uneven = max(weights) > _EVEN * min(weights)
        found.append(
            Field(
                blank.name,
                agreement(human, judge, clusters, positive if positive in human else None),
                weighted_agreement(human, judge, clusters, weights) if uneven else None,
            )
        )
    return found


def _part(value: Any, blank: Blank) -> str | None:
    """Put the judge's part of a field as the page does: where the page's steps are fractions, as the nearest one."""
    part = value.get(blank.name) if isinstance(value, Mapping) else value
    if part is None:
        return None
    coarse = any(isinstance(step, float) for step in blank.values)
    return _word(min(blank.values, key=lambda step: abs(float(step) - float(part))) if coarse else part)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _figures(field: Field) -> dict[str, Any]:
    held = field.agreement
    figures = {
        "consistency": asdict(held.accuracy),
        "kappa": asdict(held.kappa),
        "confusion": held.confusion,
        "unscored": held.unscored,
    }
    return figures | ({"weighted": asdict(field.weighted)} if field.weighted else {})
