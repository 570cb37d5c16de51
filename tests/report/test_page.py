"""The report page as HTML: what stands on it, that it is complete in itself, and what a page for sharing leaves out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError
from foresee.metrics import compare, summarise
from foresee.records import Answer, Verdict
from foresee.report.page import render, write
from foresee.report.published import PublishedRow, read_published
from foresee.report.rows import Run

Build = Callable[..., Run]
VOID = {"meta", "link", "br", "wbr", "input", "img", "hr"}


class Page(HTMLParser):
    """A page read back: elements in order, the text of each, the text of everything visible."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.unbalanced: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_data(" " if tag in ("span", "i", "div") else "")  # these stand apart on the page
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append("")
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.elements[self.open[-1]][0] != tag:
            self.unbalanced.append(tag)
        elif self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for index in self.open:
            self.texts[index] += data

    def text(self, tag: str, **attributes: str) -> list[str]:
        """The text of every such element, blanks collapsed."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            " ".join(text.split())
            for (name, attrs), text in zip(self.elements, self.texts, strict=True)
            if name == tag and all(attrs.get(k) == v for k, v in wanted.items())
        ]

    def data(self, name: str) -> Any:
        return json.loads(self.text("script", id=name)[0])


def section(html: str, heading: str) -> str:
    """The text of the section under a heading."""
    found = [text for text in Page(html).text("section") if text.startswith(heading)]
    assert len(found) == 1, f"{heading}: {len(found)} sections"
    return found[0]


def test_page_loads_nothing_and_lets_only_its_own_script_run(make_run: Build) -> None:
    html = render([make_run()])
    page = Page(html)
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


def test_headline_shows_every_estimate_with_its_interval_and_coverage(make_run: Build) -> None:
    run = make_run(300)
    results = section(render([run]), "Results")
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


def test_full_coverage_has_no_bounds(one_row_run: Build) -> None:
    assert "bounds" not in section(render([one_row_run()]), "Results").split("A dot is")[0]


def test_tally_says_what_became_of_the_items(make_run: Build) -> None:
    run = replace(make_run(400), unfinished=3, warnings=("12 answers were cut at the token limit",))
    results = section(render([run]), "Results")
    status = [row.answer.status for row in run.rows]
    assert f"{status.count('ok')} of 400 items answered" in results
    assert f"{status.count('missing_image')} pictures missing (never sent)" in results
    assert f"{status.count('error')} calls failed" in results
    assert f"{status.count('refused_by_api')} refused by the API" in results
    assert "3 not asked yet" in results
    assert "12 answers were cut at the token limit" in results


def test_several_runs_stand_side_by_side_with_paired_differences(make_run: Build) -> None:
    runs = [make_run(300, skill=0.6), make_run(300, skill=0.9, model="local/other")]
    results = section(render(runs), "Results")
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


def test_runs_of_one_model_are_told_apart(make_run: Build) -> None:
    options = {"subset": "all", "modality": "text", "preset": "default"}
    page = Page(
        render([make_run(), make_run(defense="adashield"), make_run(manifest={"options": options, "limit": 60})])
    )
    names = page.text("ol", class_="runs")[0]
    assert "defense adashield" in names
    assert "modality text" in names
    assert "limit 60" in names
    assert "asks for the text alone" not in names


def test_a_partial_run_says_so_beside_its_name(make_run: Build) -> None:
    options = {"subset": "attack", "modality": "image"}
    title = Page(render([make_run(manifest={"options": options, "limit": 50})])).text("h1")[0]
    assert "subset attack" in title
    assert "modality image" in title
    assert "limit 50" in title


def test_runs_of_two_benchmarks_get_a_part_each(make_run: Build) -> None:
    html = render([make_run(), make_run(benchmark="other_benchmark", skill=0.9)])
    page = Page(html)
    assert page.text("h2", class_="benchmark") == ["made_up", "other_benchmark"]
    assert "Difference to" not in html
    assert {card["subset"] for card in page.data("cards")["cards"]} == {"typical", "attack", "over_safe"}


def test_published_models_stand_beside_figures_under_the_published_rule(make_run: Build) -> None:
    rows = [PublishedRow("GPT-X", {"published.over_safe": 0.25}, "Doe 2025, table 1", "a note")]
    run = make_run(200)
    part = section(render([run], published=rows), "Beside published models")
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


def test_verdicts_split_by_subset_and_add_up(make_run: Build) -> None:
    run = make_run(300)
    part = section(render([run]), "How the verdicts split")
    for subset in ("typical", "attack", "over_safe"):
        rows = [row for row in run.rows if row.item.subset == subset]
        values = [row.verdicts["awareness"].value for row in rows if row.answer.status == "ok"]
        line = part.split(f" {subset} ")[1].split(" all ")[0]
        for name, count in (
            ("safe", values.count("safe")),
            ("unsafe", values.count("unsafe")),
            ("refusal", values.count("refusal")),
            ("no verdict", values.count(None)),
            ("picture missing", sum(row.answer.status == "missing_image" for row in rows)),
        ):
            assert re.search(rf"(^| ){name} {count} {100 * count / len(rows):.1f}%", line), (name, count, line)


def test_verdicts_with_several_numbers_are_split_one_by_one(make_run: Build) -> None:
    run = make_run(30)
    rows = [
        replace(row, verdicts={"foresight": Verdict("1", 0, "foresight", {"R": 2.0, "S": 1.0})}) for row in run.rows
    ]
    part = section(render([replace(run, rows=tuple(rows))]), "How the verdicts split")
    assert "Judge foresight · R" in part
    assert "Judge foresight · S" in part


def test_scenarios_come_lowest_first_with_value_and_n(make_run: Build) -> None:
    run = make_run(300)
    part = section(render([run]), "Scenario by scenario")
    panel = part.split("over_safe correct")[1]
    values = [float(value) for value in re.findall(r"(\d+\.\d)% \d", panel)]
    assert len(values) == 4
    assert values == sorted(values)
    rows = [r for r in run.rows if r.item.subset == "over_safe" and r.item.scenario == "homonyms"]
    scored = [r.measures["correct"] for r in rows if r.measures["correct"] is not None]
    assert f"homonyms {100 * sum(scored) / len(scored):.1f}% {len(scored)}/{len(rows)}" in panel


def test_modality_ablation_appears_only_for_runs_that_differ_in_it(make_run: Build) -> None:
    def shown(modality: str, **fields: Any) -> Run:
        options = {"subset": "all", "modality": modality}
        return make_run(90, manifest={"options": options}, skill=0.9 if modality == "both" else 0.5, **fields)

    part = section(render([shown("text"), shown("both"), shown("image")]), "What the answers lean on")
    first = part.split("balanced_accuracy")[1]
    assert first.index("the whole item") < first.index("the picture alone") < first.index("the text alone")
    assert "Same verdict as with the whole item" in part
    for runs in ([shown("both")], [shown("both"), shown("text", model="another")], [shown("both"), shown("both")]):
        assert "What the answers lean on" not in render(runs)


def test_first_token_scoring_is_marked_and_low_mass_warned_of(make_run: Build) -> None:
    run = make_run(200, first_token=True)
    low = sum(sum(r.answer.choice_probabilities.values()) < 0.5 for r in run.rows if r.answer.choice_probabilities)
    results = section(render([run]), "Results")
    assert "first token" in results
    assert "hold 90.0% of it in the median" in results
    assert f"In {low} of " in results
    assert "first token" not in section(render([make_run(200)]), "Results")


def test_provenance_names_versions_options_and_the_command(make_run: Build) -> None:
    part = section(render([make_run(seed=3)]), "Provenance")
    for fact in ("2026-03-01 10:00 UTC", "0123456789abcdef", "temperature=0", "seed=7", "pillow=13.0.0", "ab" * 32):
        assert fact in part
    assert "foresee eval made_up --model openai/some-model-2026 --data /home/someone/data" in part


def test_gallery_holds_every_item_and_each_picture_once(make_run: Build) -> None:
    run = make_run(60, pictures=5)
    page = Page(render([run]))
    cards, pictures = page.data("cards")["cards"], page.data("pictures")
    assert [card["id"] for card in cards] == [row.item.id for row in run.rows]
    assert len(pictures) == 5
    assert all(uri.startswith("data:image/webp;base64,") for uri in pictures)
    missing = [c for c, r in zip(cards, run.rows, strict=True) if r.item.missing_image]
    assert missing
    assert all("picture" not in card and card["problem"] for card in missing)


def test_runs_share_a_card_per_item(make_run: Build) -> None:
    text_only = make_run(20, pictures=0, model="b")
    cards = Page(render([make_run(20), text_only])).data("cards")["cards"]
    assert len(cards) == 20
    assert [entry["run"] for entry in cards[0]["entries"]] == [0, 1]
    assert cards[0]["entries"][1]["seen"] == "asked without the picture"


def test_repeats_are_entries_of_one_card(make_run: Build) -> None:
    run = make_run(10)
    again = [replace(row, answer=replace(row.answer, epoch=1)) for row in run.rows]
    html = render([replace(run, rows=(*run.rows, *again))])
    assert [entry["epoch"] for entry in Page(html).data("cards")["cards"][0]["entries"]] == [0, 1]
    assert "of 20 repeats answered" in section(html, "Results")


def test_pictures_beyond_the_limit_are_left_out_with_a_note(make_run: Build) -> None:
    html = render([make_run(60, pictures=20)], picture_bytes=1500)
    page = Page(html)
    kept = [uri for uri in page.data("pictures") if uri]
    assert 0 < len(kept) < 20
    assert f"{20 - len(kept)} pictures were left out" in section(html, "Gallery")
    assert "left out to keep the page small" in {card.get("problem") for card in page.data("cards")["cards"]}


def test_page_without_pictures_keeps_the_texts(make_run: Build) -> None:
    html = render([make_run()], images=False)
    assert "base64,UklGR" not in html  # how every WebP begins
    assert Page(html).data("cards")["pictures"] is False
    assert "The ice holds" in html


def test_page_for_sharing_holds_aggregates_only(make_run: Build) -> None:
    record = {
        "data": "/home/someone/data",
        "answers_file": "/home/someone/a.jsonl",
        "judges": [{"name": "harmful", "base_url": "http://10.0.0.7:8000/v1", "folder": "/home/someone/judge"}],
    }
    run = make_run(model="local//home/someone/models/tiny", manifest=record, first_token=True)
    html = render([run], public=True)
    for leak in (
        "The ice holds",
        "harmless.",
        "may break",
        "timed out",
        "base64,UklGR",
        "someone",
        "10.0.0.7",
        "lake.png",
    ):
        assert leak not in html
    assert 'id="cards"' not in html
    assert "local/…/tiny" in html.replace("<wbr>", "")
    assert "--data …/data" in html
    assert "Scenario by scenario" in html
    assert "balanced_" in html


def test_keys_are_never_shown(make_run: Build) -> None:
    secrets = ["sk-abcdefghijklmnop1234", "hunter2hunter2", "hf_ABCDEFGHIJKLMNOPQRST", "user:pass"]
    record = {
        "command": ["foresee", "eval", "x", "-M", f"api_key={secrets[1]}", "--model", f"openai/{secrets[0]}"],
        "options": {"api_key": secrets[1], "nested": {"Authorization": f"Bearer {secrets[1]}"}, "max_tokens": 5},
        "source": {"homepage": f"https://{secrets[3]}@example.org/x", "note": secrets[2]},
    }
    html = render([make_run(manifest=record)])
    for secret in secrets:
        assert secret not in html
    assert "max_tokens=5" in html.replace("<wbr>", "")


def test_a_run_in_which_nothing_was_scored_still_has_a_page(make_run: Build) -> None:
    run = make_run(12)
    failed = [
        replace(
            r, answer=Answer(r.item.id, 0, "", status="error", reason="down"), verdicts={}, measures={"correct": None}
        )
        for r in run.rows
    ]
    html = render([replace(run, rows=tuple(failed), estimates=tuple(summarise(failed, run.metrics)))])
    assert "0 of 12 items answered" in section(html, "Results")
    empty = replace(run, rows=(), estimates=tuple(summarise([], run.metrics)))
    assert "0 of 0 items answered" in section(render([empty]), "Results")


def test_number_of_runs_is_limited(make_run: Build) -> None:
    for count in (0, 13):
        with pytest.raises(UserError, match=f"1 to 12 runs, got {count}"):
            render([make_run(3)] * count)


def test_write_makes_the_file_and_its_folder(make_run: Build, tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "report.html", [make_run(6)])
    assert path.read_text(encoding="utf-8") == render([make_run(6)])
    with pytest.raises(UserError, match="can't write"):
        write(tmp_path / "new" / "report.html" / "below", [make_run(6)])
