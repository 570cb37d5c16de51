"""Run coroutines: a pool of workers, and a synchronous face that also works inside a running event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
J = TypeVar("J")


async def each(jobs: Iterator[J], work: Callable[[J], Awaitable[None]], workers: int) -> None:
    """Do every job, `workers` at a time. The first exception ends all and is raised."""

    async def worker() -> None:
        for job in jobs:
            await work(job)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def complete(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, from wherever this is called.

    It runs in a new event loop; if one is running here already, in a thread of its own.

    Raises:
        KeyboardInterrupt: the user stopped it; the coroutine was cancelled and has cleaned up.
        SystemExit: 143, after SIGTERM, likewise.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        return _in_own_thread(work)
    terminated = False

    async def main() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            if task is not None:
                task.cancel()

        listens = _may_listen()
        if listens:
            loop.add_signal_handler(signal.SIGTERM, terminate)
        try:
            return await work()
        finally:
            if listens:
                loop.remove_signal_handler(signal.SIGTERM)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if terminated:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise


def _may_listen() -> bool:
    """Signals reach the main thread only, and a handler of the caller's own stays."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _in_own_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    result: concurrent.futures.Future[T] = concurrent.futures.Future()
    stop: Callable[[], object] = result.cancel

    async def main() -> T:
        nonlocal stop
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        stop = lambda: loop.call_soon_threadsafe(task.cancel)  # noqa: E731
        return await work()

    def target() -> None:
        try:
            result.set_result(asyncio.run(main()))
        except BaseException as problem:
            result.set_exception(problem)

    thread = threading.Thread(target=target, name="foresee-run")
    thread.start()
    try:
        with _interruptible():
            return result.result()
    except BaseException:
        if thread.is_alive():  # interrupted here while it works there
            stop()
        raise
    finally:
        thread.join()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the waiting at once: asyncio's own handler would only note it for a loop that is blocked here."""
    handler = signal.getsignal(signal.SIGINT)
    noted = getattr(getattr(handler, "func", None), "__name__", "") == "_on_sigint"
    if not noted or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
