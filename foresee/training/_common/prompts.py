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


def check_system_role(processor: Any) -> None:
    """Check the chat template. Raises UserError: it refuses system messages, or drops them silently."""
    turns = [
        {"role": "system", "content": [{"type": "text", "text": _MARK}]},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
    ]
    try:
        kept = _MARK in processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except Exception:  # a template's own way to say no
        kept = False
    if not kept:
        raise UserError(
            "the model's chat template has no place for a system message, where the constitution would stand: "
            "--set constitution_turn=user"
        )
