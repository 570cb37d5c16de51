"""`data list`, `data fetch`, `data show` and `doctor`: what is here, what can be had and under which licence."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foresee.data import check
from tests.cli.conftest import ROOT, Cli
from tests.data.conftest import PLUGIN, FileServer, plugins, server

__all__ = ["plugins", "server"]  # fixtures


@pytest.fixture
def tiny(plugins: Path, server: FileServer) -> str:
    server.files["rows.txt"] = b"1|easy|one\n"
    files = [{"url": f"{server.url}/rows.txt"}]
    source = {"name": "Tiny", "licence": "CC-BY-4.0", "consequence": "name the authors", "files": files, "megabytes": 3}
    (plugins / "tiny.py").write_text(PLUGIN.format(source=source))
    return "tiny"


def test_sets_are_listed_once_with_kind_size_licence_and_way(cli: Cli, tiny: str, plugins: Path) -> None:
    (plugins / "odd.py").write_text('"""No source."""\n')
    done = cli("data", "list")
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert len([line for line in done.out.splitlines() if line.split()[:1] == ["xstest"]]) == 1
    assert lines["xstest"].split()[1] == "both"
    assert lines["drawn_consequences"].split()[1:4] == ["benchmark", "shipped", "Apache-2.0"]
    assert lines["tiny"].split() == ["tiny", "benchmark", "–", "3", "MB", "CC-BY-4.0", "fetch"]
    assert lines["odd"].split()[2] == "broken"
    assert "expected SOURCE" in done.out
    assert cli("data", "fetch", "tiny", "--to", "here").code == 0
    assert cli("data", "fetch", "nope").err.count("xstest") <= 1


def on_a_terminal(said: str, *arguments: str) -> tuple[int, str]:
    """The command with a person in front: exit code, and what they were shown."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "foresee", *arguments]
    process = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, cwd=ROOT)
    os.close(theirs)
    os.write(ours, said.encode())
    process.communicate(timeout=60)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    return process.returncode, shown


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_is_asked_about_the_licence_and_a_script_is_not(cli: Cli, tiny: str) -> None:
    def here() -> bool:
        return any(held.folder for held in check.listing() if held.name == tiny)

    code, shown = on_a_terminal("n\n", "data", "fetch", tiny)
    assert (code, here()) == (1, False)
    assert "licence CC-BY-4.0" in shown
    assert "Download tiny, about 3 MB under this licence?" in shown
    code, shown = on_a_terminal("y\n", "data", "fetch", tiny)
    assert (code, here()) == (0, True), shown
    assert "Download" not in on_a_terminal("", "data", "fetch", tiny)[1], "here already: nothing to ask"
    assert cli("data", "clean", tiny, "--yes").code == 0
    assert cli("data", "fetch", tiny).code == 0, "no terminal: a script is never held up"
    assert cli("data", "clean", tiny, "--yes").code == 0
    code, shown = on_a_terminal("", "data", "fetch", tiny, "--yes")
    assert (code, here(), "Download" in shown) == (0, True, False)


def test_an_item_is_shown_with_its_image(cli: Cli) -> None:
    done = cli("data", "show", "drawn_consequences", "candle-curtain", "--html", "one.html")
    assert done.code == 0, done.err
    page = Path("one.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_doctor_is_a_table_that_says_what_to_do(
    cli: Cli, plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plugins.parent / "judges").mkdir()
    (plugins.parent / "judges" / "mine.py").write_text("1/0\n")
    monkeypatch.setenv("FORESEE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-neverprinted")
    begun = time.process_time()
    done = cli("doctor")
    assert time.process_time() - begun < 3
    assert done.code == 1
    for named in ("[train]", "[inspect]", "FORESEE_PLUGINS", "HF cache", "local servers", "data cache", "GB free"):
        assert named in done.out, named
    assert "openai " in next(line for line in done.out.splitlines() if "[inspect]" in line)
    broken = [line for line in done.out.splitlines() if "BROKEN" in line]
    assert any("FORESEE_DATA" in line for line in broken)
    assert any("judges/mine" in line for line in broken)
    assert "neverprinted" not in done.out
