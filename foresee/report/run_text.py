"""Show a stored run, or one of its items, as text: every figure's way back to answers, verdicts, command and commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nsmallest
from pathlib import Path

from foresee.errors import UserError
from foresee.evaluation import remarks
from foresee.evaluation.run_folder import Run
from foresee.records import Item, Row
from foresee.report.outcome_breakdown import Outcome, outcome, verdict_text
from foresee.report.provenance import command
from foresee.report.tables import TextTable

_MOST = 20
_SHOWN: dict[Outcome, str] = {
    "wrong": "wrong",
    "refusal": "refusal",
    "unparsed": "no verdict",
    "failed": "failed",
    "correct": "right",
    "scored": "scored",
}


def origin(run: Run) -> Iterator[str]:
    """Yield how the run came to be: its command, commit, time, tags and note."""
    yield f"command: {command(run, public=False) or 'made from Python'}"
    yield f"commit: {run.manifest.get('commit') or 'none'}, foresee {run.manifest.get('foresee', 'unknown')}"
    yield f"written: {run.manifest.get('written', 'unknown')}"
    said = remarks.read(run.folder)
    if said.tags:
        yield f"tags: {', '.join(said.tags)}"
    if said.note:
        yield f"note: {said.note}"


def items(run: Run, most: int = _MOST) -> TextTable:
    """List a run's items, those that went wrong first, each with its verdicts and what became of it."""
    order = list(_SHOWN)
    read = ((outcome(row, run.metrics), row) for row in run.rows)
    found = nsmallest(most, read, key=lambda each: order.index(each[0]))  # stable: ties as in the data
    rows = tuple((row.item.id, row.item.subset, _SHOWN[what], "; ".join(_verdicts(row))) for what, row in found)
    notes = [f"an item with its answer and verdicts: foresee show {run.folder} ITEM", *origin(run)]
    if len(run.rows) > most:
        notes.insert(
            0, f"{len(run.rows) - most:,} more: foresee export {run.folder} --format csv; foresee report {run.folder}"
        )
    return TextTable(run.title, ("item", "subset", "outcome", "verdicts"), rows, tuple(notes))


def item(run: Run, name: str) -> Iterator[str]:
    """Yield everything that a run holds of an item: request, each answer, verdicts with reasons, and its origin.

    Raises:
        UserError: the run has no item of this id.
    """
    rows = [row for row in run.rows if row.item.id == name]
    if not rows:
        raise UserError(f"{run.folder} has no item '{name}'; foresee show {run.folder} lists items")
    yield from described(rows[0].item)
    for row in rows:
        yield f"answer{f' {row.answer.epoch + 1}' if len(rows) > 1 else ''}: {_SHOWN[outcome(row, run.metrics)]}"
        if row.answer.reasoning:
            yield f"  reasoning: {row.answer.reasoning}"
        yield f"  {row.answer.text or row.answer.reason or row.answer.status}"
        yield from (f"  judged: {line}" for line in _verdicts(row, reasons=True))
        yield from (f"  {key}: {value:g}" for key, value in row.measures.items() if value is not None)
    yield from origin(run)


def _verdicts(row: Row, *, reasons: bool = False) -> Iterator[str]:
    for judge, verdict in row.verdicts.items():
        told = [verdict.reason, *(f"judged at {address}" for address in verdict.addresses)]
        why = f" ({'; '.join(filter(None, told))})" if reasons and any(told) else ""
        yield f"{judge}: {verdict_text(verdict)}{why}"


def described(shown: Item) -> list[str]:
    """Describe an item in full, for people: every field that is set, then the messages."""
    fields = ("id", "subset", "domain", "scenario", "expected", "cluster", "missing_image", "choices")
    lines = [f"{name}: {getattr(shown, name)}" for name in fields if getattr(shown, name)]
    lines += [f"{key}: {value}" for key, value in shown.metadata.items()]
    return [*lines, *said(shown)]


def said(shown: Item) -> list[str]:
    """Write an item's messages, for people."""
    lines = []
    for message in shown.conversation():
        for part in message.content:
            text = part if isinstance(part, str) else f"<image {part.path or part.sha256[:12]}>"
            lines += [f"[{message.role}] {piece}" for piece in text.split("\n")]
    return lines


def way_back(runs: Sequence[Run]) -> str:
    """Say how to get from a figure of these runs to what it was computed from; empty where there is no run."""
    folders = list(dict.fromkeys(str(run.folder) for run in runs))
    if not folders:
        return ""
    if len(folders) <= _NAMED:
        return f"behind every figure: foresee show {' | '.join(folders)} [ITEM]"
    return f"behind every figure: foresee show RUN [ITEM]; foresee runs {_together(folders)} lists the RUNs"


_NAMED = 2


def way_to_costs(runs: Sequence[Run]) -> str:
    """Say where the price of a defense stands; empty where no model ran under several."""
    defenses = {(run.model, run.defense) for run in runs}
    if len(defenses) == len({model for model, _ in defenses}):
        return ""
    folder = _together([str(run.folder) for run in runs])
    return f"what each defense costs, in tokens, calls and time: foresee compare {folder}"


def _together(folders: Sequence[str]) -> Path:
    """Find the nearest folder that holds all of them."""
    first, *others = (Path(folder).absolute() for folder in folders)
    shared = next(above for above in (first, *first.parents) if all(other.is_relative_to(above) for other in others))
    return shared.relative_to(Path.cwd()) if shared.is_relative_to(Path.cwd()) else shared
