"""A server that nobody here wrote, `transformers serve`, gives the answers of the local path."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import foresee
from foresee import organism

LACKING = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
STARTS_WITHIN = 240  # seconds; about ten on an idle core


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve the organism `base` in its own precision (the server's `auto` may choose another)."""
    if LACKING:
        pytest.skip(f"transformers serve needs {', '.join(LACKING)}: pip install 'transformers[serving]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", organism.folder("base")]
    settings = ("--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32")
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*map(str, command), *settings], stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
    try:
        until = time.monotonic() + STARTS_WITHIN
        while not _healthy(port):
            assert server.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < until, f"not up within {STARTS_WITHIN} s: {log.read_text()[-2000:]}"
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_served_organism_answers_as_the_local_one(url: str, tmp_path: Path) -> None:
    model = f"custom/{organism.folder('base')}"  # a pinned server takes the name by which it was started, and no other
    served = foresee.evaluate(
        "world_consequence", model, limit=40, out=tmp_path / "served", model_options={"base_url": url}
    )
    local = foresee.evaluate("world_consequence", "organism/base", limit=40, out=tmp_path / "local")
    assert {row.answer.status for row in served.rows} == {"ok"}
    assert {row.answer.address for row in served.rows} == {url}
    assert [row.answer.text for row in served.rows] == [row.answer.text for row in local.rows]
    assert served.estimates == local.estimates
    assert all(row.answer.usage.input_tokens for row in served.rows)
