"""MM-Vet: what can a model still do? 218 questions on images that need one or more of six abilities.

Recognition (rec), reading (ocr), knowledge (know), writing (gen), space (spat) and arithmetic (math), alone and
together. It stands beside harm benchmarks to show what a defense or training costs.

Paper: W. Yu et al., "MM-Vet", ICML 2024, arXiv 2308.02490. Licence: code Apache-2.0, data CC BY-NC 4.0.

    foresee eval mm_vet --model M --judge-model J [--by scenario]

What is ours, and what to know:
- Each answer is graded from 0 to 1 against the gold answer by the capability judge. The published judge, gpt-4-0613,
  is retired, and tools have since replaced it differently: compare totals only where judge and rubric are the same.
- The paper grades each answer five times and averages; here several judge models vote (--judge-model A,B,C).
- `total` is the mean score, as a percentage; an item counts for every ability that it needs. `scenario` is the
  combination of abilities (the paper's integrations).
- The source asks for answers in a file and fixes no decoding settings: greedy, 512 tokens, for both presets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foresee.benchmarks._shared.files import only, some, tables
from foresee.benchmarks._shared.images import ImageFolders, NamedImage, from_cell
from foresee.benchmarks._shared.turns import user_turn
from foresee.benchmarks._shared.verdict_values import number
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns, read_keyed
from foresee.errors import UserError, unknown_name
from foresee.metrics import Metric
from foresee.records import Answer, Item, Verdict

SOURCE = {
    "name": "MM-Vet",
    "homepage": "https://github.com/yuweihao/MM-Vet",
    "paper": "https://arxiv.org/abs/2308.02490",
    "revision": "acde843",
    "licence": "CC-BY-NC-4.0",
    "consequence": "not for commercial use; name the authors",
    "files": [
        {"url": "https://github.com/yuweihao/MM-Vet/releases/download/v1/mm-vet.zip", "unpack": True},
    ],
    "expected": {"all": 218},
    "figures": {"VSFA Table 2 (MM-Vet)": "all 218 items, with the judge named beside the figure"},
}
VERSION = "1"
LEGIBLE = ("score",)
JUDGES = ("capability",)
ABILITIES = {
    "rec": "recognition",
    "ocr": "reading text",
    "know": "knowledge",
    "gen": "writing",
    "spat": "space",
    "math": "arithmetic",
}
METRICS = (
    Metric("total", "score", doc="mean score over all questions, as a percentage"),
    *(
        Metric(key, f"score.{key}", doc=f"mean score over the questions that need {what}")
        for key, what in ABILITIES.items()
    ),
)
PROFILE = {"total": ("able", "points on questions about images")}


class Options(BenchmarkOptions):
    """Options of MM-Vet (`-T key=value`)."""

    ability: str = "all"
    """only the questions that need this ability: rec, ocr, know, gen, spat or math"""


def metrics(options: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Choose the total alone where one ability was chosen: it is that ability's."""
    chosen = options.get("ability", "all")
    return METRICS if chosen == "all" else tuple(m for m in METRICS if m.name == chosen)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the questions in the order of the published file.

    Raises:
        UserError: files that are missing or malformed, or an ability that does not exist.
    """
    if options.ability not in ("all", *ABILITIES):
        raise unknown_name("ability of mm_vet", options.ability, ("all", *ABILITIES))
    images = ImageFolders(data)
    made = (row_to_item(line, _image(line, images), options) for line in _rows(data))
    return (item for item in made if options.ability in ("all", *item.metadata["abilities"]))


def row_to_item(line: Line, image: NamedImage, options: Options) -> Item:
    """One question as an item. Raises UserError: an ability that the set does not have."""
    listed = line.values.get("capability")
    names = listed.split(",") if isinstance(listed, str) else line.entries("capability")
    abilities = sorted(str(name).strip() for name in names)
    for name in abilities:
        if name not in ABILITIES:
            raise UserError(f"{line.where}: {unknown_name('ability', name, ABILITIES)}")
    turn = user_turn(line.text("question"), [image], options)
    return Item(
        id=line.text("id"),
        messages=turn.messages,
        subset="all",
        domain=f"{len(abilities)} together" if len(abilities) > 1 else "one alone",
        scenario="+".join(abilities) or "uncategorised",
        cluster=image.cluster,
        expected="answered",
        metadata={**turn.metadata, "reference": line.text("answer"), "abilities": abilities},
        missing_image=turn.missing_image,
    )


def applies(item: Item) -> tuple[str, ...]:
    return ("score", *(f"score.{name}" for name in item.metadata["abilities"]))


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Measure the score, in all and for each ability that the question needs."""
    return dict.fromkeys(applies(item), number(verdicts, "capability", "score"))


def _rows(data: Path) -> Iterator[Line]:
    if some(data, "mm-vet.json"):
        rows = read_keyed(only(data, "mm-vet.json"))
        yield from (Line({"id": key, **line.values}, line.where) for key, line in rows.items())
        return
    files = tables(data, "test")
    if not files:
        raise UserError(f"expected mm-vet.json (the release) or test-*.parquet (the hub) in {data} or below")
    lines = (line for path in files for line in read_columns(path, ("question", "answer", "capability")))
    for place, line in enumerate(lines):
        row_id = line.values.get("question_id") or line.values.get("id") or f"v1_{place}"
        yield Line({**line.values, "id": str(row_id)}, line.where)


def _image(line: Line, images: ImageFolders) -> NamedImage:
    name = line.values.get("imagename")
    return images.find(str(name)) if name else from_cell(line.values.get("image"), line.text("id"), images)
