"""Define what a recipe hands to the runner: drafts of rows, what was dropped and why, and jobs that ask models.

    def build(config: Config) -> Iterator[WorkItem]:
        yield Draft(...)                      # rule-only work
        yield Dropped("no image")           # counted by its reason
        yield partial(_write, seed, config)   # a Job: awaited beside others, taken in this order

Work items are taken in the order in which `build` yields them, whatever finishes first, so one configuration gives one
data set, and a run that was killed goes on to exactly the rows that it would have had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

import pydantic

from foresee.config import Settings, build, renamed
from foresee.dataset_format import DataRow, Turn
from foresee.errors import UserError
from foresee.records import Image

if TYPE_CHECKING:
    from foresee.curation.model_calls import ModelCalls

InputPath = Annotated[str, pydantic.Field(json_schema_extra={"input": True})]
"""A file or folder of the user's; its hash goes into the manifest."""

ModelName = Annotated[str, pydantic.Field(json_schema_extra={"model": True})]
"""PROVIDER/NAME of a model; the field's name is its role."""

C = TypeVar("C", bound="CurationConfig")

WORLD = "world"
"""As `source`: the organism's drawn world, with no model outside."""


class CurationConfig(Settings):
    """What every recipe understands (`--set key=value`, or a TOML file); each adds its own."""

    seed: int = 0
    """decides every random choice"""

    rows: int | None = pydantic.Field(default=None, ge=1)
    """stop after so many rows; default: whatever the recipe makes"""

    near_duplicates: int = pydantic.Field(default=4, ge=-1, le=32)
    """images whose perceptual hashes (64 bits) differ in at most so many bits count as one and the later is dropped;
    -1 keeps all. Images that belong together (a scene and its twin) are not compared"""

    exclude: tuple[str, ...] = ("benchmarks",)
    """folders, files or names of benchmarks whose images must not be used; "benchmarks": all that are on this machine,
    whose requests must not be used either (compared by runs of 8 words). What was compared is in the manifest"""

    exclude_distance: int = pydantic.Field(default=4, ge=-1, le=32)
    """bits by which an image's perceptual hash (64 bits) may differ from an excluded one's and still count as that
    image, resized or re-encoded; -1 compares bytes alone"""

    language: str = "en"
    """language of what models write; text in another one is dropped. "any" takes all"""

    licence: str = ""
    """licence of what is made, for the card; rows of a source that names its own keep that one"""

    options: dict[str, dict[str, Any]] = pydantic.Field(default_factory=dict)
    """options of the models by role, "all" for every one: options.writer.base_url=http://localhost:8000/v1"""


SIZES = dict.fromkeys(("images", "pairs", "count", "number", "samples", "size", "n"), "examples") | {
    "license": "licence"
}
"""What people call a setting (the size of a data set, its license) -> what every recipe calls it."""


def configured(config: type[C], values: Mapping[str, Any], what: str) -> C:
    """Build a recipe's configuration. Raises UserError: a setting that does not exist or fit."""
    return build(config, renamed(values, SIZES, config), what=what)


class Dropped(Exception):
    """A row that is not made, and the reason it is counted under (a few words, the same for all of a kind)."""

    def __init__(self, reason: str, about: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.about = about


@dataclass(frozen=True)
class Draft:
    """A row to be.

    Attributes:
        row: the row without its images.
        images: in the order of the row; stored under their hashes when the row is kept.
        cluster: what belongs together (one image, one parent); goes into the row's facts.
        limits: counter -> at most so many rows; a row that would exceed one is dropped, a kept one raises each by 1.
        needs: id of a row without which this one is worth nothing (a twin's hazard).
        guarded: whether the row is made of the user's own, so that it is compared with evaluation sets.
    """

    row: DataRow
    images: tuple[Image, ...] = ()
    cluster: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    guarded: bool = False
    needs: str = ""


Job: TypeAlias = "Callable[[ModelCalls], Awaitable[Iterable[Draft | Dropped]]]"
WorkItem: TypeAlias = "Draft | Dropped | Job"


@dataclass
class Tally:
    """How far a build has come: kept rows, the clusters that have one, rows by counter."""

    rows: int = 0
    clusters: set[str] = field(default_factory=set)
    counters: dict[str, int] = field(default_factory=dict)


def turns(*parts: tuple[Literal["system", "user", "assistant"], str]) -> tuple[Turn, ...]:
    """Make turns of pairs of role and text."""
    return tuple(Turn(role=role, content=text) for role, text in parts)


def said(text: str) -> tuple[Turn, ...]:
    """Make an assistant's turn of a text, as a row holds it."""
    return turns(("assistant", text))


def row_id(recipe: str, *parts: object) -> str:
    """Make an id that the same parts always give: the recipe's name and 64 bits of their hash."""
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return f"{recipe}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def require(config: CurationConfig, *roles: str) -> None:
    """Check that roles are named. Raises UserError: a role without a model, or no source."""
    for role in roles:
        if getattr(config, role):
            continue
        if role not in fields_marked(type(config), "model"):
            raise UserError(f"this recipe needs a {role}: give --set {role}=FILE_OR_FOLDER (or source=world)")
        raise UserError(f"this recipe asks a model as {role}: give --set {role}=PROVIDER/NAME (or source=world)")


def require_none(config: CurationConfig) -> None:
    """Check that no model is named. Raises UserError: one is, where the source is the drawn world."""
    named = [role for role in fields_marked(type(config), "model") if getattr(config, role)]
    if named:
        raise UserError(f"source=world asks no model here: leave {' and '.join(named)} out, or choose another source")


def fields_marked(config: type[CurationConfig], mark: str) -> list[str]:
    """List the fields of a configuration that name a model ("model") or a file ("input")."""
    found = []
    for name, field_info in config.model_fields.items():
        extra = field_info.json_schema_extra
        if isinstance(extra, dict) and extra.get(mark):
            found.append(name)
    return found
