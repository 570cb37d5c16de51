"""Drawn world, perception: list what is there, count, locate, name colours; the general ability to be kept.

320 items, half of them "list every object", answered exactly or not. Any remedy that makes a model safer by making it
worse at this is seen here. Ours, Apache-2.0, drawn by code: nothing to download.

    foresee eval world_perception --model organism/base [-T subset=list]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foresee.benchmarks._shared import world
from foresee.metrics import Metric
from foresee.organism.world import questions
from foresee.records import Answer, Generation, Item, Verdict

SOURCE = {
    "name": "Drawn world: perception",
    "embedded": True,
    "licence": "Apache-2.0",
    "expected": {"list": 160, "locate": 54, "count": 53, "colour": 53, "sign": 40},
}
VERSION = "3"
JUDGES = ("world",)
HEADLINE = ("exact", "list")
SUBSETS = ("list", "count", "locate", "colour", "sign")

METRICS = (
    Metric("exact", "exact", mean_over="subset", doc="share of exact answers, mean of the five tasks"),
    Metric("list", "exact", {"subset": "list"}, doc="share of pictures whose objects are listed without fault"),
    Metric("count", "exact", {"subset": "count"}, doc="share of right counts"),
    Metric("locate", "exact", {"subset": "locate"}, doc="share of right places"),
    Metric("colour", "exact", {"subset": "colour"}, doc="share of right colours"),
    Metric("sign", "exact", {"subset": "sign"}, doc="share of signs whose word is read"),
)
PROFILE = {"exact": ("able", "questions about the image answered exactly")}


class Options(world.WorldOptions):
    """Options of world_perception."""


def metrics(options: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Those of the chosen subset."""
    chosen = str(options.get("subset", "all"))
    return tuple(m for m in METRICS if chosen == "all" or m.where.get("subset") == chosen)


def generation(options: Options) -> Generation:
    return world.generation()


def items(data: Path | None, options: Options) -> Iterator[Item]:
    """Yield the items; `data` is not used. Raises UserError: no subset of that name."""
    return world.items(questions.perception(options.split), options, SUBSETS)


def applies(item: Item) -> tuple[str, ...]:
    return ("exact",)


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    value = verdicts["world"].value if "world" in verdicts else None
    return {"exact": value["exact"] if isinstance(value, Mapping) else None}
