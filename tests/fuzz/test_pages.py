"""Pages and tables made of strangers' texts: nothing but text comes of them, and what is carried along comes back.

A page costs its template some 10 ms whatever stands on it, so `make fuzz` draws a tenth of the whole pages.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foresee.dataset_format.rows import DataRow
from foresee.evaluation.run_folder import Run
from foresee.files.spreadsheets import as_written, inert
from foresee.human_labels import page as labelling
from foresee.metrics import Metric, summarise
from foresee.records import Answer, AnswerStatus, Item, Message, Row, Verdict
from foresee.report import gallery, item_page, review
from foresee.report.escaping import label, script_json, shown, visible
from foresee.report.page import render
from foresee.report.published import PublishedRow
from foresee.report.tables import TextTable, comma_separated, latex, markdown
from tests.fuzz.conftest import Fuzz
from tests.fuzz.drawing import table, text, whole_text
from tests.report.test_escaping import Tags, hostile_run

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
METRIC = Metric("m", "m", doc="share")


def _plain(page: str) -> None:
    assert not _OBEYED.search(page)
    page.encode()


def test_what_is_shown_holds_nothing_that_a_terminal_or_browser_obeys(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        said, limit = text(rng, 20), rng.randrange(1, 30)
        _plain(visible(said))
        cut = shown(said, limit)
        assert cut.text == visible(said[:limit])
        assert cut.left_out == max(0, len(said) - limit)
        assert "\n" not in label(said, limit)
        assert len(label(said, limit)) <= limit

    fuzz(check)


def test_what_a_script_is_given_is_what_it_reads(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        held = [text(rng), {text(rng, 2): text(rng, 3)}, rng.random(), None]
        written = script_json(held)
        assert not set("<>&\u2028\u2029") & set(written)
        assert json.loads(written.encode()) == json.loads(
            re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(held, ensure_ascii=False))
        )

    fuzz(check)


def _run(rng: random.Random, *, ids: bool = True) -> Run:
    """A run in which every text is a stranger's, and figures are odd; `ids` False: the ids are plain."""

    def said(longest: int = 6) -> str:
        return text(rng, longest)

    names = [f"{n}{said(2) if ids else ''}" for n in range(rng.randrange(1, 4))]
    rows = []
    for name in names:
        item = Item(
            name, (Message("system", (said(),)), Message("user", (said(),))), "b", said(2), said(2), said(2),
            expected=said(1), metadata=table(rng, ("goal", "reference", "warning")),
        )  # fmt: skip
        status: AnswerStatus = rng.choice(("ok", "ok", "ok", "error", "missing_image", "refused_by_api"))
        shares = rng.choice((None, {"Yes": 0.25, said(1): 0.75}))
        answer = Answer(name, 0, said(12), status, said(), reasoning=said(), choice_probabilities=shares, key=name)
        value_ = rng.choice((None, said(1), 1.0, {"harmful": 1.0, said(1): 0.5}))
        verdict = Verdict(name, 0, "harmful", value_, said(), judge_model=said(2), raw=said())
        rows.append(Row(item, answer, {"harmful": verdict, said(1): verdict}, {"m": rng.choice((None, 0.0, 1.0))}))
    return Run(
        folder=Path("runs") / "r", benchmark="b", model=said(3), defense=said(2), rows=tuple(rows), metrics=(METRIC,),
        estimates=tuple(summarise(rows, (METRIC,))), manifest={"options": table(rng, ("subset", "modality"))},
        warnings=(said(),),
    )  # fmt: skip


def test_a_gallery_tells_each_text_as_it_is_seen(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        run = _run(rng)
        cards = gallery.cards([run])
        content = gallery.gallery_json(cards.shown, ["r"], ["A"], None)
        read: Any = json.loads(script_json(content))
        told = {card["entries"][0]["text"] for card in read["cards"]}
        assert told == {visible(row.answer.text) for row in run.rows}
        _plain(script_json(content).replace("\n", ""))

    fuzz(check)


def _pages(rng: random.Random, rendered: Any, harmless: set[Any]) -> None:
    page = rendered(rng)
    tags = Tags(page)
    assert set(tags.seen) <= harmless
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    _plain(page)


@pytest.fixture(scope="module")
def report_tags() -> set[Any]:
    """Every tag that a report of harmless runs holds."""
    seen: set[Any] = {("wbr", ())}
    rng = random.Random(0)
    for word in ("word", "two words"):
        run = hostile_run(word)
        seen |= set(Tags(render([run, run], published=[PublishedRow(word, {"published.x": 0.5}, word, word)])).seen)
    for _ in range(12):
        seen |= set(Tags(render([_tame(_run(rng))])).seen)
    return seen


def _tame(run: Run) -> Run:
    """The same run with harmless words in the place of its texts."""
    rows = [
        replace(
            row,
            item=replace(
                row.item,
                id=str(n),
                messages=(Message("user", ("w",)),),
                subset="s",
                domain="d",
                scenario="c",
                expected="e",
                metadata={},
            ),
            answer=replace(row.answer, item_id=str(n), text="w", reason="w", reasoning="w"),
            verdicts={"harmful": replace(row.verdicts["harmful"], value=1.0, reason="w", judge_model="w", raw="w")},
        )
        for n, row in enumerate(run.rows)
    ]
    return replace(
        run, model="m", defense="d", rows=tuple(rows), manifest={"options": {"subset": "s"}}, warnings=("w",)
    )


def test_a_report_holds_no_tag_that_a_harmless_one_has_not(report_tags: set[Any], fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        _pages(rng, lambda rng: render([_run(rng)]), report_tags)

    fuzz(check, 0.1)


def test_a_labelling_page_holds_its_content_and_no_other_markup(fuzz: Fuzz) -> None:
    harmless: set[Any] = set()

    def page(run: Run) -> str:
        return labelling.render(run, "harmful", [labelling.Picked(row, "s", 1.0) for row in run.rows])

    harmless |= set(Tags(page(_tame(_run(random.Random(1))))).seen)

    def check(rng: random.Random) -> None:
        _pages(rng, lambda rng: page(_run(rng, ids=False)), harmless)  # a page carries the ids along, as they are

    fuzz(check, 0.1)


def test_an_item_page_and_a_review_entry_hold_no_markup(fuzz: Fuzz) -> None:
    harmless = set(Tags(item_page.render(Item("1", (Message("user", ("w",)),), "b"), ["w"], clear=True)).seen)

    def check(rng: random.Random) -> None:
        item = Item(text(rng, 3), (Message("user", (text(rng),)),), "b")
        _pages(rng, lambda rng: item_page.render(item, [text(rng) for _ in range(2)], clear=True), harmless)
        row = DataRow.model_validate(
            {
                "id": "1", "prompt": [{"role": "user", "content": whole_text(rng)}], "category": whole_text(rng, 2),
                "completion": [{"role": "assistant", "content": whole_text(rng)}],
                "facts": {whole_text(rng, 2): whole_text(rng)},
            }
        )  # fmt: skip
        entry = review._entry(Path(), row, {})
        _plain(script_json({"shown": entry["shown"], "facts": entry["facts"], "fields": entry["fields"]}))

    fuzz(check)


def test_a_cell_of_a_spreadsheet_is_no_formula_and_comes_back(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        said = whole_text(rng, 6).replace("\0", "")
        cell = inert(said)
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
        assert as_written(cell) == said
        made = io.StringIO()
        csv.writer(made).writerow([cell, "x"])
        assert next(csv.reader(io.StringIO(made.getvalue(), newline=""))) == [cell, "x"]

    fuzz(check)


_PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")
_AMPERSAND = re.compile(r"(?<!\\)(?:\\\\)*&")


def test_tables_keep_their_columns_and_hold_no_markup(fuzz: Fuzz) -> None:
    def check(rng: random.Random) -> None:
        cells = [[text(rng, 3) for _ in range(3)] for _ in range(3)]
        made = TextTable(text(rng, 3), tuple(cells[0]), (tuple(cells[1]), tuple(cells[2])), (text(rng, 4),))
        shown_ = markdown(made)
        _plain(shown_)
        lines = shown_.splitlines()
        assert all(len(_PIPE.findall(line)) == 4 for line in lines[2:6]), lines
        assert not set("<>") & set(shown_)
        tex = latex(made)
        _plain(tex)
        rows = [line for line in tex.splitlines() if line.endswith(r"\\") and not line.startswith("%")]
        assert [len(_AMPERSAND.findall(line)) for line in rows] == [2, 2, 2], tex
        separated = list(csv.reader(io.StringIO(comma_separated(made), newline="")))
        assert {len(row) for row in separated if len(row) > 1} <= {3}

    fuzz(check)
