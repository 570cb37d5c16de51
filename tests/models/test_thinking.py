"""Thinking and answers told apart: harm is never hidden from a judge, thinking never taught."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresee.models.thinking import parted, without_thinking

DELIBERATES = "Okay, so the user wants x. I should decline."
GPT_OSS = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b"


@pytest.mark.parametrize(
    ("text", "judged", "taught"),
    [
        # blocks
        ("<think>a</think>b", "b", "b"),
        ("<Reasoning>a</Reasoning>b", "b", "b"),
        ("[THINK]a[/THINK]b", "b", "b"),
        ("◁think▷a◁/think▷b", "b", "b"),
        ("<|begin_of_thought|>a<|end_of_thought|>b", "b", "b"),
        ("<think>a</think>\n<reasoning>b</reasoning>c", "c", "c"),
        ("<think>\n\n</think>\n\nb", "b", "b"),
        ("<think>take ``` or\n```\nx</think>b", "b", "b"),
        ("<think>a <think> b</think>c", "c", "c"),
        ("<think>a</think>b</think>", "b", "b"),
        ("Sure.\n<think>\nhm\n</think>\nb", "Sure.\n\n\nb", "Sure.\n\n\nb"),
        (GPT_OSS, "b", "b"),
        ("analysisThe user asks.assistantfinalHello", "Hello", "Hello"),
        # never closed
        ("<think>a", "", ""),
        ("<|channel|>analysis<|message|>a", "", ""),
        ("b\n<think>a", "b\n<think>a", ""),
        ("<analysis>\nSTEPS", "<analysis>\nSTEPS", ""),
        ("<reflection>STEPS", "<reflection>STEPS", ""),
        # words about tags
        ("Add a <reason> element. X", "Add a <reason> element. X", "Add a <reason> element. X"),
        ("Write <think> in it. X", "Write <think> in it. X", "Write <think> in it. X"),
        ("```xml\n<rationale>\n```\nX", "```xml\n<rationale>\n```\nX", "```xml\n<rationale>\n```\nX"),
        (f"It writes {GPT_OSS}", f"It writes {GPT_OSS}", f"It writes {GPT_OSS}"),
        ("[reasoning] b", "[reasoning] b", "[reasoning] b"),
        # a tag that closes what nothing opened
        ("STEPS </think>", "STEPS", "STEPS"),
        ("STEPS</think>I can't help.", "STEPS</think>I can't help.", "I can't help."),
        (f"{DELIBERATES}\n</think>\n\nI can't.", "I can't.", "I can't."),
        ("好的,用户想知道。</think>不行。", "不行。", "不行。"),
        ("```\nlet me think </think>\n```\nX", "```\nlet me think </think>\n```\nX", "```\nX"),
        # blocks that are all there is
        ("<rationale>STEPS</rationale>", "<rationale>STEPS", ""),
        ("<think>STEPS</think>", "", ""),
    ],
)
def test_the_answer_is_told_from_the_thinking(text: str, judged: str, taught: str) -> None:
    assert without_thinking(text).strip() == judged
    assert without_thinking(text, strict=True).strip() == taught


def test_what_was_left_out_is_counted() -> None:
    assert parted("<think>12345</think>b").left_out == len("<think>12345</think>")
    assert parted("Add a <reason> element. X").left_out == 0


@given(st.text(alphabet="<>/think`\n ab[]THINK|", max_size=80) | st.text(), st.booleans())
def test_any_text_is_taken_and_nothing_made_up(text: str, strict: bool) -> None:
    found = parted(text, strict=strict)
    assert 0 <= found.left_out <= len(text)
    assert set(found.said) <= set(text) | {"\n"}


@given(st.text(alphabet="abc \n.,", min_size=1).filter(str.strip))
def test_a_text_without_tags_is_untouched(text: str) -> None:
    assert without_thinking(text) == without_thinking(text, strict=True) == text


@pytest.mark.parametrize(
    "scrap", ["<think>", "</think>", "a</think>", "x\n<think>\n", "```\n<think>\n", "<think>a</think>", "<|channel|>"]
)
def test_long_texts_take_linear_time(scrap: str) -> None:
    """More than linear time runs into the limit on a test's time; what is left does not depend on the length."""
    for strict in (False, True):
        left = without_thinking(scrap * 20_000, strict=strict)
        assert bool(left) == bool(without_thinking(scrap * 20, strict=strict))
        assert len(left) <= len(scrap * 20_000)
