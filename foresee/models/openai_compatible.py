"""One client for every server that speaks the OpenAI chat format: providers, vLLM, SGLang, Ollama, llama.cpp.

aiohttp and nothing else: measured beside it, httpx-based clients fall behind from 64 connections on.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import os
import secrets
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aiohttp

from foresee.config import build
from foresee.errors import ModelError, UserError
from foresee.files.redaction import shown, without_key
from foresee.models import _chat, _dialect, _http, server_pool
from foresee.models._bodies import loads
from foresee.models._images import Handling, ImageFolders
from foresee.models._providers import PROVIDERS, Address, ApiOptions, addresses, find_key
from foresee.records import Capability, Image, Json, Reply, Request, changed

__all__ = ["ApiModel", "ApiOptions", "open_api_model"]

T = TypeVar("T")

_MARK = f"image-{secrets.token_hex(16)}-"  # stands for an image's data URL while a body is written; no text can know it


def open_api_model(
    provider: str, name: str, options: Mapping[str, Any], flag: str = "-M "
) -> ApiModel | server_pool.ServerPool:
    """Open a model behind an API, at one server or at several. Nothing is sent yet.

    Args:
        provider: a name in PROVIDERS.
        name: the model as the server calls it.
        options: see ApiOptions.
        flag: how options of this model are set, up to their name, for messages.

    Raises:
        UserError: an option that does not exist or fit, a key that is not set, no base URL.
    """
    chosen, places = check_api_options(provider, name, options, flag)
    key = find_key(provider, chosen.api_key_env)
    if not places:
        variable = f"{provider.upper()}_BASE_URL"
        raise UserError(
            f"{provider}/{name} needs the server's address: {flag}base_url=http://HOST:PORT/v1 or {variable}"
        )
    models = [ApiModel(provider, name, where, chosen, key, flag) for where in places]
    return models[0] if len(models) == 1 else server_pool.ServerPool(models)


def check_api_options(
    provider: str, name: str, options: Mapping[str, Any], flag: str = "-M "
) -> tuple[ApiOptions, list[Address]]:
    """Return the options and the servers' addresses, none if none is known; the key is not looked for.

    Raises:
        UserError: an option that does not exist or fit, or what is neither addresses nor a file of them.
    """
    chosen = build(ApiOptions, options, what=f"model ({flag.rstrip(' .')})")
    reserved = sorted({"messages", "model", "stream", "n"} & chosen.extra_body.keys())
    if reserved:
        raise UserError(f"extra_body: {', '.join(reserved)} can't be replaced there")
    url = chosen.base_url or os.environ.get(f"{provider.upper()}_BASE_URL") or PROVIDERS[provider].url
    return chosen, addresses(url, chosen.api_version) if url else []


@dataclass(frozen=True)
class _Connection:
    """What belongs to one event loop."""

    session: aiohttp.ClientSession
    images: ImageFolders
    lookup: asyncio.Lock  # held while the server's model names are looked up, once for all calls that need them


class ApiModel:
    """A model behind a server. It may be used from several event loops; each has its own connections."""

    def __init__(
        self, provider: str, model: str, where: Address, options: ApiOptions, key: tuple[str, str], flag: str
    ) -> None:
        known = PROVIDERS[provider]
        self.name = f"{provider}/{model}"
        self.base_url = where.url
        self._query = where.query
        self._flag = flag
        self.identity = _identity(provider, model, options)
        self.capabilities = _capabilities(provider, options)
        self.suggested_concurrency: int | None = None
        self._model = model
        self._options = options
        self._key_name, self._key = key
        self._handling = Handling(known.formats, options.reencode, options.max_image_side)
        automatic = options.max_tokens_field == "auto"
        token_field = known.token_field if automatic else options.max_tokens_field
        fixed = frozenset(options.extra_body)
        dialect = _dialect.Dialect.of(token_field, only=not automatic, fixed=fixed)
        self._dialect = replace(dialect, neutral=known.neutral, penalty=known.penalty)
        self._proxy = _http.proxy_for(where.url)
        self._hint: str | None = None
        self._connections: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Connection]
        self._connections = weakref.WeakKeyDictionary()
        self._keepers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[_Connection, None]]
        self._keepers = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<{self.name} at {self.base_url}>"

    async def generate(self, request: Request) -> Reply:
        """One call. Raises ModelError when there is no answer; its message never holds the key."""
        self._refuse_impossible(request)
        connection = await self._connection()
        taken: list[Image] = []
        urls: dict[str, str] = {}
        try:
            for image in (image for message in request.messages for image in message.images):
                taken.append(image)
                urls[image.sha256] = await connection.images.take(image)
            return await self._answer(connection.session, request, urls)
        except ModelError as error:
            raise await self._explained(connection, error) from None
        finally:
            for image in taken:
                connection.images.drop(image)

    async def close(self) -> None:
        """Close the connections of this event loop. Using the model again opens new ones."""
        keeper = self._keepers.get(asyncio.get_running_loop())
        if keeper is not None:
            await keeper.aclose()

    async def known_models(self) -> list[str]:
        """List the names of the server's models. Raises ModelError: it can't be reached, or lists none."""
        session = (await self._connection()).session
        response = await self._send(session, "GET", "/models", None)
        try:
            return sorted(str(entry["id"]) for entry in json.loads(response.text)["data"])
        except (ValueError, LookupError, TypeError):
            raise ModelError(f"{self.name}: the server lists no models", status=response.status) from None

    async def call(self, path: str, body: Mapping[str, Any], read: Callable[[int, Mapping[str, str], str], T]) -> T:
        """One call of another endpoint of the same server, such as /images/generations.

        Args:
            path: after the base URL.
            body: sent as JSON.
            read: status, headers and text of the response -> the result; may raise ModelError.

        Raises:
            ModelError: no response came, or `read` found none in it.
        """
        connection = await self._connection()
        try:
            response = await self._send(connection.session, "POST", path, json.dumps(dict(body)).encode())
            return read(response.status, response.headers, response.text)
        except ModelError as error:
            raise await self._explained(connection, error) from None

    def _refuse_impossible(self, request: Request) -> None:
        if request.decoding is not None:
            raise ModelError(f"{self.name} shows no logits: decode-time defenses need a local model", fatal=True)
        if request.hidden is not None:
            raise ModelError(f"{self.name} shows no hidden states: such defenses need a local model", fatal=True)
        if request.choices and "first_token" not in self.capabilities:
            raise ModelError(
                f"{self.name} gives no log probabilities ({self._flag}logprobs=true if it does)", fatal=True
            )
        if request.generation.repetition_penalty != 1.0 and "repetition_penalty" not in self.capabilities:
            raise ModelError(f"{self.name} takes no repetition penalty", fatal=True)
        if request.schema is not None and "structured_output" not in self.capabilities:
            raise ModelError(f"{self.name} ignores the shape that JSON answers are to have", fatal=True)

    async def _answer(self, session: aiohttp.ClientSession, request: Request, urls: Mapping[str, str]) -> Reply:
        """Ask, and where the server complains of something that it lacks, once more without."""
        began = time.monotonic()
        settled = dialect = self._dialect
        while True:
            marks = {name: f"{_MARK}{place}." for place, name in enumerate(urls)}
            body = _chat.body(request, self._model, dialect, marks, self._options.image_detail) | self._extra()
            data = json.dumps(body).encode()
            for name, url in urls.items():  # base64 needs no escapes: to look for them takes longer than all else
                data = data.replace(marks[name].encode(), url.encode())
            response = await self._send(session, "POST", "/chat/completions", data)
            content = loads(response.text)
            learnt = _dialect.adjusted(dialect, response.status, response.text, content, body)
            if learnt is None:
                break
            dialect = learnt
        reply = _chat.read(response.status, response.headers, response.text, content, request, dialect)
        if dialect is not settled and self._dialect is settled and reply.status == "ok":
            self._dialect = dialect  # else a call beside this one has learnt it already
            for line in _dialect.describe_changes(settled, dialect):
                logging.getLogger("foresee").warning("%s %s", self.name, line)
        text, reasoning, served_by = (
            without_key(text, self._key) for text in (reply.text, reply.reasoning, reply.served_by)
        )
        seconds = round(time.monotonic() - began, 4)
        return changed(
            reply, text=text, reasoning=reasoning, served_by=served_by, address=self.base_url, seconds=seconds
        )

    def _extra(self) -> dict[str, Any]:
        effort = self._options.reasoning_effort
        return {**self._options.extra_body, **({} if effort is None else {"reasoning_effort": effort})}

    async def _send(self, session: aiohttp.ClientSession, method: str, path: str, data: bytes | None) -> _http.Response:
        """Send one request. Raises ModelError: no response came."""
        return await _http.send(session, method, self.base_url, path + self._query, data, self._proxy)

    async def _explained(self, connection: _Connection, error: ModelError) -> ModelError:
        """Complete an error with the model's name and what to do, without any key."""
        advice = ""
        if error.status in (401, 403):
            advice = f"; check the key in {self._key_name}"
        elif error.status == 404:
            async with connection.lookup:
                advice = await self._nearest_models()
        elif error.status is not None and 300 <= error.status < 400:
            advice = f"; the server is elsewhere, check base_url ({self.base_url})"
        elif error.fatal and error.retryable and error.status == 502:
            advice = f"; check base_url ({self.base_url})"
        return ModelError(
            shown(f"{self.name}: {error}{advice}", self._key),
            retryable=error.retryable,
            retry_after=error.retry_after,
            status=error.status,
            fatal=error.fatal,
            shortage=error.shortage,
        )

    async def _nearest_models(self) -> str:
        if self._hint is None:
            try:
                async with asyncio.timeout(5):
                    names = await self.known_models()
            except (ModelError, TimeoutError):
                names = []
            near = difflib.get_close_matches(self._model, names, n=3, cutoff=0.4) or names[:5]
            known = bool(near) and self._model not in names
            checks = f"check the model's name and base_url ({self.base_url})"
            self._hint = f"; models there: {', '.join(near)[:200]}" if known else f"; {checks}"
        return self._hint

    async def _connection(self) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            # Held by an asynchronous generator, because event loops close those that are left over when they
            # end: nobody has to remember which loop a model was used in.
            keeper = self._keeper(loop)
            connection = await anext(keeper)
            self._connections[loop], self._keepers[loop] = connection, keeper
        return connection

    async def _keeper(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[_Connection, None]:
        headers = {"User-Agent": "foresee", "Content-Type": "application/json"}
        if self._key:
            azure = self._options.key_header == "api-key" or (self._options.key_header == "auto" and self._query)
            headers |= {"api-key": self._key} if azure else {"Authorization": f"Bearer {self._key}"}
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._options.connections, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self._options.timeout, sock_connect=30),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        try:
            yield _Connection(session, ImageFolders(self._handling), asyncio.Lock())
        finally:
            self._connections.pop(loop, None)
            self._keepers.pop(loop, None)
            await session.close()


def _identity(provider: str, model: str, options: ApiOptions) -> dict[str, Json]:
    """List the settings that change answers: not the address, which may move between two runs of one command."""
    changing = options.model_dump(mode="json", exclude_defaults=True, include=_CHANGING)
    return {"provider": provider, "model": model, **changing}


_CHANGING = {"image_detail", "reencode", "max_image_side", "extra_body", "reasoning_effort"}


def _capabilities(provider: str, options: ApiOptions) -> frozenset[Capability]:
    able: set[Capability] = {"images"}
    if PROVIDERS[provider].logprobs if options.logprobs is None else options.logprobs:
        able |= {"first_token", "logprobs"}
    if PROVIDERS[provider].penalty:
        able.add("repetition_penalty")
    if PROVIDERS[provider].structured:
        able.add("structured_output")
    return frozenset(able)
