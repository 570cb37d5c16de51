"""Find and load plug-ins. Files are the registry: `foresee/<kind>/<name>.py` is the plug-in `<name>`.

So is a user's own file: `FORESEE_PLUGINS` names folders (separated as in PATH) with `<folder>/<kind>/<name>.py`. A
plug-in of several files is a folder `<name>/` with an `__init__.py`. Our own files of kind `curation` lie in
`curation/recipes/`. Names and one-line summaries are read without importing anything; one broken file hurts nobody
else.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Literal, NamedTuple, get_args

from foresee.errors import UserError, unknown_name
from foresee.files.untrusted import read_regular
from foresee.notices import say_once

Kind = Literal["benchmarks", "labels", "attacks", "defenses", "curation", "training", "judges"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_PACKAGE = Path(__file__).parents[1]
_LONGEST = 4_000_000  # bytes of a plug-in's file
_WITHIN: dict[Kind, tuple[str, ...]] = {"curation": ("curation", "recipes")}
"""Where a kind's own files lie in the package, where that is not the folder of its name."""


class Summary(NamedTuple):
    """What a plug-in file says of itself, read without running it."""

    name: str
    line: str
    path: Path
    literals: dict[str, Any]
    error: str | None


def plugin_folders() -> list[Path]:
    """List the user's own folders, in the order in which they are searched; one that is not there is said once."""
    found = [Path(p).expanduser() for p in os.environ.get("FORESEE_PLUGINS", "").split(os.pathsep) if p]
    for problem in _absent(found):
        say_once(problem)
    return found


def _absent(folders: list[Path]) -> list[str]:
    return [
        f"FORESEE_PLUGINS: {folder} {'is not a folder' if folder.exists() else 'does not exist'}"
        for folder in folders
        if not folder.is_dir()
    ]


def files(kind: Kind) -> dict[str, Path]:
    """Name -> file of every plug-in of a kind. A user's file of the same name wins over ours."""
    found: dict[str, Path] = {}
    for folder in (_own_folder(kind), *(root / kind for root in reversed(plugin_folders()))):
        found |= _files_in(folder)
    return dict(sorted(found.items()))


def _own_folder(kind: Kind) -> Path:
    return _PACKAGE.joinpath(*_WITHIN.get(kind, (kind,)))


def _files_in(folder: Path) -> dict[str, Path]:
    single = {path.stem: path for path in folder.glob("*.py") if not path.is_dir()}
    several = {path.parent.name: path for path in folder.glob("*/__init__.py")}
    return {name: path for name, path in (single | several).items() if not name.startswith("_")}


def names(kind: Kind) -> list[str]:
    return list(files(kind))


def replaces(kind: Kind, name: str) -> Path | None:
    """Find the user's file that stands in the place of one of ours; None where ours, or only theirs, is there."""
    own, path = _files_in(_own_folder(kind)), files(kind).get(name)
    return path if name in own and path != own[name] else None


def summary(kind: Kind, name: str) -> Summary:
    """Read the file's first docstring line and its module-level literals (SOURCE, VERSION, JUDGES, ...)."""
    path = _path(kind, name)
    try:
        tree = ast.parse(read_regular(path, _LONGEST).decode())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        return Summary(name, "", path, {}, f"{type(problem).__name__}: {problem}")
    doc = ast.get_docstring(tree) or ""
    literals: dict[str, Any] = {}
    for node in tree.body:
        target = _assigned_name(node)
        value = getattr(node, "value", None)
        if target and value is not None:
            try:
                literals[target] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
    return Summary(name, doc.strip().split("\n")[0], path, literals, None)


def load(kind: Kind, name: str) -> ModuleType:
    """Import a plug-in. What it prints meanwhile goes to standard error; that it stands in for ours is said once.

    Raises:
        UserError: no such name (nearest ones offered), or the file fails to import or ends the program (file and
            reason given).
    """
    path = _path(kind, name)
    own = _files_in(_own_folder(kind))
    ours = own.get(name) == path
    within = ".".join(_WITHIN.get(kind, (kind,)))
    module_name = f"foresee.{within}.{name}" if ours else f"foresee_plugins.{kind}.{name}"
    if not ours and name in own:
        say_once(f"{kind}/{name} is your {path}, in the place of the file that foresee brings")
    interrupts: list[int] = []
    try:
        if ours:
            return importlib.import_module(module_name)
        with contextlib.redirect_stdout(sys.stderr), _noted(interrupts):
            return _load_file(module_name, path)
    except UserError:
        raise
    except BaseException as problem:
        if interrupts or (isinstance(problem, KeyboardInterrupt) and ours):
            raise
        reason = f"{type(problem).__name__}: {problem}"
        raise UserError(f"{kind} file {path} can't be loaded: {reason}") from problem


@contextlib.contextmanager
def _noted(interrupts: list[int]) -> Iterator[None]:
    """Note whether the user interrupts: a file that raises KeyboardInterrupt by itself is a broken file."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        if callable(before):
            before(number, frame)

    if callable(before):
        signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if callable(before):
            signal.signal(signal.SIGINT, before)


def _load_file(module_name: str, path: Path) -> ModuleType:
    loaded = sys.modules.get(module_name)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    read_regular(path, _LONGEST)  # a pipe or a device would keep the import waiting for ever
    parts = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module_name, path, submodule_search_locations=parts)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _path(kind: Kind, name: str) -> Path:
    known = files(kind)
    if name not in known:
        problem = unknown_name(kind.rstrip("s") if kind != "labels" else "label set", name, known)
        raise UserError("; ".join([str(problem), *_absent(plugin_folders())]))
    return known[name]


def _assigned_name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None
