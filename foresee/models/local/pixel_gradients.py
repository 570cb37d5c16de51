"""Gradients of a local model's loss with respect to the pixels that it is shown, through its own image processor.

A processor turns the pixels of an image that has the model's size already into its input by an affine map and a
rearrangement (normalising; patches). Both are read off the processor itself, by showing it black, white and numbered
pixels, and are checked on an image: what cannot be followed is refused, never approximated.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foresee.errors import ModelError, UserError
from foresee.models.checkpoints import Vlm
from foresee.models.local.prompting import Prompts
from foresee.records import Image, Message

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from torch import Tensor

_CLOSE = 1e-3  # of normalised values, which are of the order of 1
_FEATURE = "pixel_values"


class Example(NamedTuple):
    """A conversation whose images are perturbed, and the answer that the perturbation is to bring about."""

    messages: tuple[Message, ...]
    target: str


class Descent(NamedTuple):
    """What was found: the perturbation and how the loss went.

    Attributes:
        perturbation: int16 (3, height, width), in units of 1/255, within epsilon.
        curve: (step, mean negative log-likelihood per target token over that step's examples).
    """

    perturbation: np.ndarray[Any, np.dtype[np.int16]]
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class PixelMap:
    """A processor for images of one size: `values = offset + scale * pixels[where]`.

    Attributes:
        where: (as the processor's output) place of the pixel value among the 3 * height * width, channels first.
        offset: the output for black.
        scale: its change for a change by 1 of 255.
        shape: of the output.
    """

    where: Tensor
    offset: Tensor
    scale: Tensor
    shape: tuple[int, ...]

    def values(self, pixels: Tensor) -> Tensor:
        """Map pixels (3, height, width), 0 to 255, to the model's input; differentiable."""
        return (self.offset + self.scale * pixels.reshape(-1)[self.where]).reshape(self.shape)


def seen_size(processor: Any, image: Picture) -> tuple[int, int]:
    """Find the width and height to which a processor brings an image."""
    made = processor(images=[image], return_tensors="np")
    if "image_grid_thw" in made:
        _, high, wide = (int(each) for each in made["image_grid_thw"][0])
        return wide * int(processor.patch_size), high * int(processor.patch_size)
    high, wide = made[_FEATURE].shape[-2:]
    return int(wide), int(high)


def pixel_map(processor: Any, size: tuple[int, int]) -> PixelMap:
    """Read the map off a processor, for images of this width and height, which must be a size that it keeps.

    Raises:
        UserError: it does something to images of this size that no such map describes.
    """
    import torch
    from PIL import Image as Pillow

    wide, high = size
    count = 3 * wide * high
    numbered = np.arange(count, dtype=np.float32).reshape(3, high, wide)
    plain = {"do_resize": False, "do_rescale": False, "do_normalize": False, "return_tensors": "np"}
    try:
        where = processor(images=[numbered], input_data_format="channels_first", **plain)[_FEATURE]
        black, white = (
            processor(images=[Pillow.new("RGB", size, colour)], return_tensors="np")[_FEATURE]
            for colour in ("black", "white")
        )
        noise = np.random.default_rng(0).integers(0, 256, (high, wide, 3), dtype=np.uint8)
        expected = processor(images=[Pillow.fromarray(noise)], return_tensors="np")[_FEATURE]
    except (TypeError, ValueError, KeyError, IndexError) as problem:
        raise UserError(f"this image processor can't be followed by gradients: {problem}") from None
    if where.shape != black.shape or expected.shape != black.shape or where.max() >= count:
        raise UserError(f"this image processor changes images of {wide} x {high} pixels; gradients can't follow that")
    found = PixelMap(
        torch.from_numpy(where.round().astype(np.int64).reshape(-1)),
        torch.from_numpy(black.astype(np.float32).reshape(-1)),
        torch.from_numpy((white - black).astype(np.float32).reshape(-1) / 255),
        tuple(black.shape),
    )
    got = found.values(torch.from_numpy(noise).permute(2, 0, 1).float()).numpy()
    if np.abs(got - expected).max() > _CLOSE:
        raise UserError("this image processor does more than scale and arrange pixels; gradients can't follow that")
    return found


class Whitebox:
    """A model whose loss on examples is followed down to the pixels.

    Args:
        vlm: the loaded model; its weights are not changed, and take no gradient from now on.
        size: width and height of the perturbed images; None for the size to which the model brings the first one.
        first: that image.
    """

    def __init__(self, vlm: Vlm, first: Picture, size: tuple[int, int] | None = None) -> None:
        if vlm.processor is None:
            raise UserError(f"{vlm.folder} is a text-only model: there are no pixels to perturb")
        own = vlm.processor.image_processor
        self.size = size or seen_size(own, first)
        self._map = pixel_map(own, self.size)
        self._vlm, self._prompts = vlm, Prompts(vlm, cache_bytes=0)
        for weight in vlm.model.parameters():
            weight.requires_grad_(False)

    def loss(self, example: Example, perturbation: Tensor) -> Tensor:
        """Compute the mean negative log-likelihood per target token, with the images of every turn perturbed.

        Args:
            example: with images of `size`.
            perturbation: (3, height, width) in units of 1/255; perturbed pixels stay within 0 and 255.

        Raises:
            ModelError: the conversation can't be put to this model, or has no image.
        """
        import torch

        ids, length, images = self._tokens(example)
        pixels = [_pixels(image) for message in example.messages for image in message.images]
        if not pixels:
            raise ModelError("an example without an image: there are no pixels to perturb")
        values = torch.cat([self._map.values((each + perturbation).clamp(0, 255)) for each in pixels])
        expected = images[_FEATURE]
        if values.shape != expected.shape:
            raise ModelError(f"expected {_FEATURE} of shape {tuple(expected.shape)}, got {tuple(values.shape)}")
        model, device = self._vlm.model, self._vlm.device
        placed = {name: value.to(device) for name, value in {**images, _FEATURE: values}.items()}
        placed[_FEATURE] = placed[_FEATURE].to(model.dtype)
        logits = model(**{name: value.to(device) for name, value in ids.items()}, **placed).logits[0].float()
        tokens = ids["input_ids"][0].to(device)
        return torch.nn.functional.cross_entropy(logits[length - 1 : -1], tokens[length:])

    def _tokens(self, example: Example) -> tuple[Mapping[str, Any], int, Mapping[str, Any]]:
        """Tokens of the conversation with its target, the length of what comes before it, the images' features."""
        before = self._prompts.make(example.messages)
        whole = self._prompts.make((*example.messages, Message("assistant", (example.target,))))
        if whole.ids[: before.length] != before.ids or whole.length == before.length:
            raise ModelError("the chat template puts the target elsewhere than after the prompt")
        return whole.text, before.length, whole.images


def descend(
    box: Whitebox,
    examples: Sequence[Example],
    *,
    epsilon: int,
    step: int,
    steps: int,
    batch: int,
    seed: int = 0,
    start: np.ndarray[Any, Any] | None = None,
    report: Callable[[int, float], None] = lambda at, loss: None,
) -> Descent:
    """Lower the loss by projected gradient descent on the pixels, one perturbation for all examples.

    The sign of the gradient, steps of whole 1/255, projected into the L-infinity ball of epsilon (Madry et al. 2018,
    arXiv 1706.06083; for image-text models Qi et al. 2023, arXiv 2306.13213, section 3). The perturbation that is kept
    is the one with the least mean loss over a fixed sample of the examples, looked at 20 times.

    Args:
        box: the model.
        examples: their images have the box's size.
        epsilon: the largest change of a pixel value, of 255.
        step: of a step, of 255.
        steps: how many.
        batch: examples a step, drawn anew each time.
        seed: of the draws.
        start: where to begin; zeros by default.
        report: called with the step and its loss.

    Raises:
        ModelError: see `Whitebox.loss`.
    """
    import torch

    wide, high = box.size
    rng = np.random.default_rng(seed)
    delta = torch.zeros(3, high, wide) if start is None else torch.from_numpy(np.asarray(start, dtype=np.float32))
    fixed = [examples[i] for i in rng.permutation(len(examples))[: max(batch, 16)]]
    curve: list[tuple[int, float]] = []
    best, least = delta.clone(), _mean_loss(box, fixed, delta)
    look = max(1, steps // 20)
    for at in range(1, steps + 1):
        drawn = [examples[i] for i in rng.choice(len(examples), min(batch, len(examples)), replace=False)]
        gradient, loss = _gradient(box, drawn, delta)
        delta = projected(delta - step * gradient.sign(), epsilon)
        curve.append((at, loss))
        report(at, loss)
        if at % look == 0 or at == steps:
            found = _mean_loss(box, fixed, delta)
            if found < least:
                best, least = delta.clone(), found
    return Descent(best.round().numpy().astype(np.int16), tuple(curve))


def projected(delta: Tensor, epsilon: int) -> Tensor:
    """Project into the L-infinity ball."""
    return delta.clamp(-epsilon, epsilon)


def _gradient(box: Whitebox, examples: Sequence[Example], delta: Tensor) -> tuple[Tensor, float]:
    leaf, total = delta.clone().requires_grad_(True), 0.0
    for example in examples:
        loss = box.loss(example, leaf) / len(examples)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        total += float(loss.detach())
    assert leaf.grad is not None
    return leaf.grad, total


def _mean_loss(box: Whitebox, examples: Sequence[Example], delta: Tensor) -> float:
    import torch

    with torch.no_grad():
        return float(np.mean([float(box.loss(example, delta)) for example in examples]))


def fitted(image: Image, size: tuple[int, int]) -> Image:
    """Bring an image to a size: the middle of it, scaled (bicubic); one that has it stays as it is to the pixel."""
    from PIL import ImageOps

    from foresee.data.images import load_rgb

    return Image.from_bytes(_png(ImageOps.fit(load_rgb(image.read()), size)))


def perturbed(image: Image, perturbation: np.ndarray[Any, Any]) -> Image:
    """Add a perturbation (3, height, width), in units of 1/255, to an image that is brought to its size."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    from foresee.data.images import load_rgb

    high, wide = perturbation.shape[1:]
    pixels = np.asarray(ImageOps.fit(load_rgb(image.read()), (wide, high)), dtype=np.int16)
    changed = np.clip(pixels + perturbation.transpose(1, 2, 0), 0, 255).astype(np.uint8)
    return Image.from_bytes(_png(Pillow.fromarray(changed)))


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(image: Image) -> Tensor:
    import torch

    from foresee.data.images import load_rgb

    return torch.from_numpy(np.array(load_rgb(image.read()))).permute(2, 0, 1).float()
