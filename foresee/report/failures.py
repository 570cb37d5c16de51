"""Say why rows have no answer or no verdict: the commonest reasons with their counts, and whether anything came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

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
        reasons = _reasons(run, status)
        if reasons:
            lines.append(f"{what}: {_listed(reasons)}")
            lines += [_HINT] if status == "error" and _takes_text_alone(run.rows) else []
    by = Counter(row.answer.finish_reason for row in run.rows if row.answer.finish_reason.startswith(WITHHELD))
    told = [", ".join(f"{count} × {label(reason, 80)}" for reason, count in by.most_common())] if by else []
    return [*lines, *told, *_screened(run)]


def _screened(run: Run) -> list[str]:
    """Return what filters blocked, of what was expected of the items, and what they could not judge."""
    by, expected, blocked, unguarded = Counter[str](), Counter[str](), Counter[str](), list[str]()
    for row in run.rows:
        if screened := row.answer.screened:
            by[screened] += 1
            expected[row.item.expected] += 1
            blocked[row.item.expected] += screened.startswith("blocked")
            unguarded += [row.answer.reason] if screened == "unguarded" else []
    if not by:
        return []
    parts = [f"{label(each, 40) or 'all'} {blocked[each]}/{count}" for each, count in expected.items()]
    line = f"blocked by a filter: {', '.join(parts)} (requests {by['blocked_request']}, answers {by['blocked_answer']})"
    return [line, f"unguarded, the guard gave no verdict: {_listed(unguarded)}"] if unguarded else [line]


def nothing(run: Run) -> str | None:
    """Return why a run has nothing to show: no answer at all, or no verdict of a judge whose every call failed."""
    statuses, gave = Counter[str](), dict[str, bool]()
    for row in run.rows:
        statuses[row.answer.status] += 1
        for judge, verdict in row.verdicts.items():
            failed = verdict.value is None and _JUDGE_FAILED in verdict.reason
            gave[judge] = gave.get(judge, False) or not failed
    if statuses["error"] and statuses.keys() <= {"error", "missing_image"}:
        hint = f"; {_HINT}" if _takes_text_alone(run.rows) else ""
        return f"{UNANSWERED}: {_listed(_reasons(run, 'error'))}{hint}"
    for judge in (name for name, any_verdict in gave.items() if not any_verdict):
        reasons = (row.verdicts[judge].reason for row in run.rows if judge in row.verdicts)
        return f"judge {judge} gave no verdict: {_listed(reasons)}"
    return None


def _reasons(run: Run, status: str) -> list[str]:
    return [row.answer.reason.removeprefix(f"{run.model}: ") for row in run.rows if row.answer.status == status]


def _listed(reasons: Iterable[str]) -> str:
    return "; ".join(f"{count} × {reason}" for reason, count in commonest(reasons))


def _takes_text_alone(rows: Iterable[Row]) -> bool:
    """Whether everything that failed has images, nothing that has images was answered, and the reasons speak of it."""
    spoken = False
    for row in rows:
        failed = row.answer.status == "error"
        if failed and not row.item.images:
            return False
        if row.item.images and row.answer.status not in ("error", "missing_image"):
            return False
        spoken = spoken or (failed and bool(_TEXT_ALONE.search(row.answer.reason)))
    return spoken
