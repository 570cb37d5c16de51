"""Download files: tried again, verified and placed in one step, by pooch."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from foresee.errors import UserError

DownloadProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes of the whole file (None while unknown)."""

_CHUNK = 1 << 18
_TRIES = 5
_PAUSE = 0.5  # seconds before the second try; doubles
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def download(
    url: str, to: Path, *, sha256: str | None = None, size: int | None = None, progress: DownloadProgress | None = None
) -> Path:
    """Place the file behind a URL, complete and verified; returns at once if it is already there.

    Args:
        url: http or https. `FORESEE_MIRROR=http://host` asks `http://host/<url without its scheme>` instead.
        to: where it is placed, in one step, when it is whole. Its folder is made.
        sha256: of the whole file, in hex; without it an existing file is taken as it is.
        size: in bytes, if known.
        progress: told how far the transfer is.

    Raises:
        UserError: unreachable, refused or gone; larger or smaller than announced; another hash; no room.
    """
    import pooch
    import requests

    logger: logging.Logger = pooch.get_logger()
    logger.setLevel(logging.WARNING)  # what it would say, our progress says
    url = _mirrored(url)
    known = f"sha256:{sha256}" if sha256 else None
    for left in reversed(range(_TRIES)):
        transfer = pooch.HTTPDownloader(
            progressbar=_Watch(url, to.parent, size, progress or _silent),
            chunk_size=_CHUNK,
            timeout=(10, 60),
            headers={"User-Agent": "foresee", "Accept-Encoding": "identity"},
        )
        try:
            return _of_size(size, Path(pooch.retrieve(url, known, fname=to.name, path=to.parent, downloader=transfer)))
        except requests.RequestException as problem:
            said = _final(url, problem)
            if said or not left:
                raise UserError(f"{url}: {said or _passing(url, problem)}") from None
        except ValueError as problem:
            if sha256 is None or "hash" not in str(problem):
                raise
            raise UserError(
                f"{url}: expected a file with SHA-256 {sha256[:12]}…, got another one; it was thrown away. Either it "
                "was changed at its source or something between here and there replaced it"
            ) from None
        except OSError as problem:
            raise UserError(f"can't write {to}: {problem.strerror or problem}") from None
        time.sleep(_PAUSE * 2 ** (_TRIES - 1 - left))
    raise AssertionError("the last try returns or raises")


def _of_size(size: int | None, path: Path) -> Path:
    """Throw away a file of another size, for servers that announce none. Raises UserError: it has."""
    if size is not None and (found := path.stat().st_size) != size:
        path.unlink()
        raise UserError(f"{path.name}: expected {size:,} bytes, got {found:,}; it was thrown away")
    return path


class _Watch:
    """What pooch takes for a progress bar: it learns the whole length before the first byte, then of each piece."""

    def __init__(self, url: str, folder: Path, size: int | None, progress: DownloadProgress) -> None:
        self._url = url
        self._folder = folder
        self._size = size
        self._progress = progress
        self._total = size
        self._done = 0

    @property
    def total(self) -> int | None:
        return self._total

    @total.setter
    def total(self, announced: int) -> None:
        """Check what the server announces, 0 for nothing. Raises UserError: another size than expected, or no room."""
        if announced and self._size not in (None, announced):
            raise UserError(
                f"{self._url}: expected {self._size:,} bytes, the server announces {announced:,}; the file was changed"
            )
        self._total = announced or self._size
        free = shutil.disk_usage(self._folder).free
        if self._total is not None and self._total > free:
            raise UserError(f"{self._folder}: expected {self._total:,} bytes of room, there are {free:,}")
        self._progress(0, self._total)

    def update(self, size: int) -> None:
        """Count a piece; pooch gives the size that it asked for, so that the last piece may be counted too long."""
        self._done += size
        self._progress(self._done if self._total is None else min(self._done, self._total), self._total)

    def reset(self) -> None:
        """Count anew: pooch fills the bar at the end."""
        self._done = 0

    def close(self) -> None:
        """Do nothing: the caller's display is its own."""


def _final(url: str, problem: Exception) -> str:
    """Say why another try would fail alike; nothing where it may not."""
    import requests

    if isinstance(problem, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return f"not a web address ({problem})"
    status = getattr(problem.response, "status_code", None) if isinstance(problem, requests.HTTPError) else None
    if status is None or status in _PASSING:
        return ""
    if status in (401, 403):
        return f"access refused ({status}); the file may be gated, see how to obtain it by hand"
    if status in (404, 410):
        return f"not there ({status}); the file was moved or removed at its source"
    return f"the server answered {status}, expected a file"


def _passing(url: str, problem: Any) -> str:
    status = getattr(problem.response, "status_code", None)
    if status is not None:
        return f"the server answered {status}, {_TRIES} times; run the same command later"
    text = " ".join(str(problem).split())
    short = text if len(text) < 100 else type(problem).__name__
    return f"can't reach {urlsplit(url).netloc}, or it broke off {_TRIES} times ({short}); run the same command again"


def _mirrored(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise UserError(f"expected an http or https address, got '{url}'")
    mirror = os.environ.get("FORESEE_MIRROR", "").rstrip("/")
    return f"{mirror}/{rest}" if mirror else url


def _silent(done: int, total: int | None) -> None:
    return None
