"""Preview a build without asking anything: how many work items, the first row by rules, the first prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, cast

from foresee.curation import model_calls
from foresee.curation.build import work_items
from foresee.curation.cost import PAINTER
from foresee.curation.drafts import CurationConfig, Draft, Dropped, fields_marked
from foresee.curation.model_calls import ModelCalls
from foresee.dataset_format import DataRow
from foresee.plugins.contracts import Recipe
from foresee.records import Model
from foresee.runner.async_bridge import complete

_MOST = 20_000  # items that are counted


@dataclass
class Preview:
    """What a build would do.

    Attributes:
        models: role -> name.
        rows: that rules make by themselves, before near-duplicates and limits.
        jobs: items that ask models; several rows each, or none.
        more: whether there are more items than were counted.
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


class _FirstCall(Exception):
    def __init__(self, role: str, prompt: str) -> None:
        super().__init__(role)
        self.role = role
        self.prompt = prompt


class _NoCalls:
    """Model calls that ask nobody: the first call ends the job."""

    def __init__(self, config: CurationConfig, models: Mapping[str, Model]) -> None:
        self.config = config
        self._models = models

    def sees(self, role: str) -> bool:
        return role in self._models and "images" in self._models[role].capabilities

    async def ask(self, role: str, prompt: str, **_: Any) -> NoReturn:
        raise _FirstCall(role, prompt)

    async def fill(self, role: str, prompt: str, *_: Any, **__: Any) -> NoReturn:
        raise _FirstCall(role, prompt)

    async def paint(self, description: str, *, role: str = PAINTER, **_: Any) -> NoReturn:
        raise _FirstCall(role, description)


def preview(file: Recipe, config: CurationConfig) -> Preview:
    """Look at a build. Models are opened, which checks their names, keys and options; none is asked.

    Raises:
        UserError: whatever would stop the build before its first call.
    """
    models = model_calls.open_models(config, fields_marked(type(config), "model"), Path("unused"))
    result = Preview({role: model.name for role, model in models.items()})

    async def count() -> None:
        calls = cast(ModelCalls, _NoCalls(config, models))
        items = work_items(file, config)
        try:
            for item in islice(items, _MOST):
                if isinstance(item, Draft):
                    result.rows += 1
                    result.first_row = result.first_row or item.row
                elif isinstance(item, Dropped):
                    result.drops[item.reason] += 1
                else:
                    result.jobs += 1
                    if result.first_call is None:
                        await _preview_job(item, calls, result)
            result.more = next(items, None) is not None
        finally:
            for model in models.values():
                await model.close()

    complete(count)
    return result


async def _preview_job(job: Any, calls: ModelCalls, result: Preview) -> None:
    try:
        await job(calls)
    except _FirstCall as call:
        result.first_call = (call.role, call.prompt)
    except Dropped as dropped:
        result.drops[dropped.reason] += 1
