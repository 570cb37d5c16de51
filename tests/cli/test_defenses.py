"""`foresee eval --defense a,b,c`: one table of benchmarks and defenses, on the embedded organism."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import foresee
from foresee.evaluation.run_folder import Run
from foresee.report import defense_costs
from foresee.report.comparison import compare
from foresee.report.defense_table import boards, headline_metrics, text_tables
from foresee.report.stored_runs import read_runs
from foresee.report.tables import show
from tests.cli.conftest import Cli

LIMIT = 40
ASKED = "none,constitution,contrastive_decoding,safety_prompt"
COMMAND = (
    "eval",
    "world_consequence,world_awareness",
    "--model",
    "organism/base",
    "--limit",
    LIMIT,
    "--defense",
    ASKED,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two benchmarks under three defenses."""
    out = tmp_path_factory.mktemp("runs")
    foresee.evaluate(
        ["world_consequence", "world_awareness"],
        "organism/base",
        defense=["none", "constitution", "contrastive_decoding"],
        defense_options={"noise_step": 700},
        out=out,
        limit=LIMIT,
    )
    return out


def test_one_table_says_what_each_defense_costs(runs: Path) -> None:
    found = read_runs([runs])
    (table,) = defense_costs.tables(found, unfit={"safety_prompt": "in English"})
    assert table.header[:4] == ("defense", "tokens", "calls", "time")
    lines = {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    assert list(lines) == ["none", "constitution", "contrastive_decoding", "safety_prompt"]
    assert {lines["none"]["time"], lines["none"]["calls"]} == {"× 1", "1.0"}
    assert lines["safety_prompt"]["calls"] == "n/a"
    assert any("in English" in note for note in table.notes)
    spent = [row.answer for run in found if run.defense == "constitution" for row in run.rows if row.answer.calls]
    read, written = (sum(getattr(each.usage, f"{way}_tokens") for each in spent) for way in ("input", "output"))
    assert lines["constitution"]["tokens"] == f"{read / len(spent):.0f} + {written / len(spent):.0f}"
    narrow = defense_costs.tables(found, 60)
    assert len(narrow) > 1
    assert [name for each in narrow for name in each.header[1:]] == list(table.header[1:])
    assert [bool(each.notes) for each in narrow] == [False] * (len(narrow) - 1) + [True]


def by_name(runs: Path) -> dict[str, Run]:
    return {run.folder.name: run for run in read_runs([runs])}


def test_one_command_prints_one_table(cli: Cli, runs: Path) -> None:
    done = cli(*COMMAND, "-S", "noise_step=700", "--out", runs)
    assert done.code == 0, done.err
    assert "not applicable, not run: safety_prompt is worded in English" in done.err
    assert done.out.count("Defenses of organism/base") == 1
    assert "B – A" not in done.out
    header = next(line for line in done.out.splitlines() if "none" in line)
    assert header.split() == [
        "none",
        "constitution",
        "Δ",
        "none",
        "contrastive_decoding",
        "Δ",
        "none",
        "safety_prompt",
        "Δ",
        "none",
    ]
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows if len(row) == 1 and row[0].startswith("world")] == [
        "world_consequence",
        "world_awareness",
    ]
    found = by_name(runs)
    line = next(row for row in rows if row[:1] == ["R0"])
    plain, ruled = found["world_consequence"].estimate("R0"), found["world_consequence+constitution"].estimate("R0")
    assert plain.value is not None
    assert ruled.value is not None
    assert line[2:4] == [f"{100 * plain.value:.1f}", f"{100 * ruled.value:.1f}"]
    assert line[-1] == "n/a"
    assert "n/a: safety_prompt is worded in English" in done.out
    for what in ("over_caution", "over_safe.accuracy", "tokens", "seconds"):
        assert any(row[:1] == [what] for row in rows), what


def test_differences_are_the_paired_ones(runs: Path) -> None:
    found = by_name(runs)
    (board,) = boards(list(found.values()))
    assert board.defenses == ("none", "constitution", "contrastive_decoding")
    for section in board.sections:
        none, ruled = found[section.label], found[f"{section.label}+constitution"]
        wanted = {d.name: d for d in compare(none, ruled)}
        for metric, line in zip(headline_metrics(none), section.lines, strict=False):
            entry, scale = line.entries[1], 100 if metric.percent else 1
            difference = wanted[metric.name]
            assert entry is not None
            assert difference.delta is not None
            numbers = [float(text) for text in re.findall(r"[-+][\d.]+", entry.delta)]
            expected = [scale * (v or 0.0) for v in (difference.delta, difference.low, difference.high)]
            assert numbers == pytest.approx(expected, abs=0.051)
            assert bool(entry.clear) == (expected[1] > 0 or expected[2] < 0)


def test_cost_is_that_of_the_answers(runs: Path) -> None:
    found = by_name(runs)
    (board,) = boards(list(found.values()))
    for section in board.sections:
        tokens, seconds = section.lines[-2:]
        for place, suffix in enumerate(("", "+constitution", "+contrastive_decoding")):
            answers = [row.answer for row in found[section.label + suffix].rows if row.answer.calls]
            read = sum(answer.usage.input_tokens for answer in answers) / len(answers)
            entry, second = tokens.entries[place], seconds.entries[place]
            assert entry is not None
            assert second is not None
            assert entry.value.split(" + ")[0] == f"{read:.0f}"
            assert float(second.value) == pytest.approx(sum(a.seconds for a in answers) / len(answers), rel=0.06)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_narrow_terminal_gets_more_tables_and_loses_nothing(runs: Path, width: int) -> None:
    (board,) = boards(read_runs([runs]))
    tables = text_tables(board, width)
    assert {name for table in tables for name in table.header} >= set(board.defenses)
    assert all(table.header[1] == "none" for table in tables)
    docs = dict.fromkeys(f"{line.name}: {line.doc}" for part in board.sections for line in part.lines if line.doc)
    assert tables[-1].notes == (*board.notes, *docs)
    for table in tables:
        screen = Console(width=width, file=io.StringIO(), record=True)
        show(table, screen)
        shown = "".join(screen.export_text().split())
        assert "…" not in shown
        assert all(
            "".join(part.split()) in shown for row in table.rows for cell in row[1:] for part in cell.split("\n")
        )
    assert len(tables) == (1 if width >= 100 else 2)


def test_a_sweep_is_told_apart_by_its_options(cli: Cli, runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "swept"
    foresee.evaluate(
        "world_awareness", "organism/base", out=other, limit=LIMIT, defense="contrastive_decoding",
        defense_options={"noise_step": 900},
    )  # fmt: skip
    folders = [runs / "world_awareness", runs / "world_awareness+contrastive_decoding", other]
    (board,) = boards(read_runs(folders))
    assert board.defenses == ("none", "contrastive_decoding noise_step=700", "contrastive_decoding noise_step=900")
    done = cli("compare", *folders)
    assert done.code == 0, done.err
    assert "noise_step=900" in done.out


def test_the_page_has_the_table_too(cli: Cli, runs: Path) -> None:
    assert cli("report", runs, "--out", "page.html", "--no-images").code == 0
    html = Path("page.html").read_text(encoding="utf-8")
    assert 'id="defenses-1"' in html
    assert "contrastive_<wbr>decoding" in html


def test_defenses_that_mean_nothing_here_are_refused(cli: Cli) -> None:
    done = cli("eval", "world_awareness", "--model", "organism/base", "--defense", "safety_prompt,ecso")
    assert done.code == 2
    assert "not applicable" in done.err
    assert done.err.count("\n") == 1
