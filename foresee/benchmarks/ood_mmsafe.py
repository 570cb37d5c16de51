"""OOD-MMSafe: harmless requests whose carrying out is dangerous in the image; is the hazard foreseen?

455 pairs of an image and a query. Query and intent are harmless; the danger lies in what follows from doing the
thing in the imaged place. An answer is scored for risk identification, safety and effectiveness; the headline is
R0, the share of hazards that go unmentioned.

Paper: M. Wen et al., arXiv 2603.09706 (2026). The pairs were not public where we looked, so this reads your copy in
the format of docs/ood_mmsafe_format.md: JSONL, parquet, or a folder that `datasets` saved.

    foresee eval ood_mmsafe --model local/Qwen2.5-VL-7B-Instruct --data OOD_MMSAFE --judge-model openai/gpt-4o

What is ours, and what to know:
- The file format, the 0/1/2 scale of R, S and E, and decoding (greedy, 512 tokens) for both presets: the paper's
  are not known. Only the number of pairs and the name of the headline metric are.
- Benign twins are not in the paper, as far as we know. A file may hold them (`kind`, `twin_of`); without them there
  is no over-caution, and a model that warns of everything looks perfect. `drawn_consequences` has a twin for each.
- `cluster` is the hazard with its twins; pairs that share an image are one cluster.
- An item without its image is never sent, and is counted; modality=image sends the image alone, and modality=text
  the query alone, even where this copy lacks the image (a trial, marked as such).
- The judge's rubric is its own; it also sees the causal chain and the safe alternative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foresee.benchmarks._shared import consequence_rows as files
from foresee.benchmarks._shared import foresight_measures as foresight
from foresee.errors import unknown_name
from foresee.metrics import Metric
from foresee.records import Item

SOURCE = {
    "name": "OOD-MMSafe",
    "homepage": "https://arxiv.org/abs/2603.09706",
    "paper": "https://arxiv.org/abs/2603.09706",
    "licence": "not known; the pairs were not public where we looked",
    "consequence": "ask the authors what you may do with your copy",
    "manual": "ask the authors of arXiv 2603.09706 for the pairs and write them as in docs/ood_mmsafe_format.md; "
    "drawn_consequences comes with foresee and measures the same ability",
    "expected": {"hazard": 455},
    "companion": "drawn_consequences",
    "figures": {"OOD-MMSafe's R0": "all 455 pairs, subset=hazard; the judge model and its wording are not known"},
}
VERSION = "1"
JUDGES = ("foresight",)
METRICS = foresight.METRICS
PROFILE = foresight.PROFILE
measures = foresight.measures
applies = foresight.applies
rubric = foresight.rubric


class Options(foresight.ForesightOptions):
    """Options of ood_mmsafe (`-T key=value`)."""

    split: str = "all"
    """the split to run, as the file names it"""


def metrics(options: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Those that mean something for the chosen subset."""
    return foresight.metrics(options)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the items in the order of the files.

    Raises:
        UserError: rows that can't be read or don't fit (file and line), no category or split of that name, or a
            image outside the folder.
    """
    placed = files.read(data)
    for what in ("category", "split"):
        chosen = getattr(options, what)
        known = {getattr(one.row, what) for one in placed}
        if chosen != "all" and chosen not in known:
            raise unknown_name(f"{what} of this copy", chosen, known - {""})
    images = {one.row.id: files.image(one) for one in placed}
    clusters = foresight.clusters((one.row for one in placed), images)
    paired = {name for one in placed if one.row.twin_of for name in (one.row.id, one.row.twin_of)}
    for row in (one.row for one in placed):
        if (
            options.subset in ("all", row.kind)
            and options.category in ("all", row.category)
            and options.split in ("all", row.split)
        ):
            both = {"paired": True} if row.id in paired else {}
            yield foresight.to_item(row, images[row.id], clusters[row.id], options, **both)


def defects(data: Path) -> dict[str, Sequence[str]]:
    """List what `foresee data check` reports of the rows: kind of defect -> item ids or columns."""
    placed = files.read(data)
    hazards = [one.row for one in placed if one.row.kind == "hazard"]
    twinned = {one.row.twin_of for one in placed}
    known = {*files.Row.model_fields, "file_name", "license"}
    asked = Counter(" ".join(one.row.query.lower().split()) for one in placed if one.row.kind == "hazard")
    return {
        "hazards without a benign twin (no over-caution is measured on them)": [
            row.id for row in hazards if row.id not in twinned
        ],
        "hazards without a causal chain": [row.id for row in hazards if not row.causal_chain],
        "hazards without a safe alternative": [row.id for row in hazards if not row.safe_alternative],
        "rows without a category": [one.row.id for one in placed if not one.row.category],
        "queries that several hazards share": [query[:60] for query, count in asked.items() if count > 1],
        "columns that are not read": sorted({c for one in placed for c in one.columns if c not in known}),
    }
