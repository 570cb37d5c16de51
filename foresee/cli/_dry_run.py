"""`foresee eval --dry-run`: what would be asked of the model and of its judges, and what it would cost, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from foresee.cli._costs import price_of

if TYPE_CHECKING:
    from foresee.evaluation.plan import Plan
    from foresee.judges import GradedJudge
    from foresee.records import Generation, Item

_SECONDS_PER_CALL = 2.0  # for the estimate alone; said beside it
_IMAGE_TOKENS = 765  # a 768 px square at high detail by OpenAI's published tile rule; others differ
_LETTERS_PER_TOKEN = 4
_DRAWN = 100  # tries that an estimate under an attack rests on


class Prices(NamedTuple):
    """As given on the command line: IN,OUT in USD per million tokens, and the budget."""

    model: str = ""
    judges: str = ""
    budget: float | None = None


class Bill(NamedTuple):
    """What a run would cost at most, in USD; None where no price was given."""

    model: float | None
    judges: float | None

    @property
    def total(self) -> float | None:
        return None if self.model is None or self.judges is None else self.model + self.judges


def show(asked: Sequence[tuple[Plan, str]], *, concurrency: int, prices: Prices) -> None:
    """Every run: counts per subset, one item as sent, calls, tokens, time and cost; then all of them together."""
    bills = [_show_one(planned, model, concurrency, prices) for planned, model in asked]
    totals = [bill.total for bill in bills]
    whole = sum(total for total in totals if total is not None)
    if len(bills) > 1 and None not in totals:
        typer.echo(f"all {len(bills)} runs: {whole:.2f} USD at most")
    if prices.budget is None:
        return
    if None in totals:
        typer.echo(f"budget: {prices.budget:g} USD; give --price and --judge-price to see whether it is enough")
    elif whole <= prices.budget:
        typer.echo(f"budget: {prices.budget:g} USD is enough")
    else:
        typer.echo(
            f"budget: {prices.budget:g} USD may not be enough: asking stops when it is reached, what is answered is "
            "kept, and the same command with a higher --budget goes on"
        )


def _show_one(planned: Plan, model: str, concurrency: int, prices: Prices) -> Bill:
    from foresee.records import Usage

    typer.echo(f"{planned.benchmark} version {planned.file.version} with {model}")
    for line in _counts(planned):
        typer.echo(f"  {line}")
    protection = planned.protection
    asked = [item for item in planned.items if item.missing_image is None]
    sent = _as_sent(planned, asked)
    distinct = {(item.prompt, tuple(i.sha256 for i in item.images)) for item in sent}
    calls = planned.epochs * (len(asked) if planned.attack else len(distinct))
    read = sum(map(_tokens, sent)) / max(1, len(sent)) * len(asked)
    used = Usage(round(planned.epochs * read), planned.generation.max_tokens * calls)
    minutes = calls * _SECONDS_PER_CALL / concurrency / 60
    same = f" ({len(asked)} items, identical ones sent once)" if calls != len(asked) else ""
    if planned.attack:
        same = f" ({len(asked)} items, {planned.epochs} tries each by {planned.attack.name})"
    typer.echo(f"  calls: {calls:,}{same}")
    typer.echo(
        f"  tokens: about {used.input_tokens:,} in (images as {_IMAGE_TOKENS} each), at most {used.output_tokens:,} out"
    )
    typer.echo(f"  time: about {minutes:.1f} min if a call takes {_SECONDS_PER_CALL:g} s and {concurrency} run at once")
    price = price_of(prices.model, "--price")
    bound = "at least, for one turn each" if protection and protection.procedure else "at most"
    cost = None if price is None else price.of(used)
    unknown = "cost: unknown; give --price IN,OUT in USD per million tokens"
    typer.echo(f"  {unknown}" if cost is None else f"  cost {cost:.2f} USD {bound}")
    if getattr(protection, "filters", ()):
        typer.echo("  a guard reads requests or answers besides: its calls, at --judge-price, are not counted here")
    judging = _judging(planned, prices.judges)
    typer.echo(f"  answers: {_sampling(planned.generation)}")
    typer.echo("  one item as it would be sent:")
    for line in in_words(sent[0] if sent else planned.whole[0]):
        typer.echo(f"    {line}")
    return Bill(cost, judging)


def _as_sent(planned: Plan, items: Sequence[Item]) -> list[Item]:
    """Make the items as the model would see them; under an attack the first try of some, as each has to be drawn."""
    from foresee.errors import ModelError
    from foresee.runner.keys import request_for, under_attack

    attack, protection, sampling = planned.attack, planned.protection, planned.generation
    if attack is None:
        return [replace(item, messages=request_for(item, protection, sampling).messages) for item in items]
    found = []
    for item in items[:_DRAWN]:
        with suppress(ModelError):
            request = under_attack(item, 0, attack, protection, sampling).request
            found.append(replace(item, messages=request.messages))
    return found


def _counts(planned: Plan) -> Iterator[str]:
    counts: dict[str, list[int]] = {}
    for item in planned.items:
        pair = counts.setdefault(item.subset, [0, 0])
        pair[0] += 1
        pair[1] += item.missing_image is None
    for subset, (total, askable) in counts.items():
        note = "" if total == askable else f" ({total - askable} without their image)"
        yield f"{subset or 'all'}: {askable} items{note}"
    if planned.shard is not None:
        yield f"shard {planned.shard.index} of {planned.shard.of}, of {len(planned.whole)} items in all"
    if blind := sum(bool(item.metadata.get("lacks_picture")) for item in planned.items):
        yield f"text only, not comparable: {blind} items whose image this copy lacks"


def _judging(planned: Plan, price: str) -> float | None:
    """Print what judge models would be asked, before an answer is known. USD at most; None without a price."""
    from foresee.judges import GradedJudge
    from foresee.judges._model.members import GENERATION
    from foresee.records import Usage

    models = [str(model) for model in planned.judging.models]
    seats, whole = max(1, len(models)), Usage()
    for judge in planned.judges:
        if isinstance(judge, GradedJudge):
            prompts = _prompts(planned, judge)
            rubrics = {judge.key_part(item) for item in planned.items}
            shown = next(iter(rubrics)) if len(rubrics) == 1 else f"{len(rubrics)} rubrics"
            calls = len(prompts) * planned.epochs * seats
            used = Usage(sum(prompts) * planned.epochs * seats, calls * GENERATION.max_tokens)
            typer.echo(
                f"  judging: {judge.name} by {', '.join(models)}: {'at most ' if judge.first else ''}{calls:,} calls, "
                "each repeated once if unusable; "
                f"about {used.input_tokens:,} tokens in with answers of full length, at most {used.output_tokens:,} "
                f"out; {shown}"
            )
            whole += used
    if planned.unread:
        typer.echo(f"  not judged: {', '.join(planned.unread)}")
    if whole == Usage():
        return 0.0
    found = price_of(price, "--judge-price")
    if found is None:
        typer.echo("  judging cost: unknown; give --judge-price IN,OUT in USD per million tokens")
        return None
    typer.echo(f"  judging cost {found.of(whole):.2f} USD at most")
    return found.of(whole)


def _prompts(planned: Plan, judge: GradedJudge) -> list[int]:
    """Tokens of each different prompt that a judge model would read, answers being as long as they may be."""
    from foresee.records import Answer

    text = "word " * (planned.generation.max_tokens * _LETTERS_PER_TOKEN // 5)
    seen: dict[Any, int] = {}
    for item in planned.items:
        if item.missing_image is None and (sent := judge.would_send(item, Answer(item.id, 0, text))):
            images = tuple(image.sha256 for message in sent for image in message.images)
            words = tuple(message.text for message in sent)
            seen[words, images] = sum(map(len, words)) // _LETTERS_PER_TOKEN + _IMAGE_TOKENS * len(images)
    return list(seen.values())


def _tokens(item: Item) -> int:
    return sum(len(m.text) for m in item.conversation()) // _LETTERS_PER_TOKEN + _IMAGE_TOKENS * len(item.images)


def _sampling(generation: Generation) -> str:
    """How answers are sampled, in words; what is neutral goes without saying."""
    greedy = "greedy" if generation.temperature == 0 else f"sampled at temperature {generation.temperature:g}"
    words = [greedy, f"at most {generation.max_tokens} tokens each"]
    words += [f"top_p {generation.top_p:g}"] if generation.top_p < 1 else []
    words += [f"repetition penalty {generation.repetition_penalty:g}"] if generation.repetition_penalty != 1 else []
    words += [f"seed {generation.seed}"] if generation.seed is not None else []
    words += [f"stopped at {', '.join(map(repr, generation.stop))}"] if generation.stop else []
    return ", ".join(words)


def in_words(item: Item) -> list[str]:
    """Describe an item for somebody who wants to see its request: where it belongs, what is right, and the messages."""
    named = {"item": item.id, "part": item.subset, "about": item.scenario or item.domain, "expected": item.expected}
    lines = [f"{name}: {value}" for name, value in named.items() if value]
    lines += [f"choices: {', '.join(item.choices)}"] if item.choices else []
    for message in item.conversation():
        for part in message.content:
            text = part if isinstance(part, str) else f"<image {part.path or 'drawn'}>"
            lines += [f"[{message.role}] {piece}" for piece in text.split("\n")]
    return lines
