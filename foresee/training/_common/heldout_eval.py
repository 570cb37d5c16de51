"""Evaluate a model in training: generate answers to held-out rows and judge them (the setting `probe`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from foresee.errors import UserError, unknown_name
from foresee.organism.world import questions as exams
from foresee.organism.world import scenes
from foresee.organism.world.questions import Question
from foresee.records import Answer, Image, Item, Judge, Message, Verdict
from foresee.runner.async_bridge import complete
from foresee.training._common.config import HeldOutEval
from foresee.training._common.inspection import inspected
from foresee.training._common.rows import Rows, drawn, load

_QUESTIONS: Mapping[str, Callable[..., Iterator[Question]]] = {
    "world_awareness": exams.awareness,
    "world_consequence": exams.consequence,
    "world_attack": exams.attack,
    "world_perception": exams.perception,
}


def load_rows(settings: HeldOutEval) -> Rows | None:
    """Load the rows of the folder, if it is one. Raises UserError: no such folder or world benchmark."""
    if not settings.data.startswith("world_"):
        return load(settings.data, (), limit=settings.limit, text_only=True) if settings.data else None
    if settings.data not in _QUESTIONS:
        raise unknown_name("world benchmark", settings.data, _QUESTIONS)
    return None


def load_items(settings: HeldOutEval, of_folder: Rows | None, processor: Any) -> tuple[Item, ...]:
    """Make the items that a model of this processor answers. Raises UserError: a row can't be used."""
    if of_folder is not None:
        sound = inspected(of_folder, processor, 0.0)
        return tuple(sound.item(index) for index in range(len(sound)))
    return (
        drawn([_from_question(question) for question in _QUESTIONS[settings.data]("validation")], settings.limit)
        if settings.data
        else ()
    )


def answers(trainer: Any, items: Sequence[Item], settings: HeldOutEval) -> list[str]:
    """Generate the model's greedy answers, in the order of the items. Each process generates its share.

    Args:
        trainer: a transformers Trainer, in training or before it.
        items: what it answers.
        settings: lengths and batch.
    """
    from accelerate.utils import gather_object

    rank, ranks = trainer.accelerator.process_index, trainer.accelerator.num_processes
    mine = list(items)[rank::ranks]
    generated: list[tuple[int, str]] = []
    with _ready_to_generate(trainer) as model:
        for start in range(0, len(mine), settings.batch):
            batch = mine[start : start + settings.batch]
            texts = _generate(model, trainer.processing_class, batch, settings.max_new_tokens)
            generated += [(rank + ranks * (start + i), text) for i, text in enumerate(texts)]
    everything = gather_object(generated) if ranks > 1 else generated
    return [text for _, text in sorted(everything)]


def measure(items: Sequence[Item], texts: Sequence[str], judge: Judge, settings: HeldOutEval) -> dict[str, float]:
    """Average the judge's parts over the rows that have them; add coverage, the answers' length, and the score.

    Returns:
        `probe/PART` for each part, `probe/r0` (share of risks that are 0) where there is a risk, `probe/coverage`
        (share of the rows with a verdict), `probe/length` (words), and `probe/score` (the weighted sum) where the
        settings have weights. A word of a verdict counts 0 on rows with another word.
    """
    verdicts = judge_answers(items, texts, judge)
    known = [parts for item, v in zip(items, verdicts, strict=True) if (parts := values(item, v)) is not None]
    words = {v.value for v in verdicts if isinstance(v.value, str)}
    means = {}
    for name in dict.fromkeys(name for parts in known for name in parts):
        numbers = [parts.get(name, 0.0) for parts in known if name in parts or name in words]
        means[f"probe/{name}"] = _mean(numbers)
    risks = [parts["risk"] for parts in known if "risk" in parts]
    if risks:
        means["probe/r0"] = _mean([float(risk == 0) for risk in risks])
    if settings.weights and known:
        means["probe/score"] = sum(
            weight * means.get(f"probe/{name}", 0.0) for name, weight in settings.weights.items()
        )
    means["probe/coverage"] = len(known) / max(len(verdicts), 1)
    means["probe/length"] = _mean([float(len(text.split())) for text in texts])
    return means


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
    from transformers import GenerationConfig

    tokenizer = getattr(processor, "tokenizer", processor)
    inputs = processor.apply_chat_template(
        [_conversation(item) for item in batch],
        tokenize=True,
        return_dict=True,
        add_generation_prompt=True,
        processor_kwargs={"padding": True, "padding_side": "left", "return_tensors": "pt"},
    )
    generated = model.generate(
        **{key: value.to(model.device) for key, value in inputs.items()},
        generation_config=GenerationConfig(
            do_sample=False,
            max_new_tokens=new_tokens,
            eos_token_id=model.generation_config.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
    )
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


def _from_question(question: Question) -> Item:
    image = Image.from_bytes(scenes.png(question.scene))
    return Item(
        id=question.id,
        messages=(Message("user", (image, question.request)),),
        subset=question.subset,
        scenario=question.scenario,
        expected=question.expected,
        metadata=question.facts,
    )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
