"""Runs a check on many drawn inputs: 200 each in the tests, 100,000 each by `make fuzz`.

Choosing a seed costs hypothesis 0.5 ms, a value of nested strategies 3 ms, reading a small file 0.1 ms: hypothesis
chooses the seeds, and each seed gives inputs by plain `random`. What fails names its seed and the input's number.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


class Fuzz(Protocol):
    """What the fixture gives."""

    def __call__(self, check: Callable[[random.Random], None], share: float = 1.0) -> None: ...


EXAMPLES = int(os.environ.get("FORESEE_FUZZ", "200"))
_OF_A_SEED = 20
_CPU_SECONDS = 10.0  # for one input; all of them are small
_RATE = "examples"


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """`fuzz(check)` calls `check(random)` for each input, which it draws itself; `share=0.1` for a tenth of them."""

    def run(check: Callable[[random.Random], None], share: float = 1.0) -> None:
        done, examples = 0, max(1, int(EXAMPLES * share))
        of_a_seed = min(_OF_A_SEED, examples)

        @settings(
            max_examples=examples // of_a_seed,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
        @given(st.integers(0, 2**64 - 1))
        def inputs_of(seed: int) -> None:
            nonlocal done
            rng = random.Random(f"{request.node.name} {seed}")
            for number in range(of_a_seed):
                signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)
                try:
                    check(rng)
                except BaseException as problem:
                    problem.add_note(f"seed {seed}, its input {number}")
                    raise
                done += 1

        began = time.process_time()
        before = signal.signal(signal.SIGVTALRM, _stop)
        try:
            inputs_of()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)
        request.node.user_properties.append((_RATE, (done, time.process_time() - began)))

    return run


def _stop(*_: object) -> None:
    raise AssertionError(f"one input took more than {_CPU_SECONDS:g} seconds of CPU")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, where this machine has one: most of a reader's time would else be the disk's."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if "FORESEE_FUZZ" not in os.environ:
        return
    for report in terminalreporter.getreports("passed"):
        for done, seconds in (value for name, value in report.user_properties if name == _RATE):
            rate = done / max(seconds, 1e-9)
            terminalreporter.write_line(f"{done:9,} examples {rate:9,.0f} a second  {report.nodeid}")
