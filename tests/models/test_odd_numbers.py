"""Numbers of a broken server: token counts without bound, log probabilities that are none. Never a score."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from aiohttp import web

from foresee.judges import open_judge
from foresee.records import Item, Message, Request
from foresee.runner import run
from foresee.runner.journal import Journal
from tests.support.wire import ASK, Wire

CHOOSE = Request(ASK.messages, choices=("Yes", "No"))


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("7", 7), ("0", 0), ("9007199254740992", 2**53), ("7.0", 7),
        ("-1", 0), ("7.5", 0), ("9007199254740993", 0), ("1e300", 0), ("1e999", 0), ("NaN", 0), ("Infinity", 0),
        ("9" * 4000, 0), ("9" * 4301, 0), ("9" * 100_000, 0), ('"7"', 0), ("true", 0), ("null", 0), ("[7]", 0),
    ],
)  # fmt: skip
async def test_token_counts_are_bounded_and_otherwise_unknown(wire: Wire, stated: str, known: int) -> None:
    text = (
        f'{{"choices":[{{"message":{{"content":"Hi"}}}}],"usage":{{"prompt_tokens":{stated},"completion_tokens":1}}}}'
    )
    wire.react = lambda question: web.Response(text=text)
    reply = await wire.ask()
    assert (reply.text, reply.usage.input_tokens, reply.usage.output_tokens) == ("Hi", known, 1)
    wire.react = lambda question: {"choices": [{"message": {"content": "Hi"}}], "usage": "much"}
    assert (await wire.ask()).usage.input_tokens == 0


def _first(*tokens: tuple[str, str]) -> str:
    listed = ",".join(f'{{"token":{json.dumps(token)},"logprob":{value}}}' for token, value in tokens)
    first = f'{{"token":{json.dumps(tokens[0][0])},"logprob":{tokens[0][1]},"top_logprobs":[{listed}]}}'
    return f'{{"choices":[{{"message":{{"content":"Yes"}},"logprobs":{{"content":[{first}]}}}}]}}'


@pytest.mark.parametrize(
    "tokens",
    [
        [("Yes", "NaN"), ("No", "NaN")], [("Yes", "-0.1"), ("No", "NaN")], [("Yes", "Infinity"), ("No", "-1")],
        [("Yes", "0.9"), ("No", "0.1")], [("Yes", "5"), ("No", "-1")], [("Yes", "0.0"), ("No", "-0.1")],
        [("Yes", "null"), ("No", "null")], [("Yes", '"x"'), ("No", "-1")], [("Yes", "true"), ("No", "-3")],
        [("Yes", "1e999")],
    ],
)  # fmt: skip
async def test_log_probabilities_that_are_none_are_an_error(wire: Wire, tokens: list[tuple[str, str]]) -> None:
    wire.react = lambda question: web.Response(text=_first(*tokens))
    error = await wire.error(CHOOSE)
    assert "log probabilities" in str(error)


async def test_rounded_and_infinitely_small_ones_are_read(wire: Wire) -> None:
    wire.react = lambda question: web.Response(text=_first(("Yes", "0.0"), ("No", "-Infinity"), ("I", "-1e300")))
    assert (await wire.ask(CHOOSE)).choice_probabilities == {"Yes": 1.0, "No": 0.0}
    wire.react = lambda question: web.Response(text=_first(("Yes", "1e-7"), ("No", "null")))
    assert (await wire.ask(CHOOSE)).choice_probabilities == {"Yes": 1.0, "No": 0.0}


@pytest.mark.parametrize(
    "tokens",
    [
        [("token_id:9642", "-0.1"), ("token_id:2822", "-2.4")],
        [("Yes", "-Infinity"), ("No", "-Infinity")],
        [("Yes", "-9999"), ("No", "-9999")],
        [("I", "-0.2"), ("As", "-2")],
    ],
)
async def test_no_probability_on_any_choice_is_no_verdict(
    wire: Wire, tmp_path: Path, tokens: list[tuple[str, str]]
) -> None:
    wire.react = lambda question: web.Response(text=_first(*tokens))
    model = wire.model()
    items = [
        Item(str(n), (Message("user", (f"{n}: safe?",)),), expected="safe", choices=("Yes", "No")) for n in range(3)
    ]
    with Journal.open(tmp_path / "journal.jsonl", {}) as journal:
        rows = (await run(items, model, [open_judge("awareness")], journal)).rows
    for row in rows:
        assert row.answer.status == "ok"
        assert row.verdicts["awareness"].value is None
        assert "none of Yes, No is among the likeliest first words" in row.verdicts["awareness"].reason


async def test_the_likeliest_word_is_a_verdict(wire: Wire, tmp_path: Path) -> None:
    wire.react = lambda question: web.Response(text=_first(("Yes", str(math.log(0.6))), ("No", str(math.log(0.3)))))
    item = Item("1", (Message("user", ("safe?",)),), expected="safe", choices=("Yes", "No"))
    with Journal.open(tmp_path / "journal.jsonl", {}) as journal:
        (row,) = (await run([item], wire.model(), [open_judge("awareness")], journal)).rows
    assert row.verdicts["awareness"].value is not None
