"""Try a checkpoint's chat template in a process of its own, with limits, before anything is rendered with it here.

A template is a program (Jinja, in a sandbox without files and imports): it can loop for hours or write gigabytes.
What is tried is a short conversation; a template that waits for other words to run long is not found so.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from typing import Any

SECONDS = 5
"""Of one core, for a template that takes a few thousandths."""

_LETTERS = 1_000_000
_BYTES = 2 << 30
_PATIENCE = 20 * SECONDS  # of the clock: the machine may be busy
_TOO_LARGE = 9  # exit code of the process


@functools.cache
def trouble(template: str) -> str:
    """Say what is wrong with a template; "" if it ends in time, whatever it wrote or raised.

    Raises:
        UserError: no process can be started.
    """
    try:
        command = [sys.executable, "-I", __file__]
        done = subprocess.run(command, input=template.encode(), capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"runs for more than {SECONDS} seconds"
    except OSError as problem:
        from foresee.errors import UserError

        raise UserError(f"can't start a process to try the chat template: {problem.strerror or problem}") from None
    if done.returncode == _TOO_LARGE:
        return f"writes more than {_LETTERS:,} letters, or needs more than {_BYTES >> 30} GiB"
    return f"runs for more than {SECONDS} seconds" if done.returncode < 0 else ""


def _conversations() -> list[list[dict[str, Any]]]:
    """Short ones, with texts as they are and in parts, as templates of text and of images take them."""
    text = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What is this?"},
    ]
    parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in text]
    image = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}
    return [text[1:2], text, text[1:], parts[1:2], parts, [image]]


def _render_all(template: str) -> None:
    try:
        import resource
    except ImportError:  # a system without such limits: the clock remains
        pass
    else:
        for limit, most in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, _BYTES)):
            with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on memory
                resource.setrlimit(limit, (most, most))
    from jinja2 import ext, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(ext.Extension):
        """The block with which templates mark what the assistant said."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return nodes.If(
                nodes.Const(True), parser.parse_statements(("name:endgeneration",), drop_needle=True), [], []
            )

    def refuse(message: str) -> None:
        raise ValueError(message)

    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    sandbox.filters["tojson"] = lambda value, **_: json.dumps(value, default=str)
    sandbox.globals.update(raise_exception=refuse, strftime_now=lambda form: "today")
    for conversation in _conversations():
        try:
            _count(sandbox.from_string(template), conversation)
        except (MemoryError, OverflowError):
            sys.exit(_TOO_LARGE)
        except Exception:  # noqa: S112  (what templates raise is said where they are used)
            continue


def _count(template: Any, conversation: list[dict[str, Any]]) -> None:
    length = 0
    for piece in template.generate(messages=conversation, add_generation_prompt=True, bos_token="", eos_token=""):
        length += len(piece)
        if length > _LETTERS:
            raise OverflowError


if __name__ == "__main__":
    _render_all(sys.stdin.buffer.read().decode("utf-8", "replace"))
