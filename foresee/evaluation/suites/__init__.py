"""Suites: which benchmarks, with which options, make a profile. `foresee/suites/NAME.toml` is `suite/NAME`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foresee import plugins
from foresee.config import read_toml
from foresee.errors import UserError, unknown_name

PREFIX = "suite/"
_FOLDER = Path(__file__).parent


class Member(NamedTuple):
    """One run of a suite: a benchmark, its options, and what to call it where the benchmark occurs twice."""

    benchmark: str
    options: Mapping[str, Any]
    label: str


def names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def line(name: str) -> str:
    """Read what the suite says of itself."""
    return str(read_toml(_FOLDER / f"{name}.toml").get("line", ""))


def members(name: str) -> list[Member]:
    """Read the runs of a suite, or of a TOML file of the user's own.

    Raises:
        UserError: no such suite, or a file that does not hold `[[run]]` tables with a benchmark each.
    """
    path = Path(name).expanduser() if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if path.parent == _FOLDER and name not in names():
        raise unknown_name("suite", name, names())
    runs = read_toml(path).get("run", [])
    if not isinstance(runs, list) or not runs or not all(isinstance(run, dict) and "benchmark" in run for run in runs):
        raise UserError(f"{path}: expected [[run]] tables, each with a benchmark")
    return [Member(run["benchmark"], run.get("options", {}), run.get("label", run["benchmark"])) for run in runs]


def places(root: Path | None, members: Sequence[Member]) -> dict[str, Path | None]:
    """Benchmark -> what `--data` means for it.

    A folder that holds a folder of one of several benchmarks is taken for the place of all of them: each is looked for
    in its own folder there. Any other, and a file, is the data itself.
    """
    names = list(dict.fromkeys(member.benchmark for member in members))
    if root is None:
        return dict.fromkeys(names)
    own = {name: root.expanduser() / _folder_name(name) for name in names}
    several = len(names) > 1 and any(folder.is_dir() for folder in own.values())
    return {name: own[name] if several else root for name in names}


def _folder_name(benchmark: str) -> str:
    known = benchmark in plugins.names("benchmarks")
    source = plugins.summary("benchmarks", benchmark).literals.get("SOURCE") if known else None
    return str(source.get("folder") or benchmark) if isinstance(source, dict) else benchmark


def resolve(benchmarks: str) -> list[Member]:
    """`a,b,suite/c` as single runs. Raises UserError: a suite that does not exist, or nothing named at all."""
    found: list[Member] = []
    for name in filter(None, benchmarks.split(",")):
        found += members(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else [Member(name, {}, name)]
    if not found:
        raise UserError("expected a benchmark or suite; see 'foresee list benchmarks'")
    return found
