"""Tables on terminals of any width: every figure whole, coverage always there, and what the metrics are."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from foresee.evaluation.run_folder import Run
from foresee.metrics import Metric, compare, summarise
from foresee.report.run_names import variant
from foresee.report.tables import TextTable, comma_separated, differences, headline, latex, markdown, show


def printed(table: TextTable, width: int) -> str:
    screen = Console(width=width, file=io.StringIO(), record=True)
    show(table, screen)
    return screen.export_text()


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_nothing_is_left_out_or_cut_at_any_width(make_run: Callable[..., Run], width: int) -> None:
    table = headline(make_run(60))
    shown = printed(table, width)
    assert "…" not in shown
    figures = [cell for row in table.rows for cell in row[1:]]
    assert all(figure in shown for figure in figures)
    assert "coverage" in shown
    assert "clusters" in shown
    if width >= 60:
        lines = shown.splitlines()
        assert max(map(len, lines)) <= max(width, max(map(len, table.notes)))
    if width == 80:
        assert max(len(line.rstrip()) for line in shown.splitlines() if " – " in line and ":" not in line) <= 80


def test_odd_letters_in_a_cell_start_no_row_and_reach_no_terminal() -> None:
    table = TextTable("t\x9b", ("a", "b"), (("x\ry\n\nz", "\x1b]0;w\x07"), ("\ud83d", "=1")), ("n\x85\x9b",))
    rows = list(csv.reader(io.StringIO(comma_separated(table), newline="")))
    assert rows == [["a", "b"], ["x\ry\n\nz", "\x1b]0;w\x07"], ["\ufffd", "'=1"]]
    assert r"x y z & [U+001B]]0;w[U+0007] \\" in latex(table)
    assert not {"\x9b", "\x1b", "\ud83d"} & set(latex(table) + markdown(table))


def test_a_run_most_of_whose_images_are_missing_is_marked(make_run: Callable[..., Run]) -> None:
    run = make_run(30)
    assert "PARTIAL" not in headline(run).title + variant(run)
    few = len(run.rows) // 3
    lost = [replace(row, answer=replace(row.answer, status="missing_image")) for row in run.rows[few:]]
    partial = replace(run, rows=(*run.rows[:few], *lost))
    assert "(PARTIAL: " in headline(partial).title
    assert variant(partial).endswith(f" of {len(run.rows)})"), "the table of defenses and suites has it too"


def test_every_metric_shown_has_its_line(make_run: Callable[..., Run]) -> None:
    run = make_run(30)
    notes = headline(run).notes
    for metric in run.metrics:
        assert any(note.startswith(metric.name) and note.endswith(metric.doc) for note in notes)
    assert "balanced_accuracy ↑: mean of the two classes' accuracies" in notes


def test_differences_of_headline_metrics_stand_beside_what_the_sample_could_show(make_run: Callable[..., Run]) -> None:
    run, other = make_run(60), make_run(60, defense="adashield")
    found = compare(run.rows, other.rows, run.metrics)
    headline = run.metrics[:2]
    table = differences("A B", found, run.metrics, headline)
    plain, adjusted = (table.header.index(name) for name in ("p", "p Holm"))
    assert [row[adjusted] != "–" for row in table.rows] == [metric in headline for metric in run.metrics]
    for row in table.rows[:2]:
        assert row[plain] == "<0.001" or float(row[adjusted]) >= float(row[plain])
    assert any(note.startswith("p Holm: adjusted for the 2 headline metrics") for note in table.notes)
    least = next(note for note in table.notes if note.startswith("least difference"))
    assert f"{headline[0].name} {100 * (found[0].detectable or 0):.1f}" in least
    assert "coverage" not in table.header
    assert "…" not in printed(table, 80)


def test_a_figure_that_is_the_same_at_one_attempt_stands_once(make_run: Callable[..., Run]) -> None:
    run = make_run(30)
    twice = (Metric("any", "refused", epochs="any"), Metric("any.mean", "refused"))
    asked_once = replace(run, metrics=twice, estimates=tuple(summarise(run.rows, twice)))
    assert [row[0] for row in headline(asked_once).rows] == ["any"]
    assert "any.mean: the same as any, each item being sent once" in headline(asked_once).notes
    compared = differences("A B", compare(run.rows, run.rows, twice), twice)
    assert [row[0] for row in compared.rows] == ["any"]
    again = tuple(replace(row, answer=replace(row.answer, epoch=1)) for row in run.rows)
    asked_twice = replace(asked_once, rows=(*run.rows, *again))
    assert [row[0] for row in headline(asked_twice).rows] == ["any", "any.mean"]
