"""A rule-driven server in a thread of its own, for commands that run in this process or in another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.rule_server import Rules, RuleServer


@contextmanager
def acting(rules: Rules) -> Iterator[tuple[RuleServer, str]]:
    """The server and its base URL, for as long as the block lasts; its rules may be changed meanwhile."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = RuleServer(rules)
    url = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield server, url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
