"""A file server on loopback that can drop connections and answer errors, and counts what it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Set the fields to misbehave; `requests` holds the path of each request."""

    files: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    drop_after: list[int | None] = field(default_factory=list)  # body bytes before the line is cut, one a request
    lengths: bool = True
    seconds_per_chunk: float = 0.0
    requests: list[str] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _handler(state: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_GET(self) -> None:
            state.requests.append(self.path)
            name = self.path.lstrip("/")
            status = state.statuses.pop(0) if state.statuses else 200
            if status == 200 and name not in state.files:
                status = 404
            if status != 200:
                self.send_error(status)
                return
            body = state.files[name]
            self.send_response(200)
            if state.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self._send(body)

        def _send(self, body: bytes) -> None:
            limit = state.drop_after.pop(0) if state.drop_after else None
            kept = body if limit is None else body[:limit]
            try:
                for begin in range(0, len(kept), 20_000):
                    chunk = kept[begin : begin + 20_000]
                    state.sent += len(chunk)  # before the other side can have it, so that a test may count at once
                    self.wfile.write(chunk)
                    time.sleep(state.seconds_per_chunk)
            except OSError:  # the other side was killed
                return
            self.close_connection = True

    return Handler


@contextmanager
def serving_files() -> Iterator[FileServer]:
    """The server, for as long as the block lasts."""
    state = FileServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()
