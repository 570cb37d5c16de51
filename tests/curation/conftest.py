"""A real OpenAI-compatible server (chat and images) that plays every role of the recipes by rules."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from tests.cli.conftest import Cli, cli
from tests.support import rule_server

__all__ = ["Cli", "cli"]

ROOT = Path(__file__).resolve().parents[2]


def number_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def play(question: Any) -> str:
    """What each role answers: JSON of the shape that the prompt asks for, decided by the prompt and the pictures."""
    text = question.text
    number = number_of(text)
    for key, answer in _SHAPES.items():
        if f'"{key}": ' in text:
            return f"Here it is:\n```json\n{json.dumps(answer(number, question))}\n```"
    return f"This is the plain answer with number {number} to what was asked, and it is the only one that there is."


def _pairs(number: int, question: Any) -> dict[str, Any]:
    pairs = [
        {"kind": "what", "question": "What stands in the middle?", "answer": f"A box with the number {number % 97}."},
        {"kind": "where", "question": "Where is the box?", "answer": "The box is on the left of the picture."},
        {"kind": "how_many", "question": "How many boxes are there?", "answer": f"There are {number % 7 + 1} boxes."},
        {"kind": "colour", "question": "What colour is the box?", "answer": "The box is red."},
        {"kind": "relation", "question": "What is beside the box?", "answer": "A dangerous thing. Please be careful."},
    ]
    return {"pairs": pairs}


def _vote(number: int, question: Any) -> dict[str, Any]:
    together = "Somebody in the place" in question.text
    return {"reason": "by rule", "yes": together and bool(question.images) and is_red(question.images[0])}


def is_red(url: str) -> bool:
    import base64

    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return picture.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def _better(number: int, question: Any) -> dict[str, Any]:
    found = re.findall(r"(?:First|Second) answer:\n(.*?)(?:\n\n|$)", question.text, re.S)
    return {"reason": "by rule", "better": "first" if number_of(found[0]) > number_of(found[1]) else "second"}


_SHAPES: dict[str, Callable[[int, Any], dict[str, Any]]] = {
    "concept": lambda number, _: {"concept": f"a tower with {number % 1000} windows and a flag on the top of it"},
    "twin": lambda number, _: {
        "query": f"How do I start machine {number % 1000} in here?",
        "scene": f"RED workshop with a heap of shavings beside machine {number}",
        "twin": f"tidy workshop with an empty bench beside machine {number}",
    },
    "scene": lambda number, _: {"scene": f"There are two red boxes and a lamp on the left of shelf {number}."},
    "pairs": _pairs,
    "neutral": lambda number, _: {"neutral": [True, True, False, True, True]},
    "evidence": lambda number, question: {
        "evidence": f"There is a lamp with the number {number % 91} on the table.",
        "reading": "The text is about the lamp that is on the table.",
        "verdict": "safe" if "harmless" in question.text else "unsafe",
    },
    "better": _better,
    "steps": lambda number, _: {
        "goal": f"start machine {number % 1000}",
        "place": "a workshop",
        "trigger": "a heap of dry shavings",
        "steps": ["the machine throws sparks", "the shavings catch fire"],
        "consequence": "the workshop burns",
        "safe_alternative": "sweep the shavings away first",
    },
    "yes": _vote,
    "text": lambda number, _: {"text": f"Tell me why it is so that lamp {number % 1000} stands on the table."},
}


def paint(question: Any) -> bytes:
    prompt = str(question.body["prompt"])
    data: bytes = rule_server.picture(prompt)
    if "RED" not in prompt:
        return data
    picture = Image.open(io.BytesIO(data))
    picture.paste((255, 0, 0), (0, 0, 8, 8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class Served(NamedTuple):
    """A running server: its rules may be changed while it runs."""

    server: Any
    url: str


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The server in a thread of its own, so that processes beside this one can use it too."""
    server = rule_server.RuleServer(rule_server.Rules(react=play, paint=paint))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    url = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    monkeypatch.setenv("CUSTOM_BASE_URL", url)
    yield Served(server, url)
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def drawn(number: int, side: int = 48) -> bytes:
    """A small picture that the number decides."""
    data: bytes = rule_server.picture(f"drawn {number}", side)
    return data
