"""What `foresee doctor` looks at: libraries, devices, keys, data, plug-ins. Reads, never changes anything."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator
from typing import Literal, NamedTuple

State = Literal["ok", "missing", "broken"]

_EXTRAS = {
    "local": ("torch", "transformers", "peft", "accelerate"),
    "inspect": ("inspect-ai",),
}
_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}


class Finding(NamedTuple):
    """One thing looked at; `advice` is what to do when it is not ok."""

    state: State
    name: str
    detail: str
    advice: str = ""


def checkup() -> Iterator[tuple[str, list[Finding]]]:
    """Groups of findings, in the order in which they are printed."""
    yield "Installation", [*_python(), *_extras()]
    yield "Devices", [_device()]
    yield "API keys (present or not; never shown)", _keys()
    yield "Data", _data()
    yield "Plug-ins", _plugins()


def _python() -> Iterator[Finding]:
    from importlib.metadata import version

    yield Finding("ok", "foresee", f"{version('foresee')} on Python {platform.python_version()}, {platform.system()}")


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
    if importlib.util.find_spec("torch") is None:
        return Finding("missing", "torch", "not installed, so local models can't run", "pip install 'foresee[local]'")
    try:
        import torch
    except Exception as problem:
        return Finding("broken", "torch", f"does not import: {problem}", "reinstall torch")
    cores = os.cpu_count() or 1
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Finding("ok", "cuda", ", ".join(f"{c.name} {c.total_memory / 2**30:.0f} GiB" for c in cards))
    if torch.backends.mps.is_available():
        return Finding("ok", "mps", "Apple GPU")
    return Finding("ok", "cpu", f"{cores} cores, no accelerator: small models and the organism only")


def _keys() -> list[Finding]:
    return [
        Finding("ok", provider, f"{variable} is set")
        if os.environ.get(variable)
        else Finding("missing", provider, f"{variable} is not set", f"export {variable}=… to use {provider}/…")
        for provider, variable in _KEYS.items()
    ]


def _data() -> list[Finding]:
    from foresee import _discovery, sources
    from foresee.errors import UserError

    findings = []
    sets = {name: None for kind in sources.KINDS for name in _discovery.names(kind)}  # of one name, files are the same
    for name in sets:
        try:
            source = sources.find(name)
        except UserError as problem:
            findings.append(Finding("broken", name, str(problem)))
            continue
        if source.embedded or not (source.files or source.homepage):
            continue  # comes with foresee, or is a file of the user's own
        try:
            findings.append(Finding("ok", name, str(sources.locate(name))))
        except UserError:
            fetched = f"foresee data fetch {name}" if source.files else source.manual or source.homepage
            findings.append(Finding("missing", name, "not on this machine", fetched))
    return findings


def _plugins() -> list[Finding]:
    from foresee import _discovery
    from foresee.errors import UserError

    findings = []
    for folder in _discovery.plugin_folders():
        if not folder.is_dir():
            findings.append(Finding("broken", "FORESEE_PLUGINS", f"no such folder: {folder}", "mend the variable"))
    for kind in _discovery.KINDS:
        good = 0
        for name in _discovery.names(kind):
            try:
                _discovery.load(kind, name)
                good += 1
            except UserError as problem:
                findings.append(Finding("broken", f"{kind}/{name}", str(problem), "mend or remove this file"))
            except ImportError as problem:
                findings.append(Finding("missing", f"{kind}/{name}", str(problem), "install its extra"))
        if good:
            findings.append(Finding("ok", kind, f"{good} load"))
    return findings


def _installed(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
