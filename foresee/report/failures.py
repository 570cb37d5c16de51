"""Say why rows have no answer or no verdict: the commonest reasons with their counts, and whether anything came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from foresee.evaluation.run_folder import Run
from foresee.records import Row
from foresee.report.escaping import label

_MOST = 3
_LONGEST = 200
UNANSWERED = "nothing was answered"
WITHHELD = "refused by "
"""How the finish reason begins of an answer that a defense had refused; its name follows, and whether by a tie."""
_JUDGE_FAILED = "the judge failed"
_VARYING = re.compile(r"[0-9a-fA-F-]{8,}|\d+")
_TEXT_ALONE = re.compile(
    r"image_url|content parts?\b|must be a string|expected (a )?string|valid string|only concatenate str"
    r"|(no|not|n't|does not) .{0,30}(image|vision|multi-?modal)"
    r"|(image|vision|multi-?modal).{0,60}not (support|enabl|allow)"
    r"|text[- ]only|mmproj|unsupported content type",
    re.I,
)
_HINT = (
    "the server seems to take text alone: choose a model that sees images, or the texts alone where the benchmark has "
    "them (-T modality=text)"
)


def commonest(reasons: Iterable[str], most: int = _MOST, longest: int = _LONGEST) -> list[tuple[str, int]]:
    """Return the most frequent reasons, one for all that differ in numbers alone (request ids, times), with counts.

    Args:
        reasons: one a row.
        most: so many at most.
        longest: characters of each.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reason in reasons:
        shape = _VARYING.sub("#", reason)
        counts[shape] += 1
        examples.setdefault(shape, reason)
    return [(label(examples[shape], longest), count) for shape, count in counts.most_common(most)]


def notes(run: Run) -> list[str]:
    """Return lines for the foot of a table: why rows failed or were refused, and what may help."""
    lines = []
    for status, what in (("error", "failed"), ("refused_by_api", "refused")):
        rows = [row for row in run.rows if row.answer.status == status]
        if rows:
            lines.append(f"{what}: {_listed(_reasons(run, rows))}")
            lines += [_HINT] if status == "error" and _takes_text_alone(run.rows, rows) else []
    by = Counter(row.answer.finish_reason for row in run.rows if row.answer.finish_reason.startswith(WITHHELD))
    told = [", ".join(f"{count} × {label(reason, 80)}" for reason, count in by.most_common())] if by else []
    return [*lines, *told, *_screened(run)]


def _screened(run: Run) -> list[str]:
    """Return what filters blocked, of what was expected of the items, and what they could not judge."""
    rows = [row for row in run.rows if row.answer.screened]
    if not rows:
        return []
    by = Counter(row.answer.screened for row in rows)
    parts = []
    for expected in dict.fromkeys(row.item.expected for row in rows):
        same = [row for row in rows if row.item.expected == expected]
        blocked = sum(row.answer.screened.startswith("blocked") for row in same)
        parts.append(f"{label(expected, 40) or 'all'} {blocked}/{len(same)}")
    line = f"blocked by a filter: {', '.join(parts)} (requests {by['blocked_request']}, answers {by['blocked_answer']})"
    unguarded = [row.answer.reason for row in rows if row.answer.screened == "unguarded"]
    return [line, f"unguarded, the guard gave no verdict: {_listed(unguarded)}"] if unguarded else [line]


def nothing(run: Run) -> str | None:
    """Return why a run has nothing to show: no answer at all, or no verdict of a judge whose every call failed."""
    failed = [row for row in run.rows if row.answer.status == "error"]
    if failed and all(row.answer.status in ("error", "missing_image") for row in run.rows):
        hint = f"; {_HINT}" if _takes_text_alone(run.rows, failed) else ""
        return f"{UNANSWERED}: {_listed(_reasons(run, failed))}{hint}"
    judges = dict.fromkeys(name for row in run.rows for name in row.verdicts)
    for judge in judges:
        verdicts = [row.verdicts[judge] for row in run.rows if judge in row.verdicts]
        if all(verdict.value is None and _JUDGE_FAILED in verdict.reason for verdict in verdicts):
            return f"judge {judge} gave no verdict: {_listed(verdict.reason for verdict in verdicts)}"
    return None


def _reasons(run: Run, rows: Iterable[Row]) -> list[str]:
    return [row.answer.reason.removeprefix(f"{run.model}: ") for row in rows]


def _listed(reasons: Iterable[str]) -> str:
    return "; ".join(f"{count} × {reason}" for reason, count in commonest(reasons))


def _takes_text_alone(rows: Sequence[Row], failed: Sequence[Row]) -> bool:
    """Whether everything that failed has images, nothing that has images was answered, and the reasons speak of it."""
    seeing = [row for row in rows if row.item.images and row.answer.status != "missing_image"]
    return (
        all(row.item.images for row in failed)
        and all(row.answer.status == "error" for row in seeing)
        and any(_TEXT_ALONE.search(row.answer.reason) for row in failed)
    )
