"""What `foresee doctor` looks at: libraries, devices, keys, servers, data, plug-ins. Reads, never changes anything.

Quick on purpose: no library is imported, and of plug-ins only the user's own files are loaded.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from foresee.notices import Finding

_EXTRAS = {
    "local": ("torch", "transformers", "peft", "accelerate"),
    "train": ("trl", "datasets"),
    "inspect": ("inspect-ai", "openai"),
    "paint": ("diffusers",),
    "parquet": ("pyarrow",),
    "frame": ("pandas",),
}
_PATIENCE = 0.3  # seconds for a server on this machine to accept a connection
_LITTLE = 10e9  # bytes on a disk


def checkup() -> Iterator[Finding]:
    """Yield the findings, in the order in which they are printed."""
    yield Finding(
        "ok", "foresee", f"{_installed('foresee')} on Python {platform.python_version()}, {platform.system()}"
    )
    yield from _extras()
    yield _device()
    yield from _keys()
    yield _servers()
    yield from _data()
    yield from _disks()
    yield from _plugins()


def _extras() -> Iterator[Finding]:
    for extra, distributions in _EXTRAS.items():
        versions = {name: _installed(name) for name in distributions}
        absent = [name for name, version in versions.items() if version is None]
        if absent:
            advice = f"pip install 'foresee[{extra}]'"
            yield Finding("missing", f"[{extra}]", f"not installed: {', '.join(absent)}", advice)
        else:
            yield Finding("ok", f"[{extra}]", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _device() -> Finding:
    """By what the system shows: importing torch would take seconds."""
    torch, cores = _installed("torch"), f"{os.cpu_count() or 1} cores"
    if torch is None:
        return Finding("missing", "device", "no torch, so local models can't run", "pip install 'foresee[local]'")
    cards = _nvidia_cards()
    if cards and "+cpu" in torch:
        return Finding("missing", "device", f"{cards}; but torch {torch} is built for CPUs", "install torch for CUDA")
    if cards:
        return Finding("ok", "device", cards)
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Finding("ok", "device", f"Apple GPU, {cores}")
    return Finding("ok", "device", f"{cores}, no NVIDIA or Apple GPU: small models and the organism")


def _nvidia_cards() -> str:
    """Names and memory; "" where there are none, or the driver does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(done.stdout.split("\n")).strip("; ")


def _keys() -> Iterator[Finding]:
    from foresee.models._providers import PROVIDERS

    for provider, known in PROVIDERS.items():
        present = [name for name in known.keys if os.environ.get(name)]
        if present:
            yield Finding("ok", f"key of {provider}", f"{present[0]} is set (never shown)")
        elif known.needs_key:
            yield Finding("missing", f"key of {provider}", f"{known.keys[0]} is not set", f"export {known.keys[0]}=…")


def _servers() -> Finding:
    """Which of the servers that usually run on one's own machine accept connections there."""
    import socket
    from urllib.parse import urlsplit

    from foresee.models._providers import PROVIDERS

    running, looked = [], []
    for provider, known in PROVIDERS.items():
        address = urlsplit(os.environ.get(f"{provider.upper()}_BASE_URL") or known.url or "")
        if address.hostname in ("localhost", "127.0.0.1", "::1") and address.port:
            looked.append(f"{provider} {address.port}")
            try:
                socket.create_connection((address.hostname, address.port), _PATIENCE).close()
            except OSError:
                continue
            running.append(f"something at {provider}'s port {address.port}")
    if running:
        return Finding("ok", "local servers", ", ".join(running))
    return Finding(
        "missing", "local servers", f"none answers ({', '.join(looked)})", "only if you want to serve models"
    )


def _data() -> Iterator[Finding]:
    from foresee.data import check

    root = os.environ.get("FORESEE_DATA")
    if root and not Path(root).expanduser().is_dir():
        yield Finding("broken", "FORESEE_DATA", f"no such folder: {root}", "fix or unset the variable")
    else:
        yield Finding("ok", "FORESEE_DATA", root or "not set: data are looked for in the cache alone")
    held = [each for each in check.listing() if not each.embedded and each.name != "jsonl"]
    here = [each.name for each in held if each.folder]
    told = f"{len(here)} of {len(held)} sets here" + (f": {', '.join(here)}" if here else "")
    yield Finding("ok", "data", told, "foresee data list" if len(here) < len(held) else "")
    for each in held:
        if each.problem:
            yield Finding("broken", each.name, each.problem, "fix or remove this file")


def _disks() -> Iterator[Finding]:
    from foresee.data import sources

    yield _room("data cache", sources.home())
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub")
    models = len(list(hub.expanduser().glob("models--*")))
    yield _room("HF cache", hub.expanduser(), f"{models} models")
    yield _room("runs", Path.cwd() / "runs")


def _room(name: str, folder: Path, holds: str = "") -> Finding:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    detail = ", ".join(filter(None, (str(folder), holds, f"{free / 1e9:,.0f} GB free")))
    return Finding("ok", name, detail, "little room left" if free < _LITTLE else "")


def _plugins() -> Iterator[Finding]:
    from foresee import plugins
    from foresee.errors import UserError

    own = plugins.plugin_folders()
    if not own:
        yield Finding("ok", "FORESEE_PLUGINS", "not set: no files of your own")
    for folder in own:
        if folder.is_dir():
            yield Finding("ok", "FORESEE_PLUGINS", str(folder))
        else:
            yield Finding("broken", "FORESEE_PLUGINS", f"no such folder: {folder}", "fix the variable")
    for kind in plugins.KINDS:
        for name, path in plugins.files(kind).items():
            if not any(path.is_relative_to(folder) for folder in own):
                continue
            try:
                plugins.load(kind, name)
                yield Finding("ok", f"{kind}/{name}", f"{path} loads")
            except UserError as problem:
                yield Finding("broken", f"{kind}/{name}", str(problem), "fix or remove this file")
            except ImportError as problem:
                yield Finding("missing", f"{kind}/{name}", str(problem), "install its extra")


def _installed(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
