"""A run as an Inspect log (`.eval`): `inspect view` and Inspect's data frames open it like one of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run


def write_log(run: Run, out: Path | None = None) -> Path:
    """Write the run as `rows.eval` (or `out`) and return the path. Images are named by path, not embedded.

    Raises:
        UserError: the extra `[inspect]` is missing, or the path can't be written.
    """
    try:
        from inspect_ai.log import EvalLog, EvalPlan, EvalPlanStep, EvalStats, write_eval_log
    except ImportError:
        raise UserError("--format eval needs Inspect AI: pip install 'foresee[inspect]'") from None
    path = out or run.folder / "rows.eval"
    if path.suffix not in (".eval", ".json"):
        raise UserError(f"--out: Inspect reads .eval and .json files, got '{path.name}'")
    written = datetime.fromisoformat(run.manifest.get("written") or datetime.now(UTC).isoformat())
    begun = written - timedelta(seconds=run.manifest.get("wall_seconds", 0.0))
    log = EvalLog(
        status="success" if not run.unfinished else "cancelled",
        eval=_spec(run, begun.isoformat()),
        plan=EvalPlan(name="foresee", steps=[EvalPlanStep(solver="generate", params={"defense": run.defense})]),
        results=_results(run),
        stats=EvalStats(started_at=begun.isoformat(), completed_at=written.isoformat()),
        samples=[_sample(row) for row in run.rows],
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_eval_log(log, str(path))
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
    return path


def _spec(run: Run, created: str) -> Any:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalRevision, EvalSpec
    from inspect_ai.model import GenerateConfig

    record = run.manifest
    generation = record.get("generation", {})
    commit = record.get("commit")
    return EvalSpec(
        eval_id=str(record.get("items_sha256", ""))[:22],
        created=created,
        task=f"foresee/{run.benchmark}",
        task_id=run.benchmark,
        task_version=record.get("benchmark_version", 0),
        task_args=dict(record.get("options", {})),
        dataset=EvalDataset(name=run.benchmark, samples=record.get("items"), sample_ids=_ids(run)),
        model=run.model,
        model_generate_config=GenerateConfig(
            temperature=generation.get("temperature"), max_tokens=generation.get("max_tokens")
        ),
        config=EvalConfig(epochs=record.get("epochs", 1), limit=record.get("limit")),
        revision=EvalRevision(type="git", origin="", commit=commit) if commit else None,
        packages={"foresee": str(record.get("foresee", ""))},
        metadata={"defense": run.defense, "warnings": list(run.warnings)},
    )


def _ids(run: Run) -> list[str | int]:
    return list(dict.fromkeys(row.item.id for row in run.rows))


def _results(run: Run) -> Any:
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    metrics = {}
    for estimate in run.estimates:
        if estimate.value is not None:
            bounds = {"low": estimate.low, "high": estimate.high, "n": estimate.n, "total": estimate.total}
            metrics[estimate.name] = EvalMetric(name=estimate.name, value=estimate.value, metadata=bounds)
    score = EvalScore(name="foresee", scorer="foresee/judged", metrics=metrics)
    answered = sum(row.answer.status == "ok" for row in run.rows)
    return EvalResults(total_samples=len(run.rows), completed_samples=answered, scores=[score])


def _sample(row: Any) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    from foresee.interop.inspect import image_reference
    from foresee.models.inspect_bridge import to_chat

    item, answer = row.item, row.answer
    asked = [to_chat(message, image_reference) for message in item.conversation(answer.earlier)]
    stop = {"length": "max_tokens", "content_filter": "content_filter"}.get(answer.finish_reason, "stop")
    output = ModelOutput.from_content(answer.served_by or "model", answer.text, stop_reason=stop)
    tokens = (answer.usage.input_tokens, answer.usage.output_tokens)
    output.usage = ModelUsage(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=sum(tokens))
    scores = {name: _score(Score, verdict) for name, verdict in row.verdicts.items()}
    numbers: dict[str, str | int | float | bool | None] = {k: v for k, v in row.measures.items() if v is not None}
    scores["measures"] = Score(value=numbers)
    return EvalSample(
        id=item.id,
        epoch=answer.epoch + 1,
        input=asked,
        target=item.expected,
        messages=[*asked, output.choices[0].message] if answer.status == "ok" else asked,
        output=output,
        scores=scores,
        metadata={
            "subset": item.subset,
            "domain": item.domain,
            "scenario": item.scenario,
            "cluster": item.cluster,
            "image_sha256": item.image_sha256,
            "status": answer.status,
            "reason": answer.reason,
        },
        total_time=answer.seconds,
    )


def _score(score: Any, verdict: Any) -> Any:
    value = dict(verdict.value) if isinstance(verdict.value, Mapping) else verdict.value
    if value is None:
        return score.unscored(reason="scoring_failed", explanation=verdict.reason)
    return score(value=value, explanation=verdict.reason or None)
