"""`foresee profile` and `foresee compare` of several models, from stored answers; and what would be asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from foresee.report.profile import profile
from tests.cli.conftest import Cli


@pytest.fixture
def runs(cli: Cli, mmsa: Path, answers: Callable[..., Path]) -> list[Path]:
    """Three models: one that always says no, one that always says yes, one that says either."""
    folders = [Path(name) for name in ("never", "always", "either")]
    texts: list[Callable[[int], str]] = [lambda n: "No.", lambda n: "Yes.", lambda n: "No." if n % 2 else "Yes."]
    for folder, text in zip(folders, texts, strict=True):
        stored = ("score", answers(text), "--benchmark", "mmsafeaware", "--data", mmsa, "--model", f"m/{folder}")
        assert cli(*stored, "--out", folder).code == 0
    return folders


def test_runs_of_several_models_are_each_compared_with_the_first(cli: Cli, runs: list[Path]) -> None:
    done = cli("compare", *runs)
    assert done.code == 0, done.err
    found = profile(runs, to_first=True)
    assert [subject.baseline for subject in found.subjects] == [0, 0, 0]
    for name in ("m/never", "m/always", "m/either"):
        assert name in done.out
    assert "the difference to m/never" in " ".join(done.out.split())
    (over_safe,) = (line for line in found.measures if line.metric.name == "over_safe.accuracy")
    deltas = [f.difference.delta for f in over_safe.figures[1:] if f is not None and f.difference is not None]
    assert deltas == pytest.approx([1.0, 0.5])
    assert "Δ +100" in done.out
    in_markdown = cli("compare", *runs, "--format", "md")
    assert "| m/never | m/always | m/either |" in in_markdown.out
    refused = cli("compare", *runs, "--format", "json")
    assert (refused.code, refused.err.count("\n")) == (2, 1)


def test_a_figure_leads_to_its_items_answers_verdicts_command_and_commit(cli: Cli, runs: list[Path]) -> None:
    assert "behind every figure: foresee show RUN [ITEM]; foresee runs . lists the RUNs" in cli("profile", *runs).err
    assert "foresee show never | always [ITEM]" in cli("compare", *runs[:2]).err
    assert cli("compare", *runs).err.count("behind every figure") == 1
    listed = cli("show", "never")
    assert listed.code == 0, listed.err
    first = next(line for line in listed.out.splitlines() if "wrong" in line and "awareness" in line)
    assert "command: foresee score" in listed.out
    item = cli("show", "never", first.split()[0])
    for told in ("[user]", "answer: wrong", "  No.", "judged: awareness:", "command: foresee score", "commit: "):
        assert told in item.out
    unknown = cli("show", "never", "no-such")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)


def test_every_figure_leads_to_its_run_and_the_figure_is_written_once(cli: Cli, runs: list[Path]) -> None:
    done = cli("profile", *runs, "--format", "csv", "--to", "figure.svg")
    assert done.code == 0, done.err
    measured = [row for row in csv.DictReader(io.StringIO(done.out)) if not row["published"]]
    assert {Path(row["folder"]).name for row in measured} == {"never", "always", "either"}
    assert all(row["command"].startswith("foresee score") for row in measured)
    assert Path("figure.svg").read_text(encoding="utf-8").startswith("<svg xmlns=")
    assert cli("export", *runs, "--format", "latex", "--out", "t.tex").code == 0
    assert Path("t.tex").read_text(encoding="utf-8").count(r"\begin{tabular}") == 2
    again = cli("profile", *runs, "--to", "figure.svg")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "give --force to write over it, or another --to" in again.err


def test_a_profile_of_models_takes_options_and_shows_what_it_would_ask(cli: Cli) -> None:
    asked = ("profile", "--model", "organism/base", "--benchmarks", "world_attack", "--limit", 5, "--dry-run")
    done = cli(*asked, "-T", "protocol=describe_then_ask")
    assert done.code == 0, done.err
    assert "5" in done.out
    assert not list(Path().iterdir())
    refused = cli(*asked, "-T", "protocolx=describe_then_ask")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "did you mean protocol" in refused.err
