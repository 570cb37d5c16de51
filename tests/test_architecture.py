"""The house rules that a machine can check: layers, sizes, names, light start-up, contracts of every plug-in."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresee import plugins
from foresee.plugins import contracts

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for folder in ("foresee", "tools") for path in (ROOT / folder).rglob("*.py"))
HEAVY = ("torch", "transformers", "inspect_ai", "pandas", "scipy", "matplotlib", "aiohttp", "numpy")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_layers_point_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_needs_nothing_that_it_does_not_ship() -> None:
    outside = {"tools", "tests", "performance"}
    for path in (ROOT / "foresee").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not outside & {name.partition(".")[0] for name in names}, relative(path)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_say_what_they_do_and_catch_what_they_name(path: Path) -> None:
    assert path.stem not in ("utils", "helpers", "common", "base", "manager"), "name a file by what it does"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"


def test_the_tree_stays_readable_at_one_look() -> None:
    entries = [path.name for path in (ROOT / "foresee").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 32, sorted(entries)


def test_plugin_files_are_read_in_one_place() -> None:
    """Whatever a plug-in file may hold is a field of `plugins.contracts`; nobody else looks into the file."""
    for path in SOURCES:
        if path.parent.name != "plugins":
            text = path.read_text(encoding="utf-8")
            assert "plugins.load(" not in text or path.name == "_checkup.py", relative(path)


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "benchmarks"], ["eval", "--help"]])
def test_help_and_list_import_nothing_heavy(arguments: list[str]) -> None:
    script = f"""
import sys
sys.argv = ["foresee", *{arguments!r}]
from foresee.__main__ import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_foresee_imports_nothing_heavy() -> None:
    script = f"import sys, foresee; assert not [n for n in {HEAVY!r} if n in sys.modules]; print(foresee.__version__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_python_api_resolves() -> None:
    import foresee

    for name in foresee.__all__:
        assert getattr(foresee, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = foresee.nothing_here


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_plugin_introduces_itself_and_loads(kind: plugins.Kind) -> None:
    for name in plugins.names(kind):
        found = plugins.summary(kind, name)
        assert found.error is None
        assert len(found.line) > 10, f"{kind}/{name} needs a first docstring line that says what it is"
        module = plugins.load(kind, name)
        if kind in ("benchmarks", "labels"):
            assert isinstance(found.literals.get("SOURCE"), dict), f"{kind}/{name}: SOURCE must be a literal"
        if kind in ("benchmarks", "judges"):
            assert isinstance(module.VERSION, str)


def test_benchmarks_keep_the_contract() -> None:
    from foresee.config import BenchmarkOptions
    from foresee.metrics import Metric

    assert "mmsafeaware" in plugins.names("benchmarks")
    for name in plugins.names("benchmarks"):
        file = contracts.benchmark(name)
        assert issubclass(file.options, BenchmarkOptions)
        assert all(isinstance(metric, Metric) and metric.doc for metric in file.all_metrics)
        names = [metric.name for metric in file.all_metrics]
        assert len(set(names)) == len(names)
        assert set(file.headline) <= set(names)
        assert set(file.judges) <= set(plugins.names("judges"))


def test_files_of_every_kind_keep_their_contract() -> None:
    opened: dict[plugins.Kind, Callable[[str], Any]] = {
        "labels": contracts.label_set,
        "judges": contracts.judge_file,
        "attacks": contracts.attack_file,
        "defenses": contracts.defense_file,
        "curation": contracts.recipe,
        "training": contracts.training_method,
    }
    assert {*opened, "benchmarks"} == set(plugins.KINDS)
    for kind, read in opened.items():
        for name in plugins.names(kind):
            assert read(name).name == name


def test_no_path_of_a_build_machine_and_no_data_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        assert path.stat().st_size < 12_000_000, f"{name} is too big for the repository"
        assert path.suffix not in (".jpg", ".jpeg", ".webp"), f"{name}: benchmark pictures are never committed"
        if path.suffix in (".py", ".md", ".toml", ".txt", "") and name != "tests/test_architecture.py":
            text = path.read_text(encoding="utf-8", errors="replace")
            assert "/work" + "/" not in text, f"{name} holds a path of a build machine"


def test_the_wheel_takes_every_file_of_the_package_and_nothing_beside_it() -> None:
    import tomllib

    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setup["packages"]["find"]["include"] == ["foresee*"]
    patterns = setup["package-data"]["foresee"]
    listed = subprocess.run(["git", "ls-files", "foresee"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split():
        if not name.endswith((".py", "upbringing.jsonl")):  # the log of a training is for maintainers
            assert any(Path(name).match(pattern) for pattern in patterns), f"{name} would be missing from the wheel"


def test_environment_of_the_tests_is_sealed() -> None:
    import socket

    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(AssertionError, match="stay on this machine"), socket.socket() as outside:
        outside.connect(("192.0.2.1", 80))
