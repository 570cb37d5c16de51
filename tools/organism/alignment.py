"""Align image tokens with the words for what they show: stage 0 of the pretraining.

Each image token covers one cell of the image. Its feature is drawn to the embedding of the thing's name (cosine
cross-entropy over all names) and to a *portrait*: the sum of the words for the thing, its place and its colour. The
names alone leave too little of place and colour for the language model to find. Afterwards the tower and the projector
are frozen.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from foresee.organism.world import icons, signs
from foresee.organism.world import scenes as world_scenes
from tools.organism.recipes import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from tools.organism.batches import Sight
    from tools.organism.trainee import Trainee

_TEMPERATURE = 0.07  # of the cosine cross-entropy
_EMPTY_WEIGHT = 0.1  # most cells are empty: at full weight "always empty" is where the tower stays
_IMAGE_TO_WORD_NORM = 2.0


class Milestone(NamedTuple):
    """How far an pretraining is, and how good it is on validation scenes where that was measured."""

    stage: int
    step: int
    steps: int
    loss: float
    measured: dict[str, float]


Report: TypeAlias = Callable[[Milestone], None]


def align(trainee: Trainee, of: Recipe, seed: int, report: Report, workers: int = 0) -> None:
    """Train the tower and the projector; then bring the images to the scale of the words."""
    import torch
    from torch.nn import functional

    from tools.organism.batches import sights

    vision = [p for n, p in trainee.model.named_parameters() if is_vision(n)]
    optimizer = torch.optim.AdamW(vision, lr=of.alignment_rate, weight_decay=0.01)
    lexicon = _lexicon(trainee)
    weight = torch.ones(len(lexicon.things), device=trainee.device)
    weight[0] = _EMPTY_WEIGHT
    for step, sight in enumerate(sights(trainee.encoder, of, seed, workers)):
        features = functional.normalize(trainee.image_features(sight.images).flatten(0, 1), dim=-1)
        shown = sight.things.to(trainee.device)
        scores = features @ lexicon.things.T
        alike = (features * lexicon.portraits(sight, of.attribute_weight, trainee.device)).sum(-1)
        likeness = (alike * weight[shown]).sum() / weight[shown].sum()
        loss = functional.cross_entropy(scores / _TEMPERATURE, shown, weight=weight) + of.portrait * (1 - likeness)
        read = sight.words.to(trainee.device)
        told = features[read >= 0] @ lexicon.words.T
        if len(told):
            loss = loss + functional.cross_entropy(told / _TEMPERATURE, read[read >= 0])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.param_groups[0]["lr"] = of.alignment_rate * schedule(step, of.alignment_steps)
        optimizer.step()
        if step % 20 == 19:
            right = (scores.argmax(-1) == shown)[shown > 0].float().mean().item()
            legible = (told.argmax(-1) == read[read >= 0]).float().mean().item()
            measured = {"objects": right, "likeness": likeness.item(), "signs": legible}
            report(Milestone(0, step + 1, of.alignment_steps, loss.item(), measured))
    _rescale(trainee, seed)


class _Lexicon(NamedTuple):
    """Unit vectors of the words that images are drawn to, one a row."""

    things: Tensor
    rows: Tensor
    columns: Tensor
    colours: Tensor
    words: Tensor

    def portraits(self, sight: Sight, attribute_weight: float, device: Any) -> Tensor:
        """Compute the unit vector that each cell's feature should be, (B * cells, hidden)."""
        from torch.nn import functional

        total = self.things[sight.things.to(device)]
        for words, wanted in ((self.rows, sight.rows), (self.columns, sight.columns), (self.colours, sight.colours)):
            there = wanted.to(device)
            total = total + attribute_weight * words[there.clamp(min=0)] * (there >= 0).unsqueeze(-1)
        there = sight.words.to(device)
        total = total + self.words[there.clamp(min=0)] * (there >= 0).unsqueeze(-1)
        return functional.normalize(total, dim=-1)


def _lexicon(trainee: Trainee) -> _Lexicon:
    from torch.nn import functional

    from tools.organism.batches import EMPTY

    words = functional.normalize(trainee.words.detach(), dim=-1)
    axes = (
        (EMPTY, *icons.NAMES, signs.NAME),
        world_scenes.ROWS,
        world_scenes.COLUMNS,
        icons.COLOURS,
        signs.words(),
    )
    return _Lexicon(*(words[[trainee.encoder.ids[word] for word in axis]] for axis in axes))


def _rescale(trainee: Trainee, seed: int) -> None:
    import torch

    with torch.no_grad():
        rng = random.Random(f"scale {seed}")
        scenes = [world_scenes.sample(rng, "train") for _ in range(64)]
        features = trainee.image_features(trainee.encoder.images(scenes))
        factor = _IMAGE_TO_WORD_NORM * trainee.words.norm(dim=-1).mean() / features.norm(dim=-1).mean()
        last = _last_projection(trainee.model)
        last.weight.mul_(factor)
        if last.bias is not None:
            last.bias.mul_(factor)


def is_vision(name: str) -> bool:
    return any(part in name for part in ("vision_tower", "visual.", "multi_modal_projector", "vision_model"))


def _last_projection(model: Any) -> Any:
    """Find the last linear layer that every image feature passes."""
    if hasattr(model.model, "multi_modal_projector"):
        return model.model.multi_modal_projector.linear_2
    merger = model.model.visual.merger
    return merger.linear_fc2 if hasattr(merger, "linear_fc2") else merger.mlp[-1]


def schedule(step: int, steps: int) -> float:
    """Up over the first fiftieth, level, then down in a straight line over the last four fifths."""
    return min(1.0, (step + 1) / max(1, steps // 50), 1.25 * (1 - step / steps))


def silent(_: Milestone) -> None:
    return None
