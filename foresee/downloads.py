"""Downloads that continue where they stopped and are verified. pooch checks and places; the transfer is ours.

pooch starts every transfer anew, so it is given a downloader that keeps what arrived in `NAME.part` and asks the
server for the rest (HTTP Range), as long as the server says that the file is still the same.
"""

from __future__ import annotations

import json
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
_TRIES = 5  # without a single new byte; a connection that drops but advances may drop for ever
_PAUSE = 0.5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def download(
    url: str, to: Path, *, sha256: str | None = None, size: int | None = None, progress: DownloadProgress | None = None
) -> Path:
    """The file behind a URL, complete and verified; returns at once if it is already there.

    Args:
        url: http or https. `FORESEE_MIRROR=http://host` asks `http://host/<url without its scheme>` instead.
        to: where it is placed, in one step, when it is whole. Its folder is made.
        sha256: of the whole file, in hex; without it an existing file is taken as it is.
        size: in bytes, if known.
        progress: told how far the transfer is.

    Raises:
        UserError: unreachable, refused or gone; larger or smaller than announced; another hash; no room.
            What arrived is kept (unless its hash is wrong), and the same call continues.
    """
    import pooch

    logger: logging.Logger = pooch.get_logger()
    logger.setLevel(logging.WARNING)  # what it would say, our progress says
    url = _mirrored(url)
    part = to.with_name(to.name + ".part")

    def transfer(address: str, output: str, _: Any, check_only: bool = False) -> None:
        _fetch_part(address, part, size, progress or _silent)
        os.replace(part, output)
        _validator_file(part).unlink(missing_ok=True)

    try:
        found = pooch.retrieve(
            url, known_hash=f"sha256:{sha256}" if sha256 else None, fname=to.name, path=to.parent, downloader=transfer
        )
    except ValueError as problem:
        if sha256 is None or "hash" not in str(problem):
            raise
        raise UserError(
            f"{url}: expected a file with SHA-256 {sha256[:12]}…, got another one; it was thrown away. Either it was "
            "changed at its source or something between here and there replaced it"
        ) from None
    except OSError as problem:
        raise UserError(f"can't write {to}: {problem.strerror or problem}") from None
    return Path(found)


def _fetch_part(url: str, part: Path, size: int | None, progress: DownloadProgress) -> None:
    """Bring `part` to completion, over as many connections as it takes."""
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = _length(part)
        try:
            _one_connection(url, part, size, progress)
            return
        except _Passing as problem:
            failures = 1 if _length(part) > before else failures + 1
            if failures >= _TRIES:
                kept = f"; the {_length(part):,} bytes that arrived are kept, the same command continues"
                raise UserError(f"{url}: {problem}{kept if _length(part) else ''}") from None
            time.sleep(_PAUSE * 2 ** (failures - 1))


class _Passing(Exception):
    """A failure that may be gone at the next try."""


def _one_connection(url: str, part: Path, size: int | None, progress: DownloadProgress) -> None:
    import requests
    import urllib3

    have, validator = _length(part), _read_validator(part, url)
    headers = {"User-Agent": "foresee", "Accept-Encoding": "identity"}
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(10, 60)) as response:
            if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
                return  # all of it had arrived already
            _check_status(url, response.status_code, part)
            start = done = _start_of(response, have)
            total = _total(url, response, start, size)
            _check_room(part, total, start)
            if not start:
                part.write_bytes(b"")  # first, so that old bytes never stand beside a new validator
                _write_validator(part, url, response.headers)
            with part.open("ab") as file:
                progress(done, total)
                # The raw stream, so that a server's own compression can't change the bytes that are hashed.
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    done += len(chunk)
                    if total is not None and done > total:
                        raise UserError(f"{url}: expected {total:,} bytes, the server sends more")
                    file.write(chunk)
                    progress(done, total)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as problem:
        if isinstance(problem, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            raise UserError(f"{url}: not a web address ({problem})") from None
        raise _Passing(f"can't reach {urlsplit(url).netloc} ({_short(problem)})") from None
    if total is not None and done < total:
        raise _Passing(f"the connection ended after {done:,} of {total:,} bytes")


def _check_status(url: str, status: int, part: Path) -> None:
    if status in (200, 206):
        return
    if status in _PASSING:
        raise _Passing(f"the server answered {status}")
    if status == 416:
        _validator_file(part).unlink(missing_ok=True)  # so that the next try starts anew
        raise _Passing("the server can't continue the file")
    if status in (401, 403):
        raise UserError(f"{url}: access refused ({status}); the file may be gated, see how to obtain it by hand")
    if status in (404, 410):
        raise UserError(f"{url}: not there ({status}); the file was moved or removed at its source")
    raise UserError(f"{url}: the server answered {status}, expected a file")


def _start_of(response: Any, have: int) -> int:
    """Where the body begins: at what we have if the server continues, else at 0."""
    if response.status_code != 206:
        return 0
    announced = response.headers.get("Content-Range", "")
    if not announced.startswith(f"bytes {have}-"):
        raise _Passing(f"asked for the bytes from {have} on, the server sent '{announced}'")
    return have


def _total(url: str, response: Any, start: int, size: int | None) -> int | None:
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else size
    if size is not None and total != size:
        raise UserError(f"{url}: expected {size:,} bytes, the server announces {total:,}; the file was changed")
    return total


def _check_room(part: Path, total: int | None, start: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - start > free:
        raise UserError(f"{part.parent}: expected {total - start:,} bytes of room, there are {free:,}")


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_validator(part: Path, url: str) -> str | None:
    """What tells the server which version of the file we have a part of; None means start anew."""
    try:
        record = json.loads(_validator_file(part).read_text(encoding="utf-8"))
        return str(record["validator"]) if record["url"] == url and record["validator"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_validator(part: Path, url: str, headers: Any) -> None:
    tag = headers.get("ETag", "")
    strong = tag if not tag.startswith("W/") else ""  # a weak one does not promise equal bytes
    record = {"url": url, "validator": strong or headers.get("Last-Modified", "")}
    _validator_file(part).write_text(json.dumps(record), encoding="utf-8")


def _mirrored(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise UserError(f"expected an http or https address, got '{url}'")
    mirror = os.environ.get("FORESEE_MIRROR", "").rstrip("/")
    return f"{mirror}/{rest}" if mirror else url


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _short(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return text if len(text) < 100 else type(problem).__name__


def _silent(done: int, total: int | None) -> None:
    return None
