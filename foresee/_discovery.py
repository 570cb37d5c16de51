"""Files are the registry: `foresee/<kind>/<name>.py` is the plug-in `<name>`, and so is a user's own file.

`FORESEE_PLUGINS` names folders (separated as in PATH) laid out alike: `<folder>/<kind>/<name>.py`.
Names and one-line summaries are read without importing anything; one broken file hurts nobody else.
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
from foresee.notices import say_once
from foresee.untrusted import read_regular

Kind = Literal["benchmarks", "labels", "defenses", "curation", "training", "judges"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_PACKAGE = Path(__file__).parent


class Summary(NamedTuple):
    """What a plug-in file says of itself, read without running it."""

    name: str
    line: str
    path: Path
    literals: dict[str, Any]
    error: str | None


def plugin_folders() -> list[Path]:
    """The user's own folders, in the order in which they are searched."""
    return [Path(p).expanduser() for p in os.environ.get("FORESEE_PLUGINS", "").split(os.pathsep) if p]


def files(kind: Kind) -> dict[str, Path]:
    """Name -> file of every plug-in of a kind. A user's file of the same name wins over ours."""
    found: dict[str, Path] = {}
    for root in (_PACKAGE, *reversed(plugin_folders())):
        for path in sorted((root / kind).glob("*.py")):
            if not path.name.startswith("_") and not path.is_dir():
                found[path.stem] = path
    return dict(sorted(found.items()))


def names(kind: Kind) -> list[str]:
    return list(files(kind))


def summary(kind: Kind, name: str) -> Summary:
    """The file's first docstring line and its module-level literals (SOURCE, VERSION, JUDGES, ...)."""
    path = _path(kind, name)
    try:
        tree = ast.parse(read_regular(path).decode())
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
    ours = path.parent == _PACKAGE / kind
    module_name = f"foresee.{kind}.{name}" if ours else f"foresee_plugins.{kind}.{name}"
    if not ours and (_PACKAGE / kind / path.name).exists():
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
    spec = importlib.util.spec_from_file_location(module_name, path)
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
        raise unknown_name(kind.rstrip("s") if kind != "labels" else "label set", name, known)
    return known[name]


def _assigned_name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None
