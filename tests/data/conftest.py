"""A file server on loopback, and a folder for benchmark files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foresee.data import download
from tests.support.file_server import FileServer, serving_files

__all__ = ["FileServer"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    with serving_files() as state:
        yield state


PLUGIN = '''"""A benchmark of three items, made for tests."""

from foresee.config import BenchmarkOptions as Options
from foresee.records import Image, Item, Message

SOURCE = {source!r}
VERSION = "1"
JUDGES = ()
METRICS = ()


def applies(item):
    return ()


def measures(item, answer, verdicts):
    return {{}}


def items(data, options):
    for line in (data / "rows.txt").read_text().splitlines():
        item_id, subset, text = line.split("|")
        picture = data / f"{{item_id}}.png"
        images = (Image.from_path(picture),) if picture.exists() else ()
        missing = None if images else picture.name
        yield Item(item_id, (Message("user", (*images, text)),), subset=subset, missing_image=missing)
'''


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for benchmark files of the test's own."""
    folder = tmp_path / "plugins" / "benchmarks"
    folder.mkdir(parents=True)
    monkeypatch.setenv("FORESEE_PLUGINS", str(folder.parent))
    return folder
