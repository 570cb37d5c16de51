"""Put a defense's words into a conversation: ours, a file's, or the drawn world's."""

from __future__ import annotations

from dataclasses import replace

from foresee.config import wording
from foresee.errors import UserError
from foresee.records import Image, Item, Message

REFUSAL = "I'm sorry, but I can't help with that."
WORLD_REFUSAL = "please do not ."


def of_the_world(item: Item) -> bool:
    """Whether an item speaks the drawn world's language, of which other models' words are no part."""
    return item.benchmark.startswith("world_")


def words(text: str, own: str, option: str = "text") -> str:
    """Our wording for "auto", else a file's, to the letter. Raises UserError: it can't be read, or holds nothing."""
    return wording(text, own, option=f"-S {option}")


def refusal(text: str, item: Item, option: str = "refusal") -> str:
    """Refuse in fixed words: ours for "auto" (in the drawn world its own), else a file's. Raises UserError: `words`."""
    return WORLD_REFUSAL if text == "auto" and of_the_world(item) else words(text, REFUSAL, option)


def as_system(item: Item, text: str) -> Item:
    """Put a system message before an item's first turn."""
    first, *rest = item.messages
    if first.role == "system":
        return replace(item, messages=(Message("system", (f"{text}\n\n{first.text}",)), *rest))
    return replace(item, messages=(Message("system", (text,)), *item.messages))


def before_request(item: Item, text: str) -> Item:
    """Put a text between the images and the words of an item's last user turn."""
    at = _last_user(item)
    content = item.messages[at].content
    place = next((i for i, part in enumerate(content) if isinstance(part, str)), len(content))
    return _with_content(item, at, (*content[:place], _joined(text, content[place:]), *content[place + 1 :]))


def after_request(item: Item, text: str, *, between: str = "\n\n") -> Item:
    """Put a text after the words of an item's last user turn."""
    at = _last_user(item)
    content = item.messages[at].content
    if not content or isinstance(content[-1], Image):
        return _with_content(item, at, (*content, text))
    return _with_content(item, at, (*content[:-1], f"{content[-1]}{between}{text}"))


def _joined(text: str, rest: tuple[str | Image, ...]) -> str:
    return f"{text}\n\n{rest[0]}" if rest else text


def _last_user(item: Item) -> int:
    """Find the last user turn. Raises UserError: there is none."""
    for at in range(len(item.messages) - 1, -1, -1):
        if item.messages[at].role == "user":
            return at
    raise UserError(f"item '{item.id}' has no user turn for a defense to add to")


def _with_content(item: Item, at: int, content: tuple[str | Image, ...]) -> Item:
    turn = replace(item.messages[at], content=content)
    return replace(item, messages=(*item.messages[:at], turn, *item.messages[at + 1 :]))
