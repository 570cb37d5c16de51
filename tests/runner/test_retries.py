"""Busy, broken and dead servers: what is tried again, how gently, and when it is given up."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from foresee.errors import ModelError, UserError
from foresee.models.gate import Gate
from foresee.records import Message, Reply, Request
from foresee.runner import Progress, RunSettings, run
from foresee.runner.journal import Journal
from foresee.runner.retries import Caller, CircuitBreaker
from tests.support import rule_server


async def test_a_storm_of_429_is_weathered_with_less_concurrency(
    serve: Any, items: Any, judge: Any, tmp_path: Path
) -> None:
    served = await serve(latency=0.01, most=4)
    seen: list[Progress] = []
    settings = RunSettings(concurrency=32, backoff=0.05, retries=2)
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(150), served.model(), [judge], journal, settings=settings, progress=seen.append)
    assert all(row.answer.status == "ok" for row in results.rows)
    assert max(served.server.answered.values()) == 1
    limits = [progress.concurrency for progress in seen]
    assert min(limits) < 16
    assert served.server.total < 3 * 150, "most requests meet a server that can take them"


async def test_a_429_never_uses_up_the_tries(serve: Any, items: Any, tmp_path: Path) -> None:
    def react(question: Any) -> Any:
        return rule_server._failure(429, "slow down", None) if question.number <= 6 else None

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        settings = RunSettings(backoff=0.001, retries=0)
        results = await run(items(1), served.model(), [], journal, settings=settings)
    assert results.rows[0].answer.status == "ok"
    assert served.server.total == 7


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
async def test_failures_that_pass_are_tried_again(serve: Any, items: Any, tmp_path: Path, status: int) -> None:
    served = await serve(fail_rate=0.3, status=status, seed=3)
    with Journal.open(tmp_path / "j", {}) as journal:
        settings = RunSettings(concurrency=8, backoff=0.01, retries=12)
        results = await run(items(40), served.model(), [], journal, settings=settings)
    assert all(row.answer.status == "ok" for row in results.rows)
    assert served.server.total > 40
    assert set(served.server.answered.values()) == {1}


async def test_tries_are_limited_and_the_last_reason_is_kept(serve: Any, items: Any, tmp_path: Path) -> None:
    def react(question: Any) -> Any:
        return rule_server._failure(500, "out of luck", None) if question.text.startswith("question 3 ") else None

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        settings = RunSettings(concurrency=4, backoff=0.01, retries=2)
        results = await run(items(6), served.model(), [], journal, settings=settings)
    assert served.server.asked["question 3 about a knife"] == 3
    assert results.rows[3].answer.reason == "custom/rules: HTTP 500: out of luck"


async def test_retry_after_is_obeyed_by_all_calls(serve: Any, items: Any, tmp_path: Path) -> None:
    arrivals: list[float] = []

    def react(question: Any) -> Any:
        arrivals.append(time.monotonic())
        return rule_server._failure(429, "slow down", 0.4) if len(arrivals) == 1 else None

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        settings = RunSettings(concurrency=1, backoff=0.001)
        results = await run(items(3), served.model(), [], journal, settings=settings)
    assert all(row.answer.status == "ok" for row in results.rows)
    assert arrivals[1] - arrivals[0] >= 0.4
    assert len(arrivals) == 4


async def test_a_wait_that_is_longer_than_the_patience_is_not_begun(serve: Any, items: Any, tmp_path: Path) -> None:
    served = await serve(react=lambda question: rule_server._failure(429, "come back tomorrow", 86_400))
    with Journal.open(tmp_path / "j", {}) as journal:
        results = await run(items(1), served.model(), [], journal, settings=RunSettings(patience=5))
    assert results.rows[0].answer.reason == "custom/rules: HTTP 429: come back tomorrow"
    assert served.server.total == 1


async def test_calls_that_take_too_long_are_cut_off_and_tried_again(serve: Any, items: Any, tmp_path: Path) -> None:
    slow: set[str] = set()

    async def react(question: Any) -> Any:
        if question.text not in slow:
            slow.add(question.text)
            await asyncio.sleep(3600)

    served = await serve(react=react)
    for number, (settings, options) in enumerate(
        [
            (RunSettings(timeout=0.2, backoff=0.01), {}),  # the runner's limit
            (RunSettings(backoff=0.01), {"timeout": 0.2}),  # the client's own
        ]
    ):
        slow.clear()
        with Journal.open(tmp_path / f"j{number}", {}) as journal:
            results = await run(items(4), served.model(**options), [], journal, settings=settings)
        assert [row.answer.status for row in results.rows] == ["ok"] * 4


async def test_broken_connections_and_broken_bodies_are_tried_again(serve: Any, items: Any, tmp_path: Path) -> None:
    class HalfBody(web.Response):
        async def write_eof(self, data: bytes = b"") -> None:
            assert self._req is not None
            assert self._req.transport is not None
            self._req.transport.write(b'{"choices": [{"mess')
            self._req.transport.close()

    broken: list[Callable[[], web.Response]] = [
        lambda: HalfBody(headers={"Content-Length": "5000"}, content_type="application/json"),
        lambda: web.Response(text="{'not': json"),
        lambda: web.Response(text=""),
        lambda: web.json_response({"choices": []}),
        lambda: web.json_response({"choices": [{"finish_reason": "stop"}]}),
        lambda: web.json_response({"choices": [{"message": {"content": 5}}]}),
        lambda: web.json_response({"error": {"code": 502, "message": "upstream"}}),
        lambda: web.json_response(["what", "is", "this"]),
        lambda: web.Response(text="[" * 100_000),
    ]
    failed: set[str] = set()

    def react(question: Any) -> Any:
        number = int(question.text.split()[1])
        if question.text in failed:
            return None
        failed.add(question.text)
        return broken[number % len(broken)]()

    served = await serve(react=react)
    with Journal.open(tmp_path / "j", {}) as journal:
        settings = RunSettings(concurrency=4, backoff=0.01)
        results = await run(items(2 * len(broken)), served.model(), [], journal, settings=settings)
    assert [(row.answer.status, row.answer.reason) for row in results.rows] == [("ok", "")] * 2 * len(broken)
    assert set(served.server.asked.values()) == {2}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "http://127.0.0.1:9/v1",
            r"nothing answers at http://127.0.0.1:9/v1 \(Connection refused\); is the server running",
        ),
        ("http://no-such-host.invalid/v1", r"can't reach no-such-host.invalid: no such host; is there a network"),
    ],
)
async def test_a_server_that_is_not_there_is_one_line(
    items: Any, tmp_path: Path, url: str, message: str, monkeypatch: Any
) -> None:
    from foresee.models.openai_compatible import open_api_model

    look_up = socket.getaddrinfo

    def offline(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "no-such-host.invalid":  # else every machine's resolver takes its own time to say so
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    for count in (3, 200):
        model = open_api_model("custom", "m", {"base_url": url})
        with Journal.open(tmp_path / f"j{count}", {}) as journal, pytest.raises(UserError, match=message) as caught:
            await run(items(count), model, [], journal, settings=RunSettings(backoff=0.01))
        await model.close()
        assert "\n" not in str(caught.value)


async def test_a_server_that_dies_midway_stops_the_run_and_what_was_answered_is_kept(
    serve: Any, items: Any, tmp_path: Path
) -> None:
    served = await serve()
    model = served.model()
    stopping: list[asyncio.Task[None]] = []

    def kill_at_thirty(progress: Progress) -> None:
        if progress.done == 30:
            stopping.append(asyncio.create_task(served.server.stop()))

    settings = RunSettings(concurrency=4, backoff=0.01, retries=3)
    with Journal.open(tmp_path / "j", {}) as journal:
        with pytest.raises(UserError, match=r"stopped after 10 failed answers in a row: .*nothing answers at"):
            await run(items(200), model, [], journal, settings=settings, progress=kill_at_thirty)
        served.server.__post_init__()
        await served.server.start(port=int(served.url.split(":")[2].split("/")[0]))
        results = await run(items(200), model, [], journal, settings=settings)
    await asyncio.gather(*stopping)
    assert all(row.answer.status == "ok" for row in results.rows)
    assert results.reused >= 30


async def test_a_page_instead_of_an_api_is_one_line(serve: Any, items: Any, tmp_path: Path) -> None:
    served = await serve(react=lambda question: web.Response(text="<html><title>Login</title></html>"))
    message = r"expected a chat completion, got an HTML page; check base_url"
    with Journal.open(tmp_path / "j", {}) as journal, pytest.raises(UserError, match=message):
        await run(items(50), served.model(), [], journal, settings=RunSettings(backoff=0.01))


async def test_the_gate_lets_in_no_more_than_its_limit_and_passes_turns_on() -> None:
    gate, inside, peak = Gate(3), 0, 0

    async def visit() -> None:
        nonlocal inside, peak
        await gate.enter()
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        gate.leave()

    visits = [asyncio.create_task(visit()) for _ in range(30)]
    await asyncio.sleep(0)
    for task in visits[5:25:3]:
        task.cancel()
    done = await asyncio.gather(*visits, return_exceptions=True)
    assert peak == 3
    assert sum(result is None for result in done) == 23
    assert gate.in_flight == 0


async def test_a_turn_that_was_given_to_a_cancelled_call_is_passed_on() -> None:
    gate = Gate(1)
    await gate.enter()
    second, third = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    second.cancel()
    async with asyncio.timeout(5):
        await third
    assert gate.in_flight == 1


async def test_a_server_that_was_never_reached_gets_fewer_tries_than_one_that_was() -> None:
    tries: list[str] = []

    class Flaky:
        name = "flaky/model"

        async def generate(self, request: Request) -> Reply:
            tries.append("call")
            if len(tries) == 4:
                return Reply("once")
            raise ModelError("nothing answers", retryable=True, fatal=True)

    request = Request((Message("user", ("x",)),))
    caller = Caller(Flaky(), RunSettings(retries=5, backoff=0.001))  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        await caller(request)
    assert len(tries) == 3
    assert (await caller(request)).text == "once"
    with pytest.raises(ModelError):
        await caller(request)
    assert len(tries) == 4 + 6


async def test_the_limit_halves_once_a_round_and_grows_back() -> None:
    gate = Gate(32)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(10):
        gate.overloaded(started, None)  # ten calls of one round, all turned away
    assert gate.limit == 16
    gate.overloaded(loop.time() + 1, None)
    assert gate.limit == 8
    for _ in range(20):
        gate.overloaded(loop.time() + 1, None)
    assert gate.limit == 1
    successes = 0
    while gate.limit < 32:
        gate.succeeded()
        successes += 1
    assert 40 < successes < 300
    gate.succeeded()
    assert gate.limit == 32


def test_a_circuit_breaker_ends_a_run_only_for_causes_that_all_items_share() -> None:
    breaker = CircuitBreaker(3, "answers")
    breaker.failure("item 1 is too large")
    breaker.failure("item 22 is too large")
    with pytest.raises(UserError, match="stopped after 3 failed answers in a row: item 333 is too large"):
        breaker.failure("item 333 is too large")

    breaker = CircuitBreaker(3, "answers")
    breaker.success()
    for _ in range(10):
        breaker.failure("too large")
    breaker.finish()
    for message in ("a", "b", "a", "b"):
        breaker.failure(message, fatal=True)
    breaker.failure("c", fatal=True)
    breaker.failure("c", fatal=True)
    with pytest.raises(UserError):
        breaker.failure("c", fatal=True)
