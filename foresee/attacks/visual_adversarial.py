"""Visual adversarial: a perturbation of the pixels, optimised on a local model (white box), added to every image.

After X. Qi et al., "Visual Adversarial Examples Jailbreak Aligned Large Language Models" (arXiv 2306.13213;
Unispac/Visual-Adversarial-Examples-Jailbreak-Large-Language-Models, without a licence: followed from the paper): signed
gradient steps of 1/255 that raise the likelihood of given answers, within an L-infinity ball of epsilon/255 (16, 32, 64
or 255 there, up to 5,000 steps, batches of 8), one image for all requests. Ours: the perturbation is added to each
item's own image rather than to one image; the answers are by default what the model itself says where it does harm
when nothing defends it (`targets=own`), so that no corpus is needed, else one text for all; gradients go through the
model's own image processor (foresee/models/local/pixel_gradients.py); a defense that edits prompts may stand in the
loop, which makes it an attack that knows the defense. Images are brought to the size that the model sees.

    foresee attack optimise visual_adversarial --model organism/base --data world_attack -T split=validation --out pgd
    foresee eval world_attack --model organism/base --attack none,pixel_noise,pgd
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydantic

from foresee import manifest
from foresee.attacks import Attempt
from foresee.attacks._shared.requests import asked, last_turn
from foresee.config import AttackOptions, Settings
from foresee.errors import UserError
from foresee.files.untrusted import read_regular
from foresee.models.local.pixel_gradients import Example, Whitebox, descend, fitted, perturbed
from foresee.records import Image, Item, Json

if TYPE_CHECKING:
    from foresee.models.checkpoints import Vlm

VERSION = "1"
FILE, CURVE, SHOWN = "perturbation.npy", "curve.csv", "perturbation.png"
_LARGEST = 200_000_000  # bytes of a perturbation
_MADE_BY = "foresee attack optimise visual_adversarial --model M --data BENCHMARK --out FOLDER, then --attack FOLDER"


class Options(AttackOptions):
    """Options of the visual adversarial attack (`-A key=value`)."""

    artefact: str = ""
    """the folder that `foresee attack optimise visual_adversarial` made; `--attack FOLDER` says the same"""


class Search(Settings):
    """How a perturbation is sought (`--set key=value` of `foresee attack optimise`)."""

    epsilon: int = pydantic.Field(default=16, ge=1, le=255)
    """the largest change of a pixel value, of 255"""

    step: int = pydantic.Field(default=1, ge=1, le=255)
    """of a gradient step, of 255; 1 as published"""

    steps: int = pydantic.Field(default=200, ge=1)
    """how many; 5,000 as published for large models"""

    batch: int = pydantic.Field(default=8, ge=1)
    """examples a step; 8 as published"""

    seed: int = 0
    """of the draws"""


def identity(options: Options) -> Mapping[str, Json]:
    """Tell what a try depends on: the perturbation itself, not where it lies. Raises UserError: it can't be read."""
    return {"perturbation": hashlib.sha256(_perturbation(options.artefact).tobytes()).hexdigest()}


def transform(item: Item, attempt: Attempt, options: Options) -> Item:
    """Add the perturbation to the last user turn's images. Raises ValueError: it has none."""
    turn, found = last_turn(item), _perturbation(options.artefact)
    if not turn.images:
        raise ValueError("no image that could be perturbed")
    return asked(item, *(perturbed(part, found) if isinstance(part, Image) else part for part in turn.content))


def optimise(
    load: Callable[[], Vlm],
    examples: Sequence[tuple[Item, str]],
    search: Search,
    folder: Path,
    report: Callable[[int, float], None],
) -> dict[str, Any]:
    """Seek a perturbation that raises the likelihood of the targets, and keep it in the folder.

    Args:
        load: loads the model.
        examples: items as they are asked (under the defense, if any), and the answers to bring about.
        search: how.
        folder: where the perturbation, its image and the curve of the loss are written.
        report: called with each step and its loss.

    Returns:
        What the manifest is to say of it.

    Raises:
        UserError: no example has an image, or the model's processor can't be followed.
        ModelError: the examples can't be put to this model.
    """
    from foresee.attacks._shared.images import opened

    given = [(item, target) for item, target in examples if item.images]
    if not given:
        raise UserError("none of the items has an image: there are no pixels to perturb")
    box = Whitebox(load(), opened(given[0][0].images[0]))
    ready = [Example(_resized(item, box.size), target) for item, target in given]
    found = descend(
        box,
        ready,
        epsilon=search.epsilon,
        step=search.step,
        steps=search.steps,
        batch=search.batch,
        seed=search.seed,
        report=report,
    )
    stored = io.BytesIO()
    np.save(stored, found.perturbation)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(stored.getvalue())
    lines = "".join(f"{at},{loss:.6g}\n" for at, loss in found.curve)
    (folder / CURVE).write_text(f"step,loss\n{lines}", encoding="utf-8")
    (folder / SHOWN).write_bytes(_shown(found.perturbation, search.epsilon))
    losses = [loss for _, loss in found.curve]
    return {
        "size": list(box.size),
        "examples": len(given),
        "loss_first": round(losses[0], 4),
        "loss_last": round(losses[-1], 4),
        "perturbation_sha256": hashlib.sha256(stored.getvalue()).hexdigest(),
    }


def _resized(item: Item, size: tuple[int, int]) -> Any:
    turns = [
        type(turn)(turn.role, tuple(fitted(part, size) if isinstance(part, Image) else part for part in turn.content))
        for turn in item.messages
    ]
    return tuple(turns)


def _shown(perturbation: np.ndarray[Any, Any], epsilon: int) -> bytes:
    """Draw the perturbation: grey where it changes nothing, stretched to the full range."""
    from PIL import Image as Pillow

    from foresee.data.typesetting import png

    grey = np.clip(127.5 + perturbation * (127.5 / epsilon), 0, 255).astype(np.uint8)
    return png(Pillow.fromarray(grey.transpose(1, 2, 0)))


def _perturbation(artefact: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Read a perturbation. Raises UserError: none is named, or the folder holds none that fits."""
    if not artefact:
        raise UserError(f"visual_adversarial needs what was optimised: {_MADE_BY}")
    path = Path(artefact).expanduser() / FILE
    try:
        at = path.stat().st_mtime_ns
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}; made by: {_MADE_BY}") from None
    return _read(path, at)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    record = manifest.read(path.parent, "attack")
    try:
        data = read_regular(path, _LARGEST)
        found: np.ndarray[Any, np.dtype[np.int16]] = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise UserError(f"{path}: expected an array of numpy, {problem}") from None
    if found.dtype != np.int16 or found.ndim != 3 or found.shape[0] != 3 or np.abs(found).max(initial=0) > 255:
        raise UserError(f"{path}: expected a perturbation, int16 of shape (3, height, width) within 255")
    if record.get("perturbation_sha256") != hashlib.sha256(data).hexdigest():
        raise UserError(f"{path} is not what {manifest.FILE} beside it speaks of; optimise anew")
    return found
