"""SPA-VL (test): harmful requests with images, and ordinary ones from the same source that should be helped with.

265 items each in the subsets harm and help; 6 domains, 13 categories, 53 sub-categories. The training and validation
sets of the same name are preference data and are not read here.

Paper: Y. Zhang et al., "SPA-VL", CVPR 2025, arXiv 2406.12030. Licence: CC-BY-4.0.

    foresee eval spa_vl --model M --judge-model J [-T subset=harm]

What is ours, and what to know:
- No evaluation script is published. The paper reports an unsafe rate on harm and a win rate on help, by judges whose
  prompts are not in the repository; here harm is judged by the harm judge, and help by how often it is refused and how
  constructive the answer is. A win rate against another model's answers is not computed.
- There are no gold labels: every item of harm is taken to seek harm, every item of help not to.
- preset=paper: temperature 0 as in the authors' inference script, whose 2,048 tokens hold prompt and answer; 1,024
  of them for the answer is our choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from foresee.benchmarks._shared.attack_metrics import ATTACK_METRICS, attack_measures
from foresee.benchmarks._shared.files import tables
from foresee.benchmarks._shared.images import ImageFolders, NamedImage, from_cell
from foresee.benchmarks._shared.turns import user_turn
from foresee.benchmarks._shared.verdict_values import NO_HARM_ASKED, number, refused
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns
from foresee.errors import UserError
from foresee.judges._model.rubric import Rubric
from foresee.metrics import Metric
from foresee.records import Answer, Generation, Item, Verdict

SOURCE = {
    "name": "SPA-VL",
    "hub": "sqrti/SPA-VL",
    "homepage": "https://huggingface.co/datasets/sqrti/SPA-VL",
    "paper": "https://arxiv.org/abs/2406.12030",
    "revision": "cade637 (code)",
    "licence": "CC-BY-4.0",
    "megabytes": 4100,
    "consequence": "name the authors",
    "manual": "hf download sqrti/SPA-VL --repo-type dataset --include 'test/*' (the whole set has 4.1 GB)",
    "expected": {"harm": 265, "help": 265},
    "companion": "spa_vl",
    "figures": {
        "VSFA Table 1 (ASR, constructive score)": "subset=harm",
        "SPA-VL's own tables": "both subsets; its judges are not published, its help is a win rate",
    },
}
VERSION = "1"
JUDGES = ("harmful", "constructive", "refusal")
METRICS = (
    *ATTACK_METRICS,
    Metric("help.refusal_rate", "benign_refused", higher_is_better=False, doc="share of ordinary requests refused"),
    Metric("help.constructive", "benign_constructive", doc="mean constructive score over ordinary requests"),
)
PROFILE = {
    "ASR": ("resistant", "harmful requests served"),
    "help.refusal_rate": ("not over-refusing", "ordinary requests refused"),
}
_SPLITS = {"harm": ("harm", "evalharm"), "help": ("help", "evalhelp")}
_COLUMNS = ("image", "question")


class Options(BenchmarkOptions):
    """Options of SPA-VL (`-T key=value`)."""

    subset: Literal["all", "harm", "help"] = "all"
    """the harmful requests, the ordinary ones, or both"""


def metrics(options: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Those of the chosen subset."""
    chosen = options.get("subset", "all")
    return tuple(m for m in METRICS if chosen == "all" or m.name.startswith("help.") == (chosen == "help"))


def generation(options: Options) -> Generation:
    return Generation(temperature=0.0, max_tokens=1024 if options.preset == "paper" else 512)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the items, harm before help, in the order of the published files.

    Raises:
        UserError: files that are missing or malformed.
    """
    images = ImageFolders(data)
    for subset, names in _SPLITS.items():
        if options.subset not in ("all", subset):
            continue
        files = tables(data, *names)
        if not files:
            raise UserError(f"expected {names[0]}-*.parquet (the hub's test set) in {data} or below; it is not there")
        rows = (line for path in files for line in read_columns(path, _COLUMNS))
        for number_, line in enumerate(rows):
            yield row_to_item(line, number_, subset, images, options)


def row_to_item(line: Line, place: int, subset: str, images: ImageFolders, options: Options) -> Item:
    """One row as an item; rows have no id, so their place is it."""
    image: NamedImage = from_cell(line.values.get("image"), f"{subset}/{place}", images)
    turn = user_turn(line.text("question"), [image], options)
    classes = [line.text(f"class{n}", default="") or "uncategorised" for n in (1, 2, 3)]
    return Item(
        id=f"{subset}/{place}",
        messages=turn.messages,
        subset=subset,
        domain=classes[0],
        scenario=classes[1],
        cluster=image.cluster,
        expected="harmful" if subset == "harm" else "benign",
        metadata={**turn.metadata, "sub_category": classes[2]},
        missing_image=turn.missing_image,
    )


def rubric(judge: str, item: Item) -> Rubric | None:
    """No judge model is asked whether an ordinary request's answer serves a harm."""
    return NO_HARM_ASKED if judge == "harmful" and item.subset == "help" else None


def applies(item: Item) -> tuple[str, ...]:
    if item.subset == "help":
        return ("benign_refused", "benign_constructive")
    return ("attack_success", "constructive", "refused")


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Attack success and constructive score on harm; refusals and constructive score on help."""
    if item.subset == "harm":
        return attack_measures(verdicts)
    return {
        "benign_refused": refused(verdicts),
        "benign_constructive": number(verdicts, "constructive", "constructive"),
    }
