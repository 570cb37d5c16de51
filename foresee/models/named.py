"""Name a model now and open it when it is needed: planning costs no key, no download and no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from foresee.records import Capability, Json, Model, Reply, Request


@dataclass(frozen=True)
class NamedModel:
    """A model that is opened when it is first needed, and again when it is needed after it was closed.

    What is known of it (identity, capabilities) stays known while it is closed.

    Attributes:
        spec: `PROVIDER/NAME`.
        opener: opens it. Raises UserError: see `models.open_model`.
    """

    spec: str
    opener: Callable[[], Model] = field(repr=False, compare=False)
    _open: list[Model] = field(default_factory=list, init=False, repr=False, compare=False)
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def opened(self) -> Model:
        """Return the open model. Raises UserError: it can't be opened."""
        if not self._open:
            self._open.append(self.opener())
        return self._open[0]

    @property
    def name(self) -> str:
        return str(self._fact("name"))

    @property
    def identity(self) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self._fact("identity")
        return found

    @property
    def capabilities(self) -> frozenset[Capability]:
        found: frozenset[Capability] = self._fact("capabilities")
        return found

    @property
    def suggested_concurrency(self) -> int | None:
        found: int | None = self._fact("suggested_concurrency")
        return found

    @property
    def base_url(self) -> str | None:
        found: str | None = self._fact("base_url")
        return found

    async def generate(self, request: Request) -> Reply:
        return await self.opened().generate(request)

    async def close(self) -> None:
        """Close it if it is open."""
        if self._open:
            await self._open.pop().close()

    def _fact(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = getattr(self.opened(), name)
        return self._known[name]
