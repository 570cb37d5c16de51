"""Push adapters, models and data sets to a hub that speaks Hugging Face's protocol (huggingface_hub, extra `[local]`).

The token comes of `HF_TOKEN` or `hf auth login`, the address of `HF_ENDPOINT`; neither is written anywhere. Absolute
paths of this machine are cut to their last part in manifest, card and settings. Repositories are private unless asked
otherwise.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from foresee import manifest
from foresee.errors import UserError, missing_extra
from foresee.report.provenance import without_paths

_ID = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}")
_MODEL = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model", "*.md", "metrics.jsonl")
_FILES: dict[str, tuple[str, ...]] = {
    "training": _MODEL,
    "merged model": _MODEL,
    "data set": ("rows.jsonl", "*.parquet", "*.md", manifest.FILE, "images/*"),
}
_STATE = {"teacher.safetensors", "trainer_state.json"}  # of a training that goes on
_TOLD = {manifest.FILE, "README.md"}
_BASES = ("base_model_name_or_path", "_name_or_path", "name_or_path")  # of PEFT's and transformers' *config.json


class Parcel(NamedTuple):
    """What goes to a hub: the kind of repository, and the files by their name there."""

    repo_type: Literal["model", "dataset"]
    files: dict[str, Path]

    @property
    def bytes(self) -> int:
        """How much it is."""
        return sum(path.stat().st_size for path in self.files.values())


def pack(folder: Path) -> Parcel:
    """Choose what of a folder belongs on a hub: weights or rows with images, card, manifest; no state, no journal.

    Raises:
        UserError: the folder is no adapter, model or data set of ours.
    """
    kind = str(manifest.read(folder).get("kind"))
    if kind not in _FILES:
        raise UserError(
            f"{folder} holds a {kind!r}, expected an adapter, a model or a data set; "
            "results go out by foresee export --format hf"
        )
    found = {path for pattern in _FILES[kind] for path in folder.glob(pattern) if path.is_file()}
    files = {path.relative_to(folder).as_posix(): path for path in sorted(found) if path.name not in _STATE}
    if not any(name.endswith((".safetensors", ".parquet", "rows.jsonl")) for name in files):
        raise UserError(f"{folder} holds no weights and no rows yet; the command that makes it goes on")
    return Parcel("dataset" if kind == "data set" else "model", files)


def push(folder: Path, repository: str, *, public: bool = False, message: str = "") -> str:
    """Make the repository where there is none, and upload the folder in one commit.

    Args:
        folder: an adapter, model or data set.
        repository: OWNER/NAME.
        public: whether all the world may see a repository that is made now.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        UserError: see `pack`; no token, a name that the hub refuses, or a hub that does not answer.
    """
    parcel = pack(folder)
    check(repository)
    try:
        from huggingface_hub import CommitOperationAdd, HfApi, get_token
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    except ImportError:
        raise missing_extra("foresee push", "local") from None
    if not (os.environ.get("HF_TOKEN") or get_token()):
        raise UserError("no token for the hub: hf auth login, or set HF_TOKEN")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=os.environ.get("HF_TOKEN") or None)
    files = [CommitOperationAdd(name, told) for name, told in _contents(parcel)]
    try:
        api.create_repo(repository, repo_type=parcel.repo_type, private=not public, exist_ok=True)
        done = api.create_commit(
            repository, files, commit_message=message or f"foresee push: {folder.name}", repo_type=parcel.repo_type
        )
    except OfflineModeIsEnabled:
        raise UserError("HF_HUB_OFFLINE is set, so nothing was pushed; unset it") from None
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as problem:
        raise UserError(f"the hub did not take {repository}: {str(problem).strip().splitlines()[0][:300]}") from None
    except Exception as problem:  # whatever the library's client calls a lost connection
        if not type(problem).__module__.startswith(("http", "requests")):
            raise
        raise UserError(f"the hub can't be reached ({problem}); the same command tries again") from None
    return str(done.commit_url)


def check(repository: str) -> None:
    """Check a repository's name. Raises UserError: it is not OWNER/NAME."""
    if not _ID.fullmatch(repository):
        raise UserError(f"expected OWNER/NAME of the repository, got '{repository}'")


def _contents(parcel: Parcel) -> Iterator[tuple[str, Path | bytes]]:
    for name, path in parcel.files.items():
        if name.endswith("config.json"):
            yield name, _named(path)
        elif name not in _TOLD:
            yield name, path
        elif name == manifest.FILE:
            record = _told({k: v for k, v in manifest.read(path.parent).items() if k != "checksum"})
            record["checksum"] = manifest.digest(record)
            yield name, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
        else:
            yield name, str(without_paths(path.read_text(encoding="utf-8", errors="replace"))).encode()


def _named(path: Path) -> bytes:
    """Read settings with each base that is a folder here cut to its name; any other stays as it is."""
    told = path.read_bytes()

    def cut(pairs: dict[str, Any]) -> dict[str, Any]:
        for key in _BASES:
            if isinstance(base := pairs.get(key), str) and (base.startswith(("/", "~", ".")) or Path(base).is_dir()):
                pairs[key] = Path(base).name
        return pairs

    if not any(f'"{key}"'.encode() in told for key in _BASES):
        return told
    try:
        return (json.dumps(json.loads(told, object_hook=cut), indent=2, ensure_ascii=False) + "\n").encode()
    except ValueError:
        raise UserError(f"{path} is not JSON; the command that made it writes it anew") from None


def _told(value: Any) -> Any:
    """Copy a manifest with every absolute path cut to its last part."""
    if isinstance(value, dict):
        return {key: _told(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_told(each) for each in value]
    return without_paths(value)
