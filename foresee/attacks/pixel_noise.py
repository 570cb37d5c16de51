"""Pixel noise: every pixel value moved up or down by epsilon, by chance: the control of optimised perturbations.

An optimised perturbation that does no better than this at the same epsilon has found nothing. Ours; the usual control
of adversarial examples. An image of the item is needed; each try draws other noise.

    foresee eval world_attack --model organism/base --attack none,pixel_noise,attacks/pgd -A epsilon=16
"""

from __future__ import annotations

import numpy as np
import pydantic

from foresee.attacks import Attempt
from foresee.attacks._shared.requests import asked, last_turn
from foresee.config import AttackOptions
from foresee.models.local.pixel_gradients import perturbed
from foresee.records import Image, Item

VERSION = "1"


class Options(AttackOptions):
    """Options of pixel noise (`-A key=value`)."""

    epsilon: int = pydantic.Field(default=16, ge=0, le=255)
    """how far every pixel value is moved, of 255"""


def transform(item: Item, attempt: Attempt, options: Options) -> Item:
    """Move the pixels of the last user turn's images. Raises ValueError: it has none."""
    from foresee.attacks._shared.images import opened

    turn = last_turn(item)
    if not turn.images:
        raise ValueError("no image whose pixels could be moved")
    rng = np.random.default_rng(attempt.random.getrandbits(64))
    parts: list[str | Image] = []
    for part in turn.content:
        if isinstance(part, Image):
            wide, high = opened(part).size
            part = perturbed(part, options.epsilon * rng.choice(np.array([-1, 1], dtype=np.int16), (3, high, wide)))
        parts.append(part)
    return asked(item, *parts)
