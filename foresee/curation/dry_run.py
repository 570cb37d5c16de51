"""Preview a build without asking anything: how many work items, the first row by rules, the first prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, cast

from foresee.curation import model_calls
from foresee.curation.cost import PAINTER
from foresee.curation.drafts import CurationConfig, Draft, Dropped, fields_marked
from foresee.curation.model_calls import Desk
from foresee.dataset_format import DataRow
from foresee.plugins.contracts import Recipe
from foresee.records import Model
from foresee.runner.async_bridge import complete

_MOST = 20_000  # pieces that are counted


@dataclass
class Preview:
    """What a build would do.

    Attributes:
        models: role -> name.
        rows: that rules make by themselves, before near-duplicates and limits.
        jobs: pieces that ask models; several rows each, or none.
        more: whether there are more pieces than were counted.
        drops: by reason, so far as rules decide.
        first_row: of those that rules make.
        first_call: role and prompt of the first call.
    """

    models: dict[str, str]
    rows: int = 0
    jobs: int = 0
    more: bool = False
    drops: Counter[str] = field(default_factory=Counter)
    first_row: DataRow | None = None
    first_call: tuple[str, str] | None = None


class _Asked(Exception):
    def __init__(self, role: str, prompt: str) -> None:
        super().__init__(role)
        self.role = role
        self.prompt = prompt


class _Looking:
    """A desk that asks nobody: the first call ends the job."""

    def __init__(self, config: CurationConfig, models: Mapping[str, Model]) -> None:
        self.config = config
        self._models = models

    def sees(self, role: str) -> bool:
        return role in self._models and "images" in self._models[role].capabilities

    async def ask(self, role: str, prompt: str, **_: Any) -> NoReturn:
        raise _Asked(role, prompt)

    async def fill(self, role: str, prompt: str, *_: Any, **__: Any) -> NoReturn:
        raise _Asked(role, prompt)

    async def paint(self, description: str, *, role: str = PAINTER, **_: Any) -> NoReturn:
        raise _Asked(role, description)


def preview(file: Recipe, config: CurationConfig) -> Preview:
    """Look at a build. Models are opened, which checks their names, keys and options; none is asked.

    Raises:
        UserError: whatever would stop the build before its first call.
    """
    models = model_calls.open_models(config, fields_marked(type(config), "model"), Path("unused"))
    found = Preview({role: model.name for role, model in models.items()})

    async def look() -> None:
        looking = cast(Desk, _Looking(config, models))
        pieces = file.build(config)
        try:
            for piece in islice(pieces, _MOST):
                if isinstance(piece, Draft):
                    found.rows += 1
                    found.first_row = found.first_row or piece.row
                elif isinstance(piece, Dropped):
                    found.drops[piece.reason] += 1
                else:
                    found.jobs += 1
                    if found.first_call is None:
                        await _look_at(piece, looking, found)
            found.more = next(pieces, None) is not None
        finally:
            for model in models.values():
                await model.close()

    complete(look)
    return found


async def _look_at(job: Any, looking: Desk, found: Preview) -> None:
    try:
        await job(looking)
    except _Asked as asked:
        found.first_call = (asked.role, asked.prompt)
    except Dropped as dropped:
        found.drops[dropped.reason] += 1
