"""`inspect/PROVIDER/MODEL`: any model that Inspect AI knows, settings through its own model interface."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from foresee.errors import ModelError, UserError, shortage
from foresee.files.redaction import is_secret, shown
from foresee.models._bodies import count
from foresee.records import Capability, Image, Json, Message, Reply, Request, Usage

_STOPS = {"max_tokens": "length", "model_length": "length", "content_filter": "content_filter"}


def open_inspect_model(name: str, options: Mapping[str, Any]) -> InspectModel:
    """Open a model of Inspect. Raises UserError: the extra is not installed, or Inspect does not know the model."""
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise UserError("inspect/… needs Inspect AI: pip install 'foresee[inspect]'") from None
    try:
        return InspectModel(name, dict(options), get_model(name, **options))
    except Exception as problem:
        raise UserError(f"inspect/{name}: {shown(_plain(problem))}") from None


def _plain(problem: Exception) -> str:
    """Turn a message of Inspect, which marks them up for rich, into one line of plain text."""
    from rich.errors import MarkupError
    from rich.text import Text

    text = str(getattr(problem, "message", problem))
    with contextlib.suppress(MarkupError):
        text = Text.from_markup(text).plain
    return " ".join(text.removeprefix("ERROR: ").split())


class InspectModel:
    """Inspect's own retries stay off the books: its calls come back as one Reply or one ModelError."""

    suggested_concurrency: int | None = None
    base_url: str | None = None

    def __init__(self, name: str, options: dict[str, Json], model: Any) -> None:
        self._name, self._options, self._model = name, options, model

    @property
    def name(self) -> str:
        return f"inspect/{self._name}"

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"model": self.name, "options": {k: v for k, v in self._options.items() if not is_secret(k)}}

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"images"})

    async def generate(self, request: Request) -> Reply:
        """Answer a request. Raises ModelError: whatever Inspect's provider raised, retryable where it says so."""
        from inspect_ai.model import GenerateConfig

        settings = request.generation
        config = GenerateConfig(
            temperature=settings.temperature,
            top_p=settings.top_p if settings.top_p < 1 else None,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            stop_seqs=list(settings.stop) or None,
        )
        begun = time.monotonic()
        try:
            output = await self._model.generate([to_chat(m) for m in request.messages], config=config)
        except Exception as problem:
            retryable = bool(self._model.api.should_retry(problem)) if isinstance(problem, Exception) else False
            message = shown(" ".join(str(problem).split())[:500])
            raise shortage(problem) or ModelError(f"{self.name}: {message}", retryable=retryable) from problem
        if not output.choices:
            raise ModelError(f"{self.name}: {output.error or 'no answer'}")
        usage = output.usage
        finish = _STOPS.get(output.stop_reason, "stop")
        if output.stop_reason == "unknown" and not output.completion:
            raise ModelError(f"{self.name}: no answer, for a reason that Inspect does not know")
        return Reply(
            text=output.completion,
            status="refused_by_api" if finish == "content_filter" and not output.completion else "ok",
            finish_reason=finish,
            usage=Usage(count(usage.input_tokens), count(usage.output_tokens)) if usage else Usage(),
            seconds=time.monotonic() - begun,
            served_by=output.model,
        )

    async def close(self) -> None:
        await self._model.api.aclose()


def to_chat(message: Message, reference: Callable[[Image], str] | None = None) -> Any:
    """Our message as Inspect's; `reference` says how an image is named (default: inlined as a data URI)."""
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageUser,
        ContentImage,
        ContentText,
    )

    if message.role == "system":
        return ChatMessageSystem(content=message.text)
    if message.role == "assistant":
        return ChatMessageAssistant(content=message.text)
    return ChatMessageUser(
        content=[
            ContentText(text=part) if isinstance(part, str) else ContentImage(image=(reference or data_uri)(part))
            for part in message.content
        ]
    )


def data_uri(image: Image) -> str:
    """Inlined: since 0.3.260 Inspect does not read media that is added while a sample runs."""
    data = image.read()
    kind = "png" if data.startswith(b"\x89PNG") else "webp" if data[8:12] == b"WEBP" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
