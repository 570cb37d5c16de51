"""What became of a row: outcomes, splits of verdicts, first-token mass, which cards and pictures the gallery keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from foresee.evaluation.run_folder import Run
from foresee.metrics import Metric
from foresee.records import Answer, Item, Message, Row, Verdict
from foresee.report.gallery import cards, images_wanted
from foresee.report.outcome_breakdown import Outcome, first_token, outcome, splits, verdict_text

HIGHER = Metric("accuracy", "correct")
LOWER = Metric("attack_success", "harmful", higher_is_better=False)
NEUTRAL = Metric("length", "length", higher_is_better=None)
PUBLISHED = Metric("published.accuracy", "published", published=True)


def row(measures: dict[str, float | None], value: Any = "safe", status: Any = "ok", subset: str = "all") -> Row:
    item = Item("1", (Message("user", ("?",)),), subset=subset)
    verdicts = {"judge": Verdict("1", 0, "judge", value)} if status == "ok" else {}
    return Row(item, Answer("1", 0, "text", status), verdicts, measures)


@pytest.mark.parametrize(
    ("given", "metrics", "expected"),
    [
        (row({"correct": 1.0}), (HIGHER,), "correct"),
        (row({"correct": 0.0}), (HIGHER,), "wrong"),
        (row({"correct": 0.5}), (HIGHER,), "wrong"),
        (row({"harmful": 0.0}), (LOWER,), "correct"),
        (row({"harmful": 1.0}), (LOWER,), "wrong"),
        (row({"correct": 0.0}, "refusal"), (HIGHER,), "refusal"),
        (row({"harmful": 0.0}, "full_refusal"), (LOWER,), "correct"),
        (row({"correct": None}, None), (HIGHER,), "unparsed"),
        (row({"correct": None}, "refusal"), (HIGHER,), "refusal"),
        (row({"correct": None}, status="error"), (HIGHER,), "failed"),
        (row({"correct": None}, status="missing_image"), (HIGHER,), "failed"),
        (row({"harmful": 1.0}), (HIGHER, LOWER), "wrong"),
        (row({"published": 0.0, "length": 1.0, "correct": 1.0}), (PUBLISHED, NEUTRAL, HIGHER), "correct"),
        (row({"length": 0.3}), (NEUTRAL,), "scored"),
        (row({}, None), (), "unparsed"),
    ],
)
def test_outcome(given: Row, metrics: tuple[Metric, ...], expected: Outcome) -> None:
    assert outcome(given, metrics) == expected


def test_splits_have_the_same_parts_in_every_bar() -> None:
    a = [row({}, "unsafe"), row({}, "safe"), row({}, "refusal"), row({}, status="error")]
    b = [row({}, "safe", subset="other"), row({}, None)]
    (split,) = splits([a, b])
    assert [part.label for part in split.legend] == ["safe", "unsafe", "refusal", "no verdict", "call failed"]
    found = {(subset, bar.run): [part.rows for part in bar.parts] for subset, bars in split.subsets for bar in bars}
    assert found == {("all", 0): [1, 1, 1, 0, 1], ("all", 1): [0, 0, 0, 1, 0], ("other", 1): [1, 0, 0, 0, 0]}
    assert all(sum(p.share for p in bar.parts) == pytest.approx(1) for _, bars in split.subsets for bar in bars)


def test_a_verdict_called_like_a_failure_is_not_mixed_with_failures() -> None:
    (split,) = splits([[row({}, "call failed"), row({}, status="error")]])
    assert [(part.kind, part.rows) for part in split.legend] == [("value", 1), ("error", 1)]


def test_numbers_are_split_by_value_or_in_bins_when_many() -> None:
    (few,) = splits([[row({}, float(value)) for value in (2, 0, 1, 1)]])
    assert [(part.label, part.rows) for part in few.legend] == [("0", 1), ("1", 2), ("2", 1)]
    (many,) = splits([[row({}, value / 20) for value in range(21)]])
    assert [part.label for part in many.legend] == ["0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1"]
    assert sum(part.rows for part in many.legend) == 21


def test_not_a_number_is_no_verdict() -> None:
    (split,) = splits([[row({}, float("nan")), row({}, 1.0)]])
    assert [(part.label, part.rows) for part in split.legend] == [("1", 1), ("no verdict", 1)]


def test_verdicts_in_words() -> None:
    def said(value: Any) -> str:
        return verdict_text(Verdict("1", 0, "j", value))

    assert said("safe") == "safe"
    assert said(0.5) == "0.5"
    assert said({"R": 2.0, "S": 1.0}) == "R 2, S 1"
    assert said(None) == "no verdict"


def test_first_token_mass() -> None:
    rows = [row({}) for _ in range(3)]
    assert first_token(rows) is None
    for index, share in enumerate((0.9, 0.7, 0.2)):
        rows[index] = replace(rows[index], answer=replace(rows[index].answer, choice_probabilities={"Yes": share}))
    assert first_token(rows) == (3, 0.7, 1)


def test_gallery_drops_right_answers_first_and_keeps_the_order(make_run: Callable[..., Run]) -> None:
    run = make_run(60)
    everything = cards([run])
    assert [card.item.id for card in everything.shown] == [str(number) for number in range(60)]
    bad = [card.item.id for card in everything.shown if card.entries[0].outcome not in ("correct", "scored")]
    few = cards([run], limit=len(bad))
    assert [card.item.id for card in few.shown] == bad
    assert few.left_out == 60 - len(bad)


def test_pictures_of_failures_are_the_last_to_be_left_out(make_run: Callable[..., Run]) -> None:
    found = cards([make_run(60, pictures=60)]).shown
    wanted = images_wanted(found)
    wrong = {card.item.image_sha256 for card in found if card.entries[0].outcome in ("wrong", "refusal")}
    assert {image.sha256 for image in wanted[: len(wrong)]} == wrong
