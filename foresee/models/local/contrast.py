"""Contrastive decoding on images: what a model says with the image, less what it would say anyway.

Visual contrastive decoding (Leng et al., arXiv 2311.16922; reference code DAMO-NLP-SG/VCD, d6568ff) in a fused form:
each request's second branch, which sees a distorted image, is a row of the same batch. Needs torch alone, so that
it can be tried without what the rest of foresee needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from foresee.errors import ModelError

if TYPE_CHECKING:
    from foresee.models.local.decoding import Batch
    from foresee.records import Image, Json, Message

Distortion = Literal["noise", "blank", "blur"]
STEPS = 1000  # of the diffusion
_PIXELS, _GRID = "pixel_values", "image_grid_thw"


@dataclass(frozen=True)
class ContrastiveDecoding:
    """A `decoding.SecondBranch`: scores become (1 + alpha) * clean - alpha * distorted, where the clean ones allow it.

    Attributes:
        alpha: weight of the contrast; 0 is plain decoding (greedy: the same tokens).
        beta: a token is kept where its clean probability is at least beta times that of the most probable one.
        noise_step: how far the image is diffused, 0 to 999.
        distorted: the image of the second branch: noised, blank (the mean colour), or blurred.
        blur_radius: standard deviation of the blur as a share of the image's shorter side.
    """

    alpha: float = 1.0
    beta: float = 0.1
    noise_step: int = 500
    distorted: Distortion = "noise"
    blur_radius: float = 0.1

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"contrastive decoding": [self.alpha, self.beta, self.second_key(0)]}

    def second_key(self, seed: int) -> str:
        """Equal for what would distort an image in the same way; noise alone depends on the seed."""
        if self.distorted == "noise":
            return f"noise {self.noise_step} {seed}"
        return f"blur {self.blur_radius}" if self.distorted == "blur" else "blank"

    def second_branch(self, images: Mapping[str, Any], seed: int, model: Any) -> Mapping[str, Any]:
        """One request's image tensors with its pixels distorted. Raises ModelError: a layout that is not known."""
        pixels = images.get(_PIXELS)
        if pixels is None or (self.distorted == "blur" and pixels.ndim < 4 and _GRID not in images):
            raise ModelError(f"contrastive_decoding: distorted={self.distorted} does not know this model's images")
        vision = getattr(model.config, "vision_config", None)
        frames = int(getattr(vision, "temporal_patch_size", 1) or 1)
        if self.distorted == "blank":
            pixels = pixels * 0
        elif self.distorted == "noise":
            pixels = diffused(pixels, self.noise_step, seed, frames=frames)
        elif pixels.ndim > 2:
            pixels = blurred(pixels, self.blur_radius)
        else:
            merge = int(getattr(vision, "spatial_merge_size", 1))
            pixels = _blurred_patches(pixels, images[_GRID].tolist(), frames, merge, self.blur_radius)
        return {**images, _PIXELS: pixels}

    def processors(self, batch: Batch) -> Sequence[Any]:
        """None where there is no image: nothing to contrast, so the answer is the plain one."""
        return [_halves(self.alpha, self.beta)] if batch.image_spans else []


@dataclass(frozen=True)
class OtherImage:
    """A `decoding.SecondPrompt`: contrasted with what the model says of another image, the same for every request.

    Attributes:
        image: stands in the place of each of the request's images; the model's processor sizes it.
        alpha: weight of the contrast; 0 is plain decoding.
        beta: as in `ContrastiveDecoding`.
    """

    image: Image
    alpha: float = 1.0
    beta: float = 0.1

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"contrastive decoding": [self.alpha, self.beta, f"other {self.image.sha256}"]}

    def second_messages(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Exchange each image for the other one."""
        return [
            replace(turn, content=tuple(part if isinstance(part, str) else self.image for part in turn.content))
            for turn in messages
        ]

    def processors(self, batch: Batch) -> Sequence[Any]:
        """None where there is no image: nothing to contrast, so the answer is the plain one."""
        return [_halves(self.alpha, self.beta)] if batch.image_spans else []


@dataclass(frozen=True)
class PrincipleContrast:
    """A `decoding.SecondPrompt`: scores become (1 + alpha) * principled - alpha * plain.

    The second branch reads a safety principle as its system message (CoCA, Gao et al., arXiv 2409.11365).

    Attributes:
        principle: the words.
        alpha: weight of the contrast; 0 is plain decoding under the principle.
    """

    principle: str
    alpha: float = 4.0

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"principle contrast": [self.alpha, self.principle]}

    def second_messages(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Put the principle before the conversation, before a system message that it may have."""
        from foresee.records import Message

        first, rest = (messages[0], messages[1:]) if messages and messages[0].role == "system" else (None, messages)
        text = self.principle if first is None else f"{self.principle}\n\n{first.text}"
        return (Message("system", (text,)), *rest)

    def processors(self, batch: Batch) -> Sequence[Any]:
        """Contrast the two branches of each request."""

        def process(ids: Any, scores: Any) -> Any:
            plain, principled = scores.chunk(2)
            return contrasted(principled, plain, self.alpha, 0.0).repeat(2, 1)

        return [process]


def _halves(alpha: float, beta: float) -> Any:
    """Contrast the first half of a batch's rows with the second; both go on alike."""

    def process(ids: Any, scores: Any) -> Any:
        clean, distorted = scores.chunk(2)
        return contrasted(clean, distorted, alpha, beta).repeat(2, 1)

    return process


def contrasted(clean: Any, distorted: Any, alpha: float, beta: float) -> Any:
    """(1 + alpha) * clean - alpha * distorted; -inf where clean < log(beta) + its maximum.

    Args:
        clean: logits (rows, vocabulary) with the image as it is.
        distorted: those with the distorted image.
        alpha: weight of the contrast.
        beta: from 0 (keep every token) to 1 (keep the most probable alone).
    """
    cut = clean.amax(-1, keepdim=True) + (math.log(beta) if beta > 0 else -math.inf)
    mixed = (1 + alpha) * clean - alpha * distorted
    return mixed.masked_fill((clean < cut) | clean.isneginf(), -math.inf)


@lru_cache
def kept_and_added(step: int) -> tuple[float, float]:
    """How much of the image is left after `step` of the diffusion, and how much noise is in it.

    sqrt(a) and sqrt(1 - a), where a is the product of 1 - b(i) for i = 0 ... step, and
    b(i) = sigmoid(x(i)) * (0.005 - 0.00001) + 0.00001, x in 1000 even steps from -6 to 6, as in the reference code.
    """
    left = 1.0
    for i in range(step + 1):
        x = -6 + 12 * i / (STEPS - 1)
        left *= 1 - ((0.5e-2 - 1e-5) / (1 + math.exp(-x)) + 1e-5)
    return math.sqrt(left), math.sqrt(1 - left)


def diffused(pixels: Any, step: int, seed: int, *, frames: int = 1) -> Any:
    """Normalised pixels with noise: sqrt(a) * pixels + sqrt(1 - a) * noise, the same on every device.

    Args:
        pixels: (..., channels, height, width), or patches (n, channels * frames * size) as Qwen-VL models take them. A
            still image is in each of a patch's frames; they share the noise, or it would average out.
        step: 0 to 999.
        seed: of the noise.
        frames: in a patch.
    """
    import torch

    kept, added = kept_and_added(step)
    shape = pixels.shape
    shared = (shape[0], 3, 1, shape[1] // (3 * frames)) if len(shape) == 2 else shape
    noise = torch.randn(shared, generator=torch.Generator().manual_seed(seed))
    if len(shape) == 2:
        noise = noise.expand(-1, -1, frames, -1).reshape(shape)
    return kept * pixels + added * noise.to(pixels.device, pixels.dtype)


def blurred(pixels: Any, radius: float) -> Any:
    """(..., height, width) under a Gaussian blur whose deviation is `radius` times the shorter side; edges repeat."""
    import torch
    from torch.nn import functional

    height, width = pixels.shape[-2:]
    deviation = radius * min(height, width)
    flat = pixels.reshape(-1, 1, height, width).float()
    for view in ((1, 1, -1, 1), (1, 1, 1, -1)):
        reach = max(1, math.ceil(3 * deviation))
        weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=pixels.device) / deviation) ** 2)
        pad = (0, 0, reach, reach) if view[2] == -1 else (reach, reach, 0, 0)
        flat = functional.conv2d(functional.pad(flat, pad, mode="replicate"), (weights / weights.sum()).view(view))
    return flat.reshape(pixels.shape).to(pixels.dtype)


def _blurred_patches(patches: Any, grids: Sequence[Sequence[int]], frames: int, merge: int, radius: float) -> Any:
    """Blur patches alike: (n, channels * frames * size * size), ordered as Qwen-VL's processors order them."""
    import torch

    size = math.isqrt(patches.shape[1] // (3 * frames))
    done = []
    for (times, high, wide), rows in zip(grids, patches.split([math.prod(grid) for grid in grids]), strict=True):
        blocks = (times, high // merge, wide // merge, merge, merge, 3, frames, size, size)
        images = rows.view(blocks).permute(0, 6, 5, 1, 3, 7, 2, 4, 8)
        shape = images.shape
        soft = blurred(images.reshape(times, frames, 3, high * size, wide * size), radius).view(shape)
        done.append(soft.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(rows.shape))
    return torch.cat(done)
