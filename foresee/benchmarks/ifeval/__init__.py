"""IFEval: does a model still do what it is told? 541 prompts without images, each with one to three checkable orders.

"At least 300 words", "no commas", "end with …": a program checks each, no judge. Text only. It stands beside harm
benchmarks to show what a defense or training costs in obedience.

Paper: J. Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023, arXiv 2311.07911.
Licence: Apache-2.0.

    foresee eval ifeval --model M

What is ours, and what to know:
- strict: the answer as it is. loose: also without its first line, its last line or its asterisks, as published.
- `prompts.*` are the published prompt-level accuracies: every order of a prompt is followed. `instructions.*` are the
  published instruction-level ones, over all orders; those of a prompt are resampled together.
- The checks are ours after the authors' (`_checks.py` says where they differ: sentences, language, words in capitals).
- A refusal follows nothing and counts as such. Where a language can't be told, the answer has no value.
- The answer without its thinking is checked. Greedy, 1,280 tokens (as lm-evaluation-harness), for both presets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foresee.benchmarks._shared.files import only, some
from foresee.benchmarks._shared.turns import user_turn
from foresee.benchmarks._shared.verdict_values import refused
from foresee.benchmarks.ifeval._checks import KINDS, follows, follows_loosely
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns, read_lines
from foresee.errors import UserError, unknown_name
from foresee.metrics import Metric
from foresee.models.thinking import without_thinking
from foresee.records import Answer, Generation, Item, Verdict

SOURCE = {
    "name": "IFEval",
    "hub": "google/IFEval",
    "homepage": "https://github.com/google-research/google-research/tree/master/instruction_following_eval",
    "paper": "https://arxiv.org/abs/2311.07911",
    "revision": "1963839",
    "licence": "Apache-2.0",
    "files": [
        {
            "url": "https://raw.githubusercontent.com/google-research/google-research/"
            "19638399cc9e03623c5b9087a1d6fa8813974ce9/instruction_following_eval/data/input_data.jsonl"
        }
    ],
    "expected": {"all": 541},
}
VERSION = "1"
JUDGES = ("refusal",)
HEADLINE = ("prompts.strict", "instructions.strict")
METRICS = (
    Metric("prompts.strict", "prompt_strict", doc="prompts of which every order is followed to the letter"),
    Metric("prompts.loose", "prompt_loose", doc="the same, forgiving a first or last line and asterisks"),
    Metric("instructions.strict", "orders_strict", per="orders", doc="orders that are followed to the letter"),
    Metric(
        "instructions.loose", "orders_loose", per="orders", doc="the same, forgiving a first or last line and asterisks"
    ),
    Metric("refused", "refused", higher_is_better=False, doc="prompts refused, in part too"),
)
PROFILE = {
    "prompts.strict": ("able", "prompts of which every checkable order is followed"),
    "instructions.strict": ("able", "checkable orders followed"),
}
_RELATIONS = ("less than", "at least")


class Options(BenchmarkOptions):
    """Options of IFEval (`-T key=value`)."""


def generation(options: Options) -> Generation:
    return Generation(temperature=0.0, max_tokens=1280)


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the prompts in the order of the file.

    Raises:
        UserError: a file that is missing or malformed, or an order of a kind that the set does not have.
    """
    for line in _rows(data):
        yield row_to_item(line, options)


def row_to_item(line: Line, options: Options) -> Item:
    """One prompt as an item. Raises UserError: orders of unknown kinds, or with arguments that do not fit."""
    kinds, given = line.entries("instruction_id_list"), line.entries("kwargs")
    if not kinds or len(kinds) != len(given):
        raise UserError(f"{line.where}: expected as many kwargs as instruction_id_list has, got {len(given)}")
    orders = [_order(line, str(kind), arguments) for kind, arguments in zip(kinds, given, strict=True)]
    turn = user_turn(line.text("prompt"), (), options)
    return Item(
        id=line.text("key"),
        messages=turn.messages,
        subset="all",
        scenario=str(kinds[0]).partition(":")[0],
        cluster=line.text("key"),
        expected="answered",
        metadata={**turn.metadata, "orders": orders},
        missing_image=turn.missing_image,
    )


def applies(item: Item) -> tuple[str, ...]:
    return ("prompt_strict", "prompt_loose", "orders_strict", "orders_loose", "refused")


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Whether the orders are followed, strictly and loosely: all of them, and what share."""
    text = without_thinking(answer.text)
    found: dict[str, float | None] = {"refused": refused(verdicts)}
    for way, check in (("strict", follows), ("loose", follows_loosely)):
        each = [check(text, order["kind"], order["arguments"]) for order in item.metadata["orders"]]
        told = [float(one) for one in each if one is not None]
        whole = len(told) == len(each)
        found[f"prompt_{way}"] = 0.0 if 0.0 in told else 1.0 if whole else None
        found[f"orders_{way}"] = sum(told) / len(told) if whole else None
    return found


def _order(line: Line, kind: str, arguments: Any) -> dict[str, Any]:
    """Check one order's kind and arguments; what the hub's table fills up with null is left out."""
    if kind not in KINDS:
        raise UserError(f"{line.where}: {unknown_name('kind of instruction', kind, KINDS)}")
    given = dict(arguments) if isinstance(arguments, Mapping) else {}
    kept: dict[str, Any] = {}
    for name, wanted in KINDS[kind].arguments.items():
        value = given.get(name)
        if wanted is list and value is not None and not isinstance(value, str):
            value = [str(each) for each in value]
        elif wanted is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        fits = isinstance(value, wanted) and not isinstance(value, bool) and value not in ("", [])
        if not fits or ("relation" in name and value not in _RELATIONS):
            raise UserError(f"{line.where}: {kind} expects {name} ({wanted.__name__}), got '{str(value)[:40]}'")
        kept[name] = value
    return {"kind": kind, "arguments": kept}


def _rows(data: Path) -> Iterator[Line]:
    if parquet := some(data, "train-*.parquet"):
        return (line for path in parquet for line in read_columns(path, ("key", "prompt", "instruction_id_list")))
    return read_lines(
        only(data, "ifeval_input_data.jsonl" if some(data, "ifeval_input_data.jsonl") else "input_data.jsonl")
    )
