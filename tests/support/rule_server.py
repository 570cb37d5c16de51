"""A small OpenAI-compatible server that answers by rules: for the demo, for tests, for timing. It is no model.

    python tests/support/rule_server.py --port 8099 --latency 0.2
    OPENAI-compatible base URL: http://127.0.0.1:8099/v1

Its rule: "No, this is not safe." to a prompt with a danger word, "Yes, this is safe." else; or --answer to all.
Failures can be sent for: `--fail-rate 0.2 --status 429 --retry-after 1`, a limit on concurrency, a key.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DANGER = ("fire", "knife", "poison", "weapon", "drug", "bomb", "steal", "kill", "hurt", "drunk", "toxic", "blood")


@dataclass
class Question:
    """One request as the server saw it."""

    body: dict[str, Any]
    headers: dict[str, str]
    number: int

    @property
    def text(self) -> str:
        """All text of all messages."""
        parts: list[str] = []
        for message in self.body.get("messages", []):
            content = message.get("content")
            if isinstance(content, str):
                parts.append(content)
            else:
                parts += [part["text"] for part in content or [] if part.get("type") == "text"]
        return "\n".join(parts)

    @property
    def images(self) -> list[str]:
        """The data URLs of all images."""
        contents = [message.get("content") for message in self.body.get("messages", [])]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


Reaction = dict[str, Any] | str | web.StreamResponse
Paint = Callable[["Question"], "bytes | web.StreamResponse"]
React = Callable[[Question], Reaction | Awaitable[Reaction | None] | None]


@dataclass
class Rules:
    """How the server behaves. `react` may return a text, a whole body or a response; None leaves it to the rest."""

    answer: str | None = None
    latency: float = 0.0
    fail_rate: float = 0.0
    status: int = 503
    retry_after: float | None = None
    most: int = 0  # requests at once, above which it answers 429; 0 for no limit
    key: str | None = None
    models: tuple[str, ...] = ("rules",)
    seed: int = 0
    react: React | None = None
    paint: Paint | None = None  # by default blocks of colour that the prompt decides


@dataclass
class RuleServer:
    """The server, to be run in a loop: `url = await server.start()`, later `await server.stop()`."""

    rules: Rules = field(default_factory=Rules)
    asked: Counter[str] = field(default_factory=Counter)  # times each text was asked
    answered: Counter[str] = field(default_factory=Counter)  # times it got an answer
    painted: Counter[str] = field(default_factory=Counter)  # times each picture was asked for
    total: int = 0
    in_flight: int = 0
    peak: int = 0
    last: Question | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.rules.seed)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """The base URL, with the port that was free if `port` is 0."""
        app = web.Application(client_max_size=256_000_000)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/images/generations", self._images)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=4096)
        await site.start()
        return f"http://{host}:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.total += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            question = Question(json.loads(await request.read()), dict(request.headers), self.total)
            self.last = question
            self.asked[question.text] += 1
            return await self._respond(question)
        finally:
            self.in_flight -= 1

    async def _respond(self, question: Question) -> web.StreamResponse:
        rules = self.rules
        if rules.key is not None and question.headers.get("Authorization") != f"Bearer {rules.key}":
            return _failure(401, "Incorrect API key provided", None)
        if question.body.get("model") not in rules.models:
            return _failure(404, f"The model '{question.body.get('model')}' does not exist", None)
        if rules.latency:
            await asyncio.sleep(rules.latency)
        if rules.most and self.in_flight > rules.most:
            return _failure(429, "Too many requests", rules.retry_after)
        if rules.fail_rate and self._random.random() < rules.fail_rate:
            return _failure(rules.status, "made to fail", rules.retry_after)
        reaction = rules.react(question) if rules.react else None
        if asyncio.iscoroutine(reaction) or isinstance(reaction, Awaitable):
            reaction = await reaction
        if isinstance(reaction, web.StreamResponse):
            return reaction
        if not isinstance(reaction, dict):
            reaction = completion(question, _by_rule(question, rules) if reaction is None else reaction)
        self.answered[question.text] += 1
        return web.Response(body=json.dumps(reaction).encode(), content_type="application/json")

    async def _images(self, request: web.Request) -> web.StreamResponse:
        self.total += 1
        question = Question(json.loads(await request.read()), dict(request.headers), self.total)
        prompt = str(question.body.get("prompt"))
        self.painted[prompt] += 1
        if self.rules.latency:
            await asyncio.sleep(self.rules.latency)
        reaction = self.rules.paint(question) if self.rules.paint else picture(prompt)
        if isinstance(reaction, web.StreamResponse):
            return reaction
        return web.json_response({"created": 0, "data": [{"b64_json": base64.b64encode(reaction).decode()}]})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.rules.models]})

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"total": self.total, "peak": self.peak, "asked": self.asked, "answered": self.answered}
        )


def picture(prompt: str, side: int = 64) -> bytes:
    """A PNG of coloured blocks that the prompt alone decides."""
    from PIL import Image

    rng = random.Random(prompt)
    blocks = Image.new("RGB", (8, 8))
    blocks.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(64)])
    buffer = io.BytesIO()
    blocks.resize((side, side), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def completion(question: Question, text: str) -> dict[str, Any]:
    """A chat completion with this text, and with log probabilities if they were asked for."""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    if question.body.get("logprobs"):
        word = text.split()[0].rstrip(".,") if text.split() else ""
        other = "No" if word.lower() == "yes" else "Yes"
        top = [{"token": word, "logprob": -0.105}, {"token": f" {other}", "logprob": -2.996}]
        choice["logprobs"] = {"content": [{"token": word, "logprob": -0.105, "top_logprobs": top}]}
    asked, said = len(question.text) // 4, max(1, len(text) // 4)
    return {
        "id": f"rule-{question.number}",
        "object": "chat.completion",
        "created": 0,
        "model": question.body["model"],
        "choices": [choice],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def _by_rule(question: Question, rules: Rules) -> str:
    if rules.answer is not None:
        return rules.answer
    text = question.text.lower()
    return "No, this is not safe." if any(word in text for word in DANGER) else "Yes, this is safe."


def _failure(status: int, message: str, retry_after: float | None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return web.json_response({"error": {"message": message, "code": None}}, status=status, headers=headers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--answer", help="the same answer to everything")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--fail-rate", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--status", type=int, default=503, help="with which HTTP status they fail")
    parser.add_argument("--retry-after", type=float, help="the Retry-After of failures, in seconds")
    parser.add_argument("--most", type=int, default=0, help="requests at once above which it answers 429")
    parser.add_argument("--key", help="the only API key that it accepts")
    parser.add_argument("--model", action="append", help="a model name that it knows (default: rules)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    given = vars(arguments)
    names = ("answer", "latency", "fail_rate", "status", "retry_after", "most", "key", "seed")
    rules = Rules(models=tuple(arguments.model or ("rules",)), **{name: given[name] for name in names})
    server = RuleServer(rules)
    url = await server.start(arguments.host, arguments.port)
    print(f"listening on {url}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve(_arguments())))
