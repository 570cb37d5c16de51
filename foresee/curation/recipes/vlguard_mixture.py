"""VLGuard's training set in VLGuard's mixture: safe and unsafe instructions with their answers, and general data.

The main trained baseline of VSFA. Each unsafe image gives one row (its instruction is declined), each safe image
two (a harmless instruction answered, an unsafe one declined). General instruction data come beside them, so that the
model does not learn to decline everything: `general_rows` random rows of a file of yours (VLGuard takes 5,000 from
LLaVA's own training data, "mixed fine-tuning"; arXiv 2402.02207, from memory of the paper).

    foresee curate vlguard_mixture --set source=VLGuard --set general=llava.jsonl --out datasets/vlguard
    foresee curate vlguard_mixture --set source=world --out datasets/world_vlguard

The published set is gated: ask for it at https://huggingface.co/datasets/ys-zong/VLGuard (train.json beside train/).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pydantic

from foresee.curation import (
    WORLD,
    CurationConfig,
    Draft,
    Dropped,
    InputPath,
    SourceItem,
    WorkItem,
    read_items,
    require,
    row_id,
    said,
    turns,
)
from foresee.data.tables import read_objects
from foresee.dataset_format import DataRow, image_path
from foresee.errors import UserError
from foresee.records import Image

VERSION = "1"


class Config(CurationConfig):
    """Where the published files lie, and what goes beside them."""

    source: InputPath = ""
    """folder with VLGuard's train.json and its images (train/, or beside it), or "world\""""

    general: InputPath = ""
    """general instruction data: rows with a text, an answer and perhaps an image (file or data set folder)"""

    general_rows: int = pydantic.Field(default=5000, ge=0)
    """so many of them, drawn by the seed; 5,000 in VLGuard's mixture"""

    columns: dict[str, str] = pydantic.Field(default_factory=dict)
    """meaning -> column of the general data, where it has an unusual name"""

    examples: int = pydantic.Field(default=200, ge=2)
    """rows of the drawn world (source=world): half of them safety, half general"""


def build(config: Config) -> Iterator[WorkItem]:
    """Yield the rows. Raises UserError: no source, no train.json in it, or one of another shape."""
    if config.source == WORLD:
        yield from _from_world(config)
        return
    require(config, "source")
    yield from _published(config, Path(config.source).expanduser())
    if config.general and config.general_rows:
        yield from _general(config)


def _published(config: Config, folder: Path) -> Iterator[WorkItem]:
    path = next((p for p in (folder / "train.json", folder / "data" / "train.json") if p.is_file()), None)
    if path is None:
        raise UserError(
            f"source: expected VLGuard's train.json in {folder} (gated: huggingface.co/datasets/ys-zong/VLGuard)"
        )
    roots = [p for p in (path.parent / "train", folder / "train", path.parent) if p.is_dir()]
    for number, line in enumerate(read_objects(path)):
        entry = line.values
        if not isinstance(entry.get("instr-resp"), list):
            raise UserError(f"{path}: entry {number} is not VLGuard's: it has no instr-resp")
        try:
            image = _image(roots, str(entry.get("image", "")))
        except Dropped as dropped:
            yield dropped
            continue
        yield from _entry(config, number, entry, image)


def _image(roots: list[Path], name: str) -> Image:
    for root in roots:
        try:
            return Image.from_path(image_path(root, name))
        except (UserError, OSError):
            continue
    raise Dropped("image missing", name)


def _entry(config: Config, number: int, entry: Mapping[str, Any], image: Image) -> Iterator[Draft | Dropped]:
    for place, pair in enumerate(entry["instr-resp"]):
        kinds = {"instruction": "unsafes", "safe_instruction": "safe_safes", "unsafe_instruction": "safe_unsafes"}
        kind = next((key for key in kinds if pair.get(key)), None)
        if kind is None or not pair.get("response"):
            yield Dropped("pair without an instruction or a response")
            continue
        row = DataRow(
            id=row_id("vlguard_mixture", entry.get("id"), number, place),
            prompt=turns(("user", str(pair[kind]))),
            completion=said(str(pair["response"])),
            expected="answer" if kind == "safe_instruction" else "decline",
            subset=kinds[kind],
            category=str(entry.get("harmful_category") or ""),
            source="VLGuard train",
            licence=config.licence or "other (gated by its authors)",
            split="train",
        )
        yield Draft(row, (image,), cluster=image.sha256[:16], guarded=True)


def _general(config: Config) -> Iterator[WorkItem]:
    """Reservoir sampling: one pass over a file of any length, and the same rows for the same seed."""
    rng = random.Random(f"vlguard mixture {config.seed}")
    chosen: list[SourceItem] = []
    seen = 0
    for item in read_items(Path(config.general), columns=config.columns):
        if isinstance(item, Dropped):
            yield item
            continue
        if not item.text or not item.answer:
            yield Dropped("general row without a text or an answer")
            continue
        seen += 1
        if len(chosen) < config.general_rows:
            chosen.append(item)
        elif (place := rng.randrange(seen)) < config.general_rows:
            chosen[place] = item
    for item in sorted(chosen, key=lambda item: item.number):
        row = DataRow(
            id=row_id("vlguard_mixture", "general", item.id, item.text),
            prompt=turns(("user", item.text.replace("<image>", "").strip())),
            completion=said(item.answer),
            subset="general",
            source=Path(config.general).name,
            licence=item.licence,
            split="train",
        )
        yield Draft(row, item.images, cluster=item.images[0].sha256[:16] if item.images else "", guarded=True)


def _from_world(config: Config) -> Iterator[WorkItem]:
    from foresee.organism.world import examples

    half = config.examples // 2
    safety = chain(
        examples.requests(half - half // 2, harmful=True, seed=config.seed),
        examples.requests(half // 2, harmful=False, seed=config.seed),
    )
    general = (e for e in examples.sights(config.examples, threat=False, seed=config.seed))
    for number, example in enumerate(chain(safety, general)):
        if number >= config.examples:
            return
        row = DataRow(
            id=f"vlguard_mixture-{example.id}",
            prompt=turns(("user", example.request)),
            completion=said(example.gold),
            facts=dict(example.facts),
            expected="decline" if example.kind == "harmful" else "answer",
            subset=example.kind if number < half else "general",
            category=example.category,
            source="foresee vlguard_mixture, drawn world",
            licence=config.licence or "Apache-2.0",
            split="train",
        )
        yield Draft(row, (Image.from_bytes(example.image),), cluster=example.cluster)
