"""Constitution: a system message that tells the model to weigh consequences before it helps.

The text comes from `foresee/constitutions`: "foresight" for models that read English, "world" for the drawn world's
items, whose organisms know no other words. Put in front of every conversation, before a system message it may have.

    foresee eval world_consequence --model organism/base --defense none,constitution
    foresee eval mmsafeaware --model openai/gpt-4o --data P --defense constitution -S text=foresight
"""

from __future__ import annotations

from foresee import constitutions
from foresee.config import Settings
from foresee.defenses._shared import wording
from foresee.records import Item

VERSION = "1"
LANGUAGES = ("English", "drawn world")


class Options(Settings):
    """Options of the constitution (`-S key=value`)."""

    text: str = "auto"
    """a constitution of ours, a file of your own, or auto: "world" for the drawn world, "foresight" elsewhere"""


def edit(item: Item, options: Options) -> Item:
    """Put the constitution before an item's first turn. Raises UserError: no such text."""
    fitting = "world" if wording.of_the_world(item) else "foresight"
    return wording.as_system(item, constitutions.text(fitting if options.text == "auto" else options.text))
