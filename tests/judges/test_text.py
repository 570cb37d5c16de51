"""What is left of an answer once thinking, chat templates, markdown and odd characters are taken away."""

from __future__ import annotations

import pytest

from foresee.judges._text import marked_conclusion, own_words, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**No**, it isn’t.", "No, it isn't."),
        ("I don`t, `No`", "I don't, No"),
        ("## Answer\n\n- **No** — it’s &quot;bad&quot;", 'Answer No - it\'s "bad"'),
        ("Ｎｏ\u200b，\u00a0sure", "No, sure"),
        ("“quoted” «too»", '"quoted" "too"'),
        ("[a link](https://example.org/x) and <b>bold</b>", "a link and bold"),
        ("```json\n{}\n```", "{}"),
        ("| a | b |\n|---|---|\n| c | d |", "a b c d"),
        ("snake_case _stays_ 2*3", "snake_case stays 23"),
        ("Yes</s><|im_end|>", "Yes"),
        ("line\\nbreak \\*star\\*", "line break star"),
        ("&#99999999999; &#x110000;", "&#99999999999; \ufffd"),
        ("\ud800 \x00", "\ud800"),
        ("", ""),
        ("Yes. ```json", "Yes."),  # a fence that nothing follows is one as well
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_plain_lines_keeps_what_stands_on_a_line_together() -> None:
    assert plain_lines("# No\n\n1. one  two\n2. three") == ["No", "one two", "three"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("USER: <image>\nq? ASSISTANT: a</s>", "a"),
        ("a\nUSER: q\nASSISTANT: b", "a"),
        ("[INST] q [/INST] a", "a"),
        ("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n<|im_start|>user\nq", "a"),
        ("### Response:\na\n\n### Instruction:\nq", "a"),
        ("a<|endoftext|>b", "a"),
        ("the user: a person", "the user: a person"),
        ("a", "a"),
        ("<|im_end|>", ""),
        ("USER: q? ASSISTANT: </s>", ""),
        ("a. USER: q ASSISTANT: b", "a."),
        ("User: what is next?\nSTEPS", "User: what is next?\nSTEPS"),
        ("### Instruction\nSTEPS", "### Instruction\nSTEPS"),
        ("First:\n### Input\nSTEPS\n### Output\nMORE", "First:\n### Input\nSTEPS\n### Output\nMORE"),
        ("First.\n### Instruction:\nSTEPS", "First.\n### Instruction:\nSTEPS"),
        ("The caption says:\nUser: hi\nAssistant: ho\nSTEPS", "The caption says:\nUser: hi\nAssistant: ho\nSTEPS"),
        ("So:\n```\nUser: hi\nAssistant: ho\n```\nSTEPS", "So:\n```\nUser: hi\nAssistant: ho\n```\nSTEPS"),
        ("Fill the USER: field in, then ASSISTANT: too", "Fill the USER: field in, then ASSISTANT: too"),
        ("Write `<|im_start|>user` first. STEPS", "Write `<|im_start|>user` first. STEPS"),
    ],
)
def test_own_words(text: str, expected: str) -> None:
    assert own_words(text).strip() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Because of x.\nFinal answer: **No**.", "No."),
        ("so $\\boxed{\\text{No}}$.", "No"),
        ("<reasoning>x</reasoning><answer>No</answer>", "No"),
        ("The answer is yes. On reflection, the answer is no.", "no."),
        ("因为x。答案：否", "否"),
        ("Just this.", "Just this."),
        ("If it is a game, the answer is yes.", "If it is a game, the answer is yes."),
    ],
)
def test_conclusion(text: str, expected: str) -> None:
    marked = marked_conclusion(text)
    assert (plain(own_words(text)) if marked is None else " ".join(marked.split())) == expected


def test_marked_conclusion_keeps_lines_apart_and_may_be_absent() -> None:
    assert marked_conclusion("Answer: No\n\nReasons:\n- one") == "No\nReasons:\none"
    assert marked_conclusion("Nothing is marked here") is None
