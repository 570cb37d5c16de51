"""Hostile text: what data and models say is shown, spelled out where it hides, and never becomes markup or script."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from foresee.evaluation.run_folder import Run
from foresee.files.redaction import without_secrets
from foresee.metrics import Metric, summarise
from foresee.records import Answer, Item, Message, Row, Verdict
from foresee.report.escaping import label, script_json, shown, visible
from foresee.report.gallery import ANSWER_LIMIT
from foresee.report.page import render
from foresee.report.published import PublishedRow

Build = Callable[..., Run]
ATTACKS = (
    "<img src=x onerror=window.__pwned=1>",
    "</script><script>window.__pwned=1</script>",
    "</style></title></textarea><svg onload=window.__pwned=1>",
    '"\' onmouseover=window.__pwned=1 x="',
    "javascript:window.__pwned=1",
    "{{ 7*7 }}{% raw %}",
    "<!--<script>\u2028window.__pwned=1\u2029-->",
    "a\u202egnp.exe\x00\x1b[31m\ud800",
    "]]>&lt;script&gt;${window.__pwned=1}`",
)


def hostile_run(attack: str) -> Run:
    """A run in which every string that comes from outside is the attack."""
    item = Item(
        id=attack,
        messages=(Message("system", (attack,)), Message("user", (attack,))),
        benchmark=attack,
        subset=attack,
        domain=attack,
        scenario=attack,
        expected=attack,
        metadata={attack: attack},
        missing_image=None,
    )
    sibling = replace(item, id=attack + "2", scenario=attack + " two", missing_image=attack)
    answer = Answer(item.id, 0, attack, reason=attack, reasoning=attack, choice_probabilities={attack: 0.3})
    verdict = Verdict(item.id, 0, attack, attack, reason=attack, judge_model=attack, raw=attack)
    rows = [
        Row(item, answer, {attack: verdict}, {attack: 0.0, "p": 1.0}),
        Row(sibling, Answer(sibling.id, 0, "", "missing_image", attack), {}, {attack: None, "p": None}),
    ]
    metrics = (Metric(attack, attack, doc=attack), Metric("published.x", "p", published=True, doc=attack))
    return Run(
        folder=Path("/tmp") / attack.replace("/", "_").replace("\x00", ""),
        benchmark=attack,
        model=attack,
        defense=attack,
        rows=tuple(rows),
        metrics=metrics,
        estimates=tuple(summarise(rows, metrics)),
        manifest={attack: attack, "options": {attack: attack, "modality": attack}, "command": [attack, attack]},
        warnings=(attack,),
    )


class Tags(HTMLParser):
    """Every start tag with its attributes, and the content of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "action")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_adds_no_markup(attack: str) -> None:
    def tags(text: str) -> Tags:
        rows = [PublishedRow(text, {"published.x": 0.5}, text, text)]
        return Tags(render([hostile_run(text), hostile_run(text)], published=rows))

    harmless, attacked = tags("word"), tags(attack)
    allowed = set(harmless.seen) | {("wbr", ())}
    assert set(attacked.seen) <= allowed
    assert [tag for tag, _ in attacked.seen].count("script") == 4
    assert all(link.startswith(("#", "data:,")) for link in attacked.links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_page_can_be_written_as_utf8_and_its_data_read_back(attack: str) -> None:
    run = hostile_run(attack)
    other = replace(run, benchmark=attack + " two")
    html = render([run, run, other], published=[PublishedRow(attack, {"published.x": 0.5}, attack, attack)])
    assert html.encode("utf-8")
    assert not re.search("[\x00\x1b\u202e\u2028\ud800]", html)
    found = re.search(r'<script type="application/json" id="cards">(.*?)</script>', html, re.S)
    assert found
    assert not set("<>&") & set(found[1])
    entry = json.loads(found[1])["cards"][0]["entries"][0]
    assert entry["text"] == visible(attack)


def test_hidden_characters_are_spelled_out() -> None:
    assert visible("a\u202eb") == "a[U+202E]b"
    assert visible("\x00" * 300 + "x") == "[U+0000 ×300]x"
    assert visible("\u200b\u200b\ufeff") == "[U+200B ×2][U+FEFF]"
    assert visible("\U000e0041") == "[U+E0041]"
    assert visible("\ud83d lone") == "\ufffd lone"
    assert visible("a\r\nb\rc\u2028d\u2029e") == "a\nb\nc\nd\ne"
    assert visible("tab\tкириллица 不安全 עברית 👩‍🚀") == "tab\tкириллица 不安全 עברית 👩‍🚀"


def test_long_text_is_cut_with_a_note_of_how_much() -> None:
    assert shown("abcdef", 4) == ("abcd", 2)
    assert shown("abc", 4) == ("abc", 0)
    assert label("a  b\n c", 10) == "a b c"
    assert label("x" * 100, 10) == "x" * 9 + "…"


def test_an_answer_of_a_megabyte_does_not_fill_the_page(one_row_run: Build) -> None:
    html = render([one_row_run(text="long " * 250_000)])
    cards, rest = (re.search(rf'id="{name}">(.*?)</script>', html, re.S) for name in ("cards", "rest"))
    assert cards
    assert rest
    entry = json.loads(cards[1])["cards"][0]["entries"][0]
    [[prompt, [text, _]]] = json.loads(gzip.decompress(base64.b64decode(rest[1])))
    assert prompt == ""
    assert len(entry["text"] + text) == ANSWER_LIMIT
    assert entry["cut"] == 1_250_000 - ANSWER_LIMIT
    assert len(html) < 150_000


def test_script_json_reads_back_the_same() -> None:
    value = {"a": ["</script>", "<!--", "&amp;", "\u2028\u2029", "ü", None, True, 1.5]}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="JSON"):
        script_json(float("nan"))


def test_secrets_are_removed_at_any_depth_and_counts_are_kept() -> None:
    found = without_secrets(
        {
            "api_key": "abc",
            "max_tokens": 5,
            "input_tokens": 7,
            "key": "item-7",
            "list": [{"password": "x", "note": "use sk-aaaaaaaaaaaaaaaa now"}],
            "url": "https://me:pw@host/v1",
            "command": ["--header", "Authorization=Bearer abcdefghij"],
            "author": "A. Name",
            "items_sha256": "ab" * 32,
        }
    )
    text = json.dumps(found)
    for secret in ("abc", "item-7", '"x"', "sk-aaaa", "me:pw", "abcdefghij"):
        assert secret not in text.replace("ab" * 32, "")
    assert (found["max_tokens"], found["input_tokens"], found["author"]) == (5, 7, "A. Name")
    assert found["items_sha256"] == "ab" * 32
    assert found["url"] == "https://host/v1"
