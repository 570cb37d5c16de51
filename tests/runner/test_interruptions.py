"""Killed, interrupted and resumed runs of real processes against a real server that counts what it was asked."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from foresee.runner.journal import read_records

SCRIPT = Path(__file__).with_name("interrupted_run.py")
COUNT, CONCURRENCY = 150, 16


_started: list[asyncio.subprocess.Process] = []


@pytest.fixture(autouse=True)
async def _none_left_running() -> AsyncIterator[None]:
    yield
    for process in _started:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    _started.clear()


async def _start(served: Any, folder: Path, *way: str) -> asyncio.subprocess.Process:
    arguments = (str(SCRIPT), served.url, str(folder), str(COUNT), str(CONCURRENCY), *way)
    pipe = asyncio.subprocess.PIPE
    _started.append(await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=pipe, stderr=pipe))
    return _started[-1]


async def _asked(served: Any, count: int, process: asyncio.subprocess.Process) -> None:
    """Wait until the server was asked so often, or the process has ended."""
    while served.server.total < count and process.returncode is None:  # noqa: ASYNC110  (an event would be no simpler)
        await asyncio.sleep(0.002)


async def _finish(served: Any, folder: Path) -> str:
    process = await _start(served, folder)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().strip()


def _finished(folder: Path) -> set[str]:
    path = folder / "journal.jsonl"
    if not path.exists() or not path.stat().st_size:
        return set()
    return {f"question {line.record['item_id']}" for line in read_records(path) if line.kind == "answer"}


def _content(folder: Path) -> dict[tuple[str, str], Any]:
    """Everything in a journal but the times, by kind and key."""
    kept = {}
    for line in read_records(folder / "journal.jsonl"):
        assert (line.kind, line.key) not in kept, "nothing is written twice"
        kept[line.kind, line.key] = {k: v for k, v in line.record.items() if k != "seconds"}
    return kept


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, 1 + metafunc.config.getoption("--count-kills")))


async def test_a_killed_run_continues_where_it_was(serve: Any, tmp_path: Path, seed: int) -> None:
    served = await serve(latency=0.02)
    moments = random.Random(seed)
    kills = 4
    for _ in range(kills):
        before, asked = _finished(tmp_path), served.server.asked.copy()
        process = await _start(served, tmp_path)
        await _asked(served, served.server.total + moments.randrange(12, 45), process)
        await asyncio.sleep(moments.random() * 0.02)
        process.kill()
        await process.communicate()
        again = [text for text in before if served.server.asked[text] > asked[text]]
        assert again == [], "nothing finished is asked again"
        assert before <= _finished(tmp_path)
    finished = _finished(tmp_path)
    assert 0 < len(finished) <= COUNT
    assert await _finish(served, tmp_path) == f"asked {COUNT - len(finished)} reused {len(finished)}"
    assert served.server.total <= COUNT + kills * CONCURRENCY, "only what was in flight is asked again"

    await _finish(served, tmp_path / "uninterrupted")
    assert _content(tmp_path) == _content(tmp_path / "uninterrupted")


@pytest.mark.parametrize(
    ("number", "way", "code"),
    [
        (signal.SIGINT, "plain", -signal.SIGINT),
        (signal.SIGINT, "loop", -signal.SIGINT),
        (signal.SIGTERM, "plain", 128 + signal.SIGTERM),
    ],
)
async def test_a_stopped_run_ends_cleanly_and_continues(
    serve: Any, tmp_path: Path, number: signal.Signals, way: str, code: int
) -> None:
    answering = asyncio.Event()

    async def forty_answers_and_no_more(question: Any) -> None:
        if question.number > 40:
            await answering.wait()

    served = await serve(react=forty_answers_and_no_more)
    process = await _start(served, tmp_path, way)
    await _asked(served, 40 + CONCURRENCY, process)
    process.send_signal(number)
    _, err = await process.communicate()
    assert process.returncode == code, err.decode()
    assert b"Unclosed" not in err
    assert b"never retrieved" not in err
    assert b"was destroyed" not in err
    lines = (tmp_path / "journal.jsonl").read_bytes()
    assert lines.endswith(b"\n")
    assert all(json.loads(line) for line in lines.splitlines())
    answering.set()
    assert len(_finished(tmp_path)) == 40
    assert await _finish(served, tmp_path) == f"asked {COUNT - 40} reused 40"


async def test_two_processes_do_not_share_a_folder(serve: Any, tmp_path: Path) -> None:
    answering = asyncio.Event()

    async def later(question: Any) -> None:
        await answering.wait()

    served = await serve(react=later)
    first = await _start(served, tmp_path)
    await _asked(served, 1, first)
    second = await _start(served, tmp_path)
    _, err = await second.communicate()
    answering.set()
    assert second.returncode != 0
    assert b"in use by another process" in err
    await first.communicate()
    assert first.returncode == 0
    assert served.server.total == COUNT
