"""Rows of the user's: every kind of file, usual and unusual column names, pictures that can't be had."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from foresee import dataset_format
from foresee.curation import Dropped, SourceItem, read_items
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError
from tests.curation.conftest import drawn


def items(path: Path, **more: Any) -> list[SourceItem | Dropped]:
    return list(read_items(path, **more))


def test_tables_of_every_kind_give_the_same_items(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": 7, "question": "What is it?", "label": "safe", "class1": "a", "class2": "b", "chosen": "yes"}]
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]) + "\n")
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.csv").write_text("id,question,label,class1,class2,chosen\n7,What is it?,safe,a,b,yes\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for ending in ("jsonl", "json", "csv", "parquet"):
        (found,) = items(tmp_path / f"a.{ending}")
        assert isinstance(found, SourceItem)
        assert (found.id, found.text, found.gold, found.category, found.scenario, found.chosen) == (
            "7",
            "What is it?",
            "safe",
            "a",
            "b",
            "yes",
        )
    (tmp_path / "a.txt").write_text("one\n\n  two \n", encoding="utf-8-sig")
    assert [found.text for found in items(tmp_path / "a.txt") if isinstance(found, SourceItem)] == ["one", "two"]


def test_pictures_come_from_parquet_and_from_folders_and_never_from_outside(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cell = {"image": {"bytes": drawn(1), "path": "x.png"}, "question": "what?"}
    pq.write_table(pa.Table.from_pylist([cell]), tmp_path / "p.parquet")
    (found,) = items(tmp_path / "p.parquet")
    assert isinstance(found, SourceItem)
    assert found.images[0].read() == drawn(1)
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "images" / "1.png").write_bytes(drawn(1))
    (tmp_path / "secret.png").write_bytes(drawn(2))
    names = ["images/1.png", "../secret.png", str(tmp_path / "secret.png"), "images/2.png"]
    lines = [json.dumps({"text": "t", "images": [name]}) for name in names]
    (tmp_path / "data" / "rows.jsonl").write_text("\n".join(lines))
    good, *bad = items(tmp_path / "data" / "rows.jsonl")
    assert isinstance(good, SourceItem)
    assert [type(one) for one in bad] == [Dropped] * 3
    assert {one.reason for one in bad if isinstance(one, Dropped)} == {"image missing or outside its folder"}
    moved = items(tmp_path / "data" / "rows.jsonl", images=tmp_path / "data" / "images")
    assert all(isinstance(one, Dropped) for one in moved)


def test_columns_may_be_named_and_conversations_are_joined(tmp_path: Path) -> None:
    row = {"ask": [{"role": "user", "content": "what"}, {"role": "user", "content": "is it?"}], "ok": False}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = items(tmp_path / "a.jsonl", columns={"text": "ask", "gold": "ok"})
    assert isinstance(found, SourceItem)
    assert (found.text, found.gold) == ("what\nis it?", "false")
    with pytest.raises(UserError, match="did you mean gold"):
        items(tmp_path / "a.jsonl", columns={"golden": "ok"})


def test_a_data_set_folder_is_a_source(tmp_path: Path) -> None:
    with RowWriter.open(tmp_path / "set") as writer:
        name = writer.store(drawn(4))
        prompt, said = (Turn(role="user", content="what?"),), (Turn(role="assistant", content="a lamp"),)
        writer.add(DataRow(id="a", images=(name,), prompt=prompt, completion=said, expected="safe", category="c"))
    (found,) = items(tmp_path / "set")
    assert isinstance(found, SourceItem)
    assert (found.text, found.answer, found.gold, found.scenario) == ("what?", "a lamp", "safe", "c")
    assert found.images[0].path == dataset_format.image_path(tmp_path / "set", name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", "{", "not JSON"),
        ("a.json", '{"a": 1}', "expected a list"),
        ("a.parquet", "PAR1", "not readable"),
        ("a.xlsx", "x", "expected a file that ends in"),
        ("a.txt", "\udcff", "not UTF-8 text"),
    ],
)
def test_a_broken_source_is_one_line(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=said):
        items(tmp_path / name)


def test_images_in_cells_are_read_as_in_benchmarks(tmp_path: Path) -> None:
    """Base64, data URLs, lists written into CSV, empty lists beside an image; a name that is too long is that row's."""
    data = _png()
    (tmp_path / "a.png").write_bytes(data)
    text = base64.b64encode(data).decode()
    cells: list[dict[str, Any]] = [
        {"image": text}, {"image": f"data:image/png;base64,{text}"}, {"images": [], "image": "a.png"},
        {"images": "['a.png', 'a.png']"}, {"image": {"bytes": text}}, {"image": float("nan")},
        {"image": "n" * 5000}, {"image": text[:-9] + "!" * 9},
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": "q", **cell}) + "\n" for cell in cells))
    found = list(read_items(tmp_path / "rows.jsonl"))
    assert [len(each.images) if isinstance(each, SourceItem) else str(each)[:60] for each in found[:6]] == [
        1, 1, 1, 2, 1, 0,
    ]  # fmt: skip
    assert all(isinstance(each, Dropped) and len(each.about) < 200 for each in found[6:])


def _png() -> bytes:
    held = io.BytesIO()
    PIL.Image.new("RGB", (20, 20), "red").save(held, "PNG")
    return held.getvalue()
