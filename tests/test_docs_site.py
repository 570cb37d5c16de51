"""The documentation site builds without a warning, is whole, and fetches nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import foresee
from foresee import plugins

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_can_be_reached_from_the_first(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    linked = {link.partition("#")[0] for link in re.findall(r'href="([^":]+)"', start)}
    pages = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - {"index.html"} <= linked


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"""(?:<script[^>]+src=|<link[^>]+rel="?stylesheet"?[^>]+href=|<img[^>]+src=|url\()["']?(?://|https?:)"""
    )
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not loads.search(path.read_text(encoding="utf-8")), path.relative_to(site)


def test_the_reference_has_every_public_name(site: Path) -> None:
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert [name for name in foresee.__all__ if f'id="foresee.{name}"' not in page] == []


def test_the_reference_has_every_command_and_recipe(site: Path) -> None:
    page = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    commands = ["demo", "eval", "judge-check", "data-fetch", "organism-show", "train", "export"]
    commands += [f"curate-{name}" for name in plugins.names("curation")]
    assert [name for name in commands if f'id="foresee-{name}"' not in page] == []
