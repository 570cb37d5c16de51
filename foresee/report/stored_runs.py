"""Find the run folders below a path, and read those that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.run_folder import ITEMS, JUDGED, Run, read_run
from foresee.evaluation.screening import SCREEN
from foresee.files.shards import SHARDS

Told = Callable[[str], None]


def read_runs(
    paths: Iterable[Path], *, judgings: bool = True, skipped: Told | None = None, without_code: bool = False
) -> list[Run]:
    """Every run below these folders (a folder of runs holds one run folder per benchmark and defense).

    Args:
        paths: run folders, or folders of them.
        judgings: whether a run comes with its other judgings; one that was stored unjudged is then left out for them,
            unless the offline screen read it, whose figure is another.
        skipped: told in one line of each run that can't be read, which is then left out; None raises instead.
        without_code: see `rows.read_run`.

    Raises:
        UserError: a path that holds no run, or one that can't be read (with `skipped`: none that can).
    """
    runs: list[Run] = []
    problems: list[UserError] = []
    for folder in run_folders(paths, judgings=judgings):
        try:
            runs.append(read_run(folder, without_code=without_code))
        except UserError as problem:
            if skipped is None:
                raise
            problems.append(problem)
    if problems and not runs:
        raise problems[0]
    if skipped is not None:
        for left_out in problems:
            skipped(f"left out: {left_out}")
    return runs


def run_folders(paths: Iterable[Path], *, judgings: bool = True) -> list[Path]:
    """Find the run folders at or below these paths. Raises UserError: a path that holds none."""
    found: list[Path] = []
    for path in paths:
        folders = [path, *_below(path / JUDGED)] if (path / manifest.FILE).exists() else _below(path)
        if not judgings:
            folders = [folder for folder in folders if folder == path or folder.parent.name != JUDGED]
        if not folders:
            raise UserError(f"no run in {path}: expected a folder that 'foresee eval' or 'foresee score' wrote")
        found += [folder for folder in folders if not (judgings and _judged_elsewhere(folder))]
    return found


def _judged_elsewhere(folder: Path) -> bool:
    """Whether a run was stored without its judges' verdicts, nor the screen's, and a judging below it has them."""
    record = _kind_and(folder)
    read_by = record.get("made_by")
    unread = record.get("judges_left_out") and not (isinstance(read_by, dict) and SCREEN in read_by)
    return bool(unread) and bool(_below(folder / JUDGED))


def _below(path: Path) -> list[Path]:
    """Find the run folders at any depth, as `runs/` holds them, but for runs that never got as far as an item."""
    found = sorted(p.parent for p in path.rglob(manifest.FILE) if (p.parent / ITEMS).exists())
    found = [folder for folder in found if SHARDS not in folder.relative_to(path).parts]  # what was joined holds them
    return [folder for folder in found if _kind_and(folder).get("kind", "evaluation") == "evaluation"]


def _kind_and(folder: Path) -> dict[str, object]:
    """Read the manifest; empty where it can't be read, which reading the run will tell."""
    try:
        return manifest.read(folder)
    except UserError:
        return {}
