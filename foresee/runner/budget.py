"""Track what a run has cost, the model under test and its judge models, and keep it within its budget."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from foresee.errors import UserError
from foresee.records import Answer, Reply, Usage
from foresee.runner.journal import read_records


class BudgetSpent(UserError):
    """The budget is used up. What is under way arrives, nothing new is asked, and what is done is kept."""


class Price(NamedTuple):
    """USD per million tokens, read and written, and for an image that is made."""

    read: float = 0.0
    written: float = 0.0
    image: float = 0.0

    def of(self, usage: Usage, images: int = 0) -> float:
        """Compute the cost in USD."""
        return (usage.input_tokens * self.read + usage.output_tokens * self.written) / 1e6 + images * self.image


def read_price(text: str, option: str = "--price") -> Price:
    """Read `IN,OUT` as a price. Raises UserError: it is none."""
    numbers = amounts(text)
    if len(numbers) != 2:
        raise UserError(f"{option}: expected IN,OUT in USD per million tokens such as 2.5,10, got '{text}'")
    return Price(*numbers)


def amounts(text: str) -> tuple[float, ...]:
    """Read numbers between commas, none below 0; empty where one of them is no such number."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()
    return numbers if all(math.isfinite(number) and number >= 0 for number in numbers) else ()


def require_limit(usd: float) -> None:
    """Check a limit. Raises UserError: it is no amount above 0."""
    if not (math.isfinite(usd) and usd > 0):
        raise UserError(f"--budget: expected more than 0 USD, got {usd:g}")


class Budget:
    """A limit on the cost of runs, counted over every call that their folders hold, earlier ones included.

    Calls that are under way when it is reached still arrive, so that up to `concurrency` calls go beyond it.

    Args:
        usd: the limit.
        price: of the model under test, USD per million tokens read and written.
        judge_price: of the judge models; None where none is asked.

    Raises:
        UserError: a limit or a price that can't be held to.
    """

    def __init__(
        self,
        usd: float,
        price: Price | tuple[float, float] | None = None,
        judge_price: Price | tuple[float, float] | None = None,
    ) -> None:
        require_limit(usd)
        self.usd = usd
        self.price = None if price is None else Price(*price)
        self.judge_price = None if judge_price is None else Price(*judge_price)
        self._spent: dict[Path, float] = {}
        self._folder = Path()
        self._blind = ""

    def __repr__(self) -> str:
        return f"Budget({self.spent:.2f} of {self.usd:g} USD spent)"

    @property
    def spent(self) -> float:
        """USD, over all folders met so far."""
        return sum(self._spent.values())

    def require(self, *, model: bool, judges: bool) -> None:
        """Check the prices. Raises UserError: one is missing without which the budget would count nothing."""
        if model and self.price is None:
            raise UserError(
                "--budget needs --price IN,OUT (USD per million tokens): nothing else tells what calls cost"
            )
        if judges and self.judge_price is None:
            raise UserError(
                "--budget needs --judge-price IN,OUT too: judge models are asked, and their calls cost as well"
            )

    def catch_up(self, folder: Path, journal: Path, *, answers: bool = True) -> None:
        """Count what a run folder's journal holds; what is added from now on belongs to this folder.

        Args:
            folder: of the run.
            journal: of it; may be missing.
            answers: whether its answers were paid for here; those that were copied there to be judged were not.
        """
        self._folder = folder.absolute()
        self._spent[self._folder] = 0.0
        for line in read_records(journal) if journal.exists() else ():
            if line.kind == "answer" and answers:
                self._add(self.price, line.decoded(Answer).usage)
            elif line.kind == "call" and line.key.startswith("judge-"):
                self._add(self.judge_price, line.decoded(Reply).usage)

    def check(self) -> None:
        """Check the budget. Raises BudgetSpent: nothing more may be asked."""
        if self._blind:
            raise BudgetSpent(f"{self._blind} tells no token counts, so no --budget can be held to: stopped; {_KEPT}")
        if self.spent >= self.usd:
            raise BudgetSpent(
                f"stopped at the budget: {self.spent:.2f} of {self.usd:g} USD spent; what is done is kept, the same "
                "command with a higher --budget goes on"
            )

    def add(self, reply: Reply, *, by: str, judge: bool) -> None:
        """Count a call that was just made of the model `by`."""
        if reply.status == "ok" and reply.usage == Usage():
            self._blind = by
        self._add(self.judge_price if judge else self.price, reply.usage)

    def _add(self, price: Price | None, usage: Usage) -> None:
        self._spent[self._folder] = self._spent.get(self._folder, 0.0) + (price or Price()).of(usage)


_KEPT = "what is done is kept, the same command without it goes on"
