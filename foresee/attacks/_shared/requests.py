"""Find what an item asks for, and ask it otherwise."""

from __future__ import annotations

from dataclasses import replace

from foresee.config import wording
from foresee.errors import UserError
from foresee.records import Image, Item, Message


def of_the_world(item: Item) -> bool:
    """Whether an item speaks the drawn world's language, of which an attack's English words are no part."""
    return item.benchmark.startswith("world_")


def goal(item: Item) -> str:
    """Find what is asked for: the goal as the benchmark states it in plain words, else the last user turn's text.

    Raises:
        UserError: there is neither.
    """
    text = str(item.metadata.get("goal") or item.prompt).strip()
    if not text:
        raise UserError("it asks nothing in words that could be drawn or encoded")
    return text


def kept_images(item: Item) -> tuple[Image, ...]:
    """Find the images that stay when the words are put otherwise.

    Where the benchmark states the goal, its own image only shows that goal (FigStep's heading, MM-SafetyBench's
    phrase), and the attack takes its place; else the image is half of the question.
    """
    return () if item.metadata.get("goal") else last_turn(item).images


def asked(item: Item, *content: str | Image) -> Item:
    """Put this in the place of the last user turn."""
    at = _last_user(item)
    turns = list(item.messages)
    turns[at] = Message("user", content)
    return replace(item, messages=tuple(turns))


def words(text: str, own: str) -> str:
    """Our wording for "auto", else a file's, to the letter. Raises UserError: it can't be read, or holds nothing."""
    return wording(text, own, option="-A text")


def last_turn(item: Item) -> Message:
    """Find the turn that an attack rewrites: the last of the user."""
    return item.messages[_last_user(item)]


def _last_user(item: Item) -> int:
    return max(place for place, message in enumerate(item.messages) if message.role == "user")
