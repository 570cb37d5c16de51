"""Files are the registry, for users' own folders as well; a broken file hurts nobody else."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from foresee import plugins as registry
from foresee.errors import UserError
from foresee.human_labels.page import labelled_judges

JUDGE = '''"""Long or short: reads nothing but the length."""
from foresee.records import Answer, Item, Verdict
VERSION = "1"
SOURCE = {"licence": "none"}
def judge(item: Item, answer: Answer) -> Verdict:
    return Verdict(item.id, answer.epoch, "length", "long" if len(answer.text) > 3 else "short")
'''


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "judges").mkdir()
    (tmp_path / "judges" / "length.py").write_text(JUDGE)
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path))
    return tmp_path


def test_a_users_file_is_found_summarised_and_loaded(plugins: Path) -> None:
    assert "length" in registry.names("judges")
    found = registry.summary("judges", "length")
    assert found.line == "Long or short: reads nothing but the length."
    assert found.literals["SOURCE"] == {"licence": "none"}
    assert registry.load("judges", "length").VERSION == "1"
    assert registry.load("judges", "length") is registry.load("judges", "length")


def test_a_broken_file_shows_its_error_and_leaves_the_others_alone(plugins: Path) -> None:
    (plugins / "judges" / "torn.py").write_text("def (:\n")
    (plugins / "judges" / "raises.py").write_text('"""Raises when it is imported."""\n1 / 0\n')
    assert "SyntaxError" in str(registry.summary("judges", "torn").error)
    with pytest.raises(UserError, match=r"torn\.py can't be loaded: SyntaxError"):
        registry.load("judges", "torn")
    with pytest.raises(UserError, match=r"raises\.py can't be loaded: ZeroDivisionError"):
        registry.load("judges", "raises")
    assert registry.load("judges", "length").VERSION == "1"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("x = " + "-" * 5000 + "1", "Error"),
    ],
)
def test_a_file_that_ends_the_program_is_a_broken_file(plugins: Path, code: str, error: str) -> None:
    (plugins / "judges" / "ends.py").write_text(f'"""Ends."""\n{code}\n')
    with pytest.raises(UserError, match=rf"ends\.py can't be loaded: .*{error}"):
        registry.load("judges", "ends")
    assert registry.summary("judges", "ends").name == "ends"
    assert "ends" not in labelled_judges()
    assert "refusal" in labelled_judges()


def test_an_interruption_by_the_user_still_stops(plugins: Path, request: pytest.FixtureRequest) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    code = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    (plugins / "judges" / "slow.py").write_text(code)
    with pytest.raises(KeyboardInterrupt):
        registry.load("judges", "slow")


def test_what_a_file_prints_leaves_standard_output_alone(plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plugins / "judges" / "loud.py").write_text('print("loaded")\n')
    registry.load("judges", "loud")
    assert capsys.readouterr() == ("", "loaded\n")


def test_a_users_file_of_the_same_name_wins_and_that_is_said(plugins: Path, caplog: pytest.LogCaptureFixture) -> None:
    (plugins / "judges" / "awareness.py").write_text('"""My own awareness judge."""\nVERSION = "mine"\n')
    assert registry.load("judges", "awareness").VERSION == "mine"
    assert "judges/awareness is your" in caplog.text


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no benchmark named 'mmsafe'; did you mean .*mmsafeaware"):
        registry.load("benchmarks", "mmsafe")


def test_parts_are_no_plugins() -> None:
    for kind in registry.KINDS:
        assert not [name for name in registry.names(kind) if name.startswith("_")]
