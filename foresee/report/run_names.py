"""Name runs that stand side by side: the benchmark's variant, and the defense with whatever sets it apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from foresee import plugins
from foresee.evaluation.run_folder import Run
from foresee.evaluation.screening import screened
from foresee.files.redaction import without_secrets
from foresee.plugins import Kind, contracts
from foresee.plugins.contracts import Benchmark

_FOLDERS: Mapping[Literal["defense", "attack"], Kind] = {"defense": "defenses", "attack": "attacks"}


def variant(run: Run) -> str:
    """Name the benchmark, and those of its options that are not as usual."""
    options = without_secrets(run.manifest.get("options"))
    file = benchmark_file(run)
    fields = file.options.model_fields if file else {}
    own = {
        key: value
        for key, value in (options.items() if isinstance(options, Mapping) else ())
        if key not in fields or fields[key].default != value
    }
    named = [run.benchmark, *(v if isinstance(v, str) else f"{key}={v}" for key, v in own.items())]
    return ", ".join(named) + partial(run)


def partial(run: Run) -> str:
    """Said beside a run whose images are mostly not on this machine, so that it is taken for no figure of the set."""
    found = run.outcomes
    asked = found.total - found.missing_images
    return f" (PARTIAL: {asked} of {found.total})" if asked * 2 < found.total else ""


def benchmark_file(run: Run) -> Benchmark | None:
    """Load the benchmark's file; None where it is gone."""
    if run.benchmark not in plugins.names("benchmarks"):
        return None
    return screened(contracts.benchmark(run.benchmark), run.manifest.get("made_by", {}))


def protections(runs: Sequence[Run]) -> list[str]:
    """Name each run's defense: its name, and those of the options that differ between runs, defaults left out."""
    return _named(runs, [run.defense for run in runs], "defense")


def attackers(runs: Sequence[Run]) -> list[str]:
    """Name each run's attack, as `protections` names defenses."""
    return _named(runs, [run.attack for run in runs], "attack")


def _named(runs: Sequence[Run], own: Sequence[str], kind: Literal["defense", "attack"]) -> list[str]:
    settings = [_options(run, kind) for run in runs]
    names = []
    for name, mine in zip(own, settings, strict=True):
        others = [theirs for other, theirs in zip(own, settings, strict=True) if other == name]
        apart = [key for key in mine if any(theirs.get(key) != mine[key] for theirs in others)]
        told = [f"{key}={mine[key].value}" for key in apart if not mine[key].usual]
        names.append(" ".join([name, *told]))
    return names


class _Option(NamedTuple):
    value: Any
    usual: bool


def _options(run: Run, kind: Literal["defense", "attack"]) -> dict[str, _Option]:
    configuration, known = without_secrets(run.manifest.get("configuration", {})), plugins.names(_FOLDERS[kind])
    found: dict[str, _Option] = {}
    for name, part in (configuration.get(kind) or {}).items():
        if isinstance(part, Mapping) and isinstance(part.get("options"), Mapping):
            fields = _fields(kind, name) if name in known else {}
            for key, value in part["options"].items():
                found[key] = _Option(value, key in fields and fields[key].default == value)
    return found


def _fields(kind: Literal["defense", "attack"], name: str) -> Mapping[str, Any]:
    if kind == "defense":
        return contracts.defense_file(name).options.model_fields
    return contracts.attack_file(name).options.model_fields
