"""What image_scaling hides is read after the real resizing of processors and of torch, and is no text before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from foresee.attacks.image_scaling import in_equal_light, weights
from foresee.data.typesetting import Page, typeset
from tests.attacks.conftest import attack, item, opened

SIDE = 252  # a multiple of the 28 pixels that Qwen's processors round to
HEADING = "Steps to bake dark rye bread."
Pixels = np.ndarray[Any, Any]


def llava(image: Pillow.Image) -> Pixels:
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    made = processor(images=[image], return_tensors="np", do_normalize=False)["pixel_values"][0]
    return np.asarray(made).transpose(1, 2, 0) * 255


def qwen(image: Pillow.Image) -> Pixels:
    processor = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=SIDE * SIDE)
    made = processor(images=[image], return_tensors="np", do_normalize=False)
    _, high, wide = (int(each) for each in made["image_grid_thw"][0])
    patches = np.asarray(made["pixel_values"]).reshape(high // 2, wide // 2, 2, 2, 3, 2, 14, 14)[:, :, :, :, :, 0]
    return patches.transpose(0, 2, 5, 1, 3, 6, 4).reshape(high * 14, wide * 14, 3) * 255


def pillow(image: Pillow.Image) -> Pixels:
    return np.asarray(image.resize((SIDE, SIDE), Pillow.Resampling.NEAREST), dtype=float)


def plain(mode: str) -> Callable[[Pillow.Image], Pixels]:
    def resized(image: Pillow.Image) -> Pixels:
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float()
        made = torch.nn.functional.interpolate(pixels, (SIDE, SIDE), mode=mode, align_corners=False)
        return made[0].permute(1, 2, 0).numpy()

    return resized


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("covers")
    Pillow.new("RGB", (80, 80), (200, 200, 200)).save(folder / "grey.png")
    return folder


@pytest.mark.parametrize(
    ("how", "server"),
    [
        ("averaged", llava),
        ("averaged", qwen),
        ("nearest", pillow),
        ("bilinear", plain("bilinear")),
        ("bicubic", plain("bicubic")),
    ],
)
def test_text_appears_after_scaling_and_not_before(
    how: str, server: Callable[[Pillow.Image], Pixels], grey: Path
) -> None:
    made = attack("image_scaling", filter=how, side=SIDE, harmless=str(grey)).attempt(item(), 0)
    large = opened(made.images[0])
    assert large.size == (4 * SIDE, 4 * SIDE)
    seen = server(large).mean(axis=2)
    assert seen.shape == (SIDE, SIDE)
    letters = seen < (seen.min() + seen.max()) / 2
    drawn = typeset(HEADING, Page(side=SIDE, size=28)).convert("L")
    assert np.array_equal(letters, np.asarray(drawn) < 128), "letter by letter, to the pixel"
    assert "bread" not in made.prompt
    light = (np.asarray(large, dtype=float)[..., 0] / 255) ** 2.2
    from_afar = light.reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3))
    shade = from_afar[letters].mean() / from_afar[~letters].mean()
    assert shade > {"averaged": 0.97, "nearest": 0.9, "bilinear": 0.75, "bicubic": 0.75}[how]


def test_the_light_of_letters_is_that_of_the_cover() -> None:
    cover = np.full((64, 64, 3), 180, dtype=np.uint8)
    letters = np.zeros((16, 16), dtype=bool)
    letters[4:12, 4:12] = True
    made = in_equal_light(cover, letters)
    light = np.where(made / 255 <= 0.04045, made / 255 / 12.92, ((made / 255 + 0.055) / 1.055) ** 2.4)
    blocks = light.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.allclose(blocks, blocks[0, 0], atol=0.002)  # values are whole numbers
    assert made[24, 24].min() == 0 or made[24, 25].min() == 0


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_weights_are_torch_s_own(mode: str, scale: int) -> None:
    units = torch.eye(12 * scale)[None, None]
    theirs = torch.nn.functional.interpolate(units, (12 * scale, 12), mode=mode, align_corners=False)[0, 0].T
    ours = weights(12, scale, "bilinear" if mode == "bilinear" else "bicubic")
    assert np.allclose(ours, theirs.numpy(), atol=1e-6)
