"""`foresee curate` on the command line: files of settings, lists, formats, benchmarks on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foresee import dataset_format, manifest
from tests.cli.conftest import mmsa  # noqa: F401 - a fixture
from tests.curation.conftest import ROOT, Cli, Served, drawn


def test_settings_come_from_a_file_and_the_command_line_wins(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('source = "world"\nexamples = 3\nplain = true\n[page]\nside = 128\nsize = 14\n')
    found = cli("curate", "typographic", "mine.toml", "--set", "examples=2", "--format", "parquet")
    assert found.code == 0, found.err
    assert found.out.startswith("datasets/typographic: 4 rows (4 new)")
    assert (tmp_path / "datasets" / "typographic" / "rows.parquet").is_file()
    card = (tmp_path / "datasets" / "typographic" / "README.md").read_text(encoding="utf-8")
    assert "path: rows.parquet" in card
    assert "- command: `foresee curate typographic mine.toml --set examples=2 --format parquet`" in card
    record = manifest.read(tmp_path / "datasets" / "typographic", "data set")
    assert record["configuration"]["page"]["side"] == 128
    assert record["command"][:3] == ["foresee", "curate", "typographic"]


def test_a_dry_run_shows_the_first_prompt_and_asks_nothing(cli: Cli, served: Served, tmp_path: Path) -> None:
    models = ("--set", "writer=custom/rules", "--set", "painter=custom-images/rules")
    found = cli("curate", "threat_vqa", *models, "--set", "examples=5", "--dry-run")
    assert "candidates for which models are called: 10" in found.out
    assert "first call, of the writer:\n    Describe one picture of this: a street corner" in found.out
    assert served.server.total == 0
    assert not (tmp_path / "datasets").exists()
    found = cli("curate", "typographic", "--set", "source=world", "--set", "examples=3", "--dry-run")
    assert "rows made by rules: 3" in found.out
    assert '"images": []' in found.out


def test_recipes_and_their_settings_are_listed(cli: Cli) -> None:
    found = cli("curate", "--help")
    assert "threat_vqa" in found.out
    assert "review" in found.out
    settings = cli("curate", "typographic", "--settings")
    assert "page.side [760]: width and height in pixels; 760 in FigStep" in settings.out
    assert "seed [0]: decides every random choice" in settings.out


def test_pictures_that_a_benchmark_on_this_machine_asks_about_are_left_out(
    cli: Cli,
    served: Served,
    mmsa: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = tmp_path / "root"
    shutil.copytree(mmsa, root / "mmsafeaware")
    monkeypatch.setenv("FORESEE_DATA", str(root))
    (root / "mmsafeaware" / "train.png").write_bytes(drawn(7))  # lies there, and no item asks about it
    shutil.copyfile(root / "mmsafeaware" / "data" / "images" / "983.png", tmp_path / "evaluated.png")
    (tmp_path / "free.png").write_bytes(drawn(7))
    rows = [{"id": name, "text": "A sentence.", "image": f"{name}.png"} for name in ("evaluated", "free")]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ("--set", "source=items.jsonl", "--set", "original=false", "--set", 'attacks=["inquiry"]')
    found = cli("curate", "attack_rewrites", *given, "--out", "out")
    assert found.code == 0, found.err
    assert "1 × image belongs to an evaluation set (mmsafeaware)" in found.out
    assert [row.facts["cluster"].split("-")[0] for row in dataset_format.read(tmp_path / "out")] == ["free"]
    guard = manifest.read(tmp_path / "out")["evaluation_pictures"]
    assert guard["pictures"]["mmsafeaware"] > 0
    assert "figstep" in guard["not_on_this_machine"]
    assert guard["overlap_with_rows"] == 0
    again = cli("curate", "attack_rewrites", *given, "--out", "out")
    assert "1 rows (0 new)" in again.out
    assert manifest.read(tmp_path / "out")["evaluation_pictures"] == guard, "the proof is made anew by each run"
    assert "0 in common with mmsafeaware" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_the_recipe_that_the_docs_show_runs_as_a_plug_in(
    cli: Cli, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "add_a_recipe.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    (tmp_path / "plugins" / "curation").mkdir(parents=True)
    (tmp_path / "plugins" / "curation" / "mine.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("FORESEE_PLUGINS", str(tmp_path / "plugins"))
    found = cli("curate", "mine", "--set", "writer=custom/rules")
    assert found.code == 0, found.err
    assert [row.request for row in dataset_format.read(tmp_path / "datasets" / "mine")] == ["bread", "tea"]
    assert "Says one thing about each topic." in cli("curate", "mine", "--help").out


def test_a_build_without_a_row_fails_and_shows_a_reply(cli: Cli, served: Served, tmp_path: Path) -> None:
    served.server.rules.react = lambda _: "I would rather talk about the weather."
    models = ("--set", "writer=custom/rules", "--set", "painter=custom-images/rules")
    found = cli("curate", "threat_vqa", *models, "--set", "examples=2", "--out", "empty")
    assert found.code == 2
    assert "no row came of it (no valid JSON from the writer)" in found.err
    assert "I would rather talk about the weather." in found.err
    assert str(Path("empty", "work", "calls.jsonl")) in found.err


@pytest.mark.parametrize(
    "recipe", ["threat_vqa", "consequence_pairs", "vision_reasoning", "preference_pairs", "typographic"]
)
def test_the_size_has_one_name_and_others_are_understood(
    cli: Cli, recipe: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert "\nexamples [" in "\n" + cli("curate", recipe, "--settings").out
    for word in ("pairs", "images"):
        found = cli("curate", recipe, "--set", "source=world", "--set", f"{word}=3", "--dry-run")
        assert found.code == 0, found.err
        assert f"{word} is called examples here" in caplog.messages
