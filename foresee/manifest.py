"""`manifest.json`: what a folder of ours holds and how it came to be. Stages find each other through it alone."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pydantic

from foresee.errors import UserError
from foresee.files.redaction import without_secrets
from foresee.files.untrusted import parse_json, read_regular, whole

FILE = "manifest.json"
ManifestKind = Literal["attack", "evaluation", "data set", "training", "study", "vectors", "merged model", "organism"]
Check = Literal["ok", "edited", "unverified"]  # its checksum fits, it does not, there is none
_Object = dict[str, Any]
_CHECKSUM = "checksum"


class _Shard(pydantic.BaseModel):
    index: int
    of: int
    whole_items: int
    whole_items_sha256: str
    whole_keys_sha256: str


class _Content(pydantic.BaseModel):
    """What readers rely on, where it is there; all else may be as it likes."""

    model_config = pydantic.ConfigDict(strict=True)

    configuration: _Object = {}
    title: str = ""
    command: list[str] | None = None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    counts: _Object = {}
    drops: _Object = {}
    failures: _Object = {}
    review: _Object = {}
    shard: _Shard | None = None


class _Judge(pydantic.BaseModel):
    judge: str
    models: list[_Object] = []


class _JudgeConfiguration(pydantic.BaseModel):
    judges: list[_Object] = []
    defense: _Object | None = None


class _Evaluation(_Content):
    benchmark: str
    model: str
    defense: str = "none"
    configuration: _JudgeConfiguration = _JudgeConfiguration()  # type: ignore[assignment]  # more of the same object
    options: _Object = {}
    judges: list[_Judge] = []
    judge_models: list[str] = []
    judges_left_out: list[str] = []
    made_by: dict[str, str] = {}
    usage: dict[str, int] = {}
    judging_usage: dict[str, dict[str, int]] = {}
    base_urls: list[str] = []
    limit: int | None = None
    items: int = 0
    tries: int | None = None
    figures: dict[str, _Object] = {}


class _Training(_Content):
    method: str
    config: _Object
    base: _Object
    data: _Object


_CONTENTS: dict[str, type[_Content]] = {"evaluation": _Evaluation, "training": _Training}


def write(folder: Path, kind: ManifestKind, content: Mapping[str, Any]) -> None:
    """Write the manifest atomically; versions, commit, time and a checksum are added, keys are not shown."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = without_secrets({"kind": kind, "written": now, **environment(), **content})
    record.pop(_CHECKSUM, None)
    record = json.loads(whole(json.dumps(record, ensure_ascii=False, default=str)))
    record[_CHECKSUM] = digest(record)
    write_atomically(folder / FILE, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def check(record: Mapping[str, Any]) -> Check:
    """Compare a manifest with its checksum, which has no key: it catches accidents and careless edits, no forger."""
    if _CHECKSUM not in record:
        return "unverified"
    rest = {key: value for key, value in record.items() if key != _CHECKSUM}
    return "ok" if record[_CHECKSUM] == digest(rest) else "edited"


def read(folder: Path, kind: ManifestKind | None = None) -> dict[str, Any]:
    """Read a manifest. Raises UserError: none there, not JSON, or of another kind than asked for."""
    path = folder / FILE
    try:
        record = parse_json(read_regular(path))
    except FileNotFoundError:
        raise UserError(f"{folder} is not a folder that foresee wrote: it has no {FILE}") from None
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} can't be read: {problem}") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(record).__name__}")
    if kind is not None and record.get("kind") != kind:
        raise UserError(f"{folder} holds a {record.get('kind')!r}, expected a {kind!r}")
    try:
        _CONTENTS.get(str(record.get("kind")), _Content).model_validate(record)
    except pydantic.ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path} is damaged: {where}: {first['msg']}, got {str(first['input'])[:60]!r}") from None
    return record


def refuse_other(folder: Path, kind: ManifestKind | None) -> None:
    """Keep a folder from being written by a command that did not make it; `kind` None fits no folder of ours.

    Raises:
        UserError: it holds something of another kind, or a manifest that can't be read.
    """
    if not (folder / FILE).exists():
        return
    found = read(folder).get("kind")
    if found != kind:
        raise UserError(f"--out: {folder} holds a {found!r} that another command made; choose another folder")


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, so that a kill leaves the old file or the new one.

    Raises:
        UserError: the folder can't be written.
    """
    with written_whole(path) as file:
        file.write(whole(text).encode())  # names of files need not be UTF-8


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file piece by piece that takes the place of `path` in one step, at the end and if nothing failed.

    Raises:
        UserError: it can't be written.
    """
    try:
        with _replacing(path, durable=True) as file:
            yield file
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}") from None


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` in the place of `path` in one step; `durable` waits until it has reached the disk. Raises OSError."""
    with _replacing(path, durable=durable) as file:
        file.write(data)


@contextmanager
def _replacing(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def digest(value: Any) -> str:
    """SHA-256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Write a value as JSON that is the same for equal values."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "surrogatepass")


def environment() -> dict[str, Any]:
    """Versions of foresee, Python and the libraries that shape results, and this checkout's commit if it is one."""
    libraries = ("aiohttp", "torch", "transformers", "peft", "trl", "pillow", "scipy", "numpy")
    versions = {name: version for name in libraries if (version := _version(name))}
    return {
        "foresee": _version("foresee") or "uninstalled",
        "python": platform.python_version(),
        "platform": sys.platform,
        "versions": versions,
        "commit": _commit(),
    }


@cache
def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def _commit() -> str | None:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
