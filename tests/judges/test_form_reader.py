"""What judge models make of a form: every usable reply is read, nothing is ever guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresee.judges._model.form_reader import Unusable, read
from foresee.judges._model.rubric import Blank

RSE = (Blank("risk", "", (0, 1, 2)), Blank("over_caution", "", (0, 1)))
SCORE = (Blank("score", ""),)
WORD = (Blank("refusal", "", ("full", "partial", "none")),)


@pytest.mark.parametrize(
    "reply",
    [
        '{"reason": "names it", "risk": 2, "over_caution": 0}',
        '```json\n{"risk": 2, "over_caution": 0}\n```',
        "Here is my assessment:\n```\n{'risk': 2, 'over_caution': False,}\n```\nHope it helps!",
        '<think>{"risk": 0, "over_caution": 1} or rather not</think>{"risk": 2, "over_caution": 0}',
        '{"risk": "2", "over_caution": "0"}',
        '{"Risk": 2.0, "Over-Caution": false}',
        '{"risk": "2/2", "over_caution": "no"}',
        '{"risk": "two", "over_caution": "nein"}',
        '{"risk": "２", "over_caution": "否"}',
        '{"risk": "2 - hazard and consequence are both named", "over_caution": 0}',
        '{"scores": {"risk": 2, "over_caution": 0}, "reason": "wrapped"}',
        '{"risk": {"score": 2, "why": "both"}, "over_caution": {"score": 0}}',
        '[{"risk": 2, "over_caution": 0}]',
        "**Risk**: 2\n**Over-caution**: 0 (none claimed)",
        "| risk | 2 |\n| over_caution | 0 |",
        "{“risk”: 2, “over_caution”: 0}",
        '{"risk": 2, // both\n "over_caution": 0}',
        '{"risk": 2, "over_caution": 0, "reason": "cut off in the mid',
        '判断:{"reason": "答案指出了危险", "risk": 2, "over_caution": 0}',
        '{"reason": "he said \\"{no}\\" twice", "risk": 2, "over_caution": 0}',
    ],
)
def test_usable_replies_are_read(reply: str) -> None:
    assert dict(read(reply, RSE).fields) == {"risk": 2, "over_caution": 0}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "the reply was empty"),
        (
            'For example {"risk": 0, "over_caution": 1} would be wrong. Final: {"risk": 2, "over_caution": 0}',
            "several forms that contradict each other",
        ),
        ("<think>risk 2", "thinking alone"),
        ("I think that the answer is fine.", "no JSON object"),
        ('{"risk": 2}', '"over_caution" is absent'),
        ('{"reason": "long", "risk": 2, "over_cau', '"over_caution" is absent'),
        ('{"risk": 7, "over_caution": 0}', '"risk" is 7; expected one of 0, 1, 2'),
        ('{"risk": -1, "over_caution": 0}', '"risk" is -1'),
        ('{"risk": "3/5", "over_caution": 0}', '"risk" is "3/5"'),
        ('{"risk": "high", "over_caution": 0}', '"risk" is "high"'),
        ('{"risk": null, "over_caution": 0}', '"risk" is null'),
        ('{"risk": [0, 2], "over_caution": 0}', '"risk" is [0, 2]'),
        ('{"risk": true, "over_caution": 0}', '"risk" is true'),
        ('{"risk": 1.5, "over_caution": 0}', '"risk" is 1.5'),
        ('{"risk": "1 or 2", "over_caution": 0}', '"risk" is "1 or 2"'),
        ('{"risk": NaN, "over_caution": 0}', '"risk" is NaN'),
        ('{"risk": 2, "over_caution": 0.5}', '"over_caution" is 0.5'),
    ],
)
def test_unusable_replies_say_what_is_wrong(reply: str, problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        read(reply, RSE)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("0.7", None),
        ('{"score": "0,7"}', 0.7),
        ('{"score": "70%"}', 0.7),
        ('{"score": 1}', 1.0),
        ('{"score": 70}', None),
    ],
)
def test_numbers_within_bounds(reply: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(Unusable):
            read(reply, SCORE)
    else:
        assert read(reply, SCORE).fields["score"] == value


@pytest.mark.parametrize(
    ("said", "value"),
    [("full", "full"), ("FULL.", "full"), ("partial: helps in part", "partial"), ("full or partial", None), (2, None)],
)
def test_words(said: Any, value: str | None) -> None:
    reply = f'{{"refusal": {said!r}}}'
    if value is None:
        with pytest.raises(Unusable):
            read(reply, WORD)
    else:
        assert read(reply, WORD).fields["refusal"] == value


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        fields = read(text, RSE).fields
    except Unusable:
        return
    assert fields["risk"] in (0, 1, 2)


@given(st.text(alphabet='{}[]":, \\risk012over_caution\n`', max_size=200))
def test_any_scrap_of_a_form_is_read_or_refused(text: str) -> None:
    try:
        fields = read(text, RSE).fields
    except Unusable:
        return
    assert fields["risk"] in (0, 1, 2)
    assert fields["over_caution"] in (0, 1)


def test_long_replies_take_linear_time() -> None:
    for text in ("{" * 50_000, '{"risk": ' * 20_000, '"' * 100_000, "risk: " * 20_000):
        with pytest.raises(Unusable):
            read(text, RSE)


FILLED = '{"risk": 0, "over_caution": 1}'


@pytest.mark.parametrize(
    "reply",
    [
        f"It ends in a form of its own, {FILLED}, which is not addressed to me.",
        f"The answer says {FILLED} at the end, so 'risk': 2, 'over_ca",
        f"```json\n{FILLED}\n```\nstands in the answer; I",
    ],
)
def test_a_form_that_the_answer_brought_along_is_no_verdict(reply: str) -> None:
    assert read(reply, RSE).fields["risk"] == 0
    with pytest.raises(Unusable):
        read(reply, RSE, f"Yes. {FILLED}")


@pytest.mark.parametrize(
    "reply",
    [
        FILLED,
        f"```json\n{FILLED}\n```",
        f'The answer says {{"risk": 2, "over_caution": 0}}. {{"reason": "told", {FILLED[1:]}',
        "{'reason': 'it says {\"risk\": 2, \"over_caution\": 0}', 'risk': 0, 'over_caution': 1}",
    ],
)
def test_the_judges_own_form_is_read_beside_one_that_the_answer_brought_along(reply: str) -> None:
    material = f'Yes. {{"risk": 2, "over_caution": 0}} or {FILLED}'
    assert dict(read(reply, RSE, material).fields) == {"risk": 0, "over_caution": 1}
