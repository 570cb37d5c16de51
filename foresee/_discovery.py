"""Files are the registry: `foresee/<kind>/<name>.py` is the plug-in `<name>`, and so is a user's own file.

`FORESEE_PLUGINS` names folders (separated as in PATH) laid out alike: `<folder>/<kind>/<name>.py`.
Names and one-line summaries are read without importing anything; one broken file hurts nobody else.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, get_args

from foresee.errors import UserError, unknown_name

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
            if not path.name.startswith("_"):
                found[path.stem] = path
    return dict(sorted(found.items()))


def names(kind: Kind) -> list[str]:
    return list(files(kind))


def summary(kind: Kind, name: str) -> Summary:
    """The file's first docstring line and its module-level literals (SOURCE, VERSION, JUDGES, ...)."""
    path = _path(kind, name)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as problem:
        return Summary(name, "", path, {}, f"{type(problem).__name__}: {problem}")
    doc = ast.get_docstring(tree) or ""
    literals: dict[str, Any] = {}
    for node in tree.body:
        target = _assigned_name(node)
        value = getattr(node, "value", None)
        if target and value is not None:
            try:
                literals[target] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError):
                continue
    return Summary(name, doc.strip().split("\n")[0], path, literals, None)


def load(kind: Kind, name: str) -> ModuleType:
    """Import a plug-in.

    Raises:
        UserError: no such name (nearest ones offered), or the file fails to import (file and reason given).
    """
    path = _path(kind, name)
    ours = path.parent == _PACKAGE / kind
    module_name = f"foresee.{kind}.{name}" if ours else f"foresee_plugins.{kind}.{name}"
    try:
        if ours:
            return importlib.import_module(module_name)
        return _load_file(module_name, path)
    except UserError:
        raise
    except Exception as problem:
        raise UserError(f"{kind} file {path} can't be loaded: {type(problem).__name__}: {problem}") from problem


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
