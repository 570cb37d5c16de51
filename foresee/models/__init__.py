"""Models: `PROVIDER/NAME` opens anything that answers. This file only routes; each provider is one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foresee.errors import UserError, unknown_name

if TYPE_CHECKING:
    from foresee.records import Model

API_PROVIDERS = ("openai", "gemini", "anthropic", "openrouter", "vllm", "sglang", "ollama", "llamacpp", "custom")
LOCAL_PROVIDERS = ("local", "organism")


def open_model(spec: str, options: Mapping[str, Any] | None = None) -> Model:
    """Open `PROVIDER/NAME` with the provider's own options (`-M key=value`).

    Raises:
        UserError: no provider in the name, an unknown one, a missing key or extra, or an option that does not fit.
    """
    provider, slash, name = spec.partition("/")
    if not slash or not name:
        raise UserError(f"--model: expected PROVIDER/NAME such as openai/gpt-4o or local/FOLDER, got '{spec}'")
    options = dict(options or {})
    if provider in API_PROVIDERS:
        from foresee.models.openai_compatible import open_api_model

        return open_api_model(provider, name, options)
    if provider in LOCAL_PROVIDERS:
        from foresee.models.local import open_local_model

        return open_local_model(provider, name, options)
    if provider == "inspect":
        from foresee.models.inspect_bridge import open_inspect_model

        return open_inspect_model(name, options)
    raise unknown_name("model provider", provider, (*API_PROVIDERS, *LOCAL_PROVIDERS, "inspect"))
