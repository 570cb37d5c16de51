"""Reads MMSafeAware's published files: where they lie, the records of prompt.txt, the image of each id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from foresee.data.images import MAX_FILE_BYTES, ImageError, require_whole
from foresee.errors import UserError
from foresee.files.untrusted import read_regular

PROMPTS = "prompt.txt"
IMAGE_FOLDERS = ("images", "images2")


class Record(NamedTuple):
    """One record as the file has it, the sentence without its quotes; `line` is that of its id."""

    id: int
    instruction: str
    sentence: str
    line: int


class ImageFile(NamedTuple):
    """An image's file and hash. `problem` says why it can't be used; the hash is then empty."""

    path: Path
    sha256: str
    problem: str = ""


def find_folder(data: Path) -> Path:
    """Find the folder with prompt.txt: `data` itself, its `data/`, or the one folder below that holds either.

    Raises:
        UserError: it is nowhere, or in several places.
    """
    if data.is_file():
        raise UserError(f"expected the folder that holds {PROMPTS}, got the file {data}")
    if not data.is_dir():
        raise UserError(f"expected the folder that holds {PROMPTS}, there is no {data}")
    for folder in (data, data / "data"):
        if (folder / PROMPTS).is_file():
            return folder
    below = [f for child in sorted(data.iterdir()) for f in (child, child / "data") if (f / PROMPTS).is_file()]
    if len(below) == 1:
        return below[0]
    if below:
        raise UserError(f"{PROMPTS} lies in {len(below)} places below {data}: name one of them with --data")
    raise UserError(
        f"expected {PROMPTS} in {data} or {data / 'data'}, it is in neither: give --data the folder of the repository"
    )


def read_records(path: Path) -> list[Record]:
    """Read the records of prompt.txt, in file order.

    A record is a line with the id, the instruction, the sentence in double quotes, and empty lines. Windows line
    ends and a byte order mark are read alike.

    Raises:
        UserError: unreadable, not UTF-8, a record of another form, or an id that occurs twice (file and line).
    """
    try:
        lines = (
            read_regular(path).decode("utf-8-sig").split("\n")
        )  # not splitlines(), which also splits inside sentences
    except OSError as problem:
        raise UserError(f"can't read {path}: {problem.strerror or problem}") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: expected UTF-8 text, byte {problem.start} is not") from None
    filled = [(number, text.strip()) for number, text in enumerate(lines, 1) if text.strip()]
    records: list[Record] = []
    lines_of: dict[int, int] = {}
    for start in range(0, len(filled), 3):
        record = _record(path, filled[start : start + 3])
        if record.id in lines_of:
            raise UserError(f"{path}:{record.line}: id {record.id} was there before, on line {lines_of[record.id]}")
        lines_of[record.id] = record.line
        records.append(record)
    if not records:
        raise UserError(f"{path}: expected records (id, instruction, quoted sentence), the file is empty")
    return records


def _record(path: Path, filled: list[tuple[int, str]]) -> Record:
    line, text = filled[0]
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise UserError(f"{path}:{line}: expected the id of a record, got '{text[:40]}'")
    if len(filled) < 3:
        raise UserError(f"{path}:{line}: record {text} is cut off; expected an instruction and a sentence after its id")
    (_, instruction), (quoted_line, quoted) = filled[1:]
    if not (len(quoted) > 2 and quoted.startswith('"') and quoted.endswith('"')):
        raise UserError(
            f"{path}:{quoted_line}: expected the sentence of record {text} in double quotes, got '{quoted[:40]}'"
        )
    return Record(int(text), instruction, quoted[1:-1], line)


def read_images(folder: Path) -> dict[int, ImageFile]:
    """Id -> image, from both folders, by the number in the file name, whatever its ending says.

    Every distinct image is looked through once, so that a damaged one is known before a model is asked.

    Raises:
        UserError: neither folder is there, or two different files for one id.
    """
    folders = [folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()]
    if not folders:
        raise UserError(f"expected the folders {' and '.join(IMAGE_FOLDERS)} beside {folder / PROMPTS}")
    found: dict[int, ImageFile] = {}
    problems: dict[str, str] = {}
    for path in (path for images in folders for path in sorted(images.iterdir())):
        item_id = _number(path)
        if item_id is None:
            continue
        image = _image(path, problems)
        if item_id in found and found[item_id].sha256 != image.sha256:
            raise UserError(f"two images for id {item_id}: {found[item_id].path} and {path}; remove one")
        found.setdefault(item_id, image)
    return found


def strays(folder: Path, ids: set[int]) -> list[str]:
    """Files in the image folders that belong to no record."""
    files = [p for name in IMAGE_FOLDERS if (folder / name).is_dir() for p in sorted((folder / name).iterdir())]
    return [str(path.relative_to(folder)) for path in files if _number(path) not in ids]


def _number(path: Path) -> int | None:
    stem = path.stem
    return int(stem) if stem.isascii() and stem.isdecimal() and path.is_file() else None


def _image(path: Path, problems: dict[str, str]) -> ImageFile:
    try:
        data = read_regular(path, MAX_FILE_BYTES)
    except OSError as problem:
        return ImageFile(path, "", f"can't be read: {problem.strerror or problem}")
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 not in problems:
        try:
            require_whole(data, name="image")
            problems[sha256] = ""
        except ImageError as problem:
            problems[sha256] = str(problem).partition(": ")[2]
    return ImageFile(path, "" if problems[sha256] else sha256, problems[sha256])
