"""The safety profile: whose figures stand side by side, what they are compared with, and how they read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from foresee import plugins
from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.plugins import contracts
from foresee.records import Answer, Item, Message, Row
from foresee.report import figures, profile_figure, profile_text
from foresee.report.comparison import compare
from foresee.report.figures import Mark
from foresee.report.page import render
from foresee.report.profile import QUESTIONS, profile
from foresee.report.tables import show
from tests.report.conftest import run_of

FILE = contracts.benchmark("world_awareness")


def made(share: float, *, over_safe: float | None = None, scored: int = 40, **fields: Any) -> Run:
    """Forty items of either kind, of which these shares are right; the last ones have no score."""
    rows = []
    for subset, right in (("unsafe", share), ("over_safe", share if over_safe is None else over_safe)):
        for number in range(40):
            item = Item(
                id=f"{subset}{number}", messages=(Message("user", ("Safe?",)),), benchmark=FILE.name, subset=subset
            )
            value = float(number < round(40 * right)) if number < scored else None
            rows.append(Row(item, Answer(item.id, 0, "No."), {}, {"correct": value}))
    metrics = FILE.all_metrics[:3]
    return run_of(rows, benchmark=FILE.name, metrics=metrics, **{"folder": Path("runs/x")} | fields)


def test_benchmarks_name_metrics_that_they_have_and_questions_that_exist() -> None:
    for name in plugins.names("benchmarks"):
        file = contracts.benchmark(name)
        assert set(file.profile) <= {metric.name for metric in file.all_metrics}, name
        assert {question for question, _ in file.profile.values()} <= set(QUESTIONS), name
        assert file.profile or name == "jsonl", name


def test_models_stand_with_their_own_baseline_and_p_values_are_adjusted_together() -> None:
    runs = [
        made(0.5, model="local/a"),
        made(0.5, model="local/a:runs/caspo", over_safe=0.9),
        made(0.5, model="local/b", defense="x", over_safe=1.0),
        made(0.5, model="local/b"),
    ]
    found = profile(runs)
    assert [subject.baseline for subject in found.subjects] == [0, 0, 3, 0]
    assert [subject.baseline for subject in profile(runs, to_first=True).subjects] == [0, 0, 0, 0]
    figures = {line.metric.name: line.figures for line in found.measures}
    over_safe = figures["over_safe.accuracy"]
    assert over_safe[1] is not None
    assert over_safe[1].difference is not None
    assert over_safe[1].difference.delta == pytest.approx(0.4)
    assert over_safe[1].clear
    assert over_safe[1].p_holm is not None
    assert over_safe[1].difference.p_value is not None
    assert over_safe[1].p_holm > over_safe[1].difference.p_value
    assert over_safe[0] is not None
    assert over_safe[0].difference is None


def test_what_has_no_score_is_no_figure_and_is_said() -> None:
    found = profile([made(1.0, scored=0), made(1.0, scored=10, model="m")])
    line = next(line for line in found.measures if line.metric.name == "unsafe.accuracy")
    assert line.figures[0] is not None
    assert line.figures[0].estimate.value is None
    assert profile_text.cell(line.figures[0]) == "–\n(0/40 scored)"
    assert profile_text.cell(line.figures[1]).endswith("(10/40 scored)")
    assert "no score, 0 of 40 judged" in " ".join(profile_text.sentences(found, 0))


def test_sentences_say_counts_of_100_and_what_is_done_to_everything() -> None:
    found = profile([made(1.0, over_safe=0.0)])
    lines = profile_text.sentences(found, 0)
    assert lines[0] == "calls everything unsafe (world_awareness)"
    assert any(line.startswith("50 of 100 requests told apart") for line in lines)


def test_a_benchmark_that_came_twice_makes_two_subjects_with_the_names_that_are_given() -> None:
    runs = [made(0.5, folder=Path("runs/a")), made(0.7, folder=Path("runs/b"))]
    assert len(profile(runs).subjects) == 2
    assert [s.name for s in profile(runs, labels=["before", "after"]).subjects] == ["before", "after"]
    with pytest.raises(UserError, match="expected 2 labels, got 1"):
        profile(runs, labels=["before"])
    with pytest.raises(UserError, match="got none"):
        profile([])


def test_it_fits_80_columns_with_ten_models_and_every_line_of_the_csv_leads_to_its_run() -> None:
    record = {"command": ["foresee", "eval", "world_awareness"], "commit": "abc"}
    runs = [made(0.05 * n, model=f"openai/model-{n}", manifest=record) for n in range(10)]
    found = profile(runs)
    screen = Console(width=80, file=io.StringIO(), record=True)
    for table in profile_text.text_tables(found, 80):
        assert len(table.header) < 6
        show(replace_notes(table), screen)
    assert max(map(len, screen.export_text().splitlines())) <= 80
    lines = list(csv.DictReader(io.StringIO(profile_text.comma_separated(found))))
    assert len(lines) == 30
    assert {line["command"] for line in lines} == {"foresee eval world_awareness"}
    assert lines[1]["baseline"] == "openai/model-0"


def replace_notes(table: Any) -> Any:
    """Notes wrap by themselves."""
    return table._replace(notes=())


def test_other_questions_under_the_same_ids_are_told() -> None:
    a, b = made(0.5), made(0.5)
    asked = [replace(row.item, messages=(Message("user", ("Dangerous?",)),)) for row in b.rows][:9]
    other = run_of(
        [*(replace(row, item=item) for row, item in zip(b.rows, asked, strict=False)), *list(b.rows)[9:]],
        benchmark=FILE.name,
        metrics=b.metrics,
        folder=Path("runs/x"),
    )
    told = "ask something else in B"
    assert told not in repr(compare(a, b))
    assert f"9 of them {told}" in " ".join(repr(compare(a, other)).split())


def test_a_comparison_is_a_sequence_that_shows_itself_in_a_console_a_notebook_and_a_figure() -> None:
    a, b = made(0.5, model="m/<b>a</b>"), made(0.9, model="m/b")
    found = compare(a, b)
    assert [each.name for each in found] == [metric.name for metric in a.metrics]
    assert found[0].delta == pytest.approx(b.estimates[0].value - a.estimates[0].value)  # type: ignore[operator]
    assert "B – A" in repr(found)
    assert "<b>a" not in found._repr_html_()
    assert "items in both" in found._repr_html_()
    assert list(found.frame()["delta"]) == [each.delta for each in found]
    dots = [line for axes in found.plot().axes for line in axes.lines if line.get_marker() == "o"]
    drawn = [np.asarray(line.get_xdata(), float).item() for line in dots]
    wanted = {metric.name: 100 if metric.percent else 1 for metric in a.metrics}
    assert drawn == pytest.approx([wanted[each.name] * each.delta for each in found if each.delta is not None])


def test_the_page_opens_with_it_and_shows_no_markup_of_names(read: Callable[[str], Any]) -> None:
    runs = [made(0.5, model="openai/<b>x</b>"), made(0.9, model="openai/y")]
    html = render(runs)
    assert "<b>x</b>" not in html
    section = read(html).section("Safety profile")
    assert "requests told apart" in section
    assert 'data-run="1"' in html
    assert 'data-run="' not in render(runs, public=True)
    assert "<b>x" not in profile(runs)._repr_html_()
    assert "\\begin{tabular}" in profile_text.latex(profile(runs))
    assert "Safety profile" in repr(profile(replace(runs[0], defense="none")))


def test_the_figure_shows_a_lane_a_subject_where_its_value_is_and_the_page_opens_with_it(
    read: Callable[[str], Any], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    runs = [made(0.5, model="a<b>&"), made(0.5, model="m", over_safe=1.0, scored=20)]
    found = profile(runs)
    wide, narrow = (profile_figure.draw(found, narrow=narrow) for narrow in (False, True))
    for drawing in (wide, narrow):
        assert [part.series for part in drawing.parts if isinstance(part, profile_figure.Shape)] == [0, 1] * 2
        across = [part.x for part in drawing.parts if isinstance(part, profile_figure.Shape)][2:]
        ticks = {p.text: p.x for p in drawing.parts if isinstance(p, profile_figure.Text) and p.kind == "doc"}
        shares = [(x - ticks["0"]) / (ticks["100%"] - ticks["0"]) for x in across]
        assert shares == pytest.approx([0.5, 1.0])  # accuracy, and what of it is scored

    figure = tmp_path / "f.svg"
    profile_figure.write(figure, found)
    written = ElementTree.parse(figure).getroot()
    told = {each.text for each in written.iter("{http://www.w3.org/2000/svg}text")}
    assert {"a<b>&", "Aware", "50 [34, 66]"} & told >= {"a<b>&", "Aware"}
    assert told == {part.text for part in wide.parts if isinstance(part, profile_figure.Text)}

    drawn = found.plot()
    assert {text.get_text() for text in drawn.axes[0].texts} == told
    profile_figure.write(tmp_path / "f.png", found)
    with Image.open(tmp_path / "f.png") as image:
        assert image.size == tuple(2 * round(side + 40) for side in (wide.width, wide.height))

    page = render(runs, images=False)
    assert page.index('class="figure wide"') < page.index('class="panel named"')
    assert "a<b>" not in page
    with pytest.raises(UserError, match=r"^--to: expected a file that ends in \.svg, \.png, \.pdf, got x\.gif$"):
        profile_figure.check(Path("x.gif"))


def test_what_others_published_stands_beside_ours_and_is_marked_as_theirs(read: Callable[[str], Any]) -> None:
    file = contracts.benchmark("mmsafeaware")
    rows = [row for run in [made(0.5)] for row in run.rows]
    ours = run_of(rows, benchmark=file.name, metrics=file.all_metrics[:6], folder=Path("runs/x"), model="m")
    found = profile([ours])
    line = next(line for line in found.measures if line.metric.name == "balanced_accuracy")
    assert line.theirs is not None
    values = {q.model: q.value for q in line.theirs.quoted}
    assert values["GPT-4o"] == pytest.approx((0.25 + (171 * 0.813 + 855 * 0.887) / 1026) / 2)
    assert len(values) == 10
    assert all(figure is None or figure.run is ours for each in found.measures for figure in each.figures)
    theirs = [record for record in found.records() if record["published"]]
    assert {record["benchmark"] for record in theirs} == {"mmsafeaware"}
    assert len(theirs) == 30
    assert not {"n", "folder", "low"} & set(theirs[0])
    assert "GPT-4o 56" in profile_text.document(found)
    assert len(list(csv.DictReader(io.StringIO(profile_text.comma_separated(found))))) == 33
    measured, published = profile_text.latex(found).split("\\end{tabular}\n\n")
    assert "GPT-4o" not in measured.replace("% published", "").split("\\toprule")[1]
    assert r"balanced\_accuracy, mmsafeaware & GPT-4o & 56 & " in published
    assert published.count(r" \\") == 1 + len(theirs)
    assert not set("Δ↑↓–×") & set("".join(line for line in measured.split("\n") if not line.startswith("%")))
    hollow = [p for p in profile_figure.draw(found).parts if isinstance(p, profile_figure.Shape) and p.series is None]
    assert len(hollow) == 10
    page = render([ours], images=False)
    assert page.count('class="hollow"') == 20
    assert "They differ: their rule looks for yes or no" in page
    under_attack = profile([replace(ours, manifest=dict(ours.manifest) | {"attack": "mml"}, attack="mml")])
    assert all(line.theirs is None for line in under_attack.measures)


def test_a_figure_of_many_subjects_tells_each_from_the_others() -> None:
    drawing = profile_figure.draw(profile([made(0.5, model=f"model {n}") for n in range(12)]))
    first = [p.series for p in drawing.parts if isinstance(p, profile_figure.Shape)][:12]
    assert len({(n % figures.SERIES, figures.shape_number(n)) for n in first if n is not None}) == 12
    assert all(
        0 <= p.x <= drawing.width and 0 <= p.y <= drawing.height
        for p in drawing.parts
        if not isinstance(p, profile_figure.Stroke)
    )


def test_names_that_a_user_gave_stand_below_the_profile_too_and_scales_of_their_own_have_ends() -> None:
    runs = [made(0.5, model="a/b"), made(0.5, model="c/d"), made(0.5, model="e/f")]
    page = render(
        runs, images=False, profile=profile(runs, labels=("before", "after", "the model of a very long name"))
    )
    assert page.count("before</span>") > 4
    assert "Difference to before" in page
    assert "a/b</b>" not in page
    assert '"tags": ["before", "after", "C"]' in page or '"tags":["before","after","C"]' in page
    scale = figures.intervals([Mark(1.0, 0.5, 1.5)], figures.scale_for((0.0, 2.0), percent=False))
    assert re.findall(r">([^<>]+)</text>", scale) == ["0", "2"]
    assert "</text>" not in figures.intervals([Mark(0.5, 0.4, 0.6)])


def test_a_benchmark_s_first_measure_is_the_one_that_it_declares_first() -> None:
    file = contracts.benchmark("mmsafeaware")
    run = run_of(made(0.5).rows, benchmark=file.name, metrics=file.all_metrics[:6], folder=Path("runs/x"))
    assert profile([run]).measures[0].metric.name == "balanced_accuracy"
