"""Say why rows have no answer or no verdict: the commonest reasons with their counts, and whether anything came."""

from __future__ import annotations

import re
from collections import Counter

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


class Reasons:
    """Reasons, counted as they come: one for all that differ in numbers alone (request ids, times)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, reason: str) -> None:
        shape = _VARYING.sub("#", reason)
        self._counts[shape] += 1
        self._examples.setdefault(shape, reason)

    @property
    def total(self) -> int:
        """How many were added."""
        return self._counts.total()

    def commonest(self, most: int = _MOST, longest: int = _LONGEST) -> list[tuple[str, int]]:
        """Return the most frequent ones, cut at `longest` characters, with their counts."""
        return [(label(self._examples[shape], longest), count) for shape, count in self._counts.most_common(most)]

    def others(self, most: int = _MOST) -> int:
        """Count those that `commonest` leaves out."""
        return self._counts.total() - sum(count for _, count in self._counts.most_common(most))

    def __str__(self) -> str:
        rest = f"; {others} × other reasons" if (others := self.others()) else ""
        return "; ".join(f"{count} × {reason}" for reason, count in self.commonest()) + rest


class _Failures:
    """What notes on a run's failures need of its rows, which are read once."""

    def __init__(self, run: Run) -> None:
        self.statuses: Counter[str] = Counter()
        self.failed, self.refused, self.unguarded = Reasons(), Reasons(), Reasons()
        self.withheld: Counter[str] = Counter()
        self.screened: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()  # of what was screened
        self.blocked: Counter[str] = Counter()
        self.silent: dict[str, Reasons | None] = {}  # why a judge gave no verdict; None where it gave one
        self._told_of_images, self._other_failure = False, False
        for row in run.rows:
            self._add(row, f"{run.model}: ")

    def _add(self, row: Row, model: str) -> None:
        answer, expected = row.answer, row.item.expected
        self.statuses[answer.status] += 1
        if answer.status == "error":
            self.failed.add(answer.reason.removeprefix(model))
            self._told_of_images = self._told_of_images or bool(_TEXT_ALONE.search(answer.reason))
        elif answer.status == "refused_by_api":
            self.refused.add(answer.reason.removeprefix(model))
        answered_with_image = bool(row.item.images) and answer.status not in ("error", "missing_image")
        failed_without = answer.status == "error" and not row.item.images
        self._other_failure = self._other_failure or answered_with_image or failed_without
        if answer.finish_reason.startswith(WITHHELD):
            self.withheld[answer.finish_reason] += 1
        if screened := answer.screened:
            self.screened[screened] += 1
            self.expected[expected] += 1
            self.blocked[expected] += screened.startswith("blocked")
            if screened == "unguarded":
                self.unguarded.add(answer.reason)
        for judge, verdict in row.verdicts.items():
            reasons = self.silent.setdefault(judge, Reasons())
            if verdict.value is not None or _JUDGE_FAILED not in verdict.reason:
                self.silent[judge] = None
            elif reasons is not None:
                reasons.add(verdict.reason)

    @property
    def takes_text_alone(self) -> bool:
        """Whether all that failed has images, nothing that has images was answered, and the reasons speak of it."""
        return self._told_of_images and not self._other_failure


def notes(run: Run) -> list[str]:
    """Return lines for the foot of a table: why rows failed or were refused, and what may help."""
    found = _Failures(run)
    lines = []
    if found.failed.total:
        lines.append(f"failed: {found.failed}")
        lines += [_HINT] if found.takes_text_alone else []
    if found.refused.total:
        lines.append(f"refused: {found.refused}")
    if by := found.withheld:
        lines.append(", ".join(f"{count} × {label(reason, 80)}" for reason, count in by.most_common()))
    return [*lines, *_screened(found)]


def _screened(found: _Failures) -> list[str]:
    """Return what filters blocked, of what was expected of the items, and what they could not judge."""
    if not (by := found.screened):
        return []
    parts = [f"{label(each, 40) or 'all'} {found.blocked[each]}/{count}" for each, count in found.expected.items()]
    line = f"blocked by a filter: {', '.join(parts)} (requests {by['blocked_request']}, answers {by['blocked_answer']})"
    unguarded = found.unguarded
    return [line, f"unguarded, the guard gave no verdict: {unguarded}"] if unguarded.total else [line]


def nothing(run: Run) -> str | None:
    """Return why a run has nothing to show: no answer at all, or no verdict of a judge whose every call failed."""
    found = _Failures(run)
    if found.failed.total and found.statuses.keys() <= {"error", "missing_image"}:
        return f"{UNANSWERED}: {found.failed}{f'; {_HINT}' if found.takes_text_alone else ''}"
    for judge, reasons in found.silent.items():
        if reasons is not None:
            return f"judge {judge} gave no verdict: {reasons}"
    return None
