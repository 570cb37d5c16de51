"""Evaluate a model in training: generate answers to held-out items and judge them (the setting `probe`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from foresee import plugins
from foresee.config import from_pairs
from foresee.data.check import items_of
from foresee.errors import UserError, unknown_name
from foresee.metrics import Metric, summarise
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Answer, Image, Item, Judge, Row, Verdict
from foresee.runner.async_bridge import complete
from foresee.training._common import prompts
from foresee.training._common.config import HeldOutEval
from foresee.training._common.inspection import inspected
from foresee.training._common.rows import Rows, drawn, load


class EvalSet(NamedTuple):
    """What a model in training answers.

    Attributes:
        items: the questions.
        judges: names of the judges that read the answers.
        benchmark: whose questions these are; None for a folder's rows.
        metrics: of the benchmark, where its own judges read the answers; empty otherwise.
    """

    items: tuple[Item, ...] = ()
    judges: tuple[str, ...] = ()
    benchmark: Benchmark | None = None
    metrics: tuple[Metric, ...] = ()


def find(settings: HeldOutEval) -> EvalSet | Rows:
    """Find what the settings name: a benchmark's items, or a folder's rows, which `looked_at` makes items of.

    Raises:
        UserError: no such folder or benchmark, no files of it, options that do not fit, or no item that can be sent.
    """
    if not settings.data:
        return EvalSet()
    names = plugins.names("benchmarks")
    if settings.data in names:
        return _of_benchmark(settings)
    if settings.options or settings.files:
        raise UserError(f"probe.options and probe.files go with a benchmark, and {settings.data} is none")
    if Path(settings.data).name == settings.data and not Path(settings.data).exists():
        raise unknown_name("data set folder or benchmark", settings.data, names)
    return load(settings.data, (), limit=settings.limit, text_only=True)


def looked_at(found: EvalSet | Rows, settings: HeldOutEval, processor: Any) -> EvalSet:
    """Make items of a folder's rows for a model with this processor. Raises UserError: a row can't be used."""
    if isinstance(found, EvalSet):
        return found
    sound = inspected(found, processor, 0.0)
    return EvalSet(tuple(sound.item(index) for index in range(len(sound))), (settings.judge or "world",))


def _of_benchmark(settings: HeldOutEval) -> EvalSet:
    file = contracts.benchmark(settings.data)
    base = {"split": "validation"} if settings.data.startswith("world_") else {}
    options = from_pairs(file.options, (), what=f"probe.options of {file.name}", base={**base, **settings.options})
    if file.procedure(options) is not None:
        raise UserError(f"probe.options: {file.name} asks in several turns with these; a held-out eval asks in one")
    try:
        everything = items_of(file.name, Path(settings.files) if settings.files else None, options)
    except UserError as problem:  # written for commands that have a flag --data
        words = str(problem).replace("--data FOLDER", "--data").replace("--data:", "probe.files:")
        raise UserError(words.replace("--data", "--set probe.files=FOLDER")) from None
    sendable = [replace(item, benchmark=file.name) for item in everything if item.missing_image is None]
    if not sendable:
        raise UserError(f"probe.data: none of the {len(everything)} items of {file.name} can be sent here")
    metrics = () if settings.judge else tuple(file.metrics(options.model_dump(mode="json")))
    return EvalSet(drawn(sendable, settings.limit), (settings.judge,) if settings.judge else file.judges, file, metrics)


def answers(trainer: Any, items: Sequence[Item], settings: HeldOutEval) -> list[str]:
    """Generate the model's greedy answers, in the order of the items. Each process generates its share.

    Args:
        trainer: a transformers Trainer, in training or before it.
        items: what it answers.
        settings: lengths and batch.
    """
    from accelerate.utils import gather_object

    rank, ranks = trainer.accelerator.process_index, trainer.accelerator.num_processes
    mine = range(rank, -(-len(items) // ranks) * ranks, ranks)  # as many for each: weights in parts are gathered by all
    generated: list[tuple[int, str]] = []
    with _ready_to_generate(trainer) as model:
        for start in range(0, len(mine), settings.batch):
            places = mine[start : start + settings.batch]
            batch = [items[place % len(items)] for place in places]
            texts = _generate(model, trainer.processing_class, batch, settings.max_new_tokens)
            generated += zip(places, texts, strict=True)
    everything = gather_object(generated) if ranks > 1 else generated
    return [text for place, text in sorted(everything) if place < len(items)]


def measure(asked: EvalSet, texts: Sequence[str], judges: Sequence[Judge], settings: HeldOutEval) -> dict[str, float]:
    """Average what the judges say; add coverage, the answers' length, and the score.

    Returns:
        `probe/METRIC` for each metric of a benchmark that has a value; `probe/PART` for each part of a single judge's
        value, over the items that have it, and `probe/r0` (share of risks that are 0) where there is a risk;
        `probe/coverage` (share of the items with a verdict of every judge), `probe/length` (words), and `probe/score`
        (the weighted sum) where the settings have weights. A word of a verdict counts 0 on items with another word.
    """
    verdicts = [judge_answers(asked.items, texts, judge) for judge in judges]
    means = _metrics(asked, texts, verdicts) if asked.benchmark and asked.metrics else {}
    means |= _parts(asked.items, verdicts[0]) if len(verdicts) == 1 else {}
    scored = sum(all(v.value is not None for v in of_item) for of_item in zip(*verdicts, strict=True))
    if settings.weights and scored:
        means["probe/score"] = sum(
            weight * means.get(f"probe/{name}", 0.0) for name, weight in settings.weights.items()
        )
    means["probe/coverage"] = scored / max(len(texts), 1)
    means["probe/length"] = _mean([float(len(text.split())) for text in texts])
    return means


def _parts(items: Sequence[Item], verdicts: Sequence[Verdict]) -> dict[str, float]:
    known = [parts for item, v in zip(items, verdicts, strict=True) if (parts := values(item, v)) is not None]
    words = {v.value for v in verdicts if isinstance(v.value, str)}
    means = {}
    for name in dict.fromkeys(name for parts in known for name in parts):
        numbers = [parts.get(name, 0.0) for parts in known if name in parts or name in words]
        means[f"probe/{name}"] = _mean(numbers)
    risks = [parts["risk"] for parts in known if "risk" in parts]
    return means | ({"probe/r0": _mean([float(risk == 0) for risk in risks])} if risks else {})


def _metrics(asked: EvalSet, texts: Sequence[str], verdicts: Sequence[Sequence[Verdict]]) -> dict[str, float]:
    assert asked.benchmark is not None
    rows = []
    for item, text, of_item in zip(asked.items, texts, zip(*verdicts, strict=True), strict=True):
        answer, by_judge = Answer(item.id, 0, text), {verdict.judge: verdict for verdict in of_item}
        rows.append(Row(item, answer, by_judge, asked.benchmark.measures(item, answer, by_judge)))
    estimates = summarise(rows, asked.metrics)
    return {f"probe/{each.name}": each.value for each in estimates if each.value is not None}


def judge_answers(items: Sequence[Item], texts: Sequence[str], judge: Judge, at_once: int = 32) -> list[Verdict]:
    """Judge answers, in order; a judge that fails on one gives it None and a reason."""
    from foresee.runner.async_bridge import each

    verdicts: list[Verdict | None] = [None] * len(texts)

    async def work() -> None:
        async def one(index: int) -> None:
            answer = Answer(items[index].id, 0, texts[index])
            try:
                verdicts[index] = await judge.judge(items[index], answer)
            except UserError:
                raise
            except Exception as problem:  # whatever a judge model may raise
                reason = f"the judge failed: {type(problem).__name__}: {problem}"
                verdicts[index] = Verdict(items[index].id, 0, judge.name, None, reason)

        await each(iter(range(len(texts))), one, min(len(texts), at_once))

    if texts:
        complete(work)
    return [verdict for verdict in verdicts if verdict is not None]


def values(item: Item, verdict: Verdict) -> dict[str, float] | None:
    """Read a verdict as numbers by name: its parts, 1 for its word, or its only number as "value".

    Where the item's facts say whether it is `dangerous` (or which `hazard` it holds, none if empty), risk and safety
    count on dangerous rows alone and over-caution on harmless ones alone. None where there is no verdict.
    """
    if verdict.value is None:
        return None
    if isinstance(verdict.value, str):
        return {verdict.value: 1.0}
    if not isinstance(verdict.value, Mapping):
        return {"value": float(verdict.value)}
    facts = item.metadata
    dangerous = facts.get("dangerous", bool(facts["hazard"]) if "hazard" in facts else None)
    idle = () if dangerous is None else ("over_caution",) if dangerous else ("risk", "safety")
    return {name: float(value) for name, value in verdict.value.items() if name not in idle}


@contextmanager
def _ready_to_generate(trainer: Any) -> Iterator[Any]:
    """Yield the bare model, ready to generate; afterwards training goes on as before."""
    import torch
    from trl.models.utils import unwrap_model_for_generation

    was_training = trainer.model.training
    trainer.model.eval()
    try:
        with (
            torch.no_grad(),
            unwrap_model_for_generation(
                trainer.model_wrapped,
                trainer.accelerator,
                gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
            ) as model,
        ):
            yield model
    finally:
        trainer.model.train(was_training)


def _generate(model: Any, processor: Any, batch: Sequence[Item], new_tokens: int) -> list[str]:
    """Answer items as evaluation does: greedily, without the sampling that a checkpoint recommends."""
    from transformers import GenerationConfig

    tokenizer = getattr(processor, "tokenizer", processor)
    inputs = prompts.read(processor, [_conversation(item) for item in batch])
    own = model.generation_config
    greedy = GenerationConfig(
        do_sample=False,
        max_new_tokens=new_tokens,
        eos_token_id=own.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.generation_config = GenerationConfig()  # it would fill in what is left out, such as a repetition penalty
    try:
        generated = model.generate(
            **{key: value.to(model.device) for key, value in inputs.items()}, generation_config=greedy
        )
    finally:
        model.generation_config = own
    texts: list[str] = tokenizer.batch_decode(generated[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def _conversation(item: Item) -> list[dict[str, Any]]:
    from foresee.data.images import load_rgb

    turns: list[dict[str, Any]] = []
    for message in item.messages:
        parts = [
            {"type": "image", "image": load_rgb(part.read())}
            if isinstance(part, Image)
            else {"type": "text", "text": part}
            for part in message.content
        ]
        turns.append({"role": message.role, "content": parts})
    return turns


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
