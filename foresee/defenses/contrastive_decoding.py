"""Visual contrastive decoding (VCD): favours what the model says because of the image, token by token.

Leng et al., arXiv 2311.16922, and one of MMSafeAware's three remedies. Scores become (1 + alpha) * clean - alpha *
distorted; tokens whose clean probability is below beta times the best one's are ruled out; temperature and top-p come
after that. The distorted image is diffused for `noise_step` of 1000 steps (or blank, or blurred), its noise fixed by
the request; `other` is an image of yours in its place. Both branches are rows of one batch. Defaults are the authors'
command line's; their shell script and sampler have others, so all are explicit. A request without an image has nothing
to contrast and is answered plainly.

Needs logits: `local/…` and `organism/…` models.

    foresee eval mmsafeaware --model local/M --data P --defense contrastive_decoding -S alpha=1.0 -S noise_step=500
"""

from __future__ import annotations

from typing import Literal

import pydantic

from foresee.config import Settings, shipped
from foresee.errors import UserError
from foresee.models.local.contrast import STEPS, ContrastiveDecoding, Distortion, OtherImage
from foresee.records import Image

VERSION = "1"


class Options(Settings):
    """Options of contrastive decoding (`-S key=value`)."""

    alpha: float = pydantic.Field(default=1.0, ge=0, allow_inf_nan=False)
    """weight of the contrast; 0 is plain decoding"""

    beta: float = pydantic.Field(default=0.1, ge=0, le=1)
    """a token stays possible if its clean probability is at least beta times the best one's"""

    noise_step: int = pydantic.Field(default=500, ge=0, lt=STEPS)
    """how far the image is diffused: 0 leaves it nearly as it is, 999 nearly nothing of it"""

    distorted: Distortion | Literal["other"] = "noise"
    """the other image: noise, blank (the mean colour), blur, or the one that `other` names"""

    other: str = ""
    """a file with the image to contrast with (distorted=other), the same for every request"""

    blur_radius: float = pydantic.Field(default=0.1, gt=0, le=1)
    """deviation of the blur, as a share of the image's shorter side"""

    @pydantic.model_validator(mode="after")
    def _holds_together(self) -> Options:
        if (self.distorted == "other") != bool(self.other):
            raise ValueError("distorted=other and other=FILE go together")
        return self


def decoding(options: Options) -> ContrastiveDecoding | OtherImage:
    """Contrast with a distorted image, or with another one. Raises UserError: that one can't be read."""
    if options.distorted != "other":
        return ContrastiveDecoding(
            options.alpha, options.beta, options.noise_step, options.distorted, options.blur_radius
        )
    try:
        return OtherImage(Image.from_path(shipped(options.other)), options.alpha, options.beta)
    except OSError as problem:
        why = problem.strerror or problem
        raise UserError(f"-S other: expected a file with an image; {options.other}: {why}") from None
