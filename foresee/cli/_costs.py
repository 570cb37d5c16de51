"""Prices and budgets on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from foresee.runner import Budget
    from foresee.runner.budget import Price

PriceOption = Annotated[str, typer.Option("--price", help="USD per million tokens, IN,OUT: cost is shown")]
JudgePrice = Annotated[
    str, typer.Option("--judge-price", help="the judge model's USD per million tokens, IN,OUT: its cost is shown")
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget", help="USD, earlier calls in the run folder included; stops asking when reached (needs the prices)"
    ),
]


def price_of(text: str, option: str) -> Price | None:
    """Read the price that an option gives, None for "". Raises UserError: it can't be read."""
    from foresee.runner.budget import read_price

    return read_price(text, option) if text else None


def budget(usd: float | None, price: str, judge_price: str) -> Budget | None:
    """Build the budget that the options give. Raises UserError: a number that is none, or no price at all."""
    from foresee.runner import Budget

    prices = price_of(price, "--price"), price_of(judge_price, "--judge-price")
    return None if usd is None else Budget(usd, *prices)


def cost(usage: Any, price: str, option: str = "--price") -> str:
    """Tokens (a mapping, as manifests hold them) in money; "" where no price was given. Raises UserError: no price."""
    from foresee.records import Usage

    found = price_of(price, option)
    if found is None:
        return ""
    usage = usage or {}
    return f"cost {found.of(Usage(usage.get('input_tokens', 0), usage.get('output_tokens', 0))):.2f} USD"
