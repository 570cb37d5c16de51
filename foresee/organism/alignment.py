"""Stage 0 of an upbringing: image tokens learn to look like the words for what they show.

Each image token covers one cell of the picture. Its feature is drawn to the embedding of the thing's name, of the
cell's place and of the thing's colour, by cosine cross-entropy. Afterwards the tower and the projector are frozen.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from foresee.organism import icons, world
from foresee.organism.recipes import Recipe

if TYPE_CHECKING:
    from foresee.organism._pupil import Pupil

_TEMPERATURE = 0.07  # of the cosine cross-entropy
_EMPTY = "room"
_ATTRIBUTE_WEIGHT = 0.3  # of place and colour beside the object
_EMPTY_WEIGHT = 0.1  # most cells are empty: at full weight "always empty" is where the tower stays
_PICTURE_TO_WORD_NORM = 2.0


class Milestone(NamedTuple):
    """How far an upbringing is, and how good it is on validation scenes where that was measured."""

    stage: int
    step: int
    steps: int
    loss: float
    measured: dict[str, float]


Report: TypeAlias = Callable[[Milestone], None]


def align(pupil: Pupil, of: Recipe, seed: int, report: Report) -> None:
    """Train the tower and the projector; then bring the pictures to the scale of the words."""
    import torch
    from torch.nn import functional

    vision = [p for n, p in pupil.model.named_parameters() if is_vision(n)]
    optimizer = torch.optim.AdamW(vision, lr=of.alignment_rate, weight_decay=0.01)
    words = functional.normalize(pupil.words.detach(), dim=-1)
    names = [_EMPTY, *world.object_names()]
    things = words[[pupil.ids[name] for name in names]]
    axes = [words[[pupil.ids[word] for word in axis]] for axis in (world.ROWS, world.COLUMNS, icons.COLOURS)]
    weight = torch.ones(len(names))
    weight[0] = _EMPTY_WEIGHT
    for step in range(of.alignment_steps):
        rng = random.Random(f"align {seed} {step}")
        scenes = [world.sample(rng, "train") for _ in range(2 * of.batch)]
        shown = torch.tensor([names.index(name) for scene in scenes for name in _by_cell(scene)])
        features = functional.normalize(pupil.picture_features(scenes), dim=-1).flatten(0, 1) / _TEMPERATURE
        loss = functional.cross_entropy(features @ things.T, shown, weight=weight)
        cells = torch.arange(world.GRID**2).repeat(len(scenes))
        colours = torch.tensor([colour for scene in scenes for colour in _colours(scene)])
        for axis, wanted in zip(axes, (cells // world.GRID, cells % world.GRID, colours), strict=True):
            loss = loss + _ATTRIBUTE_WEIGHT * functional.cross_entropy(features @ axis.T, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.param_groups[0]["lr"] = of.alignment_rate * schedule(step, of.alignment_steps)
        optimizer.step()
        if step % 20 == 19:
            right = ((features @ things.T).argmax(-1) == shown)[shown > 0].float().mean().item()
            report(Milestone(0, step + 1, of.alignment_steps, loss.item(), {"objects": right}))
    with torch.no_grad():
        rng = random.Random(f"scale {seed}")
        features = pupil.picture_features([world.sample(rng, "train") for _ in range(64)])
        factor = _PICTURE_TO_WORD_NORM * pupil.words.norm(dim=-1).mean() / features.norm(dim=-1).mean()
        last = _last_projection(pupil.model)
        last.weight.mul_(factor)
        if last.bias is not None:
            last.bias.mul_(factor)


def _by_cell(scene: world.Scene) -> list[str]:
    shown = {thing.cell: thing.name for thing in scene.things}
    return [shown.get(cell, _EMPTY) for cell in range(world.GRID**2)]


def _colours(scene: world.Scene) -> list[int]:
    """Each cell's colour by number; -100 (not counted) where nothing lies whose colour can be named."""
    found = {t.cell: icons.COLOURS.index(t.colour) for t in scene.things if icons.colourable(t.name)}
    return [found.get(cell, -100) for cell in range(world.GRID**2)]


def is_vision(name: str) -> bool:
    return any(part in name for part in ("vision_tower", "visual.", "multi_modal_projector", "vision_model"))


def _last_projection(model: Any) -> Any:
    """The last linear layer that every image feature passes."""
    if hasattr(model.model, "multi_modal_projector"):
        return model.model.multi_modal_projector.linear_2
    merger = model.model.visual.merger
    return merger.linear_fc2 if hasattr(merger, "linear_fc2") else merger.mlp[-1]


def schedule(step: int, steps: int) -> float:
    """Up over the first fiftieth, level, then down in a straight line over the last four fifths."""
    return min(1.0, (step + 1) / max(1, steps // 50), 1.25 * (1 - step / steps))


def silent(_: Milestone) -> None:
    return None
