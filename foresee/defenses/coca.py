"""CoCA: strengthens what a safety principle changes in the next token, token by token.

Two branches read the request, one of them under a principle (here as a system message); scores become
(1 + alpha) * principled - alpha * plain, from which the next token is chosen for both (constitutional calibration, Gao
et al., arXiv 2409.11365; alpha 4 as in public code of it). Both branches are rows of one batch, images encoded once.
At alpha 0 it is the principle alone, as a prompt. Principle ours, in the drawn world its constitution; `-S text=FILE`
takes another. Temperature and top-p come after the contrast. Unlike VCD no token is ruled out.

Needs logits: `local/…` and `organism/…` models.

    foresee eval mmsafeaware --model local/M --data P --defense none,coca -S alpha=1.0
"""

from __future__ import annotations

from collections.abc import Sequence

import pydantic

from foresee import constitutions
from foresee.config import Settings
from foresee.defenses._shared import wording
from foresee.defenses.safety_prompt import TEXT
from foresee.models.local.contrast import PrincipleContrast
from foresee.records import Item

VERSION = "1"
LANGUAGES = ("English", "drawn world")


class Options(Settings):
    """Options of CoCA (`-S key=value`)."""

    alpha: float = pydantic.Field(default=4.0, ge=0, allow_inf_nan=False)
    """weight of the contrast; 0 is the principle alone"""

    text: str = "auto"
    """auto for our principle (in the drawn world its constitution), a constitution of ours, or a file of your own"""


def fitted(options: Options, items: Sequence[Item]) -> Options:
    """Take the drawn world's own words for its items."""
    world = options.text == "auto" and bool(items) and wording.of_the_world(items[0])
    return options.model_copy(update={"text": "world"}) if world else options


def decoding(options: Options) -> PrincipleContrast:
    """Make the strategy. Raises UserError: no such text."""
    return PrincipleContrast(TEXT if options.text == "auto" else constitutions.text(options.text), options.alpha)
