"""Gathers requests that come one by one, from any thread, into batches for one model that works in one thread.

Knows nothing of models: `prepare` makes Jobs of requests (in a few threads of their own), `run` answers a list of
jobs of one group (in one thread). At most two batches' worth of jobs are prepared ahead, so memory does not grow
with the number of requests. A batch that is not full waits up to `max_wait` seconds for the next request (for those
that are being prepared, about as long as the last ones took), but only while more are on their way: to answer a few
takes a model about as long as to answer many.
A batch that fails is split until the bad request is alone; one that runs out of memory is halved, and later ones
are kept smaller.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from foresee.errors import ModelError

R = TypeVar("R")
_PATIENCE = 20  # times max_wait is the longest that the first of a batch waits, however steadily others come
_CLOSED = "the model was closed before it could answer"


@dataclass(frozen=True)
class Job:
    """A prepared request. Jobs of one `group` may share a batch; `length` is what each costs in a padded batch."""

    group: Hashable
    length: int
    content: Any


class OutOfMemory(Exception):
    """Raised by `run` when a batch did not fit."""


class Limits(NamedTuple):
    """How large batches may be: at most `batch_size` jobs, which padded to the longest cost at most `budget`."""

    batch_size: int = 32
    max_wait: float = 0.05
    budget: int | None = None
    preparers: int = 2


class _Ready(NamedTuple):
    job: Job
    future: Future[Any]
    since: float


class Batcher(Generic[R]):
    """See above.

    Args:
        prepare: makes a Job of each request, with the error of one that can't be; what it raises is that of all.
        run: answers jobs of one group, one after the other or all at once: their places and answers, with a ModelError
            for one that alone got none; may raise OutOfMemory, or anything else for a bad batch. It is also given a
            function that hands out more jobs of the group, up to so many; their places follow on.
        limits: sizes and times. The budget may also be set later, by `set_budget`.
    """

    def __init__(
        self,
        prepare: Callable[[Sequence[Any]], Sequence[Job | Exception]],
        run: Callable[[Sequence[Job], Callable[[int], Sequence[Job]]], Iterable[tuple[int, R | ModelError]]],
        limits: Limits | None = None,
    ) -> None:
        self._prepare, self._run, self.limits = prepare, run, limits or Limits()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Any, Future[R]]] = deque()
        self._ready: list[_Ready] = []
        self._preparing = 0
        self._took = 0.0  # seconds, the last time that some were prepared
        self._outstanding = 0  # accepted, not yet answered
        self._company = 0  # how many were outstanding when the last batch began: as many may come again
        self._closed = False
        self.batches: deque[int] = deque(maxlen=1000)  # sizes of those that ran
        names = ["foresee-model", *(f"foresee-prepare-{i}" for i in range(self.limits.preparers))]
        loops = [self._model_loop, *([self._prepare_loop] * self.limits.preparers)]
        self._threads = [
            threading.Thread(target=loop, name=name, daemon=True) for loop, name in zip(loops, names, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: Any) -> Future[R]:
        """Hand in a request; the future brings its answer or its error. Cancelling it before its batch is fine."""
        future: Future[R] = Future()
        with self._changed:
            if self._closed:
                raise ModelError("the model is closed")
            self._outstanding += 1
            self._waiting.append((request, future))
            self._changed.notify_all()
        future.add_done_callback(self._answered)
        return future

    def set_budget(self, budget: int | None) -> None:
        with self._changed:
            self.limits = self.limits._replace(budget=budget)

    def close(self) -> None:
        """Fail whatever is waiting and end the threads; a batch that is running is waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        left = [future for _, future in self._waiting] + [ready.future for ready in self._ready]
        self._waiting.clear()
        self._ready.clear()
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(ModelError(_CLOSED))

    def _answered(self, _: Future[R]) -> None:
        with self._changed:
            self._outstanding -= 1

    def _prepare_loop(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not (self._waiting and self._has_room()):
                    self._changed.wait()
                if self._closed:
                    return
                taken = [self._waiting.popleft() for _ in range(self._share())]
                self._preparing += len(taken)
            began = time.monotonic()
            ready = self._prepared([each for each in taken if not _cancelled(each[1])])
            with self._changed:
                self._took = time.monotonic() - began
                self._preparing -= len(taken)
                self._ready += ready
                self._changed.notify_all()
            del taken, ready  # or their tensors would live until the next are prepared

    def _prepared(self, taken: Sequence[tuple[Any, Future[R]]]) -> list[_Ready]:
        """Prepare requests; those that can't be are told so."""
        jobs: Sequence[Job | BaseException]
        try:
            jobs = self._prepare([request for request, _ in taken]) if taken else []
        except BaseException as problem:
            jobs = [problem] * len(taken)
        ready = []
        for (_, future), job in zip(taken, jobs, strict=True):
            if isinstance(job, Job):
                ready.append(_Ready(job, future, time.monotonic()))
            elif future.set_running_or_notify_cancel():
                future.set_exception(job)
        return ready

    def _share(self) -> int:
        """How many of those that wait one thread prepares together: a batch's worth, shared with the other threads."""
        room = 2 * self.limits.batch_size - len(self._ready) - self._preparing
        return min(len(self._waiting), room, max(1, self.limits.batch_size // self.limits.preparers))

    def _has_room(self) -> bool:
        return len(self._ready) + self._preparing < 2 * self.limits.batch_size

    def _model_loop(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._ready:
                    self._changed.wait()
                if self._closed:
                    return
                self._wait_for_company()
                chosen = self._choose()
                self._company = self._outstanding
                self._changed.notify_all()
            chosen = [ready for ready in chosen if ready.future.set_running_or_notify_cancel()]
            if chosen:
                self._answer(chosen)
            del chosen  # or its tensors would live until the next batch

    def _wait_for_company(self) -> None:
        """Until a batch of the oldest job's group is full, nothing more can come, or the next one keeps us waiting."""
        while self._ready and not self._closed:
            oldest = min(self._ready, key=lambda ready: ready.since)
            newest = max(ready.since for ready in self._ready)
            enough = sum(r.job.group == oldest.job.group for r in self._ready) >= self.limits.batch_size
            steady = max(self.limits.max_wait, 1.5 * self._took * (self._preparing > 0))
            patience = min(newest + steady, oldest.since + _PATIENCE * self.limits.max_wait)
            left = patience - time.monotonic()
            under_way = self._preparing > 0 or (bool(self._waiting) and self._has_room())
            expected = self._outstanding < min(self._company, self.limits.batch_size)
            if enough or left <= 0 or not (under_way or expected):
                return
            self._changed.wait(left)

    def _choose(self) -> list[_Ready]:
        """Of the oldest job's group, those nearest to it in length: little padding, and nobody is passed over."""
        if not self._ready:
            return []
        oldest = min(self._ready, key=lambda ready: ready.since)
        same = sorted((r for r in self._ready if r.job.group == oldest.job.group), key=lambda r: r.job.length)
        place = next(i for i, ready in enumerate(same) if ready is oldest)
        low, high = place, place + 1
        while high - low < min(len(same), self.limits.batch_size):
            grow_down = high == len(same) or (
                low > 0 and oldest.job.length - same[low - 1].job.length <= same[high].job.length - oldest.job.length
            )
            low, high = (low - 1, high) if grow_down else (low, high + 1)
            if self.limits.budget is not None and (high - low) * same[high - 1].job.length > self.limits.budget:
                low, high = (low + 1, high) if grow_down else (low, high - 1)
                break
        chosen = same[low:high]
        taken = {id(ready.future) for ready in chosen}
        self._ready = [ready for ready in self._ready if id(ready.future) not in taken]
        return chosen

    def _answer(self, batch: Sequence[_Ready]) -> None:
        """Run a batch, in parts if need be, and settle its futures."""
        parts = deque([list(batch)])
        while parts:
            part = parts.popleft()
            problem: Exception | None = ModelError(_CLOSED) if self._closed else self._try(part)
            part = [ready for ready in part if not ready.future.done()]  # others have come in, or are answered
            if problem is None or not part:
                continue
            if isinstance(problem, OutOfMemory):
                self._shrink(part)
            if len(part) == 1 or self._closed:
                for ready in part:
                    ready.future.set_exception(_for_one(problem))
                continue
            middle = len(part) // 2
            parts.extendleft((part[middle:], part[:middle]))

    def _try(self, part: list[_Ready]) -> Exception | None:
        # The error is handed back without its traceback, which would hold on to the batch's tensors.
        answered = 0
        try:
            for place, answer in self._run([ready.job for ready in part], lambda room: self._more(part, room)):
                if not answered:
                    self.batches.append(0)
                self.batches[-1] = len(part)
                future = part[place].future
                future.set_exception(answer) if isinstance(answer, ModelError) else future.set_result(answer)
                answered += 1
            if answered != len(part):
                raise RuntimeError(f"{len(part)} jobs brought {answered} answers")
        except Exception as problem:
            problem.__context__ = problem.__cause__ = None
            return problem.with_traceback(None)
        return None

    def _more(self, part: list[_Ready], room: int) -> list[Job]:
        """Put up to so many more of its group into a batch that is running; none while the oldest is of another."""
        running = [ready for ready in part if not ready.future.done()]
        with self._changed:
            waiting = sorted(self._ready, key=lambda ready: ready.since)
            if self._closed or not waiting or waiting[0].job.group != part[0].job.group:
                return []
            new = [ready for ready in waiting if ready.job.group == part[0].job.group][:room]
            longest = max(ready.job.length for ready in (*running, *new))
            if self.limits.budget is not None:
                new = new[: max(0, self.limits.budget // longest - len(running))]
            taken = {id(ready.future) for ready in new}
            self._ready = [ready for ready in self._ready if id(ready.future) not in taken]
            self._changed.notify_all()
        new = [ready for ready in new if ready.future.set_running_or_notify_cancel()]
        part += new
        return [ready.job for ready in new]

    def _shrink(self, part: Sequence[_Ready]) -> None:
        cost = len(part) * max(ready.job.length for ready in part)
        if len(part) > 1:
            self.set_budget(min(cost // 2, self.limits.budget or cost))


def _cancelled(future: Future[Any]) -> bool:
    return future.cancelled() and not future.set_running_or_notify_cancel()  # which tells those who wait for it


def _for_one(problem: Exception) -> Exception:
    if isinstance(problem, OutOfMemory):
        return ModelError(f"out of memory for a single request ({problem}); lower max_pixels or max_tokens")
    return problem
