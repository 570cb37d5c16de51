"""Vectors fitted to a model's hidden states: how they are fitted, written, read back, and kept from other models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pydantic

from foresee import manifest
from foresee.config import Settings
from foresee.errors import UserError
from foresee.files.untrusted import read_regular
from foresee.models.local.steering import along
from foresee.records import Json

FILE = "vectors.safetensors"
_LARGEST = 1 << 30  # bytes


class FitSettings(Settings):
    """How vectors are fitted (`--set key=value`)."""

    false_alarms: float = pydantic.Field(default=0.05, gt=0, lt=1)
    """share of the held-out benign requests that a threshold may catch"""

    layer: int | None = pydantic.Field(default=None, ge=0)
    """the decoder layer, 0 first; by default the one that tells the held-out requests apart best"""

    seed: int = 0
    """which clusters are held out: half of them, another half for another seed"""


class States(NamedTuple):
    """Hidden states at the last position of prompts, and what the prompts are.

    `vectors` is (prompts, layers, width), float32; `positive` (prompts,) marks the side that vectors point to,
    `held_out` (prompts,) those that choose layer and threshold; `in_words` reads (..., width) as logits.
    """

    vectors: Any
    positive: Any
    held_out: Any
    in_words: Callable[[Any], Any]


class Fitted(NamedTuple):
    """What a folder of vectors holds: tensors, and the facts that their defense needs or reports."""

    tensors: Mapping[str, Any]
    facts: Mapping[str, Json]


@dataclass(frozen=True)
class Vectors:
    """A folder of vectors, read back."""

    tensors: Mapping[str, Any]
    facts: Mapping[str, Any]
    fitted_to: str
    digest: str


def direction(states: States, settings: FitSettings) -> Fitted:
    """Fit the difference of means, positive minus negative, at the layer that tells held-out requests apart best.

    Means are of the fitting half. `origin` is the negative mean; `gate` is how far `along` the direction all but
    `false_alarms` of the held-out negatives stay below. Figures by layer are areas under the ROC curve, held out.

    Raises:
        UserError: too few requests of a side, or no such layer.
    """
    _refuse_few(states)
    fitting, held = ~states.held_out, states.held_out
    positive, negative = states.vectors[fitting & states.positive], states.vectors[fitting & ~states.positive]
    origins = negative.mean(0)  # (layers, width)
    directions = positive.mean(0) - origins
    layers = states.vectors.shape[1]
    scores = [along(states.vectors[:, layer], origins[layer], directions[layer]) for layer in range(layers)]
    areas = [auc(score[held & states.positive], score[held & ~states.positive]) for score in scores]
    layer = _best(areas) if settings.layer is None else _named(settings.layer, layers)
    gate = threshold(scores[layer][held & ~states.positive], settings.false_alarms)
    caught = (scores[layer] >= gate)[held & states.positive].float().mean()
    facts: dict[str, Json] = {
        "layer": layer,
        "gate": gate,
        "false_alarms": settings.false_alarms,
        "caught": round(float(caught), 4),
        "auc_by_layer": [round(area, 4) for area in areas],
        "held_out": int(held.sum()),
    }
    return Fitted({"origin": origins[layer], "direction": directions[layer]}, facts)


def auc(positive: Any, negative: Any) -> float:
    """Compute the share of pairs in which the positive figure is the larger one, ties counting half."""
    differences = positive[:, None] - negative[None, :]
    return float(((differences > 0).float() + 0.5 * (differences == 0).float()).mean())


def threshold(benign: Any, false_alarms: float) -> float:
    """Choose the least figure that at most so large a share of the benign ones reaches."""
    import torch

    ordered = benign.sort(descending=True).values
    allowed = int(false_alarms * len(ordered) + 1e-9)
    if allowed == len(ordered):
        return float(ordered[-1])
    return float(torch.nextafter(ordered[allowed], torch.tensor(float("inf"))))


def write(folder: Path, name: str, fitted: Fitted, record: Mapping[str, Any]) -> None:
    """Write a folder of vectors. Raises UserError: it holds something else, or can't be written."""
    from safetensors.torch import save

    manifest.refuse_other(folder, "vectors")
    data = save({key: value.contiguous() for key, value in fitted.tensors.items()})
    try:
        manifest.replace_file(folder / FILE, data)
    except OSError as problem:
        raise UserError(f"--out: can't write {folder / FILE}: {problem.strerror or problem}") from None
    digest = hashlib.sha256(data).hexdigest()
    manifest.write(folder, "vectors", {"defense": name, "facts": dict(fitted.facts), "sha256": digest, **record})


def read(folder: str, name: str) -> Vectors:
    """Read a folder of vectors of this defense.

    Raises:
        UserError: none is named, it is none of this defense's, or its file is not the one that was written.
    """
    if not folder:
        raise UserError(f"{name} needs vectors of the model: foresee defense fit {name} …, then -S vectors=FOLDER")
    path = Path(folder).expanduser()
    record = manifest.read(path, "vectors")
    if record.get("defense") != name:
        raise UserError(f"{path} holds vectors of {record.get('defense')}, not of {name}")
    try:
        data = read_regular(path / FILE, _LARGEST)
    except OSError as problem:
        raise UserError(f"{path / FILE} can't be read: {problem.strerror or problem}") from None
    digest = hashlib.sha256(data).hexdigest()
    facts = record.get("facts")
    if digest != record.get("sha256") or not isinstance(facts, dict):
        raise UserError(f"{path}: {FILE} is not the file that was fitted; fit it anew")
    return Vectors(_tensors(data), facts, str(record.get("fitted_to", "")), digest[:16])


@lru_cache(maxsize=8)
def _tensors(data: bytes) -> Mapping[str, Any]:
    from safetensors.torch import load

    return dict(load(data))


def _content(folder: str) -> str:
    """Name a folder by what it holds, so that a run is the same wherever it lies."""
    path = Path(folder).expanduser()
    return str(manifest.read(path, "vectors").get("sha256", ""))[:16] if (path / manifest.FILE).is_file() else folder


Folder = Annotated[str, pydantic.PlainSerializer(_content)]
"""A folder of vectors as an option; in keys it counts by its content."""


def _refuse_few(states: States) -> None:
    sides = [states.positive[half] for half in (~states.held_out, states.held_out)]
    if any(int(side.sum()) < 2 or int((~side).sum()) < 2 for side in sides):
        counts = ", ".join(f"{int(side.sum())} and {int((~side).sum())}" for side in sides)
        raise UserError(f"expected two positive and two negative requests at least in each half, got {counts}")


def _best(areas: list[float]) -> int:
    """Choose the largest area; of equal ones the layer nearest to three fifths of the depth, a usual place."""
    usual = 0.6 * (len(areas) - 1)
    return max(range(len(areas)), key=lambda layer: (round(areas[layer], 6), -abs(layer - usual)))


def _named(layer: int, layers: int) -> int:
    if layer >= layers:
        raise UserError(f"--set layer={layer}: this model has {layers} decoder layers, 0 to {layers - 1}")
    return layer
