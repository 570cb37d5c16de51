"""Send one request and read its response; whatever prevents that becomes a ModelError that says what to do."""

from __future__ import annotations

import io
import os
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from foresee.errors import ModelError, shortage

_MAX_RESPONSE = 64_000_000  # bytes; a server that sends more is broken
_ALOUD = 1_000_000  # aiohttp warns of larger bodies given as bytes, and sends streams piece by piece


class Response(NamedTuple):
    """What came back; the text is read as UTF-8, with U+FFFD where it is none."""

    status: int
    headers: Mapping[str, str]
    text: str


async def send(
    session: aiohttp.ClientSession, method: str, base: str, path: str, data: bytes | None, proxy: str | None
) -> Response:
    """Send a request without following redirects.

    Args:
        session: open.
        method: of HTTP.
        base: where the server is.
        path: behind it, with a query if there is one.
        data: the body.
        proxy: from `proxy_for`.

    Raises:
        ModelError: no response came.
    """
    payload = io.BytesIO(data) if data is not None and len(data) > _ALOUD else data
    try:
        async with session.request(method, base + path, data=payload, proxy=proxy, allow_redirects=False) as response:
            return Response(response.status, response.headers, await _text(response))
    except TimeoutError as problem:
        if not isinstance(problem, aiohttp.ConnectionTimeoutError):
            raise ModelError(f"no answer within {session.timeout.total:g} s", retryable=True, status=408) from None
        raise _explained(problem, base) from None
    except (aiohttp.ClientError, OSError) as problem:
        raise _explained(problem, base) from None


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for this address, as other programs read it."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host.startswith("127.") or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _explained(problem: Exception, base: str) -> ModelError:
    host = urllib.parse.urlsplit(base).netloc
    if short := shortage(problem):
        return short
    if isinstance(problem, aiohttp.ClientConnectorDNSError | aiohttp.ConnectionTimeoutError):
        what = "no such host" if isinstance(problem, aiohttp.ClientConnectorDNSError) else "no connection in time"
        return ModelError(f"can't reach {host}: {what}; is there a network?", retryable=True, fatal=True)
    if isinstance(problem, aiohttp.ClientSSLError):
        return ModelError(f"can't reach {host} safely: {problem}", fatal=True)
    if isinstance(problem, aiohttp.ClientConnectorError):
        number = problem.os_error.errno
        reason = os.strerror(number) if number else "connection failed"
        return ModelError(f"nothing answers at {base} ({reason}); is the server running?", retryable=True, fatal=True)
    reason = " ".join(str(problem).split()) or type(problem).__name__
    return ModelError(f"the connection broke ({reason[:150]})", retryable=True)


async def _text(response: aiohttp.ClientResponse) -> str:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _MAX_RESPONSE:
            raise ModelError(f"the server sent more than {_MAX_RESPONSE:,} bytes", status=response.status)
    return _decoded(b"".join(parts), response.charset)


def _decoded(data: bytes, charset: str | None) -> str:
    """Decode the text as UTF-8, as JSON is, else in the encoding that the server states."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return data.decode(charset or "utf-8", "replace")
        except LookupError:
            return data.decode("utf-8", "replace")
