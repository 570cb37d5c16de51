"""Describe a run from its manifest: facts for the page, with keys removed and, for sharing, local paths too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from foresee import plugins
from foresee.evaluation import remarks
from foresee.evaluation.run_folder import Run
from foresee.files.redaction import without_secrets
from foresee.report.escaping import label, visible

_TEXT_LIMIT = 300
_PATH = r"[^\s'\"]+(?: [^\s'\"/]*/[^\s'\"]*)*"  # goes on over a blank when a slash follows: "/home/some one/x"
_ABSOLUTE = re.compile(rf"(?:file:/+|(?<=\w/)/|(?<![\w:/.])(?:~?/|[A-Za-z]:\\)){_PATH}")
_NAMES = {
    "tags": "tags",
    "note": "note",
    "written": "written",
    "model": "model",
    "benchmark": "benchmark",
    "benchmark_version": "benchmark version",
    "options": "benchmark options",
    "defense": "defense",
    "generation": "generation",
    "judges": "judges",
    "judge_models": "judge models",
    "judges_left_out": "not judged by",
    "judged_from": "answers taken from",
    "judging_usage": "tokens of judge models",
    "items": "items",
    "limit": "limit",
    "epochs": "epochs",
    "seed": "seed",
    "items_sha256": "hash of the items",
    "source": "data source",
    "data": "data read from",
    "answers_file": "answers read from",
    "foresee": "foresee",
    "commit": "commit",
    "python": "Python",
    "platform": "platform",
    "versions": "libraries",
    "asked": "calls made",
    "reused": "answers reused",
    "usage": "tokens",
    "base_urls": "servers",
    "answered_at": "answers by server",
    "judged_at": "verdicts by server",
    "wall_seconds": "seconds",
    "cpu_seconds": "CPU seconds",
    "cost": "cost",
    "finished": "finished",
}
_ELSEWHERE = {"kind", "command", "configuration", "made_by"}
_LOCAL_ONLY = {"data", "judged_from", "answers_file", "base_url", "base_urls", "answered_at", "judged_at", "folder"}


class Fact(NamedTuple):
    """One line of provenance: its name and what each run says."""

    name: str
    values: tuple[str, ...]


class Licence(NamedTuple):
    """What the data set's own licence says, and what follows for this page."""

    benchmark: str
    about: str
    licence: str
    consequence: str
    homepage: str


def facts(runs: Sequence[Run], *, public: bool) -> list[Fact]:
    """List what the manifests say, line by line over the runs; anything not known by name comes last."""
    records = [record(run, public=public) for run in runs]
    names = [name for name in _NAMES if any(name in r for r in records)]
    names += sorted({name for r in records for name in r} - set(names) - _ELSEWHERE)
    found = []
    for name in names:
        values = tuple(_text(r.get(name), name) for r in records)
        if any(values):
            found.append(Fact(_NAMES.get(name, label(name, 40)), values))
    return found


def record(run: Run, *, public: bool) -> dict[str, Any]:
    """Copy the manifest without keys and, for a public page, without local paths."""
    cleaned: dict[str, Any] = without_secrets(dict(run.manifest))
    cleaned.setdefault("model", run.model)
    cleaned.setdefault("benchmark", run.benchmark)
    cleaned.setdefault("defense", run.defense)
    said = remarks.read(run.folder)
    cleaned |= {"tags": ", ".join(said.tags), "note": said.note} if not public else {}
    if public:
        cleaned = {key: without_paths(value) for key, value in cleaned.items() if key not in _LOCAL_ONLY}
    return cleaned


def command(run: Run, *, public: bool) -> str | None:
    """Write the command line that made the run, or None where the manifest has none (a run made from Python)."""
    words = record(run, public=public).get("command") or []
    if not isinstance(words, Sequence) or isinstance(words, str) or not words:
        return None
    quoted = (word if word.startswith("…/") else shlex.quote(word) for word in map(str, words))
    return visible(" ".join(quoted)[:2000])


def without_paths(value: Any) -> Any:
    """Cut every absolute path in a value down to its last part."""
    if isinstance(value, Mapping):
        return {k: without_paths(v) for k, v in value.items() if k not in _LOCAL_ONLY}
    if isinstance(value, list | tuple):
        return [without_paths(v) for v in value]
    if isinstance(value, str):
        return _ABSOLUTE.sub(lambda m: "…/" + re.split(r"[/\\]", m.group(0).rstrip("/\\"))[-1], value)
    return value


def licence(benchmark: str) -> Licence:
    """Read what the benchmark's file says of its data; empty where there is no such file (someone's plug-in)."""
    if benchmark not in plugins.names("benchmarks"):
        return Licence(label(benchmark), "", "", "", "")
    summary = plugins.summary("benchmarks", benchmark)
    source = summary.literals.get("SOURCE")
    source = source if isinstance(source, Mapping) else {}
    homepage = str(source.get("homepage", ""))
    return Licence(
        label(benchmark),
        label(summary.line, 200),
        label(source.get("licence") or source.get("license", ""), 200),
        label(source.get("consequence", ""), 400),
        homepage if homepage.startswith("https://") else "",
    )


def _text(value: Any, name: str = "") -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value) if "seed" in name else f"{value:,}"
    if isinstance(value, Mapping | list | tuple):
        return label(", ".join(_flat(value)), _TEXT_LIMIT)
    text = label(value, _TEXT_LIMIT)
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\+00:00$", r"\1 \2 UTC", text)


def _flat(value: Any, name: str = "") -> Iterator[str]:
    """`name=value` for every leaf that says something."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(inner, name)
    elif value is not None and value != "":
        yield f"{name}={_text(value, name)}" if name else _text(value)
