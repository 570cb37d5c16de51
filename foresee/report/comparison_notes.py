"""List what a reader of the differences between two runs must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foresee.evaluation.run_folder import Run
from foresee.report import failures
from foresee.statistics import Difference


def comparison_notes(a: Run, b: Run, found: Sequence[Difference]) -> list[str]:
    """List what a reader of the differences must know: items on one side only, and settings that differ."""
    ids_a, ids_b = ({row.item.id for row in run.rows} for run in (a, b))
    notes = [f"{len(ids_a & ids_b)} items in both; paired difference over these alone"]
    if ids_a ^ ids_b:
        notes.append(f"only in A: {len(ids_a - ids_b)}; only in B: {len(ids_b - ids_a)}")
    for side, run in (("A", a), ("B", b)):
        notes += [f"{side}: {line}" for line in failures.notes(run)]
        if run.unfinished:
            notes.append(f"{side} is UNFINISHED: {run.unfinished} rows not sent yet")
    notes += [f"{d.name}: {d.method}" for d in found if d.method.startswith("not compared")]
    unscored = {d.name: d.unscored for d in found if d.unscored}
    if unscored:
        notes.append("unscored on a side, so not compared: " + ", ".join(f"{k} {n}" for k, n in unscored.items()))
    for key in ("options", "generation", "defense", "epochs", "benchmark_version", "judges"):
        left, right = (run.manifest.get("configuration", {}).get(key) for run in (a, b))
        if left != right:
            notes.append(f"{key} differ: A {_told_apart(left, right)}, B {_told_apart(right, left)}")
    return notes


def _told_apart(value: Any, other: Any) -> str:
    """Write a setting as far as it differs from another: the entries of a mapping, the judges of a list."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items() if each != other.get(key)) or "without"
    if isinstance(value, list) and isinstance(other, list):
        names = [_judge_in_words(each) for each in value]
        others = [_judge_in_words(each) for each in other]
        told = names if set(names) != set(others) else [str(each) for each in value]
        differing = [word for word, each in zip(told, value, strict=True) if each not in other]
        return "; ".join(differing) or "none of them"
    return str(value)


def _judge_in_words(identity: Any) -> str:
    """`harmful by openai/gpt-4.1 (benchmark figstep 1)`, from what the configuration keeps of a judge."""
    if not isinstance(identity, Mapping):
        return str(identity)
    models = [f"{each.get('provider')}/{each.get('model')}" for each in identity.get("models", ())]
    rubric = ", ".join(str(each) for each in identity.get("rubric", {}).values())
    words = f"{identity.get('judge')} by {', '.join(models) or 'rules'}"
    return f"{words} ({rubric})" if rubric and rubric != "own" else words
