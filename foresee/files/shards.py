"""Split work into shards, one for each process of a cluster's job: by hash, so that each knows its share by itself."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foresee.errors import UserError

SHARDS = "shards"
"""Below a folder: the shards of its work, a folder each."""

_FORM = "--shard: expected I/N such as 2/8 (the second of eight), auto (a task of a SLURM array), or auto/N"


@dataclass(frozen=True)
class Shard:
    """One of `of` shards; the first is 1. `origin` says what chose it, where that was the environment."""

    index: int
    of: int
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @property
    def name(self) -> str:
        return f"{self.index}-of-{self.of}"

    def folder(self, whole: Path) -> Path:
        """Return the shard's folder below that of the whole. Raises UserError: it holds shards of another number."""
        for other in sorted((whole / SHARDS).glob("*-of-*")):
            if other.is_dir() and not other.name.endswith(f"-of-{self.of}"):
                raise UserError(
                    f"{whole / SHARDS} holds shards of another number ({other.name}), got --shard {self}: "
                    "give the number that they have, or another folder (--out)"
                )
        return whole / SHARDS / self.name

    def whole(self, folder: Path) -> Path:
        """Return the folder that the folder of a shard is below."""
        return folder.parent.parent


def index_of(key: str, of: int) -> int:
    """Return which shard, from 1, has what has this key: one for all that share it, whatever else there is."""
    found = hashlib.sha256(f"foresee shard {key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(found[:8], "big") % of + 1


def read_shard(text: Shard | str | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """Read `--shard`: `I/N`, or what a scheduler says: `auto` of a SLURM array, `auto/N` of that or a Kubernetes job.

    Nothing is read from the environment unasked: many arrays run over models or seeds, and a share of the items under
    each would pass for the whole. Under `auto` a SLURM array is counted from its first task; under `auto/N` its tasks
    are numbered from 0, as Kubernetes does it, so that a lost one can be started alone (`sbatch --array=3`).

    Raises:
        UserError: something else, or a number that the environment does not tell.
    """
    if text is None or isinstance(text, Shard):
        return text
    found = re.fullmatch(r"(\d{1,9}|auto)(?:/(\d{1,9}))?", text.strip())
    if found is None or (found[1] != "auto" and found[2] is None):
        raise UserError(f"{_FORM}, got '{text}'")
    if found[1] != "auto":
        return _checked(Shard(int(found[1]), int(found[2])), f"got '{text}'")
    return _of_array(environment) if found[2] is None else _of_task(int(found[2]), environment)


def _of_array(environment: Mapping[str, str]) -> Shard:
    names = ("ID", "COUNT", "MIN", "STEP")
    task, count, first, step = (_number(environment, f"SLURM_ARRAY_TASK_{name}") for name in names)
    if task is None or count is None or first is None:
        counted = " (JOB_COMPLETION_INDEX is set, which comes without a number of tasks: give auto/N)"
        hint = counted if "JOB_COMPLETION_INDEX" in environment else ""
        raise UserError(f"{_FORM}; auto found no SLURM_ARRAY_TASK_ID, _MIN and _COUNT{hint}")
    origin = f"SLURM_ARRAY_TASK_ID={task}, from {first}, COUNT={count}"
    return _checked(Shard((task - first) // (step or 1) + 1, count, origin), f"got {origin}: an array with gaps")


def _of_task(count: int, environment: Mapping[str, str]) -> Shard:
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"):
        if (task := _number(environment, name)) is not None:
            origin = f"{name}={task}"
            return _checked(Shard(task + 1, count, origin), f"got {origin} of {count}: tasks are numbered from 0")
    raise UserError(f"{_FORM}; auto/{count} found neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX")


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if text and not re.fullmatch(r"\d{1,9}", text):
        raise UserError(f"{name}: expected a whole number, got '{text[:40]}'")
    return int(text) if text else None


def _checked(shard: Shard, got: str) -> Shard:
    if not 1 <= shard.index <= shard.of:
        raise UserError(f"{_FORM}, {got}")
    return shard
