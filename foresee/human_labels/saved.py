"""Read what a labelling page saved: labels by answer, and what the page carried along unseen."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import pydantic

from foresee.errors import UserError
from foresee.files.untrusted import parse_json, read_regular
from foresee.records import decode

FORMAT = 1
KIND = "foresee labels"  # as the page's script writes it
Weight: TypeAlias = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Value: TypeAlias = str | float | Mapping[str, float] | None  # a judge's


@dataclass(frozen=True)
class Seal:
    """What the page carries along of an answer: which it is, how it was drawn, and the judge's value.

    Attributes:
        id: of the item.
        epoch: of the answer.
        answer: its key in the run's journal.
        cluster: what is resampled together.
        stratum: what it was drawn from.
        weight: how many rows of the run it stands for.
        value: the judge's; None where it gave none.
    """

    id: str
    epoch: int
    answer: str
    cluster: str
    stratum: str
    weight: Weight
    value: Value


@dataclass(frozen=True)
class SavedLabels:
    """The file of the button "Save labels".

    Attributes:
        sheet: which page.
        judge: whose scale was filled in.
        benchmark: of the run that the answers belong to.
        folder: of that run.
        by: who labelled.
        labels: answer -> field -> value; answers that are not finished are not there.
        left_out: answers of which the person could not tell.
        rows: answer -> what the page carries along of it.
        judge_models: who gave those verdicts; empty for rules.
    """

    sheet: str
    judge: str
    benchmark: str
    folder: Path
    by: str
    labels: Mapping[str, Any]
    left_out: int
    rows: Mapping[str, Seal]
    judge_models: tuple[str, ...]


def read(path: Path) -> SavedLabels:
    """Read a saved file.

    Raises:
        UserError: not such a file, a damaged one, or labels of answers that the page does not have.
    """
    try:
        saved = parse_json(read_regular(path))
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    except ValueError as problem:
        raise UserError(f"{path} is not JSON: {problem}") from None
    fits = isinstance(saved, dict) and saved.get("kind") == KIND and isinstance(saved.get("labels"), dict)
    if not fits or not isinstance(saved.get("run"), dict) or saved.get("format") != FORMAT:
        raise UserError(f"{path} is not what a labelling page saved; expected the file of its button 'Save labels'")
    try:
        unseen = parse_json(base64.b64decode(saved["sealed"], validate=True))
        found = SavedLabels(
            sheet=str(saved["sheet"]),
            judge=str(saved["judge"]),
            benchmark=str(saved["run"]["benchmark"]),
            folder=Path(str(saved["run"]["folder"])),
            by=str(saved.get("by", "")),
            labels=saved["labels"],
            left_out=len(saved.get("left_out", [])),
            rows={key: decode(Seal, seal) for key, seal in unseen["rows"].items()},
            judge_models=tuple(map(str, unseen["judge_models"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path} is damaged: what the page carries along can't be read") from None
    for key in found.labels:
        if key not in found.rows:
            raise UserError(f"{path}: a label for '{key}', which the sheet does not have")
    return found
