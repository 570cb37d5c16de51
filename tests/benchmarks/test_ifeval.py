"""IFEval's checks on answers that follow, that do not, and that only seem to; and its rows as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foresee.benchmarks.ifeval import _checks as checks
from foresee.errors import UserError
from foresee.metrics import compare, summarise
from foresee.plugins import contracts
from foresee.records import Answer, Row
from tests.benchmarks.conftest import Load, measured, parquet, write

LONG = "There is a small house near the river. It has been there for a hundred years, and nobody lives in it."
GERMAN = "Ein kleines Haus steht am Fluss, und niemand hat dort seit hundert Jahren gewohnt."
CASES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "keywords:existence": ({"keywords": ["River", "house"]}, [LONG], ["A house."]),
    "keywords:frequency": ({"keyword": "it ", "frequency": 2, "relation": "less than"}, ["it was"], ["It was it was"]),
    "keywords:forbidden_words": ({"forbidden_words": ["c++"]}, ["Python"], []),
    "keywords:letter_frequency": (
        {"letter": "E", "let_frequency": 2, "let_relation": "at least"}, ["Eve"], ["Adam and Eva"],
    ),
    "language:response_language": ({"language": "de"}, [GERMAN], [LONG]),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"}, [LONG, "Go! Now", "He (Dr. X.) left.\nShe stayed."],
        ["Dr. Smith has 3.5 cats.", "It is so, e.g. here."],
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, ["a\n***\nb", "***\na\n***\nb"], ["a\n\nb"]),
    "length_constraints:number_words": ({"num_words": 3, "relation": "less than"}, ["Two words"], ["It's three"]),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"}, ["One.\n\n\"Then, two."],
        ["One.\n\nTwo.", "One.", "a\n\nThen\n\nb"],
    ),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, ["[a] [b]"], ["[a\nb] [c]"]),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, ["Bye.\np. s. Call."], ["PS call"]),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, ["* a\n - b"], ["* a", "**bold**\n* a"]),
    "detectable_format:constrained_response": ({}, ["Well. My answer is no."], ["No."]),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 2}, ["*a* and **b**"], ["**a** ** **"]),
    "detectable_format:multiple_sections": (
        {"section_spliter": "SECTION", "num_sections": 2}, ["SECTION 1\na\nSECTION 2"], ["Section 1, Section 2"],
    ),
    "detectable_format:json_format": ({}, ['```json\n{"a": 1}\n```', "3"], ["Here: {}", "[" * 100_000]),
    "detectable_format:title": ({}, ["<<A house>>\nx"], ["<< >>", "<A house>"]),
    "combination:two_responses": ({}, ["a\n******\nb"], ["a******a", "a******b******c", "a************b"]),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say hello."}, ["say hello. Hello!"], ["Sure: Say hello."]),
    "startend:end_checker": ({"end_phrase": "The end."}, ['"… the end."'], ["The end. Bye"]),
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"}, ["A GREAT one"], ["NASA's Great one"],
    ),
    "change_case:english_capital": ({}, [LONG.upper()], [LONG, GERMAN.upper()]),
    "change_case:english_lowercase": ({}, [LONG.lower()], [LONG, GERMAN.lower()]),
    "punctuation:no_comma": ({}, ["No; none."], [LONG]),
    "startend:quotation": ({}, ['"All of it."'], ['"Some" of it', '"']),
}  # fmt: skip


@pytest.mark.parametrize("kind", checks.KINDS)
def test_checks(kind: str) -> None:
    arguments, right, wrong = CASES[kind]
    assert set(arguments) == set(checks.KINDS[kind].arguments)
    assert {text: checks.follows(text, kind, arguments) for text in right} == dict.fromkeys(right, True)
    assert {text: checks.follows(text, kind, arguments) for text in ("", *wrong)} == dict.fromkeys(("", *wrong), False)


def test_forgiving_a_first_line_a_last_line_and_asterisks() -> None:
    loosely = checks.follows_loosely
    assert loosely('Sure, here:\n"All."\nBye', "startend:quotation", {})
    assert loosely('**"All."**', "startend:quotation", {})
    assert not loosely('Sure,\nhere:\n"All."', "startend:quotation", {})
    assert checks.follows("Sure, here:\n{}", "detectable_format:json_format", {}) is False


def test_every_order_counts_and_what_cannot_be_told_has_no_value(tmp_path: Path, load: Load) -> None:
    row = {
        "key": 7, "prompt": "Write two words, no comma.", "instruction_id_list": ["punctuation:no_comma",
        "length_constraints:number_words"], "kwargs": [{}, {"num_words": 3, "relation": "less than"}],
    }  # fmt: skip
    spoken = {
        "key": 8,
        "prompt": "?",
        "instruction_id_list": ["language:response_language"],
        "kwargs": [{"language": "de"}],
    }
    write(tmp_path / "a/input_data.jsonl", [row, spoken])
    two, german = load("ifeval", tmp_path / "a")
    assert two.id == "7"
    found = measured("ifeval", two, "<think>one, two, three</think>Two words", refusal="none")
    assert (found["prompt_strict"], found["orders_strict"]) == (1.0, 1.0)
    assert measured("ifeval", two, "Two, and more words", refusal="none")["orders_strict"] == 0.0
    assert measured("ifeval", two, "Two and more words", refusal="none")["orders_loose"] == 0.5
    assert measured("ifeval", german, "人工智能與機器學習的應用程式開發", refusal="none")["prompt_strict"] is None
    filled = {**row, "kwargs": [{"num_words": None}, {"num_words": 3.0, "relation": "less than", "language": None}]}
    parquet(tmp_path / "b/train-00000-of-00001.parquet", [filled])
    assert load("ifeval", tmp_path / "b")[0].metadata["orders"] == two.metadata["orders"]
    for wrong, words in (
        ({"kwargs": [{}]}, "expected as many kwargs"),
        ({"kwargs": [{}, {"num_words": "3", "relation": "less than"}]}, r"expects num_words \(int\), got '3'"),
        ({"kwargs": [{}, {"num_words": 3, "relation": "about"}]}, "expects relation"),
        ({"instruction_id_list": ["punctuation:no_coma", "x"]}, "no_comma"),
    ):
        write(tmp_path / "c/input_data.jsonl", [{**row, **wrong}])
        with pytest.raises(UserError, match=words):
            load("ifeval", tmp_path / "c")


def test_instruction_level_accuracy_is_over_all_orders_as_published(tmp_path: Path, load: Load) -> None:
    comma, few = "punctuation:no_comma", "length_constraints:number_words"
    three = {"num_words": 3, "relation": "less than"}
    rows = [
        {"key": 1, "prompt": "a", "instruction_id_list": [comma], "kwargs": [{}]},
        {"key": 2, "prompt": "b", "instruction_id_list": [comma, few], "kwargs": [{}, three]},
        {"key": 3, "prompt": "c", "instruction_id_list": [comma, few], "kwargs": [{}, three]},
    ]
    write(tmp_path / "input_data.jsonl", rows)
    metrics = {metric.name: metric for metric in contracts.benchmark("ifeval").all_metrics}
    wanted = [metrics[f"{level}.{way}"] for level in ("prompts", "instructions") for way in ("strict", "loose")]

    def answered(*texts: str) -> list[Row]:
        pairs = zip(load("ifeval", tmp_path), texts, strict=True)
        return [
            Row(item, Answer(item.id, 0, text), {}, measured("ifeval", item, text, refusal="none"))
            for item, text in pairs
        ]

    first = answered("a, b", "Two words", "Sure: this is far too long\nok ok")
    prompts, loosely, orders, orders_loosely = summarise(first, wanted)
    assert (prompts.value, prompts.total, loosely.value) == (1 / 3, 3, 2 / 3)
    assert orders.value == pytest.approx(3 / 5)
    assert (orders.n, orders.clusters) == (5, 3)
    assert orders_loosely.value == pytest.approx(4 / 5)
    second = answered("a b", "Two words", "Two words")
    gained = compare(first, second, wanted)[2]
    assert gained.delta == pytest.approx(2 / 5)
    assert gained.n == 5
    failed = [replace(row, answer=replace(row.answer, status="error")) if row.item.id == "3" else row for row in first]
    lacking = summarise(failed, wanted)[2]
    assert (lacking.n, lacking.total) == (3, 5)
    assert [lacking.worst, lacking.value, lacking.best] == pytest.approx([2 / 5, 2 / 3, 4 / 5])
