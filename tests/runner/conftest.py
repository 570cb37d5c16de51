"""A real rule-driven server on a loopback port, items to ask it, and a judge to read the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from foresee.judges import RuleJudge
from foresee.models.openai_compatible import open_api_model
from foresee.records import Answer, Item, Message, Model, Verdict
from tests.support import rule_server


class Served:
    """A running server and how to reach it."""

    def __init__(self, server: Any, url: str) -> None:
        self.server = server
        self.url = url
        self.models: list[Model] = []

    def model(self, name: str = "rules", **options: Any) -> Model:
        model = open_api_model("custom", name, {"base_url": self.url, **options})
        self.models.append(model)
        return model


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers: `served = await serve(latency=0.01, react=...)`; all stop with the test."""
    started: list[Served] = []

    async def start(**rules: Any) -> Served:
        server = rule_server.RuleServer(rule_server.Rules(**rules))
        started.append(Served(server, await server.start()))
        return started[-1]

    yield start
    for served in started:
        for model in served.models:
            await model.close()
        await served.server.stop()


def make_items(count: int, **fields: Any) -> list[Item]:
    texts = [f"question {n} about a {'knife' if n % 3 == 0 else 'flower'}" for n in range(count)]
    return [Item(str(n), (Message("user", (text,)),), **fields) for n, text in enumerate(texts)]


def reads_no(item: Item, answer: Answer) -> Verdict:
    return Verdict(item.id, answer.epoch, "reads_no", 1.0 if answer.text.startswith("No") else 0.0)


@pytest.fixture
def items() -> Callable[..., list[Item]]:
    return make_items


@pytest.fixture
def judge() -> RuleJudge:
    return RuleJudge("reads_no", "1", reads_no)
