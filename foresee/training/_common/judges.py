"""Open the judges of a training, for reward and evaluation, with their judge models; count the tokens of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from foresee.errors import UserError
from foresee.judges import GradedJudge, JudgeChoice, judge_models_open
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Item, Judge
from foresee.runner.budget import Price, read_price
from foresee.runner.judging import JudgeCalls

SPENT = ("judge/input_tokens", "judge/output_tokens", "judge/usd")


@dataclass(frozen=True)
class Judges:
    """Judges by name. Rule judges call no model, the others call all judge models.

    Attributes:
        by_name: the judges.
        calls: makes the calls of judge models and counts their tokens.
        prices: name of a judge model -> USD per million tokens, read and written.
    """

    by_name: Mapping[str, Judge]
    calls: JudgeCalls = field(default_factory=JudgeCalls)
    prices: Mapping[str, Price] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack, repr=False)

    def spent(self) -> dict[str, float]:
        """Sum the tokens that judge models read and wrote since these were opened; USD where all have a price."""
        used = self.calls.spent
        if not used:
            return {}
        read, written, usd = SPENT
        total = {
            read: float(sum(each.input_tokens for each in used.values())),
            written: float(sum(each.output_tokens for each in used.values())),
        }
        if used.keys() <= self.prices.keys():
            total[usd] = sum(self.prices[name].of(each) for name, each in used.items())
        return total

    def close(self) -> None:
        """Close the judge models."""
        self._open.close()


NONE = Judges({})


def open_judges(
    names: Sequence[str],
    models: Sequence[str],
    options: Mapping[str, Any],
    items: Iterable[Item] = (),
    *,
    benchmark: Benchmark | None = None,
    where: str = "",
) -> Judges:
    """Open the judges `names`; those without rules call the judge models, which decide by majority.

    Args:
        names: of the judges.
        models: `PROVIDER/NAME` each.
        options: of the judge models, as `--judge-option` takes them, and `price` ("IN,OUT", USD per million tokens);
            a number in front means the model at that place alone.
        items: some of what is to be judged, to find out whether the models can.
        benchmark: whose rubrics the judges use, if it has any.
        where: what stands before `judge_models` in the settings ("probe.").

    Raises:
        UserError: no such judge, one that needs a model and has none, models that nobody asks, or a model that can't
            be opened; the message names the setting.
    """
    with_model = [name for name in names if contracts.judge_file(name).forms[0] == "model"]
    if with_model and not models:
        raise UserError(
            f"judge {with_model[0]} asks a model: name it with --set {where}judge_models='[\"PROVIDER/NAME\"]'"
        )
    if (models or options) and not with_model:
        raise UserError(
            f"{where}judge_models: {', '.join(names) or 'no judge'} goes by rules and asks no model; leave it out"
        )
    rest, prices = _prices_apart(options, len(models), where)
    choice, stack = JudgeChoice(tuple(models), rest, flag=f"--set {where}judge_options."), ExitStack()
    hook, origin = (benchmark.rubric, f"benchmark {benchmark.name} {benchmark.version}") if benchmark else (None, "")
    judges = choice.judges(names, hook, origin)
    stack.enter_context(judge_models_open(judges))
    served = {judge.name: judge for judge in judges}
    calls = JudgeCalls()
    opened: dict[str, Judge] = {}
    for name in names:
        if name not in served:
            raise UserError(f"judge {name}: none of {', '.join(models)} can fill in its form; it needs a chat model")
        judge = served[name]
        opened[name] = judge.attached(calls) if isinstance(judge, GradedJudge) else judge
        if isinstance(judge, GradedJudge):
            judge.check(items)
    by_model = {
        member.model.name: price for member, price in zip(choice.members, prices, strict=True) if price is not None
    }
    return Judges(opened, calls, by_model, stack)


def _prices_apart(options: Mapping[str, Any], models: int, where: str) -> tuple[dict[str, Any], list[Price | None]]:
    """Split the options into those without prices, and each model's price. Raises UserError: a price that is none."""
    rest = {
        key: {k: v for k, v in value.items() if k != "price"} if isinstance(value, Mapping) and key.isdigit() else value
        for key, value in options.items()
        if key != "price"
    }
    prices: list[Price | None] = []
    for place in range(1, models + 1):
        only = options.get(str(place))
        price = only.get("price") if isinstance(only, Mapping) and "price" in only else options.get("price")
        prices.append(None if price is None else _price(price, where))
    return rest, prices


def _price(given: Any, where: str) -> Price:
    text = given if isinstance(given, str) else ",".join(map(str, given)) if isinstance(given, list | tuple) else ""
    return read_price(text, f"{where}judge_options.price")
