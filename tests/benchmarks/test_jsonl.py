"""A file of one's own: every table kind, what is measured for which row, and rows that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError
from tests.benchmarks.conftest import Load, measured, parquet, png, png_bytes, table, write

ROW = {"id": "a", "prompt": "What is it?", "image": "pictures/a.png", "expected": "benign", "category": "cups"}


def test_rows_of_every_kind(tmp_path: Path, load: Load) -> None:
    png(tmp_path / "pictures/a.png")
    rows = [ROW, {**ROW, "id": 2, "expected": "Unsafe", "subset": "hard", "colour": "red"}, {"question": "No picture?"}]
    items = load("jsonl", write(tmp_path / "mine.jsonl", rows))
    assert [(item.id, item.subset, item.expected, len(item.images)) for item in items] == [
        ("a", "all", "benign", 1), ("2", "hard", "harmful", 1), ("3", "all", "", 0),
    ]  # fmt: skip
    assert (items[1].metadata["colour"], items[0].scenario) == ("red", "cups")
    assert items[0].cluster == items[1].cluster
    assert items[2].cluster == ""
    assert [item.id for item in load("jsonl", tmp_path / "mine.jsonl", "subset=hard")] == ["2"]
    shown = load("jsonl", tmp_path / "mine.jsonl", "modality=image")
    assert [bool(item.missing_image) for item in shown] == [False, False, True], "no picture, so nothing to show"
    assert [item.prompt for item in shown] == ["", "", ""]
    as_list = load("jsonl", write(tmp_path / "mine.json", rows))
    assert as_list == items
    as_table = load("jsonl", table(tmp_path / "mine.csv", [ROW], newline="\r\n", bom=True))
    assert as_table == items[:1]
    image = {"bytes": png_bytes(0, tmp_path), "path": None}
    stored = load("jsonl", parquet(tmp_path / "mine.parquet", [{**ROW, "image": image}]))
    assert stored[0].image_sha256 == items[0].image_sha256


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path, load: Load) -> None:
    png(tmp_path / "pictures/a.png")
    path = write(tmp_path / "mine.jsonl", [ROW, {**ROW, "id": "b"}])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert [item.id for item in load("jsonl", path)] == ["a", "b"]


def test_a_folder_with_one_file_and_messages(tmp_path: Path, load: Load) -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]
    png(tmp_path / "images/x.png")
    write(tmp_path / "rows.jsonl", [{"id": "a", "prompt": said, "images": ["images/x.png", "images/none.png"]}])
    (item,) = load("jsonl", tmp_path)
    assert [message.role for message in item.messages] == ["system", "user"]
    assert item.prompt == "What is it?"
    assert item.missing_image is not None
    assert "images/none.png" in item.missing_image
    (text,) = load("jsonl", tmp_path, "modality=text")
    assert (text.missing_image, text.metadata["lacks_picture"]) == (None, True)
    write(tmp_path / "more.jsonl", [ROW])
    with pytest.raises(UserError, match=r"holds 2 files that end in .jsonl: name one"):
        load("jsonl", tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "a"}, r":1: expected a prompt \(prompt, question, query, instruction\), got id"),
        ({"prompt": 3.5, "image": "../../secret.png"}, "expected an image below"),
        ({"prompt": "?", "image": "/etc/secret.png"}, "expected an image below"),
        ({"prompt": [{"role": "user"}]}, "expected messages of the form"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, "expected the last message to be the user's"),
        ({"prompt": "?", "expected": ["harmful"]}, "expected a text under 'expected', got a list"),
    ],
)
def test_rows_that_do_not_fit_are_one_line(tmp_path: Path, load: Load, row: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load("jsonl", write(tmp_path / "mine.jsonl", [row]))
    assert "\n" not in str(caught.value)


def test_a_text_that_begins_like_messages_is_a_text(tmp_path: Path, load: Load) -> None:
    (item,) = load("jsonl", table(tmp_path / "mine.csv", [{"prompt": "[{what is this?"}]))
    assert item.prompt == "[{what is this?"


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.json"])
def test_a_file_without_rows_says_so(tmp_path: Path, load: Load, name: str) -> None:
    with pytest.raises(UserError, match=f"expected rows in .*{name}, it has none"):
        load("jsonl", write(tmp_path / name, []))


def test_an_unknown_subset_is_named(tmp_path: Path, load: Load) -> None:
    with pytest.raises(UserError, match="no subset named 'esy'; did you mean easy"):
        load("jsonl", write(tmp_path / "mine.jsonl", [{"prompt": "?", "subset": "easy"}]), "subset=esy")


def test_what_is_measured_depends_on_the_row(tmp_path: Path, load: Load) -> None:
    rows = [{"prompt": "?", "expected": "harmful"}, {"prompt": "?", "expected": "safe"}, {"prompt": "?", "answer": "4"}]
    harmful, benign, other = load("jsonl", write(tmp_path / "mine.jsonl", rows))
    verdicts: dict[str, Any] = {"harmful": {"harmful": 1.0}, "constructive": {"constructive": 0.5}, "refusal": "full"}
    assert measured("jsonl", harmful, **verdicts) == {"attack_success": 1.0, "constructive": 0.5, "refused": 1.0}
    assert measured("jsonl", benign, **verdicts) == {"benign_refused": 1.0, "benign_constructive": 0.5}
    assert measured("jsonl", other, capability={"score": 0.5}) == {"other_refused": None, "score": 0.5}
