"""Read what a benchmark or label set declares of its data in `SOURCE`, a literal, without importing its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated

import pydantic

from foresee.errors import UserError


def _below(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
        raise ValueError("expected a path below the data folder")
    return path


PathBelow = Annotated[str, pydantic.AfterValidator(_below)]


class _Declared(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SourceFile(_Declared):
    """One file to download."""

    url: str
    """http or https, pinned to a revision"""
    path: PathBelow = ""
    """where it goes below the data folder: the file itself, or the folder that an archive is unpacked into"""
    sha256: str | None = None
    """of the downloaded file; None where the server packs it anew each time"""
    size: int | None = None
    """in bytes"""
    unpack: bool = False
    """whether it is an archive (zip, tar, tar.gz)"""
    strip: int = 0
    """how many leading folders to drop from the names in the archive"""


class Source(_Declared):
    """What a benchmark or label set says of its data."""

    name: str
    """as its authors write it"""
    homepage: str = ""
    hub: str = ""
    """its id among the data sets of Hugging Face (OWNER/NAME), where it is there"""
    paper: str = ""
    revision: str = ""
    """the commit or version that the counts below were read from"""
    licence: str = pydantic.Field(validation_alias=pydantic.AliasChoices("licence", "license"))
    """SPDX name, or in words what the authors say"""
    consequence: str = ""
    """what the licence means for a user, in one line"""
    files: tuple[SourceFile, ...] = ()
    contents: Mapping[str, str] = {}
    """SHA-256 of files in the finished folder, checked after unpacking"""
    at_least: Mapping[str, int] = {}
    """how many files a sub-folder must hold after unpacking"""
    expected: Mapping[str, int] = {}
    """how many items each subset has"""
    absent: Mapping[str, int] = {}
    """how many of them have no image even at the source"""
    megabytes: float | None = None
    """about what the files take on disk"""
    manual: str = ""
    """how to obtain what can't be downloaded by a program"""
    folder: PathBelow = ""
    """name of the data folder; the plug-in's own name if left out"""
    embedded: bool = False
    """whether the items come with the program and need no files"""
    people: bool = True
    """of a label set: whether people gave the labels"""
    companion: str = ""
    """the benchmark that shows the other side: benign requests for a harm benchmark, so that refusing all shows"""
    figures: Mapping[str, str] = {}
    """figure of a paper -> the options, subsets and files that it needs"""


def declare(name: str, literal: Mapping[str, object]) -> Source:
    """Parse a `SOURCE` literal. Raises UserError: an unknown or missing key, or a value that does not fit."""
    try:
        source = Source.model_validate(literal)
    except pydantic.ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()]
        raise UserError(f"SOURCE of {name}: " + "; ".join(lines)) from None
    return source if source.folder else source.model_copy(update={"folder": name})
