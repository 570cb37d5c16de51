"""Make the two prompts of one request: the student's, and the teacher's with a constitution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from foresee.errors import UserError

Turn = Literal["system", "user"]
Conversation = Sequence[Mapping[str, Any]]
QUERY = "{user_query}"
"""Where a constitution for the user turn wants the request; without it the request follows after an empty line."""

_MARK = "xq7"  # a system message that no template would write of itself


def with_constitution(prompt: Conversation, constitution: str, turn: Turn) -> list[dict[str, Any]]:
    """Put a constitution into a conversation's system message, or at the head of its last user turn (plain texts).

    An empty constitution leaves the conversation as it is.
    """
    turns = [dict(each) for each in prompt]
    if not constitution:
        return turns
    if turn == "system":
        if turns[0]["role"] == "system":
            turns[0]["content"] = f"{constitution}\n\n{turns[0]['content']}"
            return turns
        return [{"role": "system", "content": constitution}, *turns]
    last = max(place for place, each in enumerate(turns) if each["role"] == "user")
    request = turns[last]["content"]
    whole = constitution.replace(QUERY, request) if QUERY in constitution else f"{constitution}\n\n{request}"
    turns[last]["content"] = whole
    return turns


def takes_images(processor: Any) -> bool:
    """Tell a processor of images and text from a text-only model's tokenizer."""
    return hasattr(processor, "image_processor")


def read(processor: Any, conversations: Sequence[Conversation], **template: Any) -> dict[str, Any]:
    """Turn U conversations into tensors, padded on the left: ids and mask (U, P), and the image inputs.

    Args:
        processor: of images and text, or a tokenizer.
        conversations: each ends with a user turn; contents are texts or lists of parts.
        template: further arguments of the chat template.
    """
    padding: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
    shown = list(conversations)
    if takes_images(processor):
        padding = {"processor_kwargs": {**padding, "padding_side": "left"}}
    else:
        shown = [[{**turn, "content": _plain(turn["content"])} for turn in turns] for turns in shown]
        processor.padding_side = "left"
    given = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, **padding, **template}
    return dict(processor.apply_chat_template(shown, **given))


def _plain(content: Any) -> str:
    """Join the texts of a turn, as the templates of text-only models take them."""
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def check_system_role(processor: Any) -> None:
    """Check the chat template. Raises UserError: it refuses system messages, or drops them silently."""
    turns: list[dict[str, Any]] = [{"role": "system", "content": _MARK}, {"role": "user", "content": "x"}]
    if takes_images(processor):
        turns = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in turns]
    try:
        kept = _MARK in processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except Exception:  # a template's own way to say no
        kept = False
    if not kept:
        raise UserError(
            "the model's chat template has no place for a system message, where the constitution would stand: "
            "--set constitution_turn=user"
        )
