"""Inspect AI sees foresee: every benchmark is a task, every local model a provider (extra `[inspect]`).

    inspect eval foresee/mmsafeaware --model openai/gpt-4o -T data=MMSafetyAwareness -T subset=attack
    inspect eval foresee/mmsafeaware --model foresee/local/Qwen/Qwen2.5-VL-7B-Instruct
    inspect eval foresee/figstep --model openai/gpt-4o --model-role grader=openai/gpt-4.1

Tasks are the benchmarks of `foresee list benchmarks`; `inspect list tasks` sees only tasks that are written out in the
files of a folder, and `foresee list benchmarks --inspect tasks.py` writes ours out. `--limit N` takes the first N
samples, and they come in the order of `foresee eval --limit`, so that they stand for the whole; `-T limit_items=N`
draws as `foresee eval` does, clusters whole. The headline metrics come first, with interval and coverage; the others
are values alone (`-T intervals=all` for every one).

Inspect finds this file by its entry point; nothing else of foresee imports it. Judges and metrics are the
very same code as in `foresee eval`, so both report the same numbers. Judges that ask a model ask the model role
"grader" (several models in that role decide by majority); without it such a benchmark is refused at once. A
benchmark that asks an item several times does so here (`--epochs` overrides), and its metrics reduce the attempts. One
difference: an item whose image this copy of the data lacks is no sample, so that coverage here is over the items
that could be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, ModelAPI, get_model, model_roles, modelapi
from inspect_ai.scorer import (
    Metric,
    SampleScore,
    Score,
    Scorer,
    ScoreReducer,
    Target,
    metric,
    score_reducer,
    scorer,
)
from inspect_ai.solver import TaskState, generate

from foresee import plugins
from foresee.errors import unknown_name
from foresee.evaluation import plan
from foresee.evaluation.run_folder import metrics_of
from foresee.judges import JudgeChoice
from foresee.metrics import summarise
from foresee.models.inspect_bridge import InspectModel, data_uri, to_chat
from foresee.plugins import contracts
from foresee.plugins.contracts import Benchmark
from foresee.records import Answer, AnswerStatus, Generation, Image, Item, Judge, Row, decode, encode
from foresee.report.defense_table import headline_of

_ATTEMPTS = "attempts"


def _define(name: str) -> Callable[..., Task]:
    """Define a benchmark's Inspect task: `data`, `limit_items`, `limit_seed`, `intervals` and the benchmark's own."""

    @task(name=name)
    def benchmark_task(
        data: str | None = None,
        limit_items: int | None = None,
        limit_seed: int = 0,
        intervals: str = "headline",
        **options: Any,
    ) -> Task:
        return benchmark(name, data, limit_items, limit_seed, intervals, options)

    return benchmark_task


def benchmark(
    name: str,
    data: str | None,
    limit_items: int | None,
    limit_seed: int,
    intervals: str,
    options: Mapping[str, Any],
) -> Task:
    """Make a benchmark's Inspect task: what the file of `foresee list benchmarks --inspect` calls.

    Raises:
        UserError: as `foresee.plan`.
    """
    graders = _graders(name) if needs_grader(contracts.benchmark(name)) else ()
    judging = JudgeChoice(graders)
    planned = plan.plan(name, data=data, options=options, limit=limit_items, limit_seed=limit_seed, judging=judging)
    items = plan.in_drawing_order(planned.items, limit_seed)
    samples = [to_sample(item) for item in items if item.missing_image is None]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=generate(),
        scorer=judged(name),
        metrics=[benchmark_metrics(name, planned.options.model_dump(mode="json"), intervals)],
        epochs=Epochs(planned.epochs, attempts()),
        config=generate_config(planned.generation),
        version=planned.file.version,
    )


def to_sample(item: Item) -> Sample:
    return Sample(
        id=item.id,
        input=[to_chat(message, image_reference) for message in item.messages],
        target=item.expected,
        metadata={"item": encode(item), "subset": item.subset, "scenario": item.scenario, "cluster": item.cluster},
    )


def generate_config(generation: Generation) -> GenerateConfig:
    return GenerateConfig(
        temperature=generation.temperature,
        top_p=generation.top_p if generation.top_p < 1 else None,
        max_tokens=generation.max_tokens,
        seed=generation.seed,
        stop_seqs=list(generation.stop) or None,
    )


@score_reducer(name="attempts")
def attempts() -> ScoreReducer:
    """Keep every attempt at an item, since its metrics reduce them in several ways; the means are what is shown."""

    def reduce(scores: list[Score]) -> Score:
        kept = [score.value if isinstance(score.value, dict) else {} for score in scores]
        known: dict[str, list[float]] = {}
        for values in kept:
            for name, value in values.items():
                if (number := _number(value)) is not None:
                    known.setdefault(name, []).append(number)
        means: dict[str, str | int | float | bool | None] = {name: mean(values) for name, values in known.items()}
        return Score(value=means, answer=scores[0].answer, metadata={_ATTEMPTS: kept})

    return reduce


@metric
def benchmark_metrics(benchmark: str, options: dict[str, Any], intervals: str = "headline") -> Metric:
    """Every metric of the benchmark; of the headline ones also `NAME (low)`, `NAME (high)`, `NAME (coverage)`."""
    if intervals not in ("headline", "all"):
        raise unknown_name("choice of intervals", intervals, ("headline", "all"))
    file = contracts.benchmark(benchmark)
    metrics = metrics_of(file, options)
    headline = {metric.name for metric in headline_of(file, metrics)}

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [row for score in scores for row in _rows(file, score)]
        found: dict[str, float] = {}
        for estimate in sorted(summarise(rows, metrics), key=lambda each: each.name not in headline):
            parts = {"": estimate.value}
            if intervals == "all" or estimate.name in headline:
                coverage = estimate.n / estimate.total if estimate.total else None
                parts |= {" (low)": estimate.low, " (high)": estimate.high, " (coverage)": coverage}
            found |= {estimate.name + suffix: float("nan") if v is None else v for suffix, v in parts.items()}
        return found

    return compute


@scorer(metrics=[])
def judged(benchmark: str) -> Scorer:
    """Score with the benchmark's judges; a measure that could not be scored is left out, never filled in."""
    file = contracts.benchmark(benchmark)
    bound: list[Judge] = []

    def judges() -> list[Judge]:
        """Bound when the first answer comes: model roles are known by then, also when a log is scored again."""
        if not bound:
            choice = JudgeChoice(_graders(benchmark) if needs_grader(file) else ())
            bound.extend(plan.judges_of(file, benchmark, choice))  # their models are open, and Inspect's to close
        return bound

    async def score(state: TaskState, target: Target) -> Score:
        item = decode(Item, state.metadata["item"])
        stop = state.output.stop_reason if state.output.choices else "unknown"
        finish = {"max_tokens": "length", "content_filter": "content_filter"}.get(stop, "stop")
        status: AnswerStatus = "refused_by_api" if finish == "content_filter" and not state.output.completion else "ok"
        answer = Answer(item.id, state.epoch - 1, state.output.completion, status=status, finish_reason=finish)
        verdicts = {judge.name: await judge.judge(item, answer) for judge in judges()} if status == "ok" else {}
        measures = file.measures(item, answer, verdicts) if status == "ok" else dict.fromkeys(file.applies(item))
        return Score(
            value={name: value for name, value in measures.items() if value is not None},
            answer=", ".join(str(verdict.value) for verdict in verdicts.values()),
            explanation="; ".join(verdict.reason for verdict in verdicts.values() if verdict.reason) or None,
            metadata={name: encode(verdict) for name, verdict in verdicts.items()},
        )

    return score


def needs_grader(file: Benchmark) -> bool:
    """Whether some judge of the benchmark asks a model."""
    return any(contracts.judge_file(name).forms[0] == "model" for name in file.judges)


def _graders(benchmark: str) -> tuple[InspectModel, ...]:
    """Resolve the models in the role "grader". Raises Inspect's own kind of error, one line, where there is none."""
    try:
        first = get_model(role="grader", required=True)
    except Exception as problem:
        if model_roles().get("grader"):
            raise
        raise type(problem)(
            f"the answers to {benchmark} are judged by a model: name it with --model-role grader=PROVIDER/MODEL "
            "(not the model under test)"
        ) from None
    found = model_roles().get("grader", first)
    return tuple(InspectModel(str(model), {}, model) for model in (found if isinstance(found, list) else [found]))


def _rows(file: Benchmark, score: SampleScore) -> list[Row]:
    """Read an item's attempts, each with its measures."""
    assert score.sample_metadata is not None
    item = decode(Item, score.sample_metadata["item"])
    kept = (score.score.metadata or {}).get(_ATTEMPTS, [score.score.value])
    found = [values if isinstance(values, dict) else {} for values in kept]
    return [
        Row(item, Answer(item.id, epoch, ""), {}, {name: _number(values.get(name)) for name in file.applies(item)})
        for epoch, values in enumerate(found)
    ]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None


def image_reference(image: Image) -> str:
    """Give a path where there is one, so that logs stay small; else the image itself."""
    return str(image.path) if image.path is not None else data_uri(image)


for _name in plugins.names("benchmarks"):
    _define(_name)


@modelapi(name="foresee")
def foresee_provider() -> type[ModelAPI]:
    """`foresee/local/FOLDER` and `foresee/organism/NAME`: our batched local models as an Inspect provider."""
    from foresee.interop.inspect_provider import ForeseeAPI

    return ForeseeAPI
