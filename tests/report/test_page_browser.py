"""The report page in headless Chromium: it works, stays still, and nothing from data or models runs in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foresee.evaluation.run_folder import Run
from foresee.records import Image, Message
from foresee.report.page import render

pytest.importorskip("playwright.sync_api", reason="needs the pip package playwright")
from typing import Literal

from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

Build = Callable[..., Run]
_PATIENCE = 60_000  # milliseconds: a busy machine is slow, and nothing waits longer than it must
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # containers run the tests as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
HOSTILE = (
    "<img src=x onerror='window.__pwned=1'>",
    "</script><script>window.__pwned=2</script>",
    "<svg/onload=window.__pwned=3>",
    "javascript:window.__pwned=4",
    "<iframe srcdoc='<script>parent.__pwned=5</script>'></iframe>",
    "' onfocus=window.__pwned=6 autofocus x='",
    "\u202etxt.exe\u2028\x00",
)


class Opened(NamedTuple):
    """A page, and what it complained of or asked the network for."""

    page: Page
    messages: list[str]
    requests: list[str]

    @property
    def cards(self) -> Any:
        return self.page.locator("#list > li")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as driver:
        try:
            found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        except Error as problem:
            pytest.skip(f"{CHROMIUM} does not start: {str(problem).splitlines()[0]}")
        yield found
        found.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def opened(
        *runs: Run,
        width: int = 1280,
        scheme: Literal["light", "dark"] = "light",
        script: bool = True,
        planted: str = "",
        **options: Any,
    ) -> Opened:
        path = tmp_path / "report.html"
        path.write_text(render(runs, **options).replace("</main>", planted + "</main>"), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        messages: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: messages.append(f"error: {error}"))
        page.on("dialog", lambda dialog: messages.append(f"dialog: {dialog.message}"))

        def counted(route: Route) -> None:
            requests.append(route.request.url)
            route.continue_()

        context.route(lambda url: not url.startswith("data:"), counted)
        page.goto(path.as_uri())
        return Opened(page, messages, requests)

    yield opened
    for context in contexts:
        context.close()


def test_page_is_quiet_and_asks_for_nothing(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(80), make_run(80, skill=0.5, model="local/other"))
    view.page.locator(".picture").first.click()
    view.page.locator("button.open").first.click()
    assert view.messages == []
    assert view.requests == [view.page.url]


def test_nothing_from_data_or_models_runs(show: Callable[..., Opened], one_row_run: Build) -> None:
    runs = []
    for index, attack in enumerate(HOSTILE):
        svg = Image.from_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.__pwned=7</script></svg>')
        fields = dict.fromkeys(("id", "subset", "domain", "scenario", "expected", "judged", "model"), attack)
        row = one_row_run(text=attack, prompt=attack, image=svg, **fields)
        runs.append(replace(row, manifest={"command": [attack], attack: attack}, warnings=(attack, str(index))))
    view = show(*runs)
    for place in range(view.cards.count()):
        view.cards.nth(place).locator("button.open").click()
        view.page.keyboard.press("Escape")
    assert view.cards.count() == len(HOSTILE)
    assert view.page.evaluate("window.__pwned") is None
    assert view.messages == []
    assert view.page.locator("img, iframe, main script").count() == 0
    assert view.page.locator(".placeholder").first.text_content() == (
        "not shown: image: expected an image (JPEG, MPO, PNG, WEBP, GIF, BMP), its content is SVG"
    )
    expect(view.page.locator("#list .text").first).to_have_text(HOSTILE[0])


def test_policy_stops_what_escaping_might_have_missed(show: Callable[..., Opened], make_run: Build) -> None:
    planted = (
        "<script>window.__pwned = 1</script><img src=x onerror='window.__pwned = 2'><style>body {display: none}</style>"
        "<iframe src='https://example.org/'></iframe><img src='https://example.org/x.png'>"
        "<form action='https://example.org/'><button id=planted>go</button></form>"
    )
    view = show(make_run(3), planted=planted)
    view.page.locator("#planted").evaluate("button => button.form.requestSubmit(button)")
    view.page.wait_for_timeout(300)
    assert view.page.evaluate("window.__pwned") is None
    assert view.page.locator("h1").is_visible()
    assert view.requests == [view.page.url]
    assert sum("Content Security Policy" in message for message in view.messages) >= 5


def test_gallery_starts_with_what_went_wrong_and_filters(show: Callable[..., Opened], make_run: Build) -> None:
    run = make_run(300)
    view = show(run)
    page = view.page
    count = page.locator("#count")
    total = {name: int(page.locator(f"label:has([value={name}]) span").inner_text()) for name in ("wrong", "correct")}
    assert sum(int(text) for text in page.locator("#outcomes span").all_inner_texts()) == 300
    expect(count).to_have_text(f"1 to 24 of {300 - total['correct']} items")
    for name in ("Refusal", "No verdict", "Failed"):
        page.get_by_label(re.compile(f"^{name}")).uncheck()
    expect(count).to_have_text(f"1 to 24 of {total['wrong']} items")
    expect(page.locator("#list .outcome", has_not_text="Wrong")).to_have_count(0)
    page.get_by_label("Subset", exact=True).select_option("=attack")
    page.get_by_label("Scenario", exact=True).select_option("=storms")
    expect(page.locator("#list h3", has_not_text="attack · storms")).to_have_count(0)
    expect(page.locator("#list h3", has_text="attack · storms")).not_to_have_count(0)
    page.get_by_label("Text, answer or id").fill("no such words")
    expect(count).to_have_text("No item fits these filters.")
    page.get_by_role("button", name="Reset filters").click()
    expect(count).to_have_text(f"1 to 24 of {300 - total['correct']} items")
    page.get_by_label("Text, answer or id").fill("about ITEM 29 safe")
    page.get_by_label(re.compile("^Right")).check()
    expect(count).to_have_text("1 item")
    page.get_by_role("button", name="Details").click()
    link = page.locator("#detail-link").get_attribute("href")
    title = page.locator("#detail-title").inner_text()
    page.reload()
    page.evaluate("link => { location.hash = link }", link)
    expect(page.locator("#detail-title")).to_have_text(title)
    page.get_by_role("button", name="Close").click()
    page.get_by_label("Order").select_option("long")
    longest = max((row.answer.text for row in run.rows), key=len)
    expect(page.locator("#list .text").first).to_have_text(longest[:600])
    assert view.messages == []


def test_an_instruction_that_most_items_share_is_said_once(show: Callable[..., Opened], one_row_run: Build) -> None:
    first = one_row_run(prompt="Answer yes or no.\nIs item 0 safe?")
    rows = [
        replace(
            row, item=replace(row.item, id=str(number), messages=(Message("user", (f"Answer yes or no.\n{number}?",)),))
        )
        for number in range(4)
        for row in first.rows
    ]
    odd = one_row_run(prompt="Something else.\nEntirely.", id="odd").rows
    view = show(replace(first, rows=(*rows, *odd)))
    expect(view.page.locator("#shared")).to_contain_text("“Answer yes or no.”")
    assert view.page.locator("#list .prompt").all_inner_texts() == [
        "0?",
        "1?",
        "2?",
        "3?",
        "Something else.\nEntirely.",
    ]
    view.page.locator("button.open").first.click()
    expect(view.page.locator("dialog .prompt")).to_have_text("Answer yes or no.\n0?")
    alone = show(first)
    assert not alone.page.locator("#shared").is_visible()


def test_1500_items_keep_the_page_small(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(1500, pictures=40))
    view.page.get_by_label(re.compile("^Right")).check()
    expect(view.page.locator("#count")).to_have_text("1 to 24 of 1,500 items")
    assert view.cards.count() == 24
    for _ in range(3):
        view.page.get_by_role("button", name="Next", exact=True).click()
    expect(view.page.locator("#place")).to_have_text("4 of 63")
    assert view.cards.count() == 24
    assert view.page.evaluate("document.activeElement.id") == "count"
    assert view.page.evaluate("document.querySelectorAll('*').length") < 3000


def test_what_is_long_is_unpacked_when_it_is_searched_or_opened(
    show: Callable[..., Opened], one_row_run: Build
) -> None:
    prompt, text = f"Why? {'because ' * 300} PROMPTEND", f"No. {'<b>really</b> ' * 300} ANSWEREND"
    view = show(one_row_run(text=text, prompt=prompt), one_row_run(id="2", text="Short."))
    assert "ANSWEREND" not in view.page.content()
    view.page.fill("#search", "answerend")
    expect(view.page.locator("#count")).to_have_text("1 item")
    view.page.locator("button.open").first.click()
    expect(view.page.locator("dialog .text")).to_have_text(text)
    again = show(one_row_run(text=text, prompt=prompt))
    again.page.locator("button.open").first.click()
    expect(again.page.locator("dialog .prompt")).to_have_text(prompt)
    expect(again.page.locator("dialog .text")).to_have_text(text)
    assert view.messages == again.messages == []


def test_pictures_stay_blurred_until_asked_for(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(60, pictures=60))
    pictures = view.page.locator("#list .picture")
    assert pictures.count() > 3
    assert view.page.locator("#list .picture.blurred").count() == pictures.count()
    blur = re.search(
        r"blur\((\d+)px\)", pictures.first.locator("img").evaluate("image => getComputedStyle(image).filter")
    )
    assert blur
    assert int(blur[1]) >= 16
    pictures.first.focus()
    view.page.keyboard.press("Enter")
    assert view.page.locator("#list .picture.blurred").count() == pictures.count() - 1
    assert not view.page.locator("dialog").is_visible()
    assert pictures.first.locator("img").evaluate("image => getComputedStyle(image).filter") == "none"
    view.page.keyboard.press("Space")
    expect(view.page.locator("dialog")).to_be_visible()
    shown = view.page.locator("dialog img")
    assert shown.evaluate("image => image.naturalWidth") == 240
    view.page.keyboard.press("ArrowRight")
    expect(view.page.locator("dialog .picture")).to_have_class(re.compile("blurred"))
    view.page.keyboard.press("Escape")
    view.page.get_by_label("Blur images").uncheck()
    expect(view.page.locator("#list .picture.blurred")).to_have_count(0)


def test_keyboard_reaches_everything_and_focus_comes_back(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(60))
    page = view.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    button = view.cards.nth(1).locator("button.open")
    button.focus()
    page.keyboard.press("Enter")
    title = page.locator("#detail-title")
    first = title.inner_text()
    page.keyboard.press("ArrowRight")
    assert title.inner_text() != first
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.place") == "1"
    unnamed = page.evaluate("""() => [...document.querySelectorAll("button, input, select")]
        .filter((e) => !e.textContent.trim() && !e.ariaLabel && !e.labels?.length).map((e) => e.outerHTML)""")
    assert unnamed == []


def test_runs_can_be_filtered_and_told_where_they_differ(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(90), make_run(90, skill=0.2, model="local/other"))
    page = view.page
    page.get_by_label("Run", exact=True).select_option(label="B · local/other")
    page.get_by_label(re.compile("^Right")).check()
    expect(page.locator("#count")).to_have_text("1 to 24 of 90 items")
    page.get_by_label("Only where the runs differ").check()
    expect(page.locator("#count")).not_to_contain_text("90")
    for card in range(view.cards.count()):
        assert len(set(view.cards.nth(card).locator(".outcome").all_inner_texts())) == 2


def test_every_figure_leads_to_the_items_that_it_counts_and_these_to_the_command(
    show: Callable[..., Opened], make_run: Build
) -> None:
    runs = make_run(90), make_run(90, skill=0.2, model="local/other")
    page = show(*runs).page
    plain = page.evaluate("""[...document.querySelectorAll(".metrics .value, .overview b, .splits .number:not(.all)")]
        .filter((cell) => /[1-9]/.test(cell.textContent) && !cell.querySelector("a.back[data-run]")).length""")
    assert plain == 0
    row = page.locator(".metrics tbody", has_text="over_safe.accuracy").first
    row.locator(".value a").nth(1).click()
    safe = sum(row.item.expected == "safe" for row in runs[1].rows)
    expect(page.locator("#count")).to_have_text(re.compile(rf"of {safe} items, expected safe$"))
    assert page.locator("#run").input_value() == "1"
    heads = page.locator("#list > li:first-child .entry-head b")
    assert heads.all_inner_texts()[0] == "B", "the answer of the run whose figure was followed comes first"
    page.locator("button.open").first.click()
    page.locator("dialog a", has_text="command, commit").first.click()
    expect(page.locator("dialog")).to_be_hidden()
    assert page.evaluate("location.hash") == "#made-1"
    assert page.locator("#made-1").inner_text() == "B"
    page.get_by_role("button", name="Reset filters").click()
    expect(page.locator("#count")).not_to_contain_text("expected")


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_page_never_scrolls_sideways(show: Callable[..., Opened], make_run: Build, width: int) -> None:
    name = "local/a-rather-long-model-name-of-some-organisation-with-a-suffix-Instruct-2026"
    options = {"subset": "all", "modality": "image"}
    runs = [
        make_run(60),
        make_run(60, skill=0.4, manifest={"options": options}),
        make_run(60, model=name),
        make_run(60),
    ]
    for shown in (runs, runs[:1]):
        view = show(*shown, width=width)
        assert view.page.evaluate("document.documentElement.scrollWidth") <= width
        view.page.locator("button.open").first.click()
        assert view.page.evaluate("document.documentElement.scrollWidth") <= width


def test_theme_follows_the_system_and_the_button(show: Callable[..., Opened], make_run: Build) -> None:
    def lightness(page: Page) -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    dark, light = show(make_run(6), scheme="dark").page, show(make_run(6)).page
    assert lightness(dark) < 150
    assert lightness(light) > 600
    light.get_by_role("button", name="Dark theme").click()
    assert lightness(light) < 150
    expect(light.get_by_role("button", name="Light theme")).to_be_visible()
    light.emulate_media(media="print")
    assert lightness(light) > 600
    assert not light.locator("#gallery").is_visible()
    assert light.locator("#benchmark-1-results").is_visible()
    dark.emulate_media(media="print", color_scheme="dark")
    assert lightness(dark) > 600


def test_everything_but_the_gallery_works_without_javascript(show: Callable[..., Opened], make_run: Build) -> None:
    page = show(make_run(60), script=False).page
    assert page.get_by_role("row", name=re.compile("^balanced_accuracy")).is_visible()
    assert page.get_by_text("The gallery needs JavaScript").is_visible()
    assert not page.locator("#filters").is_visible()
    assert not page.locator("#theme").is_visible()


def test_tables_stay_tables_for_screen_readers_on_a_phone(show: Callable[..., Opened], make_run: Build) -> None:
    page = show(make_run(60), width=360).page
    row = page.get_by_role("row", name=re.compile("^unsafe.accuracy"))
    assert row.get_by_role("rowheader").count() == 1
    assert row.get_by_role("cell").count() == 6
    for role in ("banner", "main", "contentinfo", "search"):
        assert page.get_by_role(role).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_page_for_sharing_has_no_gallery(show: Callable[..., Opened], make_run: Build) -> None:
    view = show(make_run(60), public=True)
    assert view.page.locator("#gallery").count() == 0
    assert view.page.locator(".metrics").is_visible()
    assert view.messages == []
