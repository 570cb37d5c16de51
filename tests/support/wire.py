"""A server on this machine, the API model that talks to it, and the questions that arrived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from foresee.errors import ModelError
from foresee.models.openai_compatible import open_api_model
from foresee.records import Message, Model, Reply, Request
from tests.support import rule_server

ASK = Request((Message("user", ("hello?",)),))


class Wire:
    """A server, the model that talks to it, and the last question that arrived."""

    def __init__(self) -> None:
        self.react: Callable[[Any], Any] = lambda question: None
        self.bodies: list[dict[str, Any]] = []
        self.server = rule_server.RuleServer(rule_server.Rules(react=self._react, models=("m",)))
        self.models: list[Model] = []
        self.url = ""

    def _react(self, question: Any) -> Any:
        self.bodies.append(question.body)
        return self.react(question)

    def answers(self, **message: Any) -> None:
        """The server answers with this message (and `finish_reason`, if it is among the fields)."""
        finish = message.pop("finish_reason", "stop")
        choice = {"message": {"role": "assistant", **message}, "finish_reason": finish}
        self.react = lambda question: {"model": "m-2", "choices": [choice]}

    def fails(self, status: int, error: Any, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.react = lambda question: web.json_response(error, status=status, headers=names)

    def model(self, provider: str = "custom", **options: Any) -> Model:
        self.models.append(open_api_model(provider, "m", {"base_url": self.url, **options}))
        return self.models[-1]

    async def ask(self, request: Request = ASK, **options: Any) -> Reply:
        return await self.model(**options).generate(request)

    async def error(self, request: Request = ASK, **options: Any) -> ModelError:
        with pytest.raises(ModelError) as caught:
            await self.ask(request, **options)
        assert "\n" not in str(caught.value)
        return caught.value

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Wire]:
        """A wire whose server runs as long as the block."""
        wire = cls()
        wire.url = await wire.server.start()
        try:
            yield wire
        finally:
            for model in wire.models:
                await model.close()
            await wire.server.stop()
