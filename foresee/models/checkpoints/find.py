"""Where a checkpoint lies (a folder, or a hub id in the cache or on the hub) and what it is. Loads no weights.

Only safetensors count as weights: a checkpoint that has nothing but pickled ones is refused, since unpickling runs
code. `HF_HUB_OFFLINE=1` and the hub's other environment variables are respected.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from foresee.errors import UserError
from foresee.files.untrusted import parse_json, read_regular

Kind = Literal["image_text", "text"]
_SAMPLE = 1 << 20  # bytes hashed at the start, middle and end of a large weight file
_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
_log = logging.getLogger(__name__)


def resolve(name: str | Path, *, revision: str | None = None, trust_remote_code: bool = False) -> Path:
    """Find the folder of a checkpoint; a hub id is downloaded, or taken from the cache.

    Raises:
        UserError: neither a folder nor a hub id that can be had, no config.json, or no safetensors in it.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _download(str(name), revision, [*_FILES, *(["*.py"] if trust_remote_code else [])])
    if not (folder / "config.json").is_file():
        hint = " (it is an adapter: give local/BASE:ADAPTER)" if (folder / "adapter_config.json").is_file() else ""
        raise UserError(f"{name}: expected a model folder with config.json, found none{hint}")
    _require_safetensors(folder, str(name), "*.safetensors")
    return folder


def resolve_adapter(name: str | Path) -> Path:
    """Find the folder of a PEFT adapter. Raises UserError: not there, or not an adapter in safetensors."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _download(str(name), None, ["adapter_config.json", "adapter_model.safetensors"])
    if not (folder / "adapter_config.json").is_file():
        raise UserError(f"{name}: expected a PEFT adapter with adapter_config.json, found none")
    _require_safetensors(folder, str(name), "adapter_model.safetensors")
    return folder


def fingerprint(folder: Path) -> str:
    """Hash a checkpoint's content, the same wherever it lies: small files whole, large ones in samples."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".jinja", ".safetensors", ".model")):
        _hash_file(digest, path)
    return digest.hexdigest()[:16]


def _hash_file(digest: hashlib._Hash, path: Path) -> None:
    size = path.stat().st_size
    digest.update(f"{path.name} {size}\n".encode())
    with path.open("rb") as file:
        if size <= 64 * _SAMPLE:
            digest.update(file.read())
            return
        for position in (0, size // 2, size - _SAMPLE):
            file.seek(position)
            digest.update(file.read(_SAMPLE))


def weights_hash(folder: Path) -> str:
    """Hash a checkpoint's weights alone: what an adapter of it depends on. Large files in samples."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        _hash_file(digest, path)
    return digest.hexdigest()[:16]


def kind_of(folder: Path) -> Kind:
    """Whether a checkpoint takes images. Raises UserError: an architecture that transformers does not know."""
    import_torch()
    from transformers import __version__
    from transformers.models.auto import modeling_auto

    config = read_json(folder / "config.json")
    model_type, custom = config.get("model_type", ""), config.get("auto_map") or {}
    with_images = model_type in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    text_only = model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if config.get("is_encoder_decoder"):
        raise UserError(f"{folder}: expected a decoder-only model, got the encoder-decoder '{model_type}'")
    if "AutoModelForImageTextToText" in custom or (with_images and not (text_only and "vision_config" not in config)):
        return "image_text"
    if "AutoModelForCausalLM" in custom or text_only:
        return "text"
    raise UserError(f"{folder}: transformers {__version__} has no chat model of type '{model_type}'; try a newer one")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises UserError: no such file, or not a JSON object."""
    try:
        values = parse_json(read_regular(path).decode("utf-8"))
    except (OSError, ValueError) as problem:
        raise UserError(f"{path}: expected a JSON file, {one_line(problem)}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(values).__name__}")
    return values


def one_line(problem: BaseException) -> str:
    """Shorten an error message that may run over a page to one line."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def import_torch() -> Any:
    """torch, with transformers importable too.

    A torchvision that is installed but can't be imported (built for another torch) would take transformers' auto
    classes down with it; it is hidden, as if it were not installed, and a warning says so.

    Raises:
        UserError: the extra is not installed.
    """
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision"):
        try:
            importlib.import_module("torchvision")
        except (ImportError, RuntimeError, OSError) as problem:
            sys.modules["torchvision"] = None  # type: ignore[assignment]  # Python's own way to mark as not there
            _log.warning("the installed torchvision does not work here and is left out: %s", one_line(problem))
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise UserError("local models need torch and transformers: pip install 'foresee[local]'") from None
    return torch


def _download(name: str, revision: str | None, patterns: list[str]) -> Path:
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise UserError(f"no such folder: {name}")
    import_torch()
    from huggingface_hub import constants, errors, snapshot_download

    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=patterns, ignore_patterns=["original/*", "consolidated*"]
            )
        )
    except errors.HFValidationError:
        raise UserError(f"no such folder: {name}") from None
    except errors.GatedRepoError:
        raise UserError(f"{name} is gated: accept its licence on the hub, then set HF_TOKEN") from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{name} has no revision '{revision}'") from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"no such folder: {name}; nor is it on the hub (or it is private: set HF_TOKEN)") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as problem:
        offline = bool(constants.HF_HUB_OFFLINE)
        why = "HF_HUB_OFFLINE is set" if offline else f"the hub can't be reached ({type(problem).__name__})"
        raise UserError(f"no such folder: {name}; as a hub id it is not in the local cache, and {why}") from None


def _require_safetensors(folder: Path, name: str, pattern: str) -> None:
    if not any(folder.glob(pattern)):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt*"))
        hint = "; pickled weights can run code and are not read: convert them" if pickled else ""
        raise UserError(f"{name}: expected weights in {pattern}, found none{hint}")


@contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' progress bars and its notices of what it fell back to, or of names PEFT and TRL use."""
    from transformers.utils import logging as their_logging

    # for good: the filters are the whole process's, and another thread may change them meanwhile
    warnings.filterwarnings("ignore", r".*gradient_checkpointing` is deprecated", FutureWarning)

    bars, level = their_logging.is_progress_bar_enabled(), their_logging.get_verbosity()
    their_logging.disable_progress_bar()
    their_logging.set_verbosity_error()
    try:
        yield
    finally:
        their_logging.set_verbosity(level)
        if bars:
            their_logging.enable_progress_bar()
