"""Labelled answers to half of XSTest's types of prompt, to train on; the other half is left to be tested on.

XSTest's authors had five models' answers labelled by two people. For a harmful prompt a full refusal is wanted, for its
harmless look-alike full compliance (P. Röttger et al., arXiv 2308.01263; CC-BY-4.0, the answers under the terms of
Meta, Mistral and OpenAI). Types are told apart as `foresee eval xstest -T types=train|test` does.

    foresee curate xstest_answers --set data=P --out datasets/xstest
    foresee curate xstest_answers --set data=P --set form=preference --out datasets/xstest_pairs
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from foresee.curation import CurationConfig, Draft, Dropped, InputPath, WorkItem, said, turns
from foresee.data import sources
from foresee.dataset_format import DataRow
from foresee.plugins import contracts
from foresee.records import Item

VERSION = "1"
_WANTED = {"unsafe": "full", "safe": "none"}
_WORSE = {"unsafe": "none", "safe": "full"}
_Answers = dict[tuple[str, str], list[str]]


class Config(CurationConfig):
    """Which rows are made of the prompts."""

    data: InputPath = ""
    """XSTest's folder; by default in $FORESEE_DATA and the cache"""

    form: Literal["completion", "preference", "prompt"] = "completion"
    """an answer of the wanted kind; one with one of the other kind, where both were given; or the prompt alone"""

    types: Literal["train", "test"] = "train"
    """whose prompts; test: to measure a loss on, never to train on"""

    label: Literal["all", "safe", "unsafe"] = "all"
    """harmless prompts, harmful ones, or both"""


def build(config: Config) -> Iterator[WorkItem]:
    """Yield a row a prompt; which of several labelled answers it gets is decided by the seed.

    Raises:
        UserError: XSTest's files are not there.
    """
    folder = sources.locate("xstest", Path(config.data) if config.data else None)
    benchmark, labels = contracts.benchmark("xstest"), contracts.label_set("xstest")
    chosen = benchmark.options.model_validate({"types": config.types, "subset": config.label})
    answers: _Answers = defaultdict(list)
    for answer in labels.rows(folder, labels.options()):
        answers[answer.prompt.strip(), answer.label].append(answer.response.strip())
    for item in benchmark.items(folder, chosen):
        yield _row(config, item, answers)


def _row(config: Config, item: Item, answers: _Answers) -> Draft | Dropped:
    rng = random.Random(f"{config.seed} {item.id}")
    wanted, worse = (answers[item.messages[-1].text.strip(), kind[item.subset]] for kind in (_WANTED, _WORSE))
    replies: dict[str, Any] = {}
    if config.form == "completion":
        if not wanted:
            return Dropped("no answer of the wanted kind")
        replies = {"completion": said(rng.choice(wanted))}
    if config.form == "preference":
        if not (wanted and worse):
            return Dropped("no answers of both kinds")
        replies = {"chosen": said(rng.choice(wanted)), "rejected": said(rng.choice(worse))}
    row = DataRow(
        id=f"xstest_answers-{item.id}",
        prompt=turns(("user", item.messages[-1].text)),
        expected=item.expected,
        subset=item.subset,
        category=item.scenario,
        source="XSTest",
        licence=config.licence or "CC-BY-4.0",
        split=config.types,
        **replies,
    )
    return Draft(row, cluster=item.id)
