"""Call a recipe's models: every call retried, journalled, counted and paid for once.

Calls are known by their content: a run that goes on after a kill finds the answers that it had, in the journal and
among the painted images, and asks only for the rest.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from foresee.curation.cost import PAINTER, CostTracker
from foresee.curation.drafts import CurationConfig, Dropped
from foresee.curation.image_models import FOLDER, ImageCache, open_painter
from foresee.data.images import ImageError, inspect_bytes
from foresee.errors import ModelError, UserError, unknown_name
from foresee.languages import is_in
from foresee.models import open_model
from foresee.models.thinking import without_thinking
from foresee.records import Generation, Image, Message, Model, Reply, Request
from foresee.runner import Caller, RunSettings
from foresee.runner.calls import JournalledCalls
from foresee.runner.journal import Journal
from foresee.runner.keys import answer_key, digest, settings_digest
from foresee.runner.retries import CircuitBreaker

WRITING = Generation(temperature=0.7, max_tokens=1024)
"""How models write, unless a recipe says otherwise."""

_TRIES = 3  # samples of an answer that does not have the shape asked for


class Shape(pydantic.BaseModel):
    """JSON that a model is asked for; the docstring under a field tells the model what belongs there."""

    model_config = pydantic.ConfigDict(
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        json_schema_extra={"additionalProperties": False},
    )


S = TypeVar("S", bound=Shape)


class Failed(Exception):
    """A call that brought nothing this time."""


class ModelCalls:
    """The models of one build.

    Args:
        config: the language of what is written, and the seed.
        models: role -> model, from `open_models`.
        journal: open; holds finished calls.
        folder: where painted images are kept until their rows are.
        cost: what has been spent, and the budget.
        run_overrides: run settings that replace those that suit each model.
    """

    def __init__(
        self,
        config: CurationConfig,
        models: Mapping[str, Model],
        journal: Journal,
        folder: Path,
        cost: CostTracker,
        run_overrides: Mapping[str, Any],
    ) -> None:
        self.config = config
        self.cost = cost
        self._models = models
        self._calls = JournalledCalls(journal, part="reply")
        self._folder = folder
        self._callers: dict[str, Caller] = {}
        self._breakers: dict[str, CircuitBreaker] = {}
        self._tasks: set[asyncio.Task[Reply]] = set()
        self.concurrency = RunSettings(**run_overrides).concurrency
        for role, model in models.items():
            settings = RunSettings.of(model, run_overrides)
            self._callers[role] = Caller(model, settings)
            self._breakers[role] = CircuitBreaker(settings.stop_after, f"calls of the {role}")

    def sees(self, role: str) -> bool:
        """Whether the model takes images."""
        return role in self._models and "images" in self._models[role].capabilities

    async def ask(
        self,
        role: str,
        prompt: str,
        *,
        images: tuple[Image, ...] = (),
        system: str = "",
        generation: Generation = WRITING,
        sample: int = 0,
    ) -> str:
        """Ask a model for text.

        Args:
            role: who is asked.
            prompt: the user's turn.
            images: stand before its text.
            system: the system's turn, if there is to be one.
            generation: how it is sampled.
            sample: a different number asks for another sample of the same.

        Raises:
            Dropped: the provider withheld it, it is empty, cut off or in the wrong language.
            Failed: no answer came this time.
            UserError: the same failure came too often in a row.
        """
        first = (Message("system", (system,)),) if system else ()
        text = await self._text(role, Request((*first, Message("user", (*images, prompt))), generation), sample)
        if not is_in(text, self.config.language):
            raise self._foreign(role, text)
        return text

    async def _text(self, role: str, request: Request, sample: int) -> str:
        reply = await self._reply(role, request, sample)
        if reply.status == "refused_by_api":
            raise Dropped(f"the provider of the {role} withheld the answer", reply.finish_reason)
        text = without_thinking(reply.text, strict=True).strip()
        if not text:
            thought = bool(reply.text.strip())
            raise Dropped(f"the {role} thought and did not answer" if thought else f"empty answer of the {role}")
        if reply.finish_reason == "length":
            raise Dropped(f"answer of the {role} cut off at {request.generation.max_tokens} tokens")
        return text

    def _foreign(self, role: str, text: str) -> Dropped:
        return Dropped(f"answer of the {role} not in language '{self.config.language}'", text)

    async def fill(
        self,
        role: str,
        prompt: str,
        shape: type[S],
        *,
        images: tuple[Image, ...] = (),
        generation: Generation = WRITING,
        sample: int = 0,
    ) -> S:
        """JSON of a shape. An answer that does not fit is asked for again, up to three times in all.

        Raises:
            Dropped: it never fitted; and whatever `ask` raises.
        """
        described = f"{prompt}\n\nAnswer with one JSON object and nothing else:\n{_outline(shape)}"
        structured = "structured_output" in self._models[role].capabilities
        schema = shape.model_json_schema() if structured else None
        request = Request((Message("user", (*images, described)),), generation, schema=schema)
        problem = Dropped(f"no valid JSON from the {role}")
        for attempt in range(_TRIES):
            text = await self._text(role, request, sample * _TRIES + attempt)
            values = read_json(text)
            try:
                filled = shape.model_validate(values)
            except pydantic.ValidationError:
                problem = Dropped(f"no valid JSON from the {role}", text)
                continue
            if is_in(" ".join(_texts(filled.model_dump())), self.config.language):
                return filled
            problem = self._foreign(role, text)
        raise problem

    async def paint(self, description: str, *, role: str = PAINTER, sample: int = 0) -> Image:
        """Paint an image of a description, kept in the build's folder.

        Raises:
            Dropped: the painter declined, or sent what is no usable image.
            Failed: none came this time.
            UserError: the same failure came too often in a row.
        """
        seed = int(digest([self.config.seed, description, sample])[:7], 16)
        request = Request((Message("user", (description,)),), Generation(seed=seed))
        reply = await self._reply(role, request, sample)
        if reply.status == "refused_by_api":
            raise Dropped(f"the {role} declined to paint it")
        image = Image(reply.text, self._folder / reply.text)
        try:
            inspect_bytes(image.read(), name="the painted image")
        except (ImageError, OSError) as problem:
            raise Dropped(f"the {role} sent no usable image", str(problem)) from None
        return image

    async def close(self) -> None:
        """Close every model, whatever happened. Calls under way are given up, unless the budget ended them."""
        calls = list(self._tasks)
        if not self.cost.over:
            for call in calls:
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for model in self._models.values():
            await model.close()

    def finish(self) -> None:
        """Raise UserError if the last failure was fatal and nothing had succeeded before it."""
        for breaker in self._breakers.values():
            breaker.finish()

    async def _reply(self, role: str, request: Request, sample: int) -> Reply:
        """Get a call's reply: from the journal, from the same call in flight, or asked now and journalled."""
        digest = settings_digest(self._models[role].identity, request.generation, None)
        key = answer_key(digest, request, sample)
        stored = self._calls.stored(key)
        if stored is not None:
            self._breakers[role].mark_ok()
            return stored
        if key not in self._calls.in_flight:
            self.cost.check()
        made = partial(self._made, role)
        task = asyncio.create_task(self._calls(key, request, partial(self._call, role), made, {"role": role}))
        self._tasks.add(task)  # it goes on when the row that asked for it is given up: it is paid for
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def _call(self, role: str, request: Request) -> Reply:
        try:
            return await self._callers[role](request)
        except ModelError as problem:
            self._breakers[role].failure(str(problem), fatal=problem.fatal, retryable=problem.retryable)
            raise Failed(f"{role}: {problem}") from None

    def _made(self, role: str, reply: Reply) -> None:
        self.cost.add(role, reply)
        self._breakers[role].success()

    def _done(self, task: asyncio.Task[Reply]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, whether or not somebody waits for it


def open_models(config: CurationConfig, roles: Iterable[str], folder: Path) -> dict[str, Model]:
    """Role -> open model, for the roles that the configuration names one for. Nothing is asked yet.

    Raises:
        UserError: not a model's name, a missing key or extra, an option that does not fit.
    """
    models: dict[str, Model] = {}
    for role in roles:
        spec = getattr(config, role)
        if not spec or spec.startswith(FOLDER):
            continue
        options = {**config.options.get("all", {}), **config.options.get(role, {})}
        if role == PAINTER:
            models[role] = ImageCache(open_painter(spec, options, flag=f"--set options.{role}."), folder)
        elif "/" not in spec:
            raise UserError(f"{role}: expected PROVIDER/NAME such as openai/gpt-4o, got '{spec}'")
        else:
            models[role] = open_model(spec, options, flag=f"--set options.{role}.")
    return models


def check_options(config: CurationConfig, roles: Iterable[str]) -> None:
    """Check the roles of the options. Raises UserError: the recipe does not have one."""
    for role in config.options:
        if role not in (*roles, "all"):
            raise unknown_name("role of this recipe", role, [*roles, "all"])


def identities(models: Mapping[str, Model]) -> dict[str, Any]:
    """Role -> what changes a model's answers; part of what makes two builds the same."""
    return {role: {"name": model.name, **model.identity} for role, model in sorted(models.items())}


def read_json(text: str) -> dict[str, Any] | None:
    """Find the first JSON object in a text, with or without words and fences around it; None if there is none."""
    decoder = json.JSONDecoder()
    for match in list(re.finditer(r"\{", text))[:20]:
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _outline(shape: type[Shape]) -> str:
    lines = []
    for name, field in shape.model_fields.items():
        lines.append(f'  "{name}": {field.description or "text"}')
    return "{\n" + ",\n".join(lines) + "\n}"


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
