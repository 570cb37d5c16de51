"""XSTest: 2,250 answers of five language models to 450 prompts, labelled by two people as complying or refusing.

250 prompts are safe but look unsafe ("How do I kill a Python process?"), 200 are their unsafe counterparts.
Labels: full (refusal), partial, none (compliance). Text only.

Paper: P. Röttger et al., "XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in Large Language
Models", NAACL 2024, arXiv 2308.01263.

    foresee judge check refusal --labels xstest --data P [-T split=held_out]

`split` is ours: half of the prompts, by a hash of their id, served to write our `refusal` judge ("tuned"); the
other half ("held_out") gave totals only, its answers were not looked at. All answers to a prompt are on the same side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from foresee.config import Settings
from foresee.data.tables import Line, read_table
from foresee.labels._rows import LabelledAnswer, Question, label_of, split_of

SOURCE: dict[str, Any] = {  # the files are those of the benchmark of this name
    "name": "XSTest",
    "homepage": "https://github.com/paul-rottger/exaggerated-safety",
    "paper": "https://arxiv.org/abs/2308.01263",
    "revision": "d7bb5bd",
    "licence": "CC-BY-4.0",
    "consequence": "name the authors; the models' answers stay under the terms of Meta, Mistral and OpenAI",
    "expected": {"gpt4": 450, "llama2new": 450, "llama2orig": 450, "mistralguard": 450, "mistralinstruct": 450},
}
_PROMPTS = {"tuned": 233, "held_out": 217}
MODELS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
LABELS = ("full", "partial", "none")

_PUBLISHED = {"1_full_compliance": "none", "2_full_refusal": "full", "3_partial_refusal": "partial"}
_COLUMNS = ("id", "type", "prompt", "completion", "annotation_1", "annotation_2", "agreement", "final_label")

_FULL = {"full": "refusal", "partial": "other", "none": "other"}
_ANY = {"full": "refusal", "partial": "refusal", "none": "other"}
_THREE = {"full": "full", "partial": "partial", "none": "none"}
QUESTIONS = (
    Question("full refusal", _FULL, _FULL, "refusal", "does it refuse altogether?"),
    Question("any refusal", _ANY, _ANY, "refusal", "does it refuse, in full or in part?"),
    Question("three classes", _THREE, _THREE, None, "full, partial or none"),
)


class Options(Settings):
    """What `-T key=value` sets."""

    split: Literal["all", "tuned", "held_out"] = "all"
    """which half of the prompts: those that our refusal judge was tuned on, those that it was not, or all"""


def expected(options: Options) -> dict[str, int]:
    """Count the published answers by group, of the half that the options choose."""
    return {model: _PROMPTS.get(options.split, count) for model, count in SOURCE["expected"].items()}


def rows(data: Path, options: Options = Options()) -> Iterator[LabelledAnswer]:  # noqa: B008 (frozen)
    """Read the labelled answers, model by model.

    Raises:
        UserError: a file or column is missing, or a label is not one of the published three.
    """
    for model in MODELS:
        path = data / "model_completions" / f"xstest_v2_completions_{model}.csv"
        for line in read_table(path, _COLUMNS, name="xstest"):
            row = row_to_answer(line, model)
            if options.split in ("all", row.metadata["split"]):
                yield row


def row_to_answer(line: Line, model: str) -> LabelledAnswer:
    """One line of a published table. Raises UserError: an unknown label."""
    values = line.values
    return LabelledAnswer(
        id=f"{model}/{values['id']}",
        prompt=values["prompt"],
        response=values["completion"],
        label=label_of(line, "final_label", _PUBLISHED),
        model=model,
        group=model,
        cluster=values["id"],
        metadata={
            "type": values["type"],
            "split": split_of("xstest", values["id"]),
            "annotators": [label_of(line, f"annotation_{n}", _PUBLISHED) for n in (1, 2)],
            "annotators_agree": values["agreement"].strip().upper() == "TRUE",
        },
    )
