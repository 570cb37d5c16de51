"""Find published data: where it comes from, what its license means, where its files lie on this machine.

Each benchmark and label set declares a literal `SOURCE` (see `Source` for its keys). Files are looked for in the
folder that the user names, in `$FORESEE_DATA/<name>`, and in the cache (`$FORESEE_HOME`, else the system's cache
folder), in this order. `fetch` fills the cache; nothing is ever downloaded without being asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import platformdirs

from foresee import plugins
from foresee.data.archives import ENDINGS, unpack, unpack_once
from foresee.data.download import DownloadProgress, download
from foresee.data.source import Source, SourceFile, declare
from foresee.errors import UserError, unknown_name
from foresee.files.untrusted import parse_json, read_regular

_MARKER = ".foresee-source.json"
KINDS: tuple[plugins.Kind, ...] = ("benchmarks", "labels")


class Fetched(NamedTuple):
    """Where the files are; `fresh` says whether anything was downloaded."""

    folder: Path
    fresh: bool


class Cleaned(NamedTuple):
    """What was removed from the cache."""

    folders: tuple[Path, ...]
    bytes: int


def find(name: str, kind: plugins.Kind | None = None) -> Source:
    """Find the source that a benchmark or label set declares. Two of one name share a folder and the benchmark's files.

    Args:
        name: of the benchmark or label set.
        kind: "benchmarks" or "labels"; None takes the benchmark of that name if there is one.

    Raises:
        UserError: no such name (nearest offered), or a declaration that does not fit.
    """
    kinds = KINDS if kind is None else (kind,)
    for each in kinds:
        if name in plugins.names(each):
            found = plugins.summary(each, name)
            if found.error:
                raise UserError(f"{found.path} can't be read: {found.error}")
            declared = found.literals.get("SOURCE")
            if not isinstance(declared, dict):
                raise UserError(f"{found.path}: expected SOURCE, a literal dict; see docs/add_a_benchmark.md")
            return declare(name, declared)
    raise unknown_name("benchmark or label set", name, [n for each in kinds for n in plugins.names(each)])


def licence_notice(source: Source) -> str:
    """Write what a user should know before a download: license, its consequence, origin."""
    lines = [f"{source.name}: licence {source.licence}", *([f"  {source.consequence}"] if source.consequence else [])]
    origin = f"  from {source.homepage}" + (f" at {source.revision}" if source.revision else "")
    lines += [origin] if source.homepage else []
    lines += [f"  by hand: {source.manual}"] if source.manual and source.files else []
    return "\n".join(lines)


def home() -> Path:
    """Find the cache folder: $FORESEE_HOME, else the system's place for caches."""
    chosen = os.environ.get("FORESEE_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("foresee")


def locate(name: str, data: Path | None = None, flag: str = "--data ") -> Path:
    """Find the folder that holds a benchmark's or label set's files.

    Args:
        name: of the benchmark or label set.
        data: the user's own folder or file; a folder of the set's name in it is meant, and what an archive unpacks to.
        flag: what gives it on the command line, for messages.

    Raises:
        UserError: it is nowhere; says what to do.
    """
    source = find(name)
    if data is not None:
        data = data.expanduser()
        if not data.exists():
            raise UserError(
                f"{flag.rstrip(' =')}: expected the folder with the files of {name}, there is no {data}; "
                f"{_how(name, source)}"
            )
        if data.is_file() and data.name.lower().endswith(ENDINGS):
            return unpack_once(data, images())
        return data / source.folder if (data / source.folder).is_dir() else data
    root = os.environ.get("FORESEE_DATA")
    named = Path(root).expanduser() / source.folder if root else None
    cached = _cached(source)
    for candidate in (named, cached):
        if candidate is not None and candidate.is_dir():
            return candidate
    looked = f"{named} and {cached}" if named else f"{cached}, and FORESEE_DATA is not set"
    raise UserError(
        f"no files of {name} on this machine (looked in {looked}): give {flag}FOLDER, or {_how(name, source)}"
    )


def _how(name: str, source: Source) -> str:
    return f"run 'foresee data fetch {name}'" if source.files else source.manual or f"see {source.homepage}"


def fetch(source: Source, *, to: Path | None = None, progress: DownloadProgress | None = None) -> Fetched:
    """Download, verify and unpack a source's files; does nothing if they are there.

    Interrupted, the same call goes on: files that arrived are kept, and the data folder appears when it is complete.

    Args:
        source: what to fetch. Show `licence_notice(source)` first.
        to: the data folder to make; None for the cache.
        progress: told of each download.

    Raises:
        UserError: nothing that can be downloaded, a failed download (see `downloads.download`), an archive that
            is refused, contents that differ from what was declared, or a folder that foresee did not make.
    """
    if not source.files:
        raise UserError(_by_hand(source))
    folder = to.expanduser() if to else _cached(source)
    stamp = _stamp(source)
    if _marker(folder) == stamp:
        return Fetched(folder, fresh=False)
    if folder.exists() and _marker(folder) is None and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and was not made by foresee; move it away, or fetch to another folder")
    downloads = _downloads() / source.folder
    with _only_one(downloads, source.name):
        staging = folder.with_name(f".{folder.name}.incomplete")
        shutil.rmtree(staging, ignore_errors=True)
        try:
            for number, file in enumerate(source.files):
                _place(file, downloads / f"{number}-{PurePosixPath(file.url).name}", staging, progress)
            _verify(source, staging)
            (staging / _MARKER).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
            _swap_in(staging, folder)
        except OSError as problem:
            raise UserError(f"can't write {folder}: {problem.strerror or problem}") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(downloads, ignore_errors=True)
    return Fetched(folder, fresh=True)


def _by_hand(source: Source) -> str:
    """Why there is nothing to download, and what to do."""
    if source.embedded:
        return f"{source.name} comes with foresee; there is nothing to fetch"
    if "--data" in source.manual:
        return f"{source.name} can't be fetched: {source.manual}"
    root = os.environ.get("FORESEE_DATA")
    folder = Path(root).expanduser() / source.folder if root else _cached(source)
    ways = source.manual or f"see {source.homepage}"
    return f"{source.name} has to be got by hand: {ways}. Then put it into {folder}, or name its folder with --data"


def is_here(source: Source, to: Path | None = None) -> bool:
    """Whether `fetch` would find the source's files complete and download nothing."""
    return _marker(to.expanduser() if to else _cached(source)) == _stamp(source)


def clean(name: str | None = None) -> Cleaned:
    """Remove what was fetched into the cache: one set's files, or with None those of every set.

    A folder in the cache that foresee did not make, and one fetched to a folder of the user's, is left alone.

    Raises:
        UserError: no such name, or the cache can't be changed.
    """
    if name is not None:
        source = find(name)
        candidates = [_cached(source), _downloads() / source.folder]
    else:
        data = home() / "data"
        candidates = [*(sorted(data.iterdir()) if data.is_dir() else ()), _downloads(), images()]
    own = (_downloads(), images())
    ours = tuple(f for f in candidates if f.is_dir() and (_marker(f) is not None or f in own or f.parent in own))
    size = sum(f.stat().st_size for folder in ours for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
    for folder in ours:
        try:
            shutil.rmtree(folder)
        except OSError as problem:
            raise UserError(f"can't remove {folder}: {problem.strerror or problem}") from None
    return Cleaned(ours, size)


def images() -> Path:
    """Where images lie that came inside a table or an archive; made anew when they are needed."""
    return home() / ".foresee-pictures"


def _downloads() -> Path:
    return home() / ".foresee-downloads"  # a name that no user's own folder has, should home() be one


def _cached(source: Source) -> Path:
    return home() / "data" / source.folder


def _stamp(source: Source) -> dict[str, object]:
    """Hash the declaration that a fetched folder must match."""
    kept = source.model_dump(mode="json", include={"revision", "contents"})
    return {**kept, "files": [file.model_dump(mode="json", exclude_defaults=True) for file in source.files]}


def _marker(folder: Path) -> object:
    try:
        return parse_json(read_regular(folder / _MARKER))
    except (OSError, ValueError):
        return None


def _place(file: SourceFile, arrived: Path, staging: Path, progress: DownloadProgress | None) -> None:
    download(file.url, arrived, sha256=file.sha256, size=file.size, progress=progress)
    if file.unpack:
        try:
            unpack(arrived, staging / file.path, strip=file.strip)
        except UserError:
            arrived.unlink(missing_ok=True)  # a file that can't be unpacked would fail again at every try
            raise
        return
    to = staging / (file.path or PurePosixPath(file.url).name)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arrived, to)


def _verify(source: Source, folder: Path) -> None:
    for name, expected in source.contents.items():
        path = folder / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
        if found != expected:
            raise UserError(f"{source.name}: expected {name} with SHA-256 {expected[:12]}…, got {found[:12]}")
    for name, least in source.at_least.items():
        count = sum(1 for path in (folder / name).glob("*") if path.is_file())
        if count < least:
            raise UserError(f"{source.name}: expected at least {least} files in {name}, got {count}")


def _swap_in(staging: Path, folder: Path) -> None:
    """Put the finished folder in its place; an older revision stays until the new one is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    older = folder.with_name(f".{folder.name}.older")
    shutil.rmtree(older, ignore_errors=True)
    if folder.exists():
        folder.rename(older)
    staging.rename(folder)
    shutil.rmtree(older, ignore_errors=True)


@contextmanager
def _only_one(folder: Path, name: str) -> Iterator[None]:
    """One fetch of a source at a time: two would write into the same partial file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.with_name(f"{folder.name}.lock")).open("w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: two at once are the user's to avoid
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"another process is fetching {name}; wait for it") from None
        yield
