"""Read the rows of a data set folder: their shape, and a lazy reader that trusts nothing in the folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

import pydantic

from foresee.config import Settings
from foresee.errors import UserError
from foresee.files.untrusted import open_regular, parse_json, read_regular
from foresee.records import Role

ROWS = "rows.jsonl"
IMAGES = "images"
_LONGEST_LINE = 32_000_000  # bytes; images are files, so a longer line is no row


class Turn(Settings):
    """One turn of a conversation; its content is plain text."""

    role: Role
    content: str


def _safe_name(name: str) -> str:
    """Check an image's name. Raises ValueError: it could lead out of the folder."""
    for path in (PurePosixPath(name), PureWindowsPath(name)):  # what one system takes for a name, another follows
        if not name or path.anchor or ".." in path.parts or "\0" in name or "\\" in name:
            raise ValueError("expected a relative path inside the folder, such as images/NAME.png")
    return name


NamedImage = Annotated[str, pydantic.AfterValidator(_safe_name)]
Prompt = Annotated[tuple[Turn, ...], pydantic.Field(min_length=1)]
Reply = Annotated[tuple[Turn, ...], pydantic.Field(min_length=1, max_length=1)]


class DataRow(Settings):
    """One row. What the trainings read: `completion` (SFT), `chosen` and `rejected` (DPO), or neither (prompts)."""

    id: str = pydantic.Field(min_length=1)
    images: tuple[NamedImage, ...] = ()
    """paths below the folder, in the order in which the model sees them; before the first user text"""

    prompt: Prompt
    completion: Reply | None = None
    chosen: Reply | None = None
    rejected: Reply | None = None

    facts: dict[str, Any] = pydantic.Field(default_factory=dict)
    """what a judge, a reward or a reader needs besides: hazard, consequence, rule, scenario, ..."""

    expected: str = ""
    """the gold label, in the words of the row's source"""

    subset: str = ""
    category: str = ""
    source: str = ""
    """where the row comes from"""

    licence: str = pydantic.Field(default="", validation_alias=pydantic.AliasChoices("licence", "license"))
    """of the row; read under either spelling, written as `licence`"""

    split: str = ""

    @pydantic.model_validator(mode="after")
    def _fits_one_training(self) -> DataRow:
        if (self.chosen is None) != (self.rejected is None):
            raise ValueError("expected both chosen and rejected, or neither")
        if self.completion is not None and self.chosen is not None:
            raise ValueError("expected a completion or a pair of chosen and rejected, not both")
        for name in ("completion", "chosen", "rejected"):
            if any(turn.role != "assistant" for turn in getattr(self, name) or ()):
                raise ValueError(f"{name}: expected a turn of the assistant")
        if self.prompt[-1].role != "user":
            raise ValueError("prompt: expected a turn of the user at its end")
        return self

    @property
    def kind(self) -> Literal["completion", "preference", "prompt"]:
        """What it can train: SFT, DPO, or what samples its own answers."""
        if self.completion is not None:
            return "completion"
        return "prompt" if self.chosen is None else "preference"

    @property
    def request(self) -> str:
        """The text of the last user turn."""
        return self.prompt[-1].content

    @property
    def answer(self) -> str:
        """The text that a model is to learn ("" for a prompt alone)."""
        turns = self.completion or self.chosen
        return turns[0].content if turns else ""

    def line(self) -> str:
        """Write the row as one line of JSON, defaults left out; `images` and `prompt` are always there."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        head = {"id": self.id, "images": list(self.images), "prompt": [t.model_dump() for t in self.prompt]}
        return json.dumps(head | {k: v for k, v in values.items() if k not in head}, ensure_ascii=False)


def read(folder: Path, *, images: bool = True) -> Iterator[DataRow]:
    """Read the rows of a folder, one by one.

    Args:
        folder: a data set folder.
        images: whether every image that a row names must be there.

    Raises:
        UserError: no such folder or file, or a row that does not fit (file and line number), an id that comes
            twice, an image that is missing or lies outside the folder.
    """
    return (row for _, row in read_numbered(folder, images=images))


def read_numbered(folder: Path, *, images: bool = True) -> Iterator[tuple[int, DataRow]]:
    """As `read`, each row with its line number, from 1."""
    path = folder / ROWS
    if not path.is_file():
        what = f"it has no {ROWS}" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{folder} is not a data set folder: {what}")
    seen: set[str] = set()
    for number, row in numbered_rows(path):
        if row.id in seen:
            raise UserError(f"{path}, line {number}: id '{row.id}' comes twice; every row needs an id of its own")
        seen.add(row.id)
        if images:
            for name in row.images:
                try:
                    image_path(folder, name)
                except UserError as problem:
                    raise UserError(f"{path}, line {number}: {problem}") from None
        yield number, row


def read_file(path: Path) -> Iterator[DataRow]:
    """Read the rows of a single file of this format, whose images lie beside it; as `read` otherwise."""
    if path.is_dir():
        yield from read(path)
        return
    for number, row in numbered_rows(path):
        for name in row.images:
            try:
                image_path(path.parent, name)
            except UserError as problem:
                raise UserError(f"{path}, line {number}: {problem}") from None
        yield row


def numbered_rows(path: Path) -> Iterator[tuple[int, DataRow]]:
    """Line numbers from 1, and rows. Raises UserError: a line that is no row; a torn last line is left out."""
    for number, row in attempted_rows(path):
        if isinstance(row, UserError):
            raise row
        yield number, row


def attempted_rows(path: Path) -> Iterator[tuple[int, DataRow | UserError]]:
    """As `numbered_rows`, with the error in the place of a line that is no row.

    Raises:
        UserError: the file can't be read, is no regular file, or has a line without end.
    """
    try:
        file = open_regular(path)
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror}") from None
    with file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            where = f"{path}, line {number}"
            if len(line) > _LONGEST_LINE:
                raise UserError(f"{where}: expected a row, got a line of over {_LONGEST_LINE:,} bytes")
            if not line.strip():
                continue
            try:
                yield number, parse(parse_json(line), where)
            except UserError as problem:
                yield number, problem
            except ValueError as problem:
                if not line.endswith(b"\n"):
                    return  # torn by a kill
                why = "" if isinstance(problem, json.JSONDecodeError | UnicodeDecodeError) else f" ({problem})"
                yield number, UserError(f"{where}: expected JSON, got {_short(line)}{why}")


def parse(values: Any, where: str) -> DataRow:
    """Parse a row. Raises UserError: it does not fit, one line that says where and why."""
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected an object with id, images and prompt, got {_short(values)}")
    unknown = sorted(values.keys() - DataRow.model_fields.keys())
    if unknown:
        raise UserError(f"{where}: unknown key '{unknown[0]}'; what a row carries besides belongs into \"facts\"")
    try:
        return DataRow.model_validate(values)
    except pydantic.ValidationError as problem:
        lines = [_described(error) for error in problem.errors()[:3]]
        raise UserError(f"{where}: " + "; ".join(lines)) from None


def image_path(folder: Path, name: str) -> Path:
    """Find the file of an image that a row names.

    Raises:
        UserError: it is not there, or lies outside the folder (also by way of a link).
    """
    try:
        path = folder / _safe_name(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("a link that leads out of the folder")
        there = path.is_file()
    except (ValueError, OSError) as problem:
        reason = (problem.strerror if isinstance(problem, OSError) else None) or problem
        raise UserError(f"image {_short(name)} is refused: {reason}") from None
    if not there:
        raise UserError(f"image {_short(name)} is not there")
    return path


def image_hashes(folder: Path) -> frozenset[str]:
    """SHA-256 (hex) of the bytes of every image that the rows name, to tell data sets apart.

    The bytes are hashed, not the names read: a folder may have been made by hand.
    """
    names = {name for row in read(folder) for name in row.images}
    return frozenset(hashlib.sha256(read_regular(image_path(folder, name))).hexdigest() for name in names)


def _described(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    got = "" if error["type"] == "missing" or not place else f" (got {_short(error['input'])})"
    return f"{place}: {message}{got}" if place else message


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
