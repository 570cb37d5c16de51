"""Images from any server that speaks the OpenAI images format (`/images/generations`).

`openai-images/gpt-image-1`, or any other provider of `foresee.models` with `-images` behind its name.
https://platform.openai.com/docs/api-reference/images/create
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pydantic

from foresee.config import build
from foresee.data.images import MAX_FILE_BYTES
from foresee.errors import ModelError, unknown_name
from foresee.models._api_errors import error_in, refusal_or_raise
from foresee.models._bodies import dicts, loads
from foresee.models._providers import PROVIDERS, ApiOptions
from foresee.models.openai_compatible import ApiModel, open_api_model
from foresee.models.server_pool import ServerPool
from foresee.records import Json

SUFFIX = "-images"


class PainterOptions(ApiOptions):
    """Options of a painter behind an API; those of every API model, and these."""

    size: str = ""
    """such as 1024x1024; default: the server's"""

    quality: str = ""
    """in the server's words; default: the server's"""

    response_format: Literal["b64_json", "url", ""] = "b64_json"
    """how images come back; left out by itself for servers that do not know the setting"""

    prompt_prefix: str = pydantic.Field(default="", max_length=2000)
    """put before every description, such as "photograph, natural light: " """


@dataclass(frozen=True)
class Painting:
    """An image as encoded bytes, or none because the provider declined to paint it (`refused`)."""

    data: bytes | None
    refused: bool = False


class ImagesApi:
    """A painter behind a server."""

    def __init__(self, model: ApiModel | ServerPool, name: str, options: PainterOptions) -> None:
        self.name = name
        self._model = model
        self._options = options
        self._format = options.response_format
        chosen = options.model_dump(include={"size", "quality", "prompt_prefix"}, exclude_defaults=True)
        self.identity: Mapping[str, Json] = {**model.identity, "painter": True, **chosen}

    async def paint(self, description: str, seed: int) -> Painting:
        """One image. Servers of this format take no seed; the same call twice gives two images.

        Raises:
            ModelError: none came.
        """
        body: dict[str, Any] = {
            "model": self.name.partition("/")[2],
            "prompt": self._options.prompt_prefix + description,
            "n": 1,
            **self._options.extra_body,
        }
        body |= {key: value for key in ("size", "quality") if (value := getattr(self._options, key))}
        try:
            return await self._painted(body)
        except ModelError as problem:
            if self._format and problem.status in (400, 422) and "response_format" in str(problem):
                self._format = ""  # gpt-image models refuse the setting and always send the image itself
                return await self._painted(body)
            raise

    async def close(self) -> None:
        await self._model.close()

    async def _painted(self, body: dict[str, Any]) -> Painting:
        chosen = {"response_format": self._format} if self._format else {}
        image = await self._model.call("/images/generations", body | chosen, _read)
        if image.startswith("http"):
            return Painting(await _downloaded(image, self._options.timeout))
        return Painting(_decoded(image)) if image else Painting(None, refused=True)


def open_images_api(provider: str, name: str, options: Mapping[str, Any], flag: str = "-M ") -> ImagesApi:
    """Open a painter behind an API. Nothing is sent yet.

    Raises:
        UserError: an unknown provider, an option that does not fit, a key that is not set, no base URL.
    """
    plain = provider.removesuffix(SUFFIX)
    if plain not in PROVIDERS:
        raise unknown_name("painter", provider, [name + SUFFIX for name in PROVIDERS])
    chosen = build(PainterOptions, options, what=f"painter {provider}/{name}")
    shared = {key: value for key, value in options.items() if key in ApiOptions.model_fields}
    if plain == "openai" and chosen.base_url and not os.environ.get("OPENAI_API_KEY"):
        plain = "custom"  # a local server needs no key
    model = open_api_model(plain, name, shared, flag)
    return ImagesApi(model, f"{provider}/{name}", chosen)


def _read(status: int, headers: Mapping[str, str], text: str) -> str:
    """Read the image in base 64 or its address; "" if the provider declined. Raises ModelError."""
    content = loads(text)
    error = error_in(content)
    if error or status >= 300 or not isinstance(content, dict):
        refusal_or_raise(status, headers, error, text)
        return ""
    entry = next(iter(dicts(content.get("data"))), {})
    image = entry.get("b64_json") or entry.get("url")
    if not isinstance(image, str) or not image:
        raise ModelError("the server sent no image", retryable=True, status=status)
    if image.startswith("data:"):
        image = image.partition(",")[2]
    return image


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ModelError("the server sent an image that is not base 64") from None


async def _downloaded(url: str, seconds: float) -> bytes:
    """Download from an address that the server gave, without a key. Raises ModelError: it is no image."""
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds), trust_env=True) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ModelError(f"HTTP {response.status} instead of an image", status=response.status)
            parts, size = [], 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > MAX_FILE_BYTES:
                    raise ModelError(f"an image of more than {MAX_FILE_BYTES:,} bytes")
            return b"".join(parts)
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        raise ModelError(f"an image could not be fetched ({reason[:150]})", retryable=True) from None
