"""Settings from key=value pairs and TOML: nothing unknown passes, every error names what was got."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresee.config import BenchmarkOptions, Settings, from_pairs, laid_over, pairs, read_toml
from foresee.errors import UserError


class Inner(Settings):
    rank: int = 8


class Outer(Settings):
    rate: float = 1.0
    name: str = ""
    flags: tuple[int, ...] = ()
    inner: Inner = Inner()


def test_pairs_become_typed_values() -> None:
    built = from_pairs(Outer, ["rate=0.5", "name=2024", "flags=[1, 2]", "inner.rank=4"], what="settings")
    assert built == Outer(rate=0.5, name="2024", flags=(1, 2), inner=Inner(rank=4))


def test_text_that_is_no_toml_stays_text() -> None:
    assert pairs(["version=2024-10-21", "at=10:30:00"], what="x") == {"version": "2024-10-21", "at": "10:30:00"}
    assert pairs(["url=http://127.0.0.1:8000/v1", "a=1=2"], what="x") == {"url": "http://127.0.0.1:8000/v1", "a": "1=2"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["subsett=all"], "no task option named 'subsett'; did you mean subset"),
        (["subset"], "expected key=value, got 'subset'"),
        (["modality=smell"], "modality: Input should be 'both', 'image' or 'text' \\(got 'smell'\\)"),
    ],
)
def test_wrong_pairs_are_one_clear_line(given: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        from_pairs(BenchmarkOptions, given, what="task")
    assert "\n" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Outer().rate = 2.0


def test_toml_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = \n")
    with pytest.raises(UserError, match=r"bad\.toml is not valid TOML.*line 1"):
        read_toml(tmp_path / "bad.toml")


def test_settings_laid_over_a_group_keep_what_they_do_not_name() -> None:
    below = {"rate": 1.0, "probe": {"every": 5, "benchmarks": ["world"], "deep": {"a": 1, "b": 2}}}
    found = laid_over(below, {"probe": {"every": 9, "deep": {"b": 3}}, "rate": {"first": 2}})
    assert found == {"rate": {"first": 2}, "probe": {"every": 9, "benchmarks": ["world"], "deep": {"a": 1, "b": 3}}}
    assert below["probe"] == {"every": 5, "benchmarks": ["world"], "deep": {"a": 1, "b": 2}}, "nothing is changed below"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".".join("a" * 100_000) + " = 1", "a key of 100 parts and more"),
        ("[" + " . ".join("a" * 100_000) + "]", "a key of 100 parts and more"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = " + "9" * 100_000, "digits"),
        ("a = 1\n" * 1_000_000, "expected at most"),
    ],
    ids=["dots", "dots in a table", "brackets", "digits", "bytes"],
)
def test_a_settings_file_that_would_run_long_is_refused_at_once(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.toml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_toml(tmp_path / "bomb.toml")


def test_a_long_text_in_a_settings_file_is_read(tmp_path: Path) -> None:
    text = f"a = '{'x' * 3_000_000}'\nb = '{'One. ' * 50_000}'\n"
    (tmp_path / "long.toml").write_text(text)
    assert len(read_toml(tmp_path / "long.toml")["a"]) == 3_000_000
