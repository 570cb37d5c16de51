"""What the gallery of a page holds, and what a page for sharing leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from foresee.evaluation.run_folder import Run
from foresee.report.page import render
from foresee.report.tables import TextTable

Build = Callable[..., Run]
Read = Callable[[str], Any]


def test_gallery_holds_every_item_and_each_picture_once(make_run: Build, read: Read) -> None:
    run = make_run(60, pictures=5)
    page = read(render([run]))
    cards, pictures = page.data("cards")["cards"], page.data("pictures")
    assert [card["id"] for card in cards] == [row.item.id for row in run.rows]
    assert len(pictures) == 5
    assert all(uri.startswith("data:image/webp;base64,") for uri in pictures)
    missing = [c for c, r in zip(cards, run.rows, strict=True) if r.item.missing_image]
    assert missing
    assert all("picture" not in card and card["problem"] for card in missing)


def test_runs_share_a_card_per_item(make_run: Build, read: Read) -> None:
    text_only = make_run(20, pictures=0, model="b")
    cards = read(render([make_run(20), text_only])).data("cards")["cards"]
    assert len(cards) == 20
    assert [entry["run"] for entry in cards[0]["entries"]] == [0, 1]
    assert cards[0]["entries"][1]["seen"] == "sent without the image"


def test_repeats_are_entries_of_one_card(make_run: Build, read: Read) -> None:
    run = make_run(10)
    again = [replace(row, answer=replace(row.answer, epoch=1)) for row in run.rows]
    html = render([replace(run, rows=(*run.rows, *again))])
    assert [entry["epoch"] for entry in read(html).data("cards")["cards"][0]["entries"]] == [0, 1]
    assert "of 20 repeats answered" in read(html).section("Results")


def test_pictures_beyond_the_limit_are_left_out_with_a_note(make_run: Build, read: Read) -> None:
    html = render([make_run(60, pictures=20)], image_bytes=1500)
    page = read(html)
    kept = [uri for uri in page.data("pictures") if uri]
    assert 0 < len(kept) < 20
    assert f"{20 - len(kept)} images were left out" in read(html).section("Gallery")
    assert "left out to keep the page small" in {card.get("problem") for card in page.data("cards")["cards"]}


def test_page_without_pictures_keeps_the_texts(make_run: Build, read: Read) -> None:
    html = render([make_run()], images=False)
    assert "base64,UklGR" not in html  # how every WebP begins
    assert read(html).data("cards")["pictures"] is False
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


def test_a_cost_leads_to_the_runs_that_it_is_of_and_a_corrected_rate_to_its_items(make_run: Build) -> None:
    names = [(defense, benchmark) for defense in ("none", "adashield") for benchmark in ("made_up", "other")]
    runs = [make_run(20, defense=defense, benchmark=benchmark) for defense, benchmark in names]
    html = render(runs)
    assert 'href="#gallery" data-run="0,1"' in html
    assert 'href="#gallery" data-run="2,3"' in html
    one = make_run(20, folder=Path("runs/corrected"))
    rates = TextTable(
        "", ("metric", "by the judge", "corrected", "how"), (("over_safe.accuracy", "61.3", "58.9", "x"),)
    )
    page = render([one], corrections={one.folder: rates})
    for figure in ("61.3", "58.9"):
        assert re.search(rf'data-run="0" data-where="[^"]*safe[^"]*"[^>]*>{figure}</a>', page)


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
