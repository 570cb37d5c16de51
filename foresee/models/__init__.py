"""Models: `PROVIDER/NAME` opens anything that answers. This file only routes; each provider is one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foresee.errors import UserError, unknown_name
from foresee.files.redaction import looks_like_key, shown

if TYPE_CHECKING:
    from foresee.records import Model

API_PROVIDERS = ("openai", "gemini", "anthropic", "openrouter", "vllm", "sglang", "ollama", "llamacpp", "custom")
LOCAL_PROVIDERS = ("local", "organism")
_PROVIDERS = (*API_PROVIDERS, *LOCAL_PROVIDERS, "inspect")


def open_model(spec: str, options: Mapping[str, Any] | None = None, *, flag: str = "-M ") -> Model:
    """Open `PROVIDER/NAME` with the provider's own options.

    Args:
        spec: provider and name.
        options: of the provider.
        flag: how a user sets one of them, up to its name, for messages: "-M ", "--judge-option ",
            "--set options.writer.".

    Raises:
        UserError: no provider in the name, an unknown one, a missing key or extra, or an option that does not fit.
    """
    provider, name = _parted(spec)
    options = dict(options or {})
    if provider in API_PROVIDERS:
        from foresee.models.openai_compatible import open_api_model

        return open_api_model(provider, name, options, flag)
    if provider in LOCAL_PROVIDERS:
        from foresee.models.local.model import open_local_model

        return open_local_model(provider, name, options)
    from foresee.models.inspect_bridge import open_inspect_model

    return open_inspect_model(name, options)


def check_model(spec: str, options: Mapping[str, Any] | None = None, *, flag: str = "-M ") -> None:
    """Find what is wrong with a model's name, options and address without a key and without opening it.

    Args:
        spec: as for `open_model`, and so are the others.
        options: of the provider.
        flag: how a user sets one of them.

    Raises:
        UserError: as `open_model`; keys, extras and files are not looked for, nor an address that is not given.
    """
    provider, name = _parted(spec)
    if provider in API_PROVIDERS:
        from foresee.models.openai_compatible import check_api_options

        check_api_options(provider, name, dict(options or {}), flag)


def several(specs: str) -> list[str]:
    """`PROVIDER/A,PROVIDER/B` as single models; a comma within a name stays. Raises UserError: one named twice."""
    found = re.split(rf",\s*(?=(?:{'|'.join(_PROVIDERS)})/)", specs)
    if len(set(found)) < len(found):
        raise UserError(f"--model {shown(specs)}: a model was asked for twice; name each once")
    return found


def _parted(spec: str) -> tuple[str, str]:
    provider, slash, name = spec.partition("/")
    if not slash or not name:
        raise UserError(f"--model: expected PROVIDER/NAME such as openai/gpt-4o or local/FOLDER, got '{shown(spec)}'")
    others = [part for part in name.split(",")[1:] if part.strip().partition("/")[0] in _PROVIDERS and "/" in part]
    if others:
        raise UserError(
            f"--model: expected one model, got {len(others) + 1} with commas; give this once for each (foresee eval "
            "takes several)"
        )
    if provider not in _PROVIDERS:
        raise unknown_name("model provider", shown(provider), _PROVIDERS)
    if provider not in LOCAL_PROVIDERS and looks_like_key(name.rpartition("/")[2]):
        raise UserError(f"{provider}/***: expected a model's name, got what looks like a key; keys go into {_KEYS_GO}")
    return provider, name


_KEYS_GO = "the environment (see 'foresee doctor')"
