"""Several runs at once, the synchronous face, and the synchronous face inside a running event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError
from foresee.runner import RunSettings, judge_answers, run, run_sync
from foresee.runner.journal import Journal


async def test_several_runs_at_once_in_one_loop(serve: Any, items: Any, judge: Any, tmp_path: Path) -> None:
    served = await serve(latency=0.01)
    model = served.model()

    async def one(number: int) -> Any:
        asked = [item for item in items(60) if int(item.id) % 3 == number]
        with Journal.open(tmp_path / str(number), {"run": number}) as journal:
            return await run(asked, model, [judge], journal, settings=RunSettings(concurrency=5))

    results = await asyncio.gather(*(one(number) for number in range(3)))
    assert [len(result.rows) for result in results] == [20, 20, 20]
    assert all(row.answer.status == "ok" and row.verdicts for result in results for row in result.rows)
    assert served.server.total == 60
    assert 5 < served.server.peak <= 15


async def test_one_run_that_fails_does_not_disturb_the_others(serve: Any, items: Any, tmp_path: Path) -> None:
    served = await serve(latency=0.01)
    with Journal.open(tmp_path / "a", {}) as a, Journal.open(tmp_path / "b", {}) as b:
        wrong = run(items(30), served.model("unknown"), [], a)
        good, bad = await asyncio.gather(run(items(30), served.model(), [], b), wrong, return_exceptions=True)
    assert isinstance(bad, UserError)
    assert [row.answer.status for row in good.rows] == ["ok"] * 30  # type: ignore[union-attr]


async def test_the_synchronous_face_inside_a_running_loop(serve: Any, items: Any, judge: Any, tmp_path: Path) -> None:
    served = await serve()
    model = served.model()

    def synchronous_code_called_from_a_loop() -> Any:
        asyncio.get_running_loop()
        with Journal.open(tmp_path / "sync", {}) as journal:
            # The server lives in this very loop, which is blocked meanwhile: answers must be in the journal.
            rows = run_sync(items(10), model, [judge], journal).rows
            return judge_answers([(row.item, row.answer) for row in rows], [judge], journal)

    with Journal.open(tmp_path / "sync", {}) as journal:
        await run(items(10), model, [], journal)
    rows = synchronous_code_called_from_a_loop()
    assert [row.verdicts["reads_no"].value for row in rows] == [float(n % 3 == 0) for n in range(10)]
    assert served.server.total == 10
    assert not [thread for thread in threading.enumerate() if thread.name == "foresee-run"]


async def test_a_model_may_be_used_from_several_loops_one_after_the_other_and_at_once(
    serve: Any, items: Any, tmp_path: Path
) -> None:
    served = await serve(latency=0.005)
    model = served.model()

    def in_a_thread(number: int) -> int:
        with Journal.open(tmp_path / str(number), {}) as journal:
            return len(run_sync(items(15), model, [], journal).rows)

    with Journal.open(tmp_path / "here", {}) as journal:
        here = run(items(15), model, [], journal)
        results = await asyncio.gather(here, *(asyncio.to_thread(in_a_thread, number) for number in range(3)))
    assert results[1:] == [15, 15, 15]
    assert await asyncio.to_thread(in_a_thread, 4) == 15
    assert len(model._connections) == 1, "connections of loops that have ended are closed and gone"


async def test_errors_come_through_the_synchronous_face(serve: Any, items: Any, tmp_path: Path) -> None:
    served = await serve()
    with Journal.open(tmp_path / "j", {}) as journal, pytest.raises(UserError, match="occurs twice"):
        run_sync([*items(2), *items(2)], served.model(), [], journal)


async def test_a_progress_callback_that_raises_ends_the_run_and_leaves_the_journal_whole(
    serve: Any, items: Any, tmp_path: Path
) -> None:
    served = await serve()

    def no_more(progress: Any) -> None:
        if progress.done == 7:
            raise RuntimeError("the caller has seen enough")

    with Journal.open(tmp_path / "j", {}) as journal:
        with pytest.raises(RuntimeError, match="seen enough"):
            await run(items(50), served.model(), [], journal, progress=no_more)
        results = await run(items(50), served.model(), [], journal)
    assert results.reused >= 7
    assert [row.answer.status for row in results.rows] == ["ok"] * 50
