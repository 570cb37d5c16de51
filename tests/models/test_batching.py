"""The batcher alone, with a model that is plain Python: who shares a batch, what fails, how much is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from typing import Any

import pytest

from foresee.errors import ModelError
from foresee.models.local.batching import Batcher, Job, Limits, OutOfMemory

Made = Callable[..., "Batcher[str]"]


@pytest.fixture
def make() -> Iterator[Made]:
    opened: list[Batcher[str]] = []

    def one(run: Callable[[Sequence[Job]], Sequence[str]], prepare: Any = None, **limits: Any) -> Batcher[str]:
        def default(request: tuple[str, int]) -> Job:
            return Job(request[0], request[1], request)

        def each(requests: Sequence[Any]) -> list[Job | Exception]:
            jobs: list[Job | Exception] = []
            for request in requests:
                try:
                    jobs.append((prepare or default)(request))
                except ModelError as problem:
                    jobs.append(problem)
            return jobs

        def whole(jobs: Sequence[Job], more: object) -> list[tuple[int, str]]:
            return list(enumerate(run(jobs)))

        opened.append(Batcher(each, whole, Limits(**{"max_wait": 0.05, **limits})))
        return opened[-1]

    yield one
    for batcher in opened:
        batcher.close()


class Model:
    """Answers with group and length; holds the first batch until told to go, so that what follows can pile up."""

    def __init__(self, most: int = 10**9, bad: int | None = None) -> None:
        self.most, self.bad = most, bad
        self.batches: list[list[int]] = []
        self.groups: list[set[Any]] = []
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[Job]) -> list[str]:
        self.entered.set()
        assert self.go.wait(20)
        if sum(job.length for job in jobs) > self.most:
            raise OutOfMemory("too long")
        if any(job.length == self.bad for job in jobs):
            raise ValueError("cursed")
        self.batches.append([job.length for job in jobs])
        self.groups.append({job.group for job in jobs})
        return [f"{job.group}{job.length}" for job in jobs]


def pile_up(batcher: Batcher[str], model: Model, requests: Sequence[tuple[str, int]]) -> list[Future[str]]:
    first = batcher.submit(("first", 1))
    assert model.entered.wait(20)
    futures = [batcher.submit(request) for request in requests]
    deadline = time.monotonic() + 20
    while len(batcher._ready) < min(len(requests), 2 * batcher.limits.batch_size) and time.monotonic() < deadline:
        time.sleep(0.001)
    model.go.set()
    assert first.result(20) == "first1"
    return futures


def test_answers_come_back_to_their_own_requests(make: Made) -> None:
    model = Model()
    requests = [("ab"[i % 2], 5 + (7 * i) % 11) for i in range(40)]
    futures = pile_up(make(model, batch_size=8), model, requests)
    assert [f.result(20) for f in futures] == [f"{group}{length}" for group, length in requests]
    assert all(len(groups) == 1 for groups in model.groups)
    assert all(len(batch) <= 8 for batch in model.batches)


def test_a_batch_holds_what_is_alike_in_length(make: Made) -> None:
    model = Model()
    lengths = [10, 90, 12, 95, 11, 99, 13, 92]
    futures = pile_up(make(model, batch_size=4), model, [("a", n) for n in lengths])
    wait(futures, 20)
    assert sorted(map(sorted, model.batches[1:])) == [[10, 11, 12, 13], [90, 92, 95, 99]]


def test_the_oldest_is_never_passed_over(make: Made) -> None:
    model = Model()
    futures = pile_up(make(model, batch_size=2), model, [("a", 50), ("b", 1), ("b", 1), ("b", 1)])
    wait(futures, 20)
    assert model.batches[1] == [50]


def test_only_two_batches_are_prepared_ahead(make: Made) -> None:
    model, prepared = Model(), []

    def prepare(request: tuple[str, int]) -> Job:
        prepared.append(request)
        return Job(request[0], request[1], request)

    batcher = make(model, prepare, batch_size=4, preparers=3)
    first = batcher.submit(("first", 1))
    assert model.entered.wait(20)
    futures = [batcher.submit(("a", 3)) for _ in range(500)]
    time.sleep(0.1)
    assert len(prepared) == 1 + 8
    model.go.set()
    done, late = wait([first, *futures], 20)
    assert not late
    assert len(prepared) == len(done) == 501


def test_a_bad_request_fails_alone(make: Made) -> None:
    model = Model(bad=7)
    futures = pile_up(make(model, batch_size=16), model, [("a", n) for n in range(1, 17)])
    wait(futures, 20)
    failed = [f for f in futures if f.exception()]
    assert [futures.index(f) + 1 for f in failed] == [7]
    assert isinstance(failed[0].exception(), ValueError)
    assert sum(len(batch) for batch in model.batches[1:]) == 15


def test_out_of_memory_halves_the_batch_and_keeps_later_ones_small(make: Made) -> None:
    model = Model(most=40)
    batcher = make(model, batch_size=8)
    futures = pile_up(batcher, model, [("a", 10)] * 24)
    assert [f.result(20) for f in futures] == ["a10"] * 24
    assert all(len(batch) <= 4 for batch in model.batches[1:])
    assert batcher.limits.budget == 40
    assert len(model.batches[1:]) == 6


def test_a_request_too_large_by_itself_says_so(make: Made) -> None:
    model = Model(most=40)
    futures = pile_up(make(model, batch_size=8), model, [("a", 10), ("a", 41), ("a", 10)])
    wait(futures, 20)
    assert [type(f.exception()) for f in futures] == [type(None), ModelError, type(None)]
    with pytest.raises(ModelError, match="out of memory for a single request"):
        futures[1].result()


def test_a_budget_makes_batches_of_long_requests_smaller(make: Made) -> None:
    model = Model()
    futures = pile_up(make(model, batch_size=8, budget=100), model, [("a", 10)] * 8 + [("b", 30)] * 8)
    wait(futures, 20)
    assert [len(batch) for batch in model.batches[1:]] == [8, 3, 3, 2]


def test_what_preparing_raises_is_the_requests_own_error(make: Made) -> None:
    model = Model()
    model.go.set()

    def prepare(request: int) -> Job:
        if request == 2:
            raise ModelError("no such picture")
        return Job("a", request, request)

    futures = [make(model, prepare).submit(n) for n in (1, 2, 3)]
    wait(futures, 20)
    assert [str(f.exception()) for f in futures] == ["None", "no such picture", "None"]


def test_a_cancelled_request_is_not_run(make: Made) -> None:
    model = Model()
    batcher = make(model, batch_size=2)
    futures = []
    first = batcher.submit(("first", 1))
    assert model.entered.wait(20)
    futures = [batcher.submit(("a", n)) for n in range(2, 8)]
    assert futures[0].cancel()
    assert futures[5].cancel()
    model.go.set()
    wait([first, *futures], 20)
    assert sorted(n for batch in model.batches for n in batch) == [1, 3, 4, 5, 6]


def test_one_after_the_other_waits_for_nobody(make: Made) -> None:
    model = Model()
    model.go.set()
    batcher = make(model, max_wait=30.0)
    assert [batcher.submit(("a", n)).result(20) for n in (1, 2, 3)] == ["a1", "a2", "a3"]


def test_those_who_come_back_together_are_batched_together(make: Made) -> None:
    model = Model()
    batcher = make(model, batch_size=4, max_wait=5.0)
    wait(pile_up(batcher, model, [("a", 2)] * 4), 20)
    for _ in range(3):
        futures = []
        for _ in range(4):
            time.sleep(0.005)
            futures.append(batcher.submit(("a", 2)))
        wait(futures, 20)
    assert [len(batch) for batch in model.batches] == [1, 4, 4, 4, 4]


def test_closing_fails_what_waits_and_refuses_what_comes(make: Made) -> None:
    model = Model()
    batcher = make(model, batch_size=1)
    running = batcher.submit(("first", 1))
    assert model.entered.wait(20)
    left = [batcher.submit(("a", 2)) for _ in range(10)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while not batcher._closed:
        time.sleep(0.001)
    model.go.set()
    closing.join(20)
    assert running.result(20) == "first1"
    for future in left:
        with pytest.raises(ModelError, match="closed"):
            future.result(20)
    with pytest.raises(ModelError, match="closed"):
        batcher.submit(("a", 2))


def test_many_threads_may_hand_in(make: Made) -> None:
    model = Model()
    model.go.set()
    batcher = make(model, batch_size=8)
    answers: dict[int, str] = {}

    def caller(start: int) -> None:
        for n in range(start, start + 20):
            answers[n] = batcher.submit(("a", n)).result(20)

    threads = [threading.Thread(target=caller, args=(100 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 120
    assert all(answer == f"a{n}" for n, answer in answers.items())
