"""Tiny models of two architectures and small data set folders, made once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.organism.world import examples, language
from tests.support.tiny_models import Kind

os.environ.setdefault("OMP_NUM_THREADS", "1")
KINDS: tuple[Kind, ...] = ("llava", "qwen2_5_vl")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained models that know the drawn world's words: kind -> folder."""
    from tests.support.tiny_models import build, word_tokenizer

    root = tmp_path_factory.mktemp("models")
    return {
        kind: build(
            kind,
            root / kind,
            tokenizer=word_tokenizer(kind, language.vocabulary()),
            image_size=96,
            patch_size=32,
            hidden=64,
            layers=2,
            vision_hidden=32,
            vision_layers=1,
            initializer_range=0.1,
        )
        for kind in KINDS
    }


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data set folders of the drawn world by what they train; every fourth row has no picture."""
    root = tmp_path_factory.mktemp("data")
    drawn = list(examples.consequences(8))
    made = {}
    for kind in ("completion", "preference", "prompt"):
        with RowWriter.open(root / kind) as writer:
            for number, example in enumerate(drawn):
                images = (writer.store(example.image),) if number % 4 != 2 else ()
                writer.add(row_of(example, images, kind))
        made[kind] = root / kind
    return made


def row_of(example: Any, images: tuple[str, ...], kind: str) -> DataRow:
    values: dict[str, Any] = {"id": example.id, "images": images, "facts": dict(example.facts)}
    values["prompt"] = (Turn(role="user", content=example.request),)
    if kind == "completion":
        values["completion"] = (Turn(role="assistant", content=example.gold),)
    if kind == "preference":
        values["chosen"] = (Turn(role="assistant", content=example.gold),)
        values["rejected"] = (Turn(role="assistant", content=example.worse),)
    return DataRow(**values, subset=example.kind, source="drawn" if example.kind == "hazard" else "twin")
