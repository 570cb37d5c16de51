"""Our local models behind Inspect's model interface: concurrent samples meet in one batch."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelInfo,
    ModelOutput,
    ModelUsage,
    StopReason,
    set_model_info,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from foresee.errors import UserError
from foresee.models import open_model
from foresee.records import Generation, Image, Message, Model, Request

_OPENED: dict[str, Model] = {}  # one set of weights a process, however often Inspect builds the provider
_CONTEXT = 32_768


class ForeseeAPI(ModelAPI):
    """`foresee/PROVIDER/NAME` for any model that foresee can open; `-M key=value` are its own options."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        # A name that Inspect's table lacks makes it build the provider a second time, without its options.
        set_model_info(f"foresee/{model_name}", ModelInfo(context_length=_CONTEXT))
        if base_url:
            options["base_url"] = base_url
        key = f"{model_name}:{sorted(options.items())}"
        if key not in _OPENED:
            _OPENED[key] = open_model(model_name, options)
        self._model = _OPENED[key]

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        if tools:
            raise UserError("foresee's models take no tools; use a provider that does")
        generation = Generation(
            temperature=config.temperature or 0.0,
            top_p=config.top_p if config.top_p is not None else 1.0,
            max_tokens=config.max_tokens or 512,
            seed=config.seed,
            stop=tuple(config.stop_seqs or ()),
        )
        messages = await asyncio.gather(*(asyncio.to_thread(_to_message, message) for message in input))
        reply = await self._model.generate(Request(tuple(messages), generation))
        stop: StopReason = "max_tokens" if reply.finish_reason == "length" else "stop"
        output = ModelOutput.from_content(self.model_name, reply.text, stop_reason=stop)
        tokens = (reply.usage.input_tokens, reply.usage.output_tokens)
        output.usage = ModelUsage(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=sum(tokens))
        return output

    def max_connections(self) -> int:
        return 64  # two batches' worth, so that the next batch is ready when one is done

    def connection_key(self) -> str:
        return self.model_name

    def collapse_user_messages(self) -> bool:
        return True

    def collapse_assistant_messages(self) -> bool:
        return True


def _to_message(message: ChatMessage) -> Message:
    role = message.role
    if role == "tool":
        raise UserError("foresee's models take no tool messages")
    if isinstance(message.content, str):
        return Message(role, (message.content,))
    parts: list[str | Image] = []
    for part in message.content:
        if isinstance(part, ContentText):
            parts.append(part.text)
        elif isinstance(part, ContentImage):
            parts.append(_to_image(part.image))
        else:
            raise UserError(f"foresee's models take text and images, not {type(part).__name__}")
    return Message(role, tuple(parts))


def _to_image(reference: str) -> Image:
    if reference.startswith("data:"):
        return Image.from_bytes(base64.b64decode(reference.partition(",")[2]))
    if "://" in reference:
        raise UserError("foresee's models take images by path or data URI, not by URL")
    return Image.from_path(Path(reference))
