"""Read the model card of an organism: `card.json` beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foresee.config import Settings
from foresee.errors import UserError

FILE = "card.json"


@dataclass(frozen=True)
class Figure:
    """A measured share with its interval.

    `rule` says what is demanded of the value: ">= 0.97", "<= 0.05", "0.08 - 0.16", or nothing where it is empty.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    rule: str
    doc: str

    @property
    def met(self) -> bool | None:
        """Whether the rule holds for the value; None without a rule."""
        if not self.rule:
            return None
        first, *rest = self.rule.split()
        if first in (">=", "<="):
            return self.value >= float(rest[0]) if first == ">=" else self.value <= float(rest[0])
        return float(first) <= self.value <= float(rest[1])


class Rebuild(Settings):
    """The same recipe from another seed."""

    seed: int
    device: str
    cpu_minutes: float
    figures: tuple[Figure, ...]


class Card(Settings):
    """The facts of one organism."""

    name: str
    architecture: str
    parameters: int
    seed: int
    recipe: str
    """fingerprint of recipe and curriculum"""
    weights: str
    """SHA-256 of model.safetensors"""
    device: str
    """what it was pretrained on"""
    cpu_minutes: float
    """of the pretraining's own process, without those that draw examples ahead"""
    wall_minutes: float
    versions: dict[str, str]
    """of what it was pretrained with"""
    figures: tuple[Figure, ...]
    """measured on test scenes"""
    rebuild: Rebuild | None = None


def read(folder: Path) -> Card:
    """Read the card in a folder. Raises UserError: no card there, or not one of ours."""
    try:
        return Card.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UserError(f"{folder}: its model card can't be read: {problem}") from None
