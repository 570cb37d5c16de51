"""Read what a labelling page saved: labels by answer, and what the page carried along unseen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.files.untrusted import parse_json, read_regular

FORMAT = 1


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
        rows: answer -> id, epoch, key, cluster, stratum, weight and the judge's verdict.
        judge_models: who gave those verdicts; empty for rules.
    """

    sheet: str
    judge: str
    benchmark: str
    folder: Path
    by: str
    labels: Mapping[str, Any]
    left_out: int
    rows: Mapping[str, Mapping[str, Any]]
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
    fits = isinstance(saved, dict) and saved.get("kind") == "foresee labels" and isinstance(saved.get("labels"), dict)
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
            rows=dict(unseen["rows"]),
            judge_models=tuple(unseen["judge_models"]),
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise UserError(f"{path} is damaged: what the page carries along can't be read") from None
    for key in found.labels:
        if key not in found.rows:
            raise UserError(f"{path}: a label for '{key}', which the sheet does not have")
    return found
