"""Guard models: classifiers that read a conversation in a chat format of their own. One file a format.

`guard:FORMAT=PROVIDER/NAME` seats one on the panel of the judge `harmful`. A guard goes by the policy that it was
trained on, not by a rubric. A format file has `VERSION` and `vote(model, item, answer, ask) -> Vote`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from foresee.errors import unknown_name
from foresee.judges._model.members import AskModel
from foresee.judges._model.rubric import Rubric
from foresee.records import Answer, Item, Json, Model, Vote

PREFIX = "guard:"
JUDGE = "harmful"  # the one judge that guards can fill in


def formats() -> list[str]:
    """The formats that there are."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("_"))


@dataclass(frozen=True)
class Guard:
    """A guard model as a member of a panel."""

    model: Model
    format: str

    @property
    def identity(self) -> Mapping[str, Json]:
        return {**self.model.identity, "asked": f"guard {self.format} {_module(self.format).VERSION}"}

    def reads(self, judge: str) -> bool:
        return judge == JUDGE

    def must_see(self, rubric: Rubric) -> bool:
        """False: a guard is shown pictures if it takes them, and reads the text if not."""
        return False

    async def vote(self, rubric: Rubric, item: Item, answer: Answer, ask: AskModel) -> Vote:
        """Raises ModelError: the model could not be asked."""
        found: Vote = await _module(self.format).vote(self.model, item, answer, ask)
        return found


def named(text: str) -> tuple[str, str]:
    """`guard:FORMAT=PROVIDER/NAME` as format and model. Raises UserError: no such format."""
    kind, _, model = text.removeprefix(PREFIX).partition("=")
    if kind not in formats() or not model:
        raise unknown_name("guard format (guard:FORMAT=PROVIDER/NAME)", kind, formats())
    return kind, model


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
