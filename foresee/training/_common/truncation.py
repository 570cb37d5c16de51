"""Truncate long sequences at the end of the answer, never through an image, never a whole answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foresee.dataset_format import ROWS
from foresee.errors import UserError
from foresee.training._common.rows import Rows


@dataclass(frozen=True)
class TruncatingCollator:
    """A collator that cuts what another collates to `longest` tokens.

    Attributes:
        collate: TRL's own collator, set to cut nothing.
        longest: tokens that are kept.
        image_token: id of the placeholder for images; None for a text-only model.
    """

    collate: Any
    longest: int
    image_token: int | None

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> Any:
        """Collate a batch. Raises UserError: the cut would go through an image, or leave nothing of an answer."""
        batch = self.collate(examples)
        ids = batch["input_ids"]
        if ids.shape[1] <= self.longest:
            return batch
        if self.image_token is not None and bool((ids[:, self.longest :] == self.image_token).any()):
            raise UserError(
                f"max_length {self.longest} would cut off an image: one sequence has its image tokens beyond it "
                f"(the batch's longest has {ids.shape[1]} tokens); raise max_length or lower max_pixels"
            )
        answered = batch["labels"] != -100 if "labels" in batch else batch["completion_mask"] == 1
        if not bool(answered[:, : self.longest].any(1).all()):
            raise UserError(f"max_length {self.longest} would cut off a whole answer; raise it or leave it out")
        shape = ids.shape
        for key, value in list(batch.items()):
            if getattr(value, "shape", ())[:2] == shape:
                batch[key] = value[:, : self.longest]
        return batch


def install(trainer: Any, longest: int) -> None:
    """Put a cutting collator before a trainer's own."""
    token = getattr(trainer.model.config, "image_token_id", None)
    trainer.data_collator = TruncatingCollator(trainer.data_collator, longest, token)


def check(
    collate: Callable[[Sequence[Any]], Any],
    data: Any,
    places: Sequence[int],
    rows: Rows,
    progress: Callable[[int, int], None],
) -> None:
    """Cut every row once, alone, before the first step.

    Args:
        collate: a collator that cuts.
        data: what is trained or measured on.
        places: of each, its index in `rows`, -1 for a replay row.
        rows: those that the indices mean.
        progress: called with (rows cut, rows).

    Raises:
        UserError: one that can't be cut, by file and line.
    """
    for number, (row, place) in enumerate(zip(data, places, strict=True), 1):
        try:
            collate([row])
        except UserError as problem:
            where = f"{rows.folder / ROWS}, line {rows.lines[place]}" if place >= 0 else "a replay row"
            raise UserError(f"{where}: {problem}") from None
        progress(number, len(data))
