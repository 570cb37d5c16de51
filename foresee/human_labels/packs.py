"""Write a labelling pack: fixed answers, for people to label on a page before any judge model is believed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation import score
from foresee.evaluation.sampling import sample
from foresee.human_labels import page
from foresee.judges import JudgeChoice
from foresee.labels._sets import read_labels

ANSWERS = 100
PACKS = {"foresight": ("constructed", "drawn_consequences")}  # judge -> label set with answers to a benchmark's items


class Pack(NamedTuple):
    """Where a pack lies: the page, and the run folder of its answers, which judge models can score."""

    sheet: Path
    run: Path
    answers: int


def write(judge: str, out: Path) -> Pack:
    """Write a pack: a hundred answers, as many of each kind as of any other, the same ones each time.

    Raises:
        UserError: no pack for that judge, a folder that holds something already, or one that can't be written.
    """
    if judge not in PACKS:
        instead = "label answers of your own run with 'foresee judge sheet RUN'"
        raise UserError(f"no pack of answers for judge '{judge}'; expected {' or '.join(PACKS)}; {instead}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there and not empty: give --out a new folder")
    labels, benchmark = PACKS[judge]
    rows = sample(
        read_labels(labels).rows, ANSWERS, subset=lambda row: row.label, cluster=lambda row: row.id, equal=True
    )
    asked: Counter[str] = Counter()
    lines = []
    for row in rows:
        item = str(row.metadata["item"])
        lines.append(json.dumps({"id": item, "epoch": asked[item], "response": row.response}, ensure_ascii=False))
        asked[item] += 1
    answers = out / "answers.jsonl"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"can't write {out}: {problem.strerror or problem}") from None
    manifest.write_atomically(answers, "\n".join(lines) + "\n")
    run = score.score(answers, benchmark, out=out / "run", model=labels, judging=JudgeChoice(off=True))
    held = page.write(out / "sheet.html", run, judge=judge, count=ANSWERS)
    return Pack(out / "sheet.html", run.folder, held)
