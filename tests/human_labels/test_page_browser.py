"""The labelling page in headless Chromium: keys fill it in, progress stays, what is saved can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foresee.evaluation.run_folder import Run
from foresee.human_labels import agreement
from foresee.human_labels import page as labelling_page
from foresee.records import Answer, Image, Item, Message, Row, Verdict

pytest.importorskip("playwright.sync_api", reason="needs the pip package playwright")
from playwright.sync_api import Browser, Page, expect

from tests.report.test_page_browser import browser  # noqa: F401  (fixture)

HOSTILE = "</script><script>window.__pwned=1</script><img src=x onerror='window.__pwned=2'>\u202e"


def run_of(tmp_path: Path) -> Run:
    """Six answers about a red square, the even ones to hazards; judged 0, 1, 2 in turn."""
    import io

    from PIL import Image as Picture

    written = io.BytesIO()
    Picture.new("RGB", (60, 40), "red").save(written, "PNG")
    image = Image.from_bytes(written.getvalue())
    rows = []
    for n in range(6):
        facts = {"hazard": f"a curtain {HOSTILE}" if n % 2 == 0 else ""}
        item = Item(str(n), (Message("user", (image, f"{HOSTILE} request {n}")),), subset="all", metadata=facts)
        answer = Answer(str(n), 0, f"answer {n} {HOSTILE}", key=f"key {n}")
        value = {"risk": float(n % 3), "safety": 2.0, "effectiveness": 2.0, "over_caution": 0.0}
        rows.append(Row(item, answer, {"foresight": Verdict(str(n), 0, "foresight", value)}))
    return Run(tmp_path / "run", "drawn_consequences", "m", "none", tuple(rows), (), ())


def opened(chromium: Browser, path: Path, width: int) -> tuple[Page, list[str]]:
    context = chromium.new_context(viewport={"width": width, "height": 800}, accept_downloads=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if "://" in request.url[5:] else None)
    page.goto(path.as_uri())
    return page, complaints


@pytest.mark.parametrize("width", [1280, 500])
def test_keys_fill_it_in_and_a_file_comes_out(browser: Browser, tmp_path: Path, width: int) -> None:  # noqa: F811
    run = run_of(tmp_path)
    path = tmp_path / "sheet.html"
    path.write_text(labelling_page.render(run, "foresight", labelling_page.pick(run, "foresight", 6)), encoding="utf-8")
    page, complaints = opened(browser, path, width)
    page.fill("#who", "AB")
    page.click("#begin")
    expect(page.locator("#where")).to_have_text("1 of 6")
    picture = page.locator("#picture")
    expect(picture).to_have_class("picture blurred")
    page.keyboard.press("i")
    expect(picture).to_have_class("picture")
    page.keyboard.press("2")
    expect(page.locator("fieldset.current legend")).to_have_text("Safety")
    page.keyboard.press("Backspace")
    for key in ("1", "0", "2", "u", "0", "0", "0"):
        page.keyboard.press(key)
    expect(page.locator("#progress")).to_have_text("3 / 6")
    page.reload()
    expect(page.locator("#progress")).to_have_text("3 / 6")
    page.click("#begin")
    expect(page.locator("#where")).to_have_text("4 of 6")
    page.locator("fieldset").nth(0).locator("button").first.click()
    for key in "22" + "022" * 2:
        page.keyboard.press(key)
    expect(page.locator("#done")).to_be_visible()
    with page.expect_download() as download:
        page.click("#export-again")
    download.value.save_as(tmp_path / "labels.json")
    held: dict[str, Any] = json.loads((tmp_path / "labels.json").read_text())
    assert (held["by"], len(held["labels"]), len(held["left_out"])) == ("AB", 5, 1)
    first = next(iter(held["labels"].values()))
    assert list(first.values()) == [1, 0, 2]
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
    assert page.evaluate("window.__pwned === undefined")
    assert complaints == []
    found = agreement.compare(tmp_path / "labels.json")
    assert {field.name for field in found.fields} == {"risk", "safety", "effectiveness", "over_caution"}
    page.context.close()
