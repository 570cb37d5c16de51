"""Visual contrastive decoding (VCD): favours what the model says because of the image, token by token.

Leng et al., arXiv 2311.16922, and one of MMSafeAware's three remedies. Scores become (1 + alpha) * clean - alpha *
distorted; tokens whose clean probability is below beta times the best one's are ruled out; temperature and top-p come
after that. The distorted image is diffused for `noise_step` of 1000 steps (or blank, or blurred), its noise fixed by
the request. Both branches are rows of one batch. Defaults are the authors' command line's; their shell script and
sampler have others, so all are explicit. A request without an image has nothing to contrast and is answered plainly.

Needs logits: `local/…` and `organism/…` models.

    foresee eval mmsafeaware --model local/M --data P --defense contrastive_decoding -S alpha=1.0 -S noise_step=500
"""

from __future__ import annotations

import pydantic

from foresee.config import Settings
from foresee.models.local.contrast import STEPS, ContrastiveDecoding, Distortion

VERSION = "1"


class Options(Settings):
    """Options of contrastive decoding (`-S key=value`)."""

    alpha: float = pydantic.Field(default=1.0, ge=0, allow_inf_nan=False)
    """weight of the contrast; 0 is plain decoding"""

    beta: float = pydantic.Field(default=0.1, ge=0, le=1)
    """a token stays possible if its clean probability is at least beta times the best one's"""

    noise_step: int = pydantic.Field(default=500, ge=0, lt=STEPS)
    """how far the image is diffused: 0 leaves it nearly as it is, 999 nearly nothing of it"""

    distorted: Distortion = "noise"
    """the other image: noise, blank (the mean colour) or blur"""

    blur_radius: float = pydantic.Field(default=0.1, gt=0, le=1)
    """deviation of the blur, as a share of the image's shorter side"""


def decoding(options: Options) -> ContrastiveDecoding:
    return ContrastiveDecoding(**options.model_dump())
