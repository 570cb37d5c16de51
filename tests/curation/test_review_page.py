"""The review page in headless Chromium: decided by keyboard, saved, applied; nothing from the data runs in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foresee import dataset_format, manifest
from foresee.curation import review
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError
from foresee.report.review import write_pages
from tests.curation.conftest import drawn

HOSTILE = (
    "<img src=x onerror='window.__pwned=1'>",
    "</script><script>window.__pwned=2</script>",
    "javascript:window.__pwned=3",
    "\u202etxt.exe\u2028\x00",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six rows: pictures, none, a pair, hostile texts everywhere."""
    with RowWriter.open(tmp_path / "set") as writer:
        for number, text in enumerate((*HOSTILE, "What is it?", "Which is better?")):
            images = (writer.store(drawn(number)),) if number != 4 else ()
            prompt = (Turn(role="system", content=text), Turn(role="user", content=f"{text} {number}"))
            said = (Turn(role="assistant", content=f"answer {number} {text}"),)
            pair = {"chosen": said, "rejected": (Turn(role="assistant", content="no"),)}
            answer: dict[str, Any] = pair if number == 5 else {"completion": said}
            writer.add(DataRow(id=f"{text}-{number}", images=images, prompt=prompt, facts={text: [text]}, **answer))
    return tmp_path / "set"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the pip package playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = driver.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


def test_a_person_decides_by_keyboard_and_the_decisions_are_applied(folder: Path, browser: Any, tmp_path: Path) -> None:
    pages = write_pages(folder)
    assert pages.rows == 6
    page = browser.new_page(viewport={"width": 500, "height": 900}, accept_downloads=True)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(pages.paths[0].as_uri())
    page.keyboard.press("d")
    page.keyboard.press("k")
    page.keyboard.press("f")
    page.locator("#fix-completion").fill("a better answer")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("k")
    page.keyboard.press("u")  # nothing decided here yet, so nothing changes
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("u")
    page.keyboard.press("n")
    page.keyboard.type("kd are letters here")
    page.keyboard.press("Escape")
    assert page.locator("#count").text_content().startswith("3 of 6 decided: 1 kept, 1 fixed, 1 dropped")
    assert page.evaluate("document.documentElement.scrollWidth") == 500
    page.reload()
    assert page.locator("#count").text_content().startswith("3 of 6 decided"), "the browser remembers"
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(tmp_path / "decisions.json")
    assert not page.evaluate("window.__pwned")
    assert not messages
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
    page.close()
    done = review.apply(folder, [tmp_path / "decisions.json"])
    assert done == (1, 1, 1, 3)
    rows = list(dataset_format.read(folder))
    assert [row.id.rsplit("-", 1)[1] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[1].answer == "a better answer"
    assert rows[1].prompt[0].content == HOSTILE[2], "what was not touched is as it was"
    assert len(manifest.read(folder)["review"]["applied"]) == 1
    assert write_pages(folder).rows == 3, "what was decided is not asked again"


def test_pages_hold_so_many_rows_and_old_ones_go(folder: Path) -> None:
    assert len(write_pages(folder, page_rows=2).paths) == 3
    assert len(write_pages(folder, sample=2, page_rows=2).paths) == 1
    assert [path.name for path in sorted((folder / "review").iterdir())] == ["page-1.html"]
    with pytest.raises(UserError, match="no such folder"):
        write_pages(folder / "nowhere")
