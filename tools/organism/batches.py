"""Batch training examples by step: drawn from seed and step alone, ahead of time in worker processes if wanted.

However many workers draw, the lessons and their order are the same, and a resumed pretraining sees what it would have
seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from foresee.organism.world import icons, signs
from foresee.organism.world import scenes as world_scenes
from tools.organism.curriculum import Curriculum, Lesson
from tools.organism.encoding import Batch, Encoder
from tools.organism.recipes import Recipe

T = TypeVar("T")

SUPER_BATCH = 8
"""Lessons are sorted by length within so many batches, to waste less on padding."""

EMPTY = "room"
"""The word for a cell in which nothing lies."""

_AHEAD = 2  # drawn ahead by each worker


class Sight(NamedTuple):
    """Images of B scenes and what their cells show, by number: (B * cells) each, -100 where nothing is to be said."""

    images: dict[str, Tensor]
    things: Tensor
    rows: Tensor
    columns: Tensor
    colours: Tensor
    words: Tensor


def batches(encoder: Encoder, of: Recipe, seed: int, first: int, workers: int) -> Iterator[Batch]:
    """Yield the batches of stage 1, from step `first` to the last."""
    make = partial(_super_batch, encoder, of, seed)
    start = first - first % SUPER_BATCH
    drawn = _ahead(make, range(start, of.steps, SUPER_BATCH), workers)
    yield from islice(chain.from_iterable(drawn), first - start, of.steps - start)


def sights(encoder: Encoder, of: Recipe, seed: int, workers: int) -> Iterator[Sight]:
    """Yield the images of stage 0, step by step."""
    yield from _ahead(partial(_sight, encoder, of, seed), range(of.alignment_steps), workers)


def _super_batch(encoder: Encoder, of: Recipe, seed: int, step: int) -> list[Batch]:
    rng = random.Random(f"lessons {seed} {step}")
    curriculum = Curriculum(of, rng, primer=step < of.primer_steps)
    drawn = sorted((curriculum.lesson() for _ in range(SUPER_BATCH * of.batch)), key=_length)
    parts = [drawn[i : i + of.batch] for i in range(0, len(drawn), of.batch)]
    rng.shuffle(parts)
    return [encoder.batch(part, of.first_token_weight) for part in parts]


def _length(lesson: Lesson) -> int:
    return sum(len(turn.text) for turn in lesson.turns) + len(lesson.answer)


def _sight(encoder: Encoder, of: Recipe, seed: int, step: int) -> Sight:
    rng = random.Random(f"align {seed} {step}")
    shown_words = [rng.choice(signs.words()) if rng.random() < of.signed else "" for _ in range(2 * of.batch)]
    scenes = [world_scenes.sample(rng, "train", least=4, sign=word) for word in shown_words]
    names = [EMPTY, *icons.NAMES, signs.NAME]
    shown = [{thing.cell: thing for thing in scene.things} for scene in scenes]
    cells = range(world_scenes.GRID**2)
    things = [names.index(held[cell].name) if cell in held else 0 for held in shown for cell in cells]
    colours = [_colour(held.get(cell)) for held in shown for cell in cells]
    words = [_word(held.get(cell)) for held in shown for cell in cells]
    every = torch.arange(world_scenes.GRID**2).repeat(len(scenes))
    rows, columns = every // world_scenes.GRID, every % world_scenes.GRID
    return Sight(
        encoder.images(scenes), torch.tensor(things), rows, columns, torch.tensor(colours), torch.tensor(words)
    )


def _colour(thing: world_scenes.Thing | None) -> int:
    """Return the colour's number; -100 (not counted) where nothing lies whose colour can be named."""
    return icons.COLOURS.index(thing.colour) if thing and thing.name in icons.COLOURABLE else -100


def _word(thing: world_scenes.Thing | None) -> int:
    """Return the number of the word on a sign; -100 where there is none."""
    return signs.words().index(thing.word) if thing and thing.word else -100


class _Drawn(Dataset[T], Generic[T]):
    """Item `index` is what `make(index)` draws."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make

    def __getitem__(self, index: int) -> T:
        return self._make(index)


def _ahead(make: Callable[[int], T], indices: range, workers: int) -> Iterator[T]:
    drawn: Any = _Drawn(make)
    settings: dict[str, Any] = {"num_workers": workers, "prefetch_factor": _AHEAD} if workers else {}
    order: Any = indices
    yield from DataLoader(drawn, batch_size=None, sampler=order, collate_fn=_as_it_is, **settings)


def _as_it_is(made: T) -> T:
    return made
