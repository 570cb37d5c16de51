"""A run as Hugging Face's community evaluations want it: `.eval_results/NAME.yaml` for the model's repository.

Format: https://github.com/huggingface/hub-docs/blob/main/eval_results.yaml, as huggingface_hub's EvalResultEntry
writes it. One file a run, one entry a headline metric; interval, coverage, judge, attack and defense stand in `notes`,
since the format has no field for them. A result appears on a leaderboard only where the data set's repository has
registered its tasks.
"""

from __future__ import annotations

import re
from pathlib import Path

from foresee.errors import UserError, missing_extra
from foresee.evaluation.run_folder import Run
from foresee.files.untrusted import whole
from foresee.manifest import written_whole
from foresee.metrics import Metric
from foresee.plugins import contracts
from foresee.report.defense_table import headline_of
from foresee.statistics import Estimate

_DATASET = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


def write(run: Run, out: Path | None = None, *, dataset: str | None = None) -> Path:
    """Write `.eval_results/NAME.yaml` below a folder, and return it; the same run gives the same file.

    Args:
        run: with its metrics.
        out: a clone of the model's repository; None for the run's folder.
        dataset: the benchmark's id on the hub; None for the one that the benchmark names.

    Raises:
        UserError: the run has no figure, the benchmark has no id on the hub, huggingface_hub is not installed, or the
            file can't be written.
    """
    try:
        from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
        from yaml import safe_dump  # type: ignore[import-untyped]
    except ImportError:
        raise missing_extra("the format hf", "local") from None
    benchmark = contracts.benchmark(run.benchmark)
    known = dataset or benchmark.source.get("hub")
    if not isinstance(known, str) or not _DATASET.fullmatch(known):
        raise UserError(
            f"expected the id of {run.benchmark} on the hub (OWNER/NAME), got {known or 'none'}; name it with --dataset"
        )
    headline = {metric.name for metric in headline_of(benchmark, run.metrics)}
    pairs = zip(run.metrics, run.estimates, strict=True)
    shown = [(metric, each, each.value) for metric, each in pairs if metric.name in headline and each.value is not None]
    if not shown:
        raise UserError(f"{run.folder} holds no figure, so there is nothing to export as hf")
    entries = [
        EvalResultEntry(
            dataset_id=known,
            task_id=metric.name,
            value=_in_its_unit(metric, value),
            date=str(run.manifest.get("written") or "")[:10] or None,
            notes=_notes(run, metric, estimate),
        )
        for metric, estimate, value in shown
    ]
    path = (out or run.folder) / ".eval_results" / f"{_name(run)}.yaml"
    text = safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=120)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(whole(text).encode())
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None
    return path


def _name(run: Run) -> str:
    """One file a condition: the same benchmark under another defense or attack stands beside it."""
    parts = (run.benchmark, *(part for part in (run.attack, run.defense) if part and part != "none"))
    return re.sub(r"[^\w.-]+", "_", "_".join(parts))[:100]


def _notes(run: Run, metric: Metric, estimate: Estimate) -> str:
    facts = [metric.doc or metric.name]
    if estimate.low is not None and estimate.high is not None:
        ends = (_in_its_unit(metric, estimate.low), _in_its_unit(metric, estimate.high))
        facts.append(f"95 % interval {ends[0]}-{ends[1]} over {estimate.clusters} clusters")
    facts.append(f"{estimate.n} of {estimate.total} rows scored")
    judges = run.manifest.get("judge_models") or ()
    facts += [f"judge {', '.join(map(str, judges))}"] if judges else []
    facts += [f"{kind} {name}" for kind, name in (("attack", run.attack), ("defense", run.defense)) if name != "none"]
    facts += [f"{'lower' if metric.higher_is_better is False else 'higher'} is better"] * (
        metric.higher_is_better is not None
    )
    return "; ".join((*facts, f"foresee {run.manifest.get('foresee', '')}".strip()))


def _in_its_unit(metric: Metric, value: float) -> float:
    return round(100 * value if metric.percent else value, 2)
