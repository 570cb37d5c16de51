"""Settings files that are none, manifests of another shape, weights that are no weights, keys given twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foresee.config import pairs
from foresee.errors import UserError
from tests.cli.conftest import Cli


@pytest.mark.parametrize("kind", ["latin", "folder", "huge", "nested", "digits", "pipe"])
@pytest.mark.parametrize(
    "command",
    [
        ("train", "sft", "odd.toml"),
        ("curate", "threat_vqa", "odd.toml"),
        ("eval", "xstest", "--model", "custom/x", "--judge-model", "custom/x", "--template", "odd.toml"),
    ],
)
def test_a_settings_file_that_is_none(cli: Cli, tmp_path: Path, command: tuple[str, ...], kind: str) -> None:
    path = tmp_path / "odd.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        import os

        os.mkfifo(path)
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(5_000_000_000)
    else:
        texts = {
            "latin": 'a = "caf\xe9"'.encode("latin-1"),
            "nested": b"a = " + b"[" * 5000,
            "digits": b"a = " + b"9" * 9000,
        }
        path.write_bytes(texts[kind])
    done = cli(*command)
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert "odd.toml" in done.err


@pytest.mark.parametrize("content", ["[]", '"x"', "7", "null", "[" * 3000, '{"kind": ["evaluation"]}', '{"kind": {}}'])
@pytest.mark.parametrize(
    "command",
    [("report", "run"), ("compare", "run", "run"), ("export", "run"), ("judge", "sheet", "run"), ("score", "run")],
)
def test_a_manifest_of_another_shape(cli: Cli, command: tuple[str, ...], content: str) -> None:
    Path("run").mkdir()
    Path("run/manifest.json").write_text(content)
    done = cli(*command)
    assert done.code == 2, done
    assert "run" in done.err.splitlines()[-1]


def test_a_name_that_no_file_can_have(cli: Cli) -> None:
    """A shell that puts the content of a file in the place of its name makes such."""
    for command in (
        ("report",),
        ("study",),
        ("doctor",),
        ("judge", "agree"),
        ("eval", "jsonl", "--model", "x", "--data"),
    ):
        done = cli(*command, "a" * 5000)
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
        assert len(done.err) < 6000


@pytest.mark.parametrize("weights", ["1,nan", "1,inf", "1,-1", "0,0", "-inf,1", "1", "1,2,3"])
def test_weights_that_are_none(cli: Cli, weights: str) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_text(json.dumps({"prompt": f"Hi {name}", "answer": "Hello"}) + "\n")
    done = cli("data", "mix", "a.jsonl", "b.jsonl", f"--weights={weights}", "--out", "mixed")
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert "--weights: expected 2 numbers above 0" in done.err
    assert not Path("mixed").exists()


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="modality is given twice, as 'modality=text' and as 'modality=image'"):
        pairs(["modality=text", "modality=image"], what="x (-T)")
    assert pairs(["a.b=1", "a.c=2", "a.b=1"], what="x") == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    "options",
    [
        (
            "eval",
            "drawn_consequences",
            "--model",
            "custom/x",
            "--no-judge",
            "-T",
            "category=fire",
            "-T",
            "category=heat",
        ),
        (
            "eval",
            "drawn_consequences",
            "--model",
            "custom/x",
            "--no-judge",
            "-M",
            "base_url=http://a",
            "-M",
            "base_url=http://b",
        ),
        ("eval", "xstest", "--model", "custom/x", "--defense", "few_shot", "-S", "shots=1", "-S", "shots=2"),
        ("train", "sft", "--set", "model=a", "--set", "model=b"),
        ("curate", "threat_vqa", "--set", "writer=a/b", "--set", "writer=c/d"),
    ],
)
def test_every_command_refuses_a_key_given_twice(cli: Cli, options: tuple[str, ...]) -> None:
    done = cli(*options)
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert "is given twice" in done.err


@pytest.mark.parametrize("command", [("",), (), ("--all", "mossbench"), ("nonesuch",)])
def test_an_empty_name_never_means_everything(
    cli: Cli, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "home" / "downloads" / "part"
    kept.parent.mkdir(parents=True)
    kept.write_text("half a download")
    monkeypatch.setenv("FORESEE_HOME", str(tmp_path / "home"))
    done = cli("data", "clean", *command)  # without --yes: nothing is asked before the names are known
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert "Remove" not in done.out
    assert kept.exists()


def test_hints_name_flags_that_the_command_has(cli: Cli, tmp_path: Path, server: str) -> None:
    (tmp_path / "answers.jsonl").write_text('{"id": "1", "response": "No."}\n')
    scored = cli("score", "answers.jsonl", "--benchmark", "drawn_consequences", "--out", "run")
    checked = cli("judge", "check", "harmful", "--labels", "labels.jsonl")
    asked = cli("eval", "drawn_consequences", "--model", "custom/x")
    assert ("--judge-model" in scored.err, "--no-judge" in scored.err) == (True, False)
    assert "--no-judge" not in checked.err
    assert "--no-judge" in asked.err
