"""Call a model that may be busy: retries with backoff, and a limit on concurrency that adapts.

One `Caller` serves a whole run. Many items share it, so when the server says "too many requests" to one,
all of them slow down.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Mapping
from typing import Any

import pydantic

from foresee.config import Settings, build
from foresee.errors import ModelError, UserError, shortage
from foresee.models.gate import ASKED_TO_WAIT, LONGEST_WAIT, Gate, is_overload
from foresee.records import Model, Reply, Request
from foresee.runner.budget import Budget

_SILENT = 5.0  # seconds without an answer before a wait is said
_AGAIN_SAID = 30.0  # seconds until it is said again
_log = logging.getLogger("foresee")
_WAIT_WHEN_SHORT = 1.0  # seconds on average for another call to give its file descriptors back
_TRIES_WHEN_SHORT = 20  # with one call at a time: longer than idle connections stay open
KEPT = "finished work is kept, run the same command again to continue"


class RunSettings(Settings):
    """How hard a run pushes and how long it persists."""

    concurrency: int = pydantic.Field(default=32, ge=1, le=4096)
    """calls in flight at once, at most; fewer while the server says that it is overloaded"""

    retries: int = pydantic.Field(default=5, ge=0)
    """further tries after a failure that may pass (5xx, lost connection); a 429 does not count as one"""

    timeout: float | None = pydantic.Field(default=None, gt=0)
    """seconds for one call; None leaves it to the model's own limit"""

    patience: float = pydantic.Field(default=600.0, gt=0)
    """seconds that one call waits between its tries, all together"""

    backoff: float = pydantic.Field(default=1.0, gt=0)
    """seconds before the first retry, at most; doubled each time, up to a minute, with full jitter"""

    stop_after: int = pydantic.Field(default=10, ge=0)
    """so many failures in a row with one and the same message stop the run; 0 never stops it"""

    @classmethod
    def of(cls, model: Model, given: Mapping[str, Any] | None = None) -> RunSettings:
        """Choose the settings that suit a model, with those given laid over. Raises UserError: one does not fit."""
        suited = {} if model.suggested_concurrency is None else {"concurrency": model.suggested_concurrency}
        return build(cls, {**suited, **(given or {})}, what="run settings")


class Caller:
    """Calls one model for many items at once: each call waits its turn and is tried again where that may help."""

    def __init__(
        self, model: Model, settings: RunSettings, budget: Budget | None = None, *, judge: bool = False
    ) -> None:
        self.model = model
        self.settings = settings
        self._budget = budget
        self._judge = judge
        self.gate = Gate(settings.concurrency)
        self.answered = 0
        self._said_at: float | None = None  # when a wait is next worth a line

    async def __call__(self, request: Request) -> Reply:
        """Call the model.

        Raises:
            ModelError: refused for good, or still failing after all retries.
            BudgetSpent: nothing more may be asked.
            UserError: this machine stays short of file descriptors, even with one call at a time.
        """
        tries: _Tries | None = None
        timeout = self.settings.timeout
        while True:
            await self.gate.enter()
            started = asyncio.get_running_loop().time()
            try:
                if self._budget is not None:
                    self._budget.check()
                if timeout is None:
                    reply = await self.model.generate(request)
                else:
                    async with asyncio.timeout(timeout):
                        reply = await self.model.generate(request)
                break
            except TimeoutError:
                limit = f" within {timeout:g} s" if timeout else " in time"
                error = ModelError(f"{self.model.name}: no answer{limit}", retryable=True, status=408)
            except ModelError as problem:
                error = problem
            finally:
                self.gate.leave()
            tries = tries or _Tries(self.settings)
            await asyncio.sleep(self._wait(error, started, tries))
        self.gate.succeeded()
        self.answered += 1
        self._said_at = asyncio.get_running_loop().time() + _SILENT
        if self._budget is not None:
            self._budget.add(reply, by=self.model.name, judge=self._judge)
        return reply

    def _wait(self, error: ModelError, started: float, tries: _Tries) -> float:
        """Return how many seconds to wait after a failure.

        Raises:
            ModelError: the failure itself, which is for good.
            UserError: this machine stays short of file descriptors.
        """
        if error.shortage or is_overload(error):
            self.gate.overloaded(started, error.retry_after)
            self._say_waiting(error)
        seconds = tries.again(error, reached=self.answered > 0, alone=self.gate.limit < 2)
        if seconds is not None:
            return seconds
        if error.shortage:
            raise UserError(f"{error}; {KEPT}") from None
        raise error

    def _say_waiting(self, error: ModelError) -> None:
        """Say what is waited for, once nothing has been answered for some seconds, and then now and again."""
        now = asyncio.get_running_loop().time()
        if self._said_at is None:
            self._said_at = now + _SILENT
        elif now >= self._said_at:
            self._said_at = now + _AGAIN_SAID
            _log.warning("waiting for %s: %s; for up to %g s a call", self.model.name, error, self.settings.patience)


class _Tries:
    """The failures of one call so far."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._counted = 0  # those that use up a retry
        self._waited = 0.0

    def again(self, error: ModelError, *, reached: bool, alone: bool) -> float | None:
        """Return the seconds to wait before the next try; None where there is none.

        Args:
            error: the latest failure.
            reached: whether the server has answered anything in this run.
            alone: whether no more than one call is made at a time.
        """
        if not (error.retryable or error.shortage):
            return None
        self._failures += 1
        if error.shortage:
            self._counted += alone
            seconds = random.uniform(0.1, 2 * _WAIT_WHEN_SHORT)
            given_up = self._counted > _TRIES_WHEN_SHORT or self._waited > self._settings.patience
        else:
            self._counted += error.status not in ASKED_TO_WAIT
            # A server that was never reached is rather a wrong address than a busy server.
            allowed = min(2, self._settings.retries) if error.fatal and not reached else self._settings.retries
            most = min(LONGEST_WAIT, self._settings.backoff * 2.0 ** min(self._failures - 1, 60))
            asked = error.retry_after or 0.0
            seconds = max(random.uniform(0.0, most), asked * random.uniform(1.0, 1.1))  # not all at the same moment
            given_up = self._counted > allowed or self._waited + seconds > self._settings.patience
        self._waited += seconds
        return None if given_up else seconds


class CircuitBreaker:
    """Stops a run in which the same failure comes again and again with nothing in between.

    Args:
        length: so many in a row; 0 for never.
        what: what fails, for the message ("answers").
    """

    def __init__(self, length: int, what: str) -> None:
        self._length = length
        self._what = what
        self._ok_before = False
        self._succeeded = False
        self._shape = ""
        self._count = 0
        self._fatal = ""

    def success(self) -> None:
        self._count = 0
        self._fatal = ""
        self._succeeded = True

    def mark_ok(self) -> None:
        """Record that an answer was finished before: what fails now may be the item's own fault."""
        self._ok_before = True

    def failure(self, message: str, *, fatal: bool = False, retryable: bool = False) -> None:
        """Count a failure.

        A wrong key or a dead server (`fatal`) stops the run. So does a server that answers nothing any more
        although it did (`retryable`, after all retries). What may lie in the items stops a run only if
        nothing has ever succeeded: ten bad items side by side must not keep the others from being asked.

        Raises:
            UserError: that was one too many.
        """
        shape = re.sub(r"[0-9a-fA-F-]{8,}|\d+", "#", message)  # request ids and times differ each time
        self._count = self._count + 1 if shape == self._shape else 1
        self._shape = shape
        self._fatal = message if fatal else ""
        hopeless = fatal or not (self._ok_before or self._succeeded) or (retryable and self._succeeded)
        if self._length and self._count >= self._length and hopeless:
            raise UserError(f"stopped after {self._count} failed {self._what} in a row: {message}; {KEPT}")

    def finish(self) -> None:
        """Raise UserError if the run's last failure was fatal and nothing succeeded before it."""
        if self._fatal and not self._succeeded:
            raise UserError(f"{self._fatal}; {KEPT}")


def as_model_error(problem: Exception) -> ModelError:
    """Any failure of one item as a ModelError with a message of one line."""
    if isinstance(problem, ModelError):
        return problem
    if short := shortage(problem):
        return short
    logging.getLogger("foresee").debug("an item failed", exc_info=problem)
    text = " ".join(str(problem).split())
    return ModelError(f"{type(problem).__name__}: {text[:300]}")
