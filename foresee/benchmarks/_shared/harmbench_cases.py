"""Read test cases of HarmBench's layout, as its attacks leave them: {behaviour: [text, or [image, text], …], …}.

As in centerforaisafety/HarmBench@c0423b9: `results/METHOD/EXPERIMENT/test_cases/test_cases.json`, or one such file for
each behaviour in `test_cases_individual_behaviors/`; images lie in `images/` beside the file or above it. The cases
name behaviours by their id alone; what these ask for stands in `harmbench_behaviors_*.csv`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from foresee.benchmarks._shared.files import some
from foresee.data import sources
from foresee.data.tables import Line, read_json, read_table
from foresee.errors import UserError
from foresee.files.untrusted import open_regular

FILE = "test_cases.json"
_TABLES = "harmbench_behaviors_*.csv"
_EXPECTED = "expected HarmBench's layout, {behaviour: [test cases]}, each case a text, or an image and a text"


class Case(NamedTuple):
    """A test case as a row, and the folder that its image lies below."""

    line: Line
    folder: Path


def is_cases(path: Path) -> bool:
    """Whether a file is JSON that holds an object, where rows would be a list of objects."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with open_regular(path) as file:
            return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError:
        return False


def cases(path: Path, behaviours: Mapping[str, Line]) -> Iterator[Case]:
    """Yield the test cases of a file; the method that its path names is the subset, the behaviour the cluster.

    Raises:
        UserError: not of that layout, or a behaviour that the tables lack.
    """
    found = read_json(path)
    method, experiment = _named(path)
    for behaviour, listed in found.items():
        if not isinstance(listed, list):
            raise UserError(f"{path}: {_EXPECTED}; got a {type(listed).__name__} under {str(behaviour)[:60]!r}")
        known = behaviours.get(behaviour)
        if known is None:
            raise UserError(
                f"{path}: no behaviour {str(behaviour)[:60]!r} in the tables of behaviours; name the file that has it "
                f"with -T behaviors=FILE"
            )
        for number, case in enumerate(listed, 1):
            where = f"{path}, {behaviour} {number}"
            image, text = _parts(case, where)
            row = {
                "id": "/".join(part for part in (method, experiment, behaviour, str(number)) if part),
                "prompt": text,
                "image": image,
                "original": original(known),
                "subset": method,
                "category": known.text("SemanticCategory", default=""),
                "cluster": behaviour,
                "context": known.text("ContextString", default=""),
            }
            yield Case(Line({key: value for key, value in row.items() if value}, where), _folder(path, image))


def behaviours(named: str, path: Path) -> dict[str, Line]:
    """Read what behaviours ask for, by id.

    Args:
        named: a table or a folder of some; "" looks beside the test cases, in HarmBench's own tree above them, and
            among what was fetched.
        path: of the test cases.

    Raises:
        UserError: there are none.
    """
    if named:
        files = some(Path(named).expanduser(), "*.csv")
    else:
        above = [each / inner for each in list(path.resolve().parents)[:8] for inner in ("", "data/behavior_datasets")]
        files = next((found for each in above if (found := sorted(each.glob(_TABLES)))), [])
        files = files or _fetched()
    if not files:
        raise UserError(
            f"{path}: judges read answers against what the behaviours ask for: name HarmBench's table of them with "
            f"-T behaviors=FILE, or run 'foresee data fetch harmbench'"
        )
    return _read(tuple(files))


@lru_cache(maxsize=4)
def _read(files: tuple[Path, ...]) -> dict[str, Line]:
    lines = [line for file in files for line in read_table(file, ("Behavior", "BehaviorID"))]
    return {line.text("BehaviorID"): line for line in lines}


def original(behaviour: Line) -> str:
    """Write what a behaviour asks for, with what its image shows if it is about one."""
    shown = behaviour.text("RedactedImageDescription", default="") or behaviour.text("ImageDescription", default="")
    asks = behaviour.text("Behavior")
    return f"{asks}\n(The image shows: {shown})" if shown else asks


def _fetched() -> list[Path]:
    try:
        return some(sources.locate("harmbench"), _TABLES)
    except UserError:
        return []


def _parts(case: Any, where: str) -> tuple[str, str]:
    if isinstance(case, str):
        return "", case
    if isinstance(case, list) and len(case) == 2 and all(isinstance(part, str) for part in case):
        return case[0], case[1]
    raise UserError(f"{where}: {_EXPECTED}; got a {type(case).__name__}")


def _named(path: Path) -> tuple[str, str]:
    """Tell method and experiment from a path of HarmBench's tree; empty elsewhere."""
    parts = path.resolve().parts[:-1]
    if "test_cases" not in parts:
        return "", ""
    at = len(parts) - 1 - parts[::-1].index("test_cases")
    return (parts[at - 2], parts[at - 1]) if at > 2 else ("", "")


def _folder(path: Path, image: str) -> Path:
    """Find the folder that holds an image: the file's, `images` in it, or in one of the two above."""
    tried = [each / inner for each in list(path.parents)[:3] for inner in ("", "images")]
    return next((each for each in tried if image and (each / image).is_file()), path.parent)
