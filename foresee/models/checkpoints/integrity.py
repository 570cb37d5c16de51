"""Refuse checkpoints and adapters whose files would make a loader run code, read pickles or follow other folders.

The libraries that load weights do what the JSON beside them says: an index may name pickled shards, an adapter's
configuration further folders or modules to import, a model's configuration code on the hub. It is read first, as are
the headers of the weights, so that a folder that can't be loaded is told before anything is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.models.checkpoints.find import import_torch, one_line, read_json

_ADAPTERS = frozenset(
    {"LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "VERA", "HRA", "LN_TUNING", "FOURIERFT", "RANDLORA"}
)  # that PEFT places inside the layers, from nothing but their own folder
_INDEX = "model.safetensors.index.json"
_PLAIN_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_|-")


def check_checkpoint(folder: Path) -> None:
    """Check a model's folder.

    Raises:
        UserError: its index names other files than safetensors beside it, it is an adapter as well, its configuration
            names code on the hub, or weights are cut off or no safetensors.
    """
    if (folder / "adapter_config.json").is_file():
        raise UserError(
            f"{folder}: expected a model, it holds adapter_config.json too, which would load another model instead; "
            "remove that file, or give local/BASE:ADAPTER"
        )
    check_configuration(folder / "config.json")
    index = folder / _INDEX
    if index.is_file():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict):
            raise UserError(f"{index}: expected an object under 'weight_map'")
        for name in sorted({str(name) for name in names.values()}):
            if not name.endswith(".safetensors") or Path(name).name != name:
                raise UserError(f"{index}: expected names of .safetensors files in this folder, got {name!r}")
            if not (folder / name).is_file():
                raise UserError(f"{index}: {name} is not there; is the download complete?")
    for path in sorted(folder.glob("*.safetensors")):
        _check_header(path)


def check_adapter(folder: Path) -> None:
    """Check an adapter's folder.

    Raises:
        UserError: of a type that is loaded from further folders or not at all, it names a module to import, or its
            weights are cut off or no safetensors.
    """
    config = read_json(folder / "adapter_config.json")
    kind = str(config.get("peft_type"))
    if kind not in _ADAPTERS:
        known = ", ".join(sorted(_ADAPTERS))
        raise UserError(f"{folder}: expected LoRA or another adapter inside the layers ({known}), got {kind}")
    if config.get("megatron_config"):
        raise UserError(f"{folder}: adapter_config.json names a module to import (megatron_core); it is not loaded")
    _check_header(folder / "adapter_model.safetensors")


def check_configuration(path: Path) -> None:
    """Refuse remote code that a config.json names. Raises UserError: its attention or experts are code on the hub."""
    for key, value in _implementations(read_json(path)):
        check_implementation(value, f"{path}: {key}")


def check_implementation(name: str | None, what: str) -> None:
    """Refuse remote code. Raises UserError: the name is a hub repository, whose code transformers would run."""
    if name is not None and not set(name) <= _PLAIN_NAME:
        raise UserError(f"{what}: expected a name such as sdpa or eager, got '{name}', which is code on the hub")


def _implementations(config: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    for key, value in config.items() if isinstance(config, dict) and depth < 8 else ():
        if key.endswith("attn_implementation") or key.endswith("experts_implementation"):
            values = value.values() if isinstance(value, dict) else [value]
            yield from ((key, each) for each in values if isinstance(each, str))
        else:
            yield from _implementations(value, depth + 1)


def _check_header(path: Path) -> None:
    import_torch()
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt"):
            return
    except (SafetensorError, OSError, ValueError) as problem:
        raise UserError(f"{path}: expected whole weights in safetensors, {one_line(problem)}") from None
