"""Open a guard model for a defense: named in its options, opened by the first call, closed with the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from foresee.config import Settings
from foresee.errors import UserError
from foresee.judges import Guard, guard_named
from foresee.models import check_model, open_model
from foresee.records import Answer, AskModel, Item

if TYPE_CHECKING:
    from foresee.judges import Finding

_FLAG = "-S guard_options."
Stage = Literal["request", "answer"]


class GuardOptions(Settings):
    """Options of every defense that asks a guard (`-S key=value`)."""

    guard: str = ""
    """the guard, guard:FORMAT=PROVIDER/NAME or guard:FORMAT@FILE=PROVIDER/NAME"""

    guard_options: dict[str, Any] = pydantic.Field(default_factory=dict, exclude=True)
    """options of the guard's model (-S guard_options.base_url=…); not part of what makes two runs the same"""

    threshold: float = pydantic.Field(default=0.5, gt=0, le=1)
    """probability of harm from which something counts as harmful"""


@dataclass
class OwnGuard:
    """A defense's guard."""

    format: str
    wording: str
    model: str
    options: dict[str, Any]
    _guard: Guard | None = field(default=None, init=False)

    async def examine(self, item: Item, answer: Answer | None, ask: AskModel) -> Finding:
        """Ask the guard about an answer, or about the request while there is none.

        Raises:
            ModelError: it could not be asked.
            UserError: its model can't be opened.
        """
        if self._guard is None:  # no other call can come between: nothing is awaited
            self._guard = Guard(open_model(self.model, self.options, flag=_FLAG), self.format, self.wording)
        return await self._guard.examine(item, answer, ask)

    async def close(self) -> None:
        """Close its model; another call opens it anew."""
        guard, self._guard = self._guard, None
        if guard is not None:
            await guard.model.close()


def named(options: GuardOptions, stages: Iterable[Stage], defense: str) -> OwnGuard:
    """Name the guard that options ask for.

    Raises:
        UserError: none is named, it can't judge one of these stages, or there is no such model.
    """
    if not options.guard:
        raise UserError(f"{defense} needs a guard: -S guard=guard:FORMAT=PROVIDER/NAME (docs/judges.md lists formats)")
    (spec, *_) = [guard_named(options.guard, stage) for stage in stages]
    check_model(spec.model, options.guard_options, flag=_FLAG)
    return OwnGuard(spec.format, spec.wording, spec.model, options.guard_options)
