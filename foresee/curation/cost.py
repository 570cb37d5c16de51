"""Track what a data set has cost, and keep it within its budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.records import Reply, Usage
from foresee.runner.budget import BudgetSpent, Price, amounts, require_limit
from foresee.runner.journal import read_records

PAINTER = "painter"
"""The role that paints; every other one writes."""


class CostTracker:
    """Tokens and images by role, over all runs into one folder, and their price.

    Args:
        prices: role -> price; "" for roles without one of their own.
        budget: USD; None for no limit.
    """

    def __init__(self, prices: Mapping[str, Price], budget: float | None) -> None:
        self._prices = prices
        self._budget = budget
        self.tokens: dict[str, Usage] = defaultdict(Usage)
        self.images: dict[str, int] = defaultdict(int)
        self.calls: dict[str, int] = defaultdict(int)

    def add(self, role: str, reply: Reply) -> None:
        self.tokens[role] += reply.usage
        self.images[role] += role == PAINTER and reply.status == "ok"
        self.calls[role] += 1

    def catch_up(self, journal: Path) -> None:
        """Add what earlier runs asked, as their journal has it."""
        for line in read_records(journal):
            if line.kind == "call":
                self.add(str(line.record.get("role")), line.decoded(Reply, "reply"))

    @property
    def priced(self) -> bool:
        return bool(self._prices)

    @property
    def usd(self) -> float:
        price_of = {role: self._prices.get(role) or self._prices.get("") or Price() for role in self.calls}
        return sum(price.of(self.tokens[role], self.images[role]) for role, price in price_of.items())

    def check(self) -> None:
        """Check the budget. Raises BudgetSpent: nothing more may be asked."""
        if self.over:
            raise BudgetSpent("stopped at the budget; what is done is kept")

    @property
    def over(self) -> bool:
        return self._budget is not None and self.usd >= self._budget

    def record(self) -> dict[str, Any]:
        """For the manifest."""
        by_role = {
            role: {
                "calls": self.calls[role],
                "input_tokens": self.tokens[role].input_tokens,
                "output_tokens": self.tokens[role].output_tokens,
                **({"pictures": self.images[role]} if self.images[role] else {}),
            }
            for role in sorted(self.calls)
        }
        return {"by_role": by_role, "usd": round(self.usd, 6) if self.priced else None}


def read_prices(given: Iterable[str], roles: Iterable[str]) -> dict[str, Price]:
    """Read `IN,OUT` or `ROLE=IN,OUT` in USD per million tokens, `ROLE=X` in USD per image.

    Raises:
        UserError: not such a price, or no such role.
    """
    roles = list(roles)
    prices: dict[str, Price] = {}
    for text in given:
        role, equals, numbers = text.rpartition("=")
        values = amounts(numbers)
        if not 1 <= len(values) <= 2 or (len(values) == 1 and not equals):
            raise UserError(
                "--price: expected IN,OUT or ROLE=IN,OUT (USD per million tokens) or ROLE=X (USD per image), "
                f"got '{text}'"
            )
        if equals and role not in roles:
            raise UserError(f"--price: this recipe has no role '{role}'; its roles: {', '.join(roles) or 'none'}")
        prices[role] = Price(*values) if len(values) == 2 else Price(image=values[0])
    return prices


def check_budget(budget: float | None, prices: Mapping[str, Price]) -> None:
    """Check a budget. Raises UserError: it can't be kept."""
    if budget is None:
        return
    require_limit(budget)
    if not prices:
        raise UserError("--budget needs --price IN,OUT (USD per million tokens): without it nothing is known of cost")
