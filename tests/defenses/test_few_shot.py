"""Few-shot: the same examples every time, with their pictures, and never one that the benchmark asks about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.defenses import Composed, open_defense
from foresee.errors import UserError
from foresee.records import Item, Message
from tests.defenses.conftest import drawn

Make = Callable[..., Item]


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """Eight examples with pictures 0-7, two without."""
    with RowWriter.open(tmp_path / "shots") as writer:
        for number in range(10):
            images = (writer.store(drawn(number).read()),) if number < 8 else ()
            prompt = (Turn(role="system", content="Rules."), Turn(role="user", content=f"Question {number}?"))
            answer = (Turn(role="assistant", content=f"Answer {number}."),)
            writer.add(DataRow(id=str(number), images=images, prompt=prompt, completion=answer))
    return tmp_path / "shots"


def few_shot(examples: Path, items: Sequence[Item] = (), **options: object) -> Composed:
    defense = open_defense("few_shot", {"examples": str(examples), **options})
    assert defense is not None
    return defense.fitted(items)


def test_examples_come_as_turns_with_their_pictures(examples: Path, item: Make) -> None:
    asked = item(50)
    changed = few_shot(examples / "rows.jsonl", k=10).edit(asked)
    assert changed.messages[-1] == asked.messages[0]
    assert [turn.role for turn in changed.messages] == ["user", "assistant"] * 10 + ["user"]
    for user, assistant in zip(changed.messages[:-1:2], changed.messages[1:-1:2], strict=True):
        number = int(user.text.removeprefix("Question ").rstrip("?"))
        assert assistant.text == f"Answer {number}."
        assert [image.sha256 for image in user.images] == ([drawn(number).sha256] if number < 8 else [])
    ruled = Item("r", (Message("system", ("Be brief.",)), *asked.messages))
    assert few_shot(examples).edit(ruled).messages[0].text == "Be brief."


def test_the_seed_alone_decides(examples: Path, item: Make) -> None:
    def shown(seed: int, number: int = 50) -> tuple[Message, ...]:
        return few_shot(examples, seed=seed).edit(item(number)).messages[:-1]

    assert shown(1) == shown(1, number=51)
    assert len({shown(seed) for seed in range(5)}) > 1


def test_what_the_benchmark_asks_about_is_never_shown(examples: Path, item: Make) -> None:
    items = [*(item(number) for number in range(6)), item(60, picture=False, text="Question 8?")]
    for seed in range(10):
        turns = few_shot(examples, items, k=3, seed=seed).edit(items[0]).messages[:-1]
        assert {turn.text for turn in turns if turn.role == "user"} == {"Question 6?", "Question 7?", "Question 9?"}
    with pytest.raises(UserError, match=r"expected 4 examples .* found 3 among 10"):
        few_shot(examples, items).edit(items[0])


def test_a_changed_file_is_read_anew(examples: Path, item: Make) -> None:
    before = few_shot(examples).edit(item(50))
    path = examples / "rows.jsonl"
    path.write_text(path.read_text().replace("Answer", "Reply"))
    assert few_shot(examples).edit(item(50)) != before


def test_examples_are_needed_and_must_be_there(tmp_path: Path, item: Make) -> None:
    with pytest.raises(UserError, match="examples"):
        open_defense("few_shot")
    with pytest.raises(UserError, match=r"shots\.jsonl"):
        few_shot(tmp_path / "shots.jsonl").edit(item())
