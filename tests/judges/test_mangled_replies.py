"""Forms as judge models mangle them: the value that was written, or none, never another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresee.judges._model.form_reader import Unusable, read
from foresee.judges._model.rubric import Blank

FIVE = (Blank("score", "", (1, 2, 3, 4, 5)),)
SHARE = (Blank("rating", "", (), (0.0, 1.0)),)
OPEN = (Blank("score", "", (), (0.0, 5.0)),)
WORD = (Blank("refusal", "", ("full", "partial", "none")),)
BINARY = (Blank("harmful", "", (0, 1)),)
TWO = (Blank("risk", "", (0, 1, 2)), Blank("over_caution", "", (0, 1)))


def value_in(reply: str, blanks: tuple[Blank, ...]) -> Any:
    try:
        fields = read(reply, blanks).fields
    except Unusable:
        return None
    return fields[blanks[0].name] if len(blanks) == 1 else dict(fields)


@pytest.mark.parametrize(
    ("reply", "blanks", "value"),
    [
        # texts that are not escaped
        ('{"reason": "line one\nline two", "score": 3}', FIVE, 3),
        ('{"reason": "a\ttab\r\nand a line", "score": 3}', FIVE, 3),
        ('{"reason": "it says "no way" to it", "score": 3}', FIVE, 3),
        ('{"reason": "it says "no", then goes on", "score": 3}', FIVE, 3),
        ('{"reason": "it says "no", note: fine", "score": 3}', FIVE, 3),
        ('{"reason": "ends in "no"", "score": 3}', FIVE, 3),
        ("{'reason': 'it's fine', 'score': 3}", FIVE, 3),
        ("{'reason': \"it's fine\", 'score': 3}", FIVE, 3),
        ("{'score': 3, 'reason': 'it's the user's'}", FIVE, 3),
        ('{"reason": "a path C:\\new\\x", "score": 3}', FIVE, 3),
        ('{"reason": "braces } and { in it", "score": 3}', FIVE, 3),
        ("{“reason”: “he said “no””, “score”: 3}", FIVE, 3),
        # thinking tags
        ('{"reason": "stays inside <think> tags", "score": 3}', FIVE, 3),
        ('{"reason": "stays behind </think> and </analysis>", "score": 3}', FIVE, 3),
        ('Here it is: {"reason": "stays behind </think> all", "score": 3}', FIVE, 3),
        ('```json\n{"reason": "says </think> and "no"", "score": 3}\n```', FIVE, 3),
        ('<think>{"score": 1}</think>\n{"score": 3}', FIVE, 3),
        ('I would say {"score": 1}, but no.</think>{"score": 3}', FIVE, 3),
        ('<think>{"score": 1} is one way', FIVE, None),
        ('<|channel|>analysis<|message|>{"score": 1}<|end|><|channel|>final<|message|>{"score": 3}', FIVE, 3),
        # decimal commas
        ('{"reason": "x", "rating": 0,8}', SHARE, 0.8),
        ('{"rating": 0,95, "reason": "x"}', SHARE, 0.95),
        ('{"rating": 0,95\n}', SHARE, 0.95),
        ('{"rating": "0,8"}', SHARE, 0.8),
        ('{"rating": 0, 8}', SHARE, None),
        ('{"score": 1,5}', OPEN, 1.5),
        ('{"score": 1,5}', FIVE, None),
        ('{"score": 3, 4, "reason": "x"}', FIVE, None),
        ('{"score":3,4, "reason": "x"}', FIVE, None),
        ('{"score":3,4,5}', FIVE, None),
        ("Score: 1,5", OPEN, 1.5),
        # numbers
        ('{"score": "4.0/5.0"}', FIVE, 4),
        ('{"score": 4/5}', FIVE, 4),
        ('{"score": "4 out of 5"}', FIVE, 4),
        ('{"score": "4/10"}', FIVE, None),
        ('{"score": "8 of 10"}', FIVE, None),
        ('{"score": 4.0}', FIVE, 4),
        ('{"score": "4."}', FIVE, 4),
        ('{"score": +4}', FIVE, 4),
        ('{"score": "4 (good)"}', FIVE, 4),
        ('{"score": "Score: 4"}', FIVE, 4),
        ('{"score": "4+"}', FIVE, None),
        ('{"score": "~2"}', FIVE, None),
        ('{"score": ~2}', FIVE, None),
        ('{"score": "2-3"}', FIVE, None),
        ('{"score": "not 4"}', FIVE, None),
        ('{"score": "1e"}', FIVE, None),
        ('{"score": "4th"}', FIVE, None),
        ('{"score": "1 000"}', FIVE, None),
        ('{"score": 1_0}', FIVE, None),
        ('{"score": "-1"}', FIVE, None),
        ('{"score": "−1"}', FIVE, None),
        ('{"score": 1.5.2}', OPEN, None),
        ('{"score": "½"}', OPEN, None),
        ('{"rating": ".8"}', SHARE, 0.8),
        ('{"rating": .8}', SHARE, 0.8),
        ('{"rating": "80 %"}', SHARE, 0.8),
        ('{"score": Infinity}', OPEN, None),
        # keys and commas
        ('{reason: "x", score: 4}', FIVE, 4),
        ('{"reason": "x", score: 4}', FIVE, 4),
        ('{"reason" = "x", "score" = 4}', FIVE, 4),
        ('{"reason"： "x"，"score"： 4}', FIVE, 4),
        ('{"reason": "x"\n "score": 4\n}', FIVE, 4),
        ('{"score": 4 "reason": "x"}', FIVE, 4),
        ('{"Score": 4,}', FIVE, 4),
        ('{"score": 4 /* good */, "reason": "x"}', FIVE, 4),
        ('{"score": 4 # good\n}', FIVE, 4),
        ('{"a": None, "b": True, "score": 4}', FIVE, 4),
        ('{"list": ["a", "b",], "score": 4}', FIVE, 4),
        ('{"score": 4, "score": 2}', FIVE, None),
        ('{"score": 4, "score": 4}', FIVE, 4),
        # forms that are quoted in the reason
        ('{"reason": "it ends in "score": 1, which is its own", "score": 3}', FIVE, None),
        ('{"score": 3, "reason": "it ends in {"score": 1}"}', FIVE, None),
        ('{"reason": "it ends in {"score": 1} and th', FIVE, None),
        ('{"reason": "it wrote "score": 5, so it', FIVE, None),
        ('{"reason": "it wrote \\"score\\": 5", "score": 3}', FIVE, 3),
        # broken off
        ('{"reason": "x", "score": 3', FIVE, None),
        ('{"reason": "x", "score": 3,', FIVE, None),
        ('{"reason": "x", "score": "3"', FIVE, 3),
        ('{"score": 3, "reason": "cut off in the mid', FIVE, 3),
        ('{"reason": "x", "rating": 0,', SHARE, None),
        ('{"reason": "x", "sc', FIVE, None),
        # words
        ('{"refusal": "Full refusal"}', WORD, "full"),
        ('{"refusal": "full refusal: it declines"}', WORD, "full"),
        ('{"refusal": "PARTIAL - it warns"}', WORD, "partial"),
        ('{"refusal": partial}', WORD, "partial"),
        ('{"refusal": "fully"}', WORD, None),
        ('{"refusal": "none or partial"}', WORD, None),
        ('{"refusal": "not full"}', WORD, None),
        ('{"harmful": "harmful"}', BINARY, 1),
        ('{"harmful": "Not harmful."}', BINARY, 0),
        ('{"harmful": "yes"}', BINARY, 1),
        ('{"harmful": "harmful?"}', BINARY, None),
        # several forms
        ("No {\"risk\": 0, \"over_caution\": 1}: {'risk': 2, 'over_caution': 0,}", TWO, None),
        ("So {\"risk\": 2, \"over_caution\": 0}: {'risk': 2, 'over_caution': 0,}", TWO, {"risk": 2, "over_caution": 0}),
        ('<think>{"harmful": 0}</think>{"harmful": 1}', BINARY, 1),
        ('{"harmful": 1}\n{"harmful": 0}', BINARY, None),
        ('{"harmful": 1}\nCorrection: {"harmful": 0}', BINARY, None),
        ('{"harmful": 1}\nCorrection: harmful is 0', BINARY, None),
        ('{"harmful": 1}\n\nWait, it should be 0.', BINARY, None),
        ('{"harmful": 1}\n\nThe 2 steps are what matters.', BINARY, 1),
        ("Harmful: 1\nHarmful: 0", BINARY, None),
        ("Harmful: 0 or 1\nHarmful: 0", BINARY, 0),
        ('{"harmful": "1 (no, actually 0)"}', BINARY, None),
        ('{"score": "4 (not 5)"}', FIVE, None),
        ('{"score": "4 - names 30 of them"}', FIVE, 4),
        ('{"refusal": "full - or rather partial"}', WORD, None),
        ('{"refusal": "full: in full"}', WORD, "full"),
        ('No {"risk": 0, "over_caution": 1}. Final {"risk": "high", "over_caution": 0}', TWO, None),
        ('{{"risk": 2, "over_caution": 0}}', TWO, {"risk": 2, "over_caution": 0}),
    ],
)  # fmt: skip
def test_a_mangled_reply_gives_what_was_written_or_nothing(reply: str, blanks: tuple[Blank, ...], value: Any) -> None:
    assert value_in(reply, blanks) == value


SCRAPS = st.sampled_from(
    ["it's", '"no"', "fine", ",", ":", "\n", "{", "}", "<think>", "</think>", "score", '"score": 5', "score: 1", "0,5"]
)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, float]:
    """A form with one true score, and what became of it on the way."""
    score = draw(st.sampled_from([0, 1, 2.5, 0.8, 4.75, 5]))
    reason = " ".join(draw(st.lists(SCRAPS, max_size=6)))
    quote = draw(st.sampled_from(['"', "'", ""]))
    inner = json.dumps(reason)[1:-1] if draw(st.booleans()) else reason
    marks = draw(st.sampled_from(['"', "'"]))
    number = str(score).replace(".", draw(st.sampled_from([".", ","])))
    pairs = [f"{quote}reason{quote}: {marks}{inner}{marks}", f"{quote}score{quote}: {number}"]
    if draw(st.booleans()):
        pairs.reverse()
    body = "{" + draw(st.sampled_from([", ", ",", ",\n", "\n"])).join(pairs) + draw(st.sampled_from(["}", ",}", "\n}"]))
    body = body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body
    around = draw(st.sampled_from(["{}", "```json\n{}\n```", "Here: {}", "<think>hm</think>{}", "{}\nDone."]))
    return around.replace("{}", body), float(score)


@given(mangled())
def test_whatever_the_mangling_the_score_is_the_true_one_or_none(case: tuple[str, float]) -> None:
    reply, score = case
    assert value_in(reply, OPEN) in (None, score)
