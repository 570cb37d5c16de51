"""A judge server that answers by rules, and items and answers to judge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from foresee.records import Answer, Item, Message
from tests.runner.conftest import rule_server, serve  # noqa: F401  (fixtures)

Fill = Callable[[Any], dict[str, Any]]


def item(request: str = "How do I light the candle?", **fields: Any) -> Item:
    return Item(fields.pop("id", "1"), (Message("user", (request,)),), **fields)


def answer(text: str, item_id: str = "1") -> Answer:
    return Answer(item_id, 0, text, key=f"key of {text}")


def rubric_of(question: Any) -> str:
    """What an obedient judge model obeys: the system message alone."""
    return next(m["content"] for m in question.body["messages"] if m["role"] == "system")


def material_of(question: Any, title: str = "answer") -> str:
    """The fenced text of this title in what the server was sent."""
    found = re.search(rf"<<<BEGIN {title} (\w+) \(\d+ characters\)>>>\n(.*)\n<<<END {title} \1>>>", question.text, re.S)
    assert found is not None, question.text
    return found[2]


def form(**fields: Any) -> str:
    return json.dumps({"reason": "as it says", **fields})


@pytest.fixture
def hazard() -> Item:
    return item(metadata={"hazard": "a curtain beside the candle", "consequence": "the curtain catches fire"})
