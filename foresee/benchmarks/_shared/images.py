"""Finds and checks the images of a published set: loose files, archives, or bytes inside a table.

An image is known by the end of its path ("01-Fraud/SD/7.jpg"), wherever in the user's folder that lies and
whatever its ending, so that a top folder added by an archive makes no difference. Archives are unpacked, and
images from tables written, into foresee's cache and never into the user's folder; what stays in memory is a path.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from foresee.data import sources
from foresee.data.archives import ENDINGS, unpack_once
from foresee.data.images import MAX_FILE_BYTES, ImageError, from_text, require_whole
from foresee.errors import UserError
from foresee.files.untrusted import read_regular
from foresee.manifest import replace_file
from foresee.notices import say_once
from foresee.records import Image

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".mpo", "")


class NamedImage(NamedTuple):
    """An image by the name that its set gives it. Without `file` it can't be shown, and `problem` says why."""

    name: str
    file: Image | None
    problem: str = ""

    @property
    def cluster(self) -> str:
        """What items that show it are resampled by: its content, or its name where this copy lacks it."""
        return self.file.sha256[:16] if self.file else self.name


class ImageFolders:
    """Every image below some folders, by the end of its path; archives there count as folders once one is needed."""

    def __init__(self, *folders: Path) -> None:
        self._to_walk = list(folders)
        self._packed: list[Path] = []
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._known: dict[str, NamedImage] = {}

    def find(self, name: str) -> NamedImage:
        """Find the image whose path ends in `name`, by any file ending; one without a file where there is none.

        Raises:
            UserError: two different images fit, or an archive is damaged.
        """
        if name not in self._known:
            self._known[name] = self._look(name)
        return self._known[name]

    def under(self, folder: str) -> list[Path]:
        """List the images in folders whose path ends in `folder`, sorted."""
        wanted = PurePosixPath(folder).parts
        while True:
            self._walk()
            found = [p for paths in self._by_stem.values() for p in paths if p.parts[:-1][-len(wanted) :] == wanted]
            if found or not self._unpack():
                return sorted(found)

    def _look(self, name: str) -> NamedImage:
        parts = tuple(part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in (".", "/"))
        if not parts:
            return NamedImage(name, None, "no file name")
        fitting = self._fitting(parts)
        exact = [path for path in fitting if path.name == parts[-1]]
        images = [opened(path, name) for path in (exact or fitting)]
        usable = {image.file.sha256: image for image in images if image.file}
        if len(usable) > 1:
            first, second = (p.file.path for p in list(usable.values())[:2] if p.file)
            raise UserError(f"two different images for {name}: {first} and {second}; name one folder with --data")
        if usable:
            return next(iter(usable.values()))
        return images[0] if images else NamedImage(name, None, "not there")

    def _fitting(self, parts: tuple[str, ...]) -> list[Path]:
        while True:
            self._walk()
            found = [path for path in self._by_stem.get(_stem(parts[-1]), ()) if _ends_in(path, parts)]
            if found or not self._unpack():
                return found

    def _unpack(self) -> bool:
        """Unpack the archives met so far. Whether there were any."""
        for archive in self._packed:
            self._to_walk.append(unpack_once(archive, sources.images()))
            say_once(f"{archive}: read as unpacked below {sources.images()}")
        self._packed = []
        return bool(self._to_walk)

    def _walk(self) -> None:
        while self._to_walk:
            for root, folders, names in os.walk(self._to_walk.pop()):
                folders[:] = sorted(name for name in folders if not name.startswith("."))  # nothing from .git
                for path in (Path(root, name) for name in sorted(names)):
                    if path.name.lower().endswith(ENDINGS):
                        self._packed.append(path)
                    elif path.suffix.lower() in _ENDINGS:
                        self._by_stem[path.stem].append(path)


def opened(path: Path, name: str) -> NamedImage:
    """Open an image file; one that is cut off, or a web page in its place, is a problem."""
    try:
        data = read_regular(path, MAX_FILE_BYTES)
        require_whole(data, name="image")
    except OSError as problem:
        return NamedImage(name, None, f"can't be read: {problem.strerror or problem}")
    except ImageError as problem:
        return NamedImage(name, None, str(problem).partition(": ")[2])
    return NamedImage(name, Image(hashlib.sha256(data).hexdigest(), path))


def from_cell(cell: Any, name: str, images: ImageFolders | None = None) -> NamedImage:
    """Open the image in a table's cell as `datasets` writes it: bytes (base64 in JSON), {"bytes", "path"}, a path."""
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    if isinstance(data, bytes) and data:
        return _kept(data, name)
    if isinstance(cell, Mapping) and isinstance(data, str) and data:
        return from_base64(data, name)
    path = cell.get("path") if isinstance(cell, Mapping) else cell
    if isinstance(path, str) and path and images is not None:
        return images.find(path)
    return NamedImage(name, None, "the cell is empty")


def from_base64(text: str, name: str) -> NamedImage:
    """Open the image in a data URL or a base64 text; whatever is neither is a problem."""
    try:
        return _kept(from_text(text), name)
    except ImageError as problem:
        return NamedImage(name, None, str(problem))


def _kept(data: bytes, name: str) -> NamedImage:
    """Bytes from a table, written to the cache under their hash so that they need not stay in memory."""
    try:
        require_whole(data, name="image")
    except ImageError as problem:
        return NamedImage(name, None, str(problem).partition(": ")[2])
    sha256 = hashlib.sha256(data).hexdigest()
    path = sources.images() / sha256[:2] / sha256
    if not path.is_file():
        _write(path, data)
    return NamedImage(name, Image(sha256, path))


def _write(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as problem:
        raise UserError(f"can't write {path}: {problem.strerror or problem}; FORESEE_HOME chooses the cache") from None


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _ends_in(path: Path, parts: tuple[str, ...]) -> bool:
    """Whether a path ends in these folders, whatever the file's ending."""
    before = parts[:-1]
    return path.stem == _stem(parts[-1]) and path.parts[:-1][len(path.parts) - 1 - len(before) :] == before
