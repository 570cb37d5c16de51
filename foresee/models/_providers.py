"""Describe each provider as far as it is known without a request, and the options that all share."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic

from foresee.config import Settings
from foresee.errors import UserError
from foresee.files.redaction import shown
from foresee.files.untrusted import read_regular
from foresee.models._images import Reencode

_EXPECTED = "expected http://HOST:PORT/v1 or https://... (or a file of addresses)"
_LONGEST_LIST = 1_000_000  # bytes of a file of addresses


class ApiOptions(Settings):
    """Options of every API model (`-M key=value`)."""

    base_url: str | None = None
    """where the server is, up to and including /v1; several of one model with commas between them, or a file with one
    on each line; default: <PROVIDER>_BASE_URL, else the provider's own"""

    api_version: str | None = pydantic.Field(default=None, pattern=r"^[\w.-]{1,40}$")
    """of Azure: sent as `?api-version=…` with every call; a base_url that ends so sets it too"""

    key_header: Literal["auto", "authorization", "api-key"] = "auto"
    """where the key goes; auto: `api-key` on Azure (an api_version is set), else `Authorization: Bearer`"""

    api_key_env: str | None = None
    """the NAME of the environment variable that holds the key; default: the provider's usual one"""

    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    """how the token limit is called; auto starts with the provider's name and switches if that is refused"""

    image_detail: Literal["auto", "low", "high"] = "auto"
    """OpenAI's detail setting of images; auto leaves it out"""

    reencode: Reencode = "when_needed"
    """images as PNG: only those that the server does not take (when_needed), all (png) or none (never)"""

    max_image_side: int | None = pydantic.Field(default=None, ge=16)
    """images with a longer side are scaled down to so many pixels; default: never"""

    timeout: float = pydantic.Field(default=300.0, gt=0)
    """seconds for one call"""

    connections: int = pydantic.Field(default=0, ge=0)
    """open connections at most; 0 for as many as there are calls"""

    extra_body: dict[str, Any] = pydantic.Field(default_factory=dict)
    """further fields of the request body (`-M extra_body.top_k=20`)"""

    reasoning_effort: str | None = None
    """how long a reasoning model thinks, in the provider's words"""

    logprobs: bool | None = None
    """whether the server gives log probabilities (first-word scoring needs them); default: by provider"""


class Provider(NamedTuple):
    """What is known of a provider without asking it."""

    url: str | None
    keys: tuple[str, ...]
    needs_key: bool = False
    logprobs: bool = True
    structured: bool = True
    token_field: str = "max_tokens"  # noqa: S105
    formats: frozenset[str] = frozenset({"JPEG", "PNG", "WEBP", "GIF"})
    neutral: Mapping[str, float] = {}
    """what is sent although it changes nothing: these servers else sample as the model's own files recommend"""
    penalty: str | None = None
    """what the repetition penalty is called there; None where there is none"""


_OPEN_WEIGHTS = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
PROVIDERS: dict[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        True,
        token_field="max_completion_tokens",  # noqa: S106
    ),
    # https://ai.google.dev/gemini-api/docs/openai
    "gemini": Provider(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        True,
        logprobs=False,
        formats=frozenset({"JPEG", "PNG", "WEBP"}),
    ),
    # https://platform.claude.com/docs/en/api/openai-sdk: log probabilities and response formats are ignored there
    "anthropic": Provider(
        "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), True, logprobs=False, structured=False
    ),
    # https://openrouter.ai/docs: what a model can do depends on who serves it
    "openrouter": Provider(
        "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), True, logprobs=False, penalty="repetition_penalty"
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, "Extra parameters"; SGLang has the same
    "vllm": Provider(
        "http://localhost:8000/v1", ("VLLM_API_KEY",), neutral=_OPEN_WEIGHTS, penalty="repetition_penalty"
    ),
    "sglang": Provider(
        "http://localhost:30000/v1", ("SGLANG_API_KEY",), neutral=_OPEN_WEIGHTS, penalty="repetition_penalty"
    ),
    # its chat format has no top_k, min_p or repeat_penalty: https://docs.ollama.com/api/openai-compatibility
    "ollama": Provider(
        "http://localhost:11434/v1",
        ("OLLAMA_API_KEY",),
        logprobs=False,
        formats=frozenset({"JPEG", "PNG", "WEBP"}),
        neutral={"top_p": 1.0},
    ),
    # its image reader (stb_image) knows no WebP: https://github.com/ggml-org/llama.cpp/pull/19066
    "llamacpp": Provider(
        "http://localhost:8080/v1",
        ("LLAMACPP_API_KEY",),
        formats=frozenset({"JPEG", "PNG"}),
        neutral={"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "repeat_last_n": -1},
        penalty="repeat_penalty",
    ),
    "custom": Provider(None, ("CUSTOM_API_KEY",), penalty="repetition_penalty"),
}


def find_key(provider: str, named: str | None) -> tuple[str, str]:
    """Return the name of the environment variable with the key, and the key ("" where none is needed).

    Raises:
        UserError: it is needed and not set, or can't be a key.
    """
    known = PROVIDERS[provider]
    if named is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", named):
        raise UserError("api_key_env: expected the NAME of an environment variable (it is never the key itself)")
    names = (named,) if named else known.keys
    name = next((name for name in names if os.environ.get(name, "").strip()), names[0])
    key = os.environ.get(name, "").strip()
    if not key and (known.needs_key or named):
        raise UserError(f"{provider} needs a key: set the environment variable {' or '.join(names)}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(f"the key in {name} holds blanks or characters that no key has; set it anew")
    return name, key


class Address(NamedTuple):
    """Where a server is: the URL before the path of a call, and the query behind it ("" or "?api-version=…")."""

    url: str
    query: str


def addresses(given: str, api_version: str | None) -> list[Address]:
    """Normalise one or several addresses of one model, each once.

    Args:
        given: addresses with commas between them, or a file with one on each line (`#` begins a comment).
        api_version: of Azure.

    Raises:
        UserError: see `address`; a file that can't be read or holds none.
    """
    file = Path(given.strip())
    if "://" not in given and file.is_file():
        try:
            text = read_regular(file, _LONGEST_LIST).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            why = getattr(problem, "strerror", None) or "not UTF-8 text"
            raise UserError(f"base_url: can't read {file}: {why}") from None
        urls = [line for line in (line.partition("#")[0].strip() for line in text.splitlines()) if line]
        if not urls:
            raise UserError(f"base_url: expected an address on each line of {file}, it holds none")
    else:
        urls = re.split(r",\s*(?=https?://)", given.strip().rstrip(","))
    return list(dict.fromkeys(address(url, api_version) for url in urls))


def address(url: str, api_version: str | None) -> Address:
    """Normalise the base URL, with the API version of Azure where one is set or stands in its query.

    Raises:
        UserError: not an address, or one with a password, a query or a fragment in it.
    """
    try:
        parts = urllib.parse.urlsplit(url.strip())
        parts.port  # noqa: B018  (refuses a port that is none)
    except ValueError:
        raise UserError(f"base_url: {_EXPECTED}, got '{shown(url)}'") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"base_url: {_EXPECTED}, got '{shown(url)}'")
    if "," in url:
        raise UserError(f"base_url: expected http:// or https:// before each address, got '{shown(url)}'")
    named = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    version = api_version or named.get("api-version")
    if parts.username or parts.password or parts.fragment or named.keys() - {"api-version"}:
        raise UserError(
            "base_url: expected an address without a password or a query (but ?api-version=…) or a fragment; "
            "keys go into the environment"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    query = f"?api-version={urllib.parse.quote(version, safe='.-_')}" if version else ""
    return Address(f"{parts.scheme}://{parts.netloc}{path}", query)
