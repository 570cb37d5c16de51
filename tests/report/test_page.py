"""The report page as HTML: what stands on it, and that it is complete in itself."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.metrics import compare, summarise
from foresee.records import Answer, Verdict
from foresee.report.page import render, write
from foresee.report.published import PublishedRow, read_published

Build = Callable[..., Run]
Read = Callable[[str], Any]


def test_page_loads_nothing_and_lets_only_its_own_script_run(make_run: Build, read: Read) -> None:
    html = render([make_run()])
    page = read(html)
    assert page.unbalanced == []
    assert page.open == []
    for tag, attributes in page.elements:
        assert "src" not in attributes
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert attributes.get("href", "#").startswith(("#", "data:,")), attributes
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    script = re.findall(r"<script>(.*?)</script>", html, re.S)
    style = re.findall(r"<style>(.*?)</style>", html, re.S)
    assert (len(script), len(style)) == (1, 1)
    for text in (*script, *style):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "href"):
            if attributes.get(name, "").lstrip("#") and not attributes[name].startswith("data:"):
                assert attributes[name].lstrip("#") in ids


def test_headline_shows_every_estimate_with_its_interval_and_coverage(make_run: Build, read: Read) -> None:
    run = make_run(300)
    results = read(render([run])).section("Results")
    for e in run.estimates:
        assert e.value is not None
        assert e.low is not None
        assert e.high is not None
        assert e.worst is not None
        assert e.best is not None
        assert e.n < e.total
        shown = f"{100 * e.value:.1f}% {100 * e.low:.1f} to {100 * e.high:.1f} {e.n} of {e.total} {e.clusters}"
        covered = f"{100 * e.n / e.total:.1f}% bounds {100 * e.worst:.1f} to {100 * e.best:.1f}"
        assert f"{shown} {covered}" in results
        assert e.name in results
    ours, theirs = results.split("Under the published scoring rule")
    assert "published.over_safe" in theirs
    assert "published.over_safe" not in ours


def test_full_coverage_has_no_bounds(one_row_run: Build, read: Read) -> None:
    assert "bounds" not in read(render([one_row_run()])).section("Results").split("A dot is")[0]


def test_tally_says_what_became_of_the_items(make_run: Build, read: Read) -> None:
    run = replace(make_run(400), unfinished=3, warnings=("12 answers were cut at the token limit",))
    results = read(render([run])).section("Results")
    status = [row.answer.status for row in run.rows]
    assert f"{status.count('ok')} of 400 items answered" in results
    assert f"{status.count('missing_image')} missing their image (never sent)" in results
    assert f"{status.count('error')} calls failed" in results
    assert f"{status.count('refused_by_api')} refused by the API" in results
    assert "3 not sent yet" in results
    assert "12 answers were cut at the token limit" in results


def test_several_runs_stand_side_by_side_with_paired_differences(make_run: Build, read: Read) -> None:
    runs = [make_run(300, skill=0.6), make_run(300, skill=0.9, model="local/other")]
    results = read(render(runs)).section("Results")
    for run in runs:
        for e in run.estimates:
            assert e.value is not None
            assert f"{100 * e.value:.1f}%" in results
    for d in compare(runs[0].rows, runs[1].rows, runs[0].metrics):
        assert d.delta is not None
        assert d.low is not None
        assert d.high is not None
        interval = f"({100 * d.low:+.1f} to {100 * d.high:+.1f})"
        assert f"{100 * d.delta:+.1f} {interval}".replace("-", "−") in results
        assert f"n {d.n}" in results


def test_runs_of_one_model_are_told_apart(make_run: Build, read: Read) -> None:
    options = {"subset": "all", "modality": "text", "preset": "default"}
    page = read(
        render([make_run(), make_run(defense="adashield"), make_run(manifest={"options": options, "limit": 60})])
    )
    names = page.text("ol", class_="runs")[0]
    assert "defense adashield" in names
    assert "modality text" in names
    assert "limit 60" in names
    assert "asks for the text alone" not in names


def test_a_partial_run_says_so_beside_its_name(make_run: Build, read: Read) -> None:
    options = {"subset": "attack", "modality": "image"}
    title = read(render([make_run(manifest={"options": options, "limit": 50})])).text("h1")[0]
    assert "subset attack" in title
    assert "modality image" in title
    assert "limit 50" in title


def test_runs_of_two_benchmarks_get_a_part_each(make_run: Build, read: Read) -> None:
    html = render([make_run(), make_run(benchmark="other_benchmark", skill=0.9)])
    page = read(html)
    assert page.text("h2", class_="benchmark") == ["made_up", "other_benchmark"]
    assert "Difference to" not in html
    assert {card["subset"] for card in page.data("cards")["cards"]} == {"typical", "attack", "over_safe"}


def test_published_models_stand_beside_figures_under_the_published_rule(make_run: Build, read: Read) -> None:
    rows = [PublishedRow("GPT-X", {"published.over_safe": 0.25}, "Doe 2025, table 1", "a note")]
    run = make_run(200)
    part = read(render([run], published=rows)).section("Beside published models")
    ours = run.estimate("published.over_safe").value
    assert ours is not None
    assert f"measured here {100 * ours:.1f}%" in part
    assert "GPT-X a note 25.0%" in part
    assert "published by others" in part
    assert "Source: Doe 2025, table 1" in part
    assert "balanced_accuracy" not in part
    assert "Beside published models" not in render([run], published=[])
    assert "Beside published models" not in render([run], published=[PublishedRow("Y", {"balanced_accuracy": 0.5})])


def test_published_rows_are_read_from_the_papers_folder() -> None:
    rows = {row.model: row for row in read_published("mmsafeaware")}
    assert rows["GPT-4o"].values["published.over_safe"] == 0.25
    assert "2502.11184" in rows["GPT-4o"].source
    assert read_published("no_such_benchmark") == ()
    assert read_published("../papers/mmsafeaware") == ()


def test_verdicts_split_by_subset_and_add_up(make_run: Build, read: Read) -> None:
    run = make_run(300)
    part = read(render([run])).section("How the verdicts split")
    for subset in ("typical", "attack", "over_safe"):
        rows = [row for row in run.rows if row.item.subset == subset]
        values = [row.verdicts["awareness"].value for row in rows if row.answer.status == "ok"]
        line = part.split(f" {subset} ")[1].split(" all ")[0]
        for name, count in (
            ("safe", values.count("safe")),
            ("unsafe", values.count("unsafe")),
            ("refusal", values.count("refusal")),
            ("no verdict", values.count(None)),
            ("image missing", sum(row.answer.status == "missing_image" for row in rows)),
        ):
            assert re.search(rf"(^| ){name} {count} {100 * count / len(rows):.1f}%", line), (name, count, line)


def test_verdicts_with_several_numbers_are_split_one_by_one(make_run: Build, read: Read) -> None:
    run = make_run(30)
    rows = [
        replace(row, verdicts={"foresight": Verdict("1", 0, "foresight", {"R": 2.0, "S": 1.0})}) for row in run.rows
    ]
    part = read(render([replace(run, rows=tuple(rows))])).section("How the verdicts split")
    assert "Judge foresight · R" in part
    assert "Judge foresight · S" in part


def test_scenarios_come_lowest_first_with_value_and_n(make_run: Build, read: Read) -> None:
    run = make_run(300)
    part = read(render([run])).section("Scenario by scenario")
    panel = part.split("over_safe correct")[1]
    values = [float(value) for value in re.findall(r"(\d+\.\d)% \d", panel)]
    assert len(values) == 4
    assert values == sorted(values)
    rows = [r for r in run.rows if r.item.subset == "over_safe" and r.item.scenario == "homonyms"]
    scored = [r.measures["correct"] for r in rows if r.measures["correct"] is not None]
    assert f"homonyms {100 * sum(scored) / len(scored):.1f}% {len(scored)}/{len(rows)}" in panel


def test_modality_ablation_appears_only_for_runs_that_differ_in_it(make_run: Build, read: Read) -> None:
    def shown(modality: str, **fields: Any) -> Run:
        options = {"subset": "all", "modality": modality}
        return make_run(90, manifest={"options": options}, skill=0.9 if modality == "both" else 0.5, **fields)

    part = read(render([shown("text"), shown("both"), shown("image")])).section("What the answers lean on")
    first = part.split("balanced_accuracy")[1]
    assert first.index("the whole item") < first.index("the image alone") < first.index("the text alone")
    assert "Same verdict as with the whole item" in part
    for runs in ([shown("both")], [shown("both"), shown("text", model="another")], [shown("both"), shown("both")]):
        assert "What the answers lean on" not in render(runs)


def test_first_token_scoring_is_marked_and_low_mass_warned_of(make_run: Build, read: Read) -> None:
    run = make_run(200, first_token=True)
    low = sum(sum(r.answer.choice_probabilities.values()) < 0.5 for r in run.rows if r.answer.choice_probabilities)
    results = read(render([run])).section("Results")
    assert "first token" in results
    assert "hold 90.0% of it in the median" in results
    assert f"In {low} of " in results
    assert "first token" not in read(render([make_run(200)])).section("Results")


def test_provenance_names_versions_options_and_the_command(make_run: Build, read: Read) -> None:
    part = read(render([make_run(seed=3)])).section("Provenance")
    for fact in ("2026-03-01 10:00 UTC", "0123456789abcdef", "temperature=0", "seed=7", "pillow=13.0.0", "ab" * 32):
        assert fact in part
    assert "foresee eval made_up --model openai/some-model-2026 --data /home/someone/data" in part


def test_licence_of_the_data_and_what_follows_from_it_are_stated(make_run: Build, read: Read) -> None:
    run = make_run(benchmark="mmsafeaware")
    part = read(render([run])).section("Provenance")
    assert "Licence: none stated" in part
    assert "Consequence: " in part
    assert "This page quotes texts and images of it" in part
    assert "This page quotes texts of it" in read(render([run], images=False)).section("Provenance")
    assert "This page quotes" not in read(render([run], public=True)).section("Provenance")


def test_a_run_in_which_nothing_was_scored_still_has_a_page(make_run: Build, read: Read) -> None:
    run = make_run(12)
    failed = [
        replace(
            r, answer=Answer(r.item.id, 0, "", status="error", reason="down"), verdicts={}, measures={"correct": None}
        )
        for r in run.rows
    ]
    html = render([replace(run, rows=tuple(failed), estimates=tuple(summarise(failed, run.metrics)))])
    assert "0 of 12 items answered" in read(html).section("Results")
    empty = replace(run, rows=(), estimates=tuple(summarise([], run.metrics)))
    results = read(render([empty])).section("Results")
    assert "0 of 0 items answered" in results
    assert "– – applies to no item 0 0 –" in results


def test_number_of_runs_is_limited(make_run: Build) -> None:
    for count in (0, 13):
        with pytest.raises(UserError, match=f"1 to 12 runs of a benchmark .* got {count} and"):
            render([make_run(3)] * count)


def test_write_makes_the_file_and_its_folder(make_run: Build, tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "report.html", [make_run(6)])
    assert path.read_text(encoding="utf-8") == render([make_run(6)])
    with pytest.raises(UserError, match="can't write"):
        write(tmp_path / "new" / "report.html" / "below", [make_run(6)])
