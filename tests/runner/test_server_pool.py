"""One model at several servers: loads, limits, deaths and returns; the figures are those of one server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import ModelError
from foresee.models import open_model, server_pool
from foresee.models.server_pool import ServerPool
from foresee.records import Message, Model, Request
from foresee.runner import RunSettings, run
from foresee.runner.journal import Journal
from tests.support.rule_server import Rules, RuleServer

ASK = Request((Message("user", ("hello?",)),))


def _pool(*served: Any, **options: Any) -> Model:
    urls = ",".join(each.url for each in served)
    model = open_model("custom/rules", {"base_url": urls, **options})
    assert isinstance(model, ServerPool)
    served[0].models.append(model)  # closed with it
    return model


async def _rows(items: Any, model: Model, judge: Any, place: Path, **settings: Any) -> Any:
    with Journal.open(place / "journal.jsonl", {}) as journal:
        return await run(items, model, [judge], journal, settings=RunSettings.of(model, settings))


async def test_one_dies_one_is_slow_and_the_figures_are_those_of_one_server(
    serve: Any, items: Any, judge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fast, slow, dying = await serve(latency=0.01), await serve(latency=0.2), await serve(latency=0.01)
    stopping: list[asyncio.Task[None]] = []

    def react(question: Any) -> None:
        if question.number == 40:
            stopping.append(asyncio.create_task(dying.server.stop()))

    dying.server.rules.react = react
    alone = await _rows(items(400), (await serve()).model(), judge, tmp_path / "alone")
    pool = _pool(fast, slow, dying)
    found = await _rows(items(400), pool, judge, tmp_path / "pool", concurrency=24)
    assert [row.answer.text for row in found.rows] == [row.answer.text for row in alone.rows]
    assert [row.verdicts["reads_no"].value for row in found.rows] == [
        row.verdicts["reads_no"].value for row in alone.rows
    ]
    by = {url: sum(row.answer.address == url for row in found.rows) for url in str(pool.base_url).split(",")}
    assert sum(by.values()) == 400
    assert by[fast.url] > 3 * by[slow.url] > 0, "load goes where it is served"
    assert 30 < by[dying.url] < 80
    asked = fast.server.asked + slow.server.asked + dying.server.asked
    assert len(asked) == 400
    assert asked.total() - 400 <= 24, "only what was in flight at the one that died is asked twice"
    assert fast.server.asked.total() + slow.server.asked.total() - by[fast.url] - by[slow.url] == 0
    notes = [record.message for record in caplog.records if dying.url in record.message]
    assert len(notes) == 1
    assert "is left out until it answers again" in notes[0]
    assert "2 of 3 servers go on" in notes[0]
    await asyncio.gather(*stopping)


async def test_one_that_comes_back_is_asked_again(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    stays, away = await serve(), await serve()
    pool = _pool(stays, away)
    await away.server.stop()
    for _ in range(4):
        assert (await pool.generate(ASK)).address == stays.url
    again = RuleServer(Rules())
    await again.start(port=int(away.url.rpartition(":")[2].split("/")[0]))
    await asyncio.sleep(1.1)
    places = [(await pool.generate(ASK)).address for _ in range(6)]
    await again.stop()
    assert set(places) == {stays.url, away.url}
    assert [r.message.split(" ")[3] for r in caplog.records if away.url in r.message] == ["is", "answers"]


async def test_a_small_server_gets_what_it_bears(serve: Any, items: Any, judge: Any, tmp_path: Path) -> None:
    small, large = await serve(most=2, latency=0.01), await serve(latency=0.01)
    found = await _rows(items(400), _pool(small, large), judge, tmp_path, concurrency=32)
    assert {row.answer.status for row in found.rows} == {"ok"}
    refused = small.server.asked.total() - small.server.answered.total()
    assert 0 < refused < 60
    assert small.server.answered.total() > 20
    assert large.server.asked.total() == large.server.answered.total()


async def test_servers_that_are_all_full_slow_the_run_and_lose_nothing(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    both = [await serve(most=2, latency=0.01) for _ in range(2)]
    found = await _rows(items(100), _pool(*both), judge, tmp_path, concurrency=32, backoff=0.05)
    assert {row.answer.status for row in found.rows} == {"ok"}
    assert sum(each.server.answered.total() for each in both) == 100


@pytest.mark.parametrize("failing", [{"models": ("other",)}, {"fail_rate": 1.0, "status": 500}, {"key": "x"}])
async def test_what_fails_everything_is_left_out_and_takes_no_item(
    serve: Any, failing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_pool, "_SHORTEST_PAUSE", 60.0)  # a busy machine may need more than a second here
    sound, broken = await serve(latency=0.01), await serve(**failing)
    pool = _pool(broken, sound)
    replies = await asyncio.gather(*(pool.generate(ASK) for _ in range(100)))
    replies += [await pool.generate(ASK) for _ in range(20)]
    assert {reply.address for reply in replies} == {sound.url}
    before = broken.server.asked.total() or broken.server.total
    await asyncio.gather(*(pool.generate(ASK) for _ in range(20)))
    assert (broken.server.asked.total() or broken.server.total) == before


async def test_a_call_that_no_server_can_take_is_an_error_at_once(serve: Any) -> None:
    both = [await serve(fail_rate=1.0, status=400) for _ in range(2)]
    with pytest.raises(ModelError, match="HTTP 400"):
        await _pool(*both).generate(ASK)
    assert sum(each.server.total for each in both) == 1
    unknown = [await serve(models=("mine",)) for _ in range(2)]
    with pytest.raises(ModelError, match="models there: mine") as caught:
        await _pool(*unknown).generate(ASK)
    assert caught.value.fatal


async def test_a_server_that_hangs_costs_time_limits_and_no_items(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    sound, hanging = await serve(latency=0.01), await serve(latency=60)
    found = await _rows(items(120), _pool(hanging, sound), judge, tmp_path, concurrency=16, timeout=0.5, backoff=0.1)
    assert {row.answer.status for row in found.rows} == {"ok"}
    assert hanging.server.total < 30
