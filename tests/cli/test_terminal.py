"""What the terminal may do to a run, and what texts may do to the terminal: nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foresee.cli._streams import SafeStream
from foresee.report.tables import TextTable, markdown
from tests.cli.conftest import ROOT, Cli

EVIL = "a\x1b]0;pwned\x07\x1b[2J\x00\x9b31m\u202eb"


def run(redirection: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a shell of its own."""
    words = " ".join(f"'{word}'" for word in arguments)
    command = f"{sys.executable} -m foresee {words} {redirection}"
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C"},
    ],
)
def test_any_encoding_gets_its_table(environment: dict[str, str]) -> None:
    done = run("", "data", "list", **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"world_awareness" in done.stdout


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        (">&- 2>&- <&-", 0, b""),
        ("| head -1; exit ${PIPESTATUS[0]}", 0, b""),
        (">/dev/full", 2, b"foresee: the results could not be printed: No space left on device; what was done is kept\n"),  # noqa: E501
        ("2>/dev/full", 0, b""),
    ],
)  # fmt: skip
def test_a_terminal_that_is_gone_ends_no_run(redirection: str, code: int, said: bytes) -> None:
    done = run(redirection, "list", "defenses")
    assert (done.returncode, done.stderr) == (code, said)


def test_an_error_keeps_its_code_where_nobody_can_read_it() -> None:
    assert run("2>/dev/full", "list", "nothing").returncode == 2
    assert run("2>&-", "list", "nothing").returncode == 2


def test_colours_that_are_asked_for_are_colours() -> None:
    done = run("", "data", "list", FORCE_COLOR="1")
    assert b"\x1b[1m" in done.stdout
    assert b"U+001B" not in done.stdout


def test_a_closed_input_is_an_empty_one() -> None:
    done = run("<&-", "data", "fetch", "xstest", FORESEE_HOME="/proc/nowhere")
    assert (done.returncode, done.stderr.count(b"unexpected")) == (2, 0)


def test_debug_shows_the_place_and_keeps_the_exit_code() -> None:
    done = run("", "list", "trainings", "--debug")
    assert done.returncode == 2
    assert b"Traceback" in done.stderr
    assert done.stderr.endswith(b"foresee: no kind named 'trainings'; did you mean training?\n")


def test_no_text_of_a_data_set_reaches_the_terminal_as_it_is(cli: Cli, server: str, tmp_path: Path) -> None:
    rows = [
        {"id": f"{EVIL}{n}", "prompt": EVIL, "expected": "safe", "category": EVIL, "subset": EVIL, EVIL: EVIL}
        for n in range(3)
    ]
    data = tmp_path / "esc.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    twice = tmp_path / "twice.jsonl"
    twice.write_text("".join(json.dumps({"id": EVIL, "prompt": "x"}) + "\n" for _ in range(2)))
    model = ("--model", "custom/rules", "-M", f"base_url={server}", "--no-judge")
    commands: list[tuple[object, ...]] = [
        ("eval", "jsonl", "--data", data, *model, "--dry-run"),
        ("eval", "jsonl", "--data", data, *model, "--out", "run", "--by", "scenario"),
        ("eval", "jsonl", "--data", twice, *model, "--out", "other"),
        ("eval", "jsonl", "--data", data, "--model", f"custom/{EVIL}", "-M", f"base_url={server}", "--no-judge"),
        ("eval", EVIL, *model),
        ("data", "show", "jsonl", f"{EVIL}0", "--data", data),
        ("data", "show", "jsonl", f"{EVIL}9", "--data", data),
        ("data", "check", "jsonl", "--data", data),
        ("compare", "run", "run", "--format", "md"),
        ("report", "run"),
        ("export", "run"),
        ("judge", "sheet", "run", "--judge", EVIL),
        ("train", EVIL),
        ("score", data, "--benchmark", EVIL),
    ]
    for command in commands:
        done = cli(*command)
        written = done.out + done.err
        assert not [c for c in written if (c < " " and c != "\n") or "\x7f" <= c <= "\x9f" or c == "\u202e"], command
        assert done.code != 3, done.err


def test_tables_as_markdown_hold_no_html_links_or_new_columns() -> None:
    cells = ("<script>alert(1)</script>", "[x](javascript:alert(1))", "a|b\nc", "&lt;q&gt;", "`x`", EVIL)
    written = markdown(TextTable("<b>t</b>", tuple("abcdef"), (cells,), ("![n](http://x)",)))
    assert "<" not in written
    for raw in ("[x](", "![n](", "a|b", "\x1b", "&lt;q&gt;"):
        assert raw not in written
    assert written.count("\n") == 7


def test_bars_of_libraries_go_back_on_a_terminal_only() -> None:
    class Terminal:
        def __init__(self, *, real: bool) -> None:
            self.real, self.written = real, ""

        def isatty(self) -> bool:
            return self.real

        def write(self, text: str) -> None:
            self.written += text

    for real, expected in ((True, "\r50 %[U+001B]c"), (False, "\n50 %[U+001B]c")):
        terminal = Terminal(real=real)
        SafeStream(terminal).write("\r50 %\x1bc")  # type: ignore[arg-type]  # all that it uses
        assert terminal.written == expected
