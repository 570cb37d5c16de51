"""`foresee show` and `foresee runs`: anything by its name, and what has been made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foresee import plugins
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mmsafeaware", "balanced_accuracy: mean of the accuracies"),
        ("mmsafeaware", "licence: none stated"),
        ("caspo", "settings:"),
        ("adashield", "place ['before']"),
        ("R0", "R0 of drawn_consequences: share of hazards that the answer does not mention (R = 0); lower is better"),
        ("vsfa", "mm_safetybench (variant=SD_TYPO)"),
        ("refusal", "agrees with people on"),
    ],
)
def test_anything_is_shown_by_its_name(cli: Cli, name: str, told: str) -> None:
    done = cli("show", name)
    assert done.code == 0
    assert told in done.out


def test_every_plugin_can_be_shown_and_an_unknown_name_is_one_line(cli: Cli) -> None:
    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            assert cli("show", name).out.count("\n") > 2, name
    done = cli("show", "mmsafeawar")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "mmsafeaware" in done.err


def test_runs_are_found_by_tags_and_keep_their_note(cli: Cli, mmsa: Path, server: str) -> None:
    asked = ("eval", "mmsafeaware", "--data", mmsa, "--model", "custom/rules", "-M", f"base_url={server}", "--limit", 3)
    assert cli(*asked, "--tag", "first,night", "--note", "before <b>the</b> walk").code == 0
    assert cli(*asked, "--tag", "kept").code == 0, "the same run, tagged again"
    other = Path("runs/other")
    other.mkdir()
    (other / "manifest.json").write_text(json.dumps({"kind": "evaluation", "benchmark": "figstep", "model": "m"}))
    every = cli("runs")
    assert "figstep" in every.out
    assert "first, night, kept" in " ".join(every.out.split())
    one = cli("runs", "--tag", "night")
    assert "before <b>the</b> walk" in one.out
    assert "figstep" not in one.out
    unknown = cli("runs", "--tag", "dusk")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)
    assert "night" in unknown.err
    assert cli("report", "runs/mmsafeaware", "--out", "page.html").code == 0
    assert "before &lt;b&gt;the&lt;" in Path("page.html").read_text(encoding="utf-8")
    assert cli("report", "runs/mmsafeaware", "--public", "--out", "public.html").code == 0
    assert " walk" not in Path("public.html").read_text(encoding="utf-8")


def test_runs_lists_what_was_made_and_says_what_is_damaged(cli: Cli, tmp_path: Path) -> None:
    for name, text in (("a", json.dumps({"kind": "evaluation", "benchmark": "figstep", "model": "m"})), ("b", "[")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(text)
    done = cli("runs")
    assert "figstep" in done.out
    assert "left out" in done.err
    assert cli("runs", "nowhere").code == 2
