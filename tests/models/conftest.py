"""A server that says what a test has it say, and tiny local models, built once a session, opened for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_models import Kind
from tests.support.wire import Wire


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """The folder of an untrained model of this kind."""
    root = tmp_path_factory.mktemp("tiny")

    def folder(kind: Kind) -> Path:
        from tests.support.tiny_models import build

        # Wide random weights: answers vary from item to item and from token to token, so that a mistake would show.
        if not (root / kind).exists():
            build(kind, root / kind, initializer_range=0.12, hidden=64, layers=3, seed=1)
        return root / kind

    return folder


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Any]]:
    """Opens `local/FOLDER` with options; closed when the test ends."""
    from foresee.models import open_model

    models: list[Any] = []

    def one(folder: Path, **options: Any) -> Any:
        models.append(open_model(f"local/{folder}", options))
        return models[-1]

    yield one
    for model in models:
        await model.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A loopback server whose replies the test decides."""
    async with Wire.running() as wire:
        yield wire
