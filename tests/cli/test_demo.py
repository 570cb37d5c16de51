"""`foresee demo`: its stages are done once, and it ends with the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresee.cli import demo
from tests.cli.conftest import Cli


@pytest.mark.slow
def test_the_demo_ends_with_a_page_and_goes_on_without_asking_again(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "LIMIT", 4)
    done = cli("demo", "--quick")
    assert done.code == 0, done.err
    assert "[1/3] profile and attack: as it is" in done.err
    assert "[3/3] the page" in done.err
    assert "with constitution" in done.out
    page = Path("runs/demo/report.html").read_text(encoding="utf-8")
    assert "world_attack under si" in page, "in the figure, though a page holds no room for those runs"
    journals = {path: path.read_bytes() for path in Path("runs").rglob("journal.jsonl")}
    assert len(journals) == 12
    assert cli("demo", "--quick").code == 0
    assert {path: path.read_bytes() for path in Path("runs").rglob("journal.jsonl")} == journals
