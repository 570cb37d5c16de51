"""Constitution: a system message that tells the model to weigh consequences before it helps.

The text comes from `foresee/constitutions`: "foresight" for models that read English, "world" for the drawn world's
items, whose organisms know no other words. Put in front of every conversation, before a system message it may have.

    foresee eval world_consequence --model organism/base --defense none,constitution
    foresee eval mmsafeaware --model openai/gpt-4o --data P --defense constitution -S text=foresight
"""

from __future__ import annotations

from dataclasses import replace

from foresee import constitutions
from foresee.config import Settings
from foresee.records import Item, Message

VERSION = "1"


class Options(Settings):
    """Options of the constitution (`-S key=value`)."""

    text: str = "auto"
    """a constitution of ours, a file of your own, or auto: "world" for the drawn world, "foresight" elsewhere"""


def edit(item: Item, options: Options) -> Item:
    """The item with the constitution before its first turn. Raises UserError: no such text."""
    of_the_world = item.benchmark.startswith("world_")
    name = options.text if options.text != "auto" else "world" if of_the_world else "foresight"
    words = constitutions.text(name)
    first, *rest = item.messages
    if first.role == "system":
        return replace(item, messages=(Message("system", (f"{words}\n\n{first.text}",)), *rest))
    return replace(item, messages=(Message("system", (words,)), *item.messages))
