"""A server that is busy for ever: after some seconds it is said what is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from foresee.errors import ModelError
from foresee.records import Generation, Message, Request
from foresee.runner import retries


class Busy:
    """A model whose server is never free."""

    name = "custom/busy"

    async def generate(self, request: Request) -> Any:
        raise ModelError("503 Service Unavailable", retryable=True, status=503)


def test_a_wait_without_end_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(retries, "_SILENT", 0.1)
    settings = retries.RunSettings(patience=1.0, backoff=0.05)
    caller = retries.Caller(Busy(), settings)  # type: ignore[arg-type]  # all that a caller needs of a model
    request = Request((Message("user", ("Hi",)),), Generation())
    with pytest.raises(ModelError):
        asyncio.run(_called(caller, request))
    said = [record.message for record in caplog.records if "waiting" in record.message]
    assert said == ["waiting for custom/busy: 503 Service Unavailable; for up to 1 s a call"]


async def _called(caller: retries.Caller, request: Request) -> None:
    await caller(request)
