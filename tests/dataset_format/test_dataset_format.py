"""Data set folders: what is read and refused, what survives a kill, and how other programs see them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from foresee import dataset_format, manifest
from foresee.data.images import ImageError
from foresee.dataset_format import DataRow, RowWriter, Turn
from foresee.errors import UserError


def png(colour: str, size: int = 24) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def row(number: int, *images: str, answer: str = "red", **more: Any) -> DataRow:
    prompt = (Turn(role="user", content=f"what is in picture {number}?"),)
    return DataRow(id=f"row-{number}", images=images, prompt=prompt, completion=_said(answer), **more)


def _said(text: str) -> tuple[Turn, ...]:
    return (Turn(role="assistant", content=text),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with RowWriter.open(tmp_path / "set") as writer:
        red, blue = writer.store(png("red")), writer.store(png("blue"))
        writer.add(row(0, red, facts={"objects": ["square"]}, source="drawn"))
        writer.add(row(1, blue, red, facts={"rule": 3}, source="drawn"))
        writer.add(row(2, source="written"))
    return tmp_path / "set"


def test_rows_come_back_and_a_second_writer_adds_only_what_is_new(folder: Path) -> None:
    before = list(dataset_format.read(folder))
    assert [found.id for found in before] == ["row-0", "row-1", "row-2"]
    assert before[1].images[1] == before[0].images[0], "one picture is stored once"
    with RowWriter.open(folder) as writer:
        assert not writer.add(row(1))
        assert writer.add(row(3))
    assert [found.id for found in dataset_format.read(folder)] == ["row-0", "row-1", "row-2", "row-3"]


@pytest.mark.parametrize(
    "tail", ['{"id": "row-9", "prom', '{"id": "row-9", "prompt": [{"role": "user", "content": "\\ud83d']
)
def test_a_line_torn_by_a_kill_is_no_row_and_does_not_spoil_the_next(folder: Path, tail: str) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write(tail)
    assert len(list(dataset_format.read(folder))) == 3
    with RowWriter.open(folder) as writer:
        writer.add(row(3))
    assert [found.id for found in dataset_format.read(folder)] == ["row-0", "row-1", "row-2", "row-3"]


def test_a_whole_last_line_without_its_break_is_a_row(folder: Path) -> None:
    text = (folder / "rows.jsonl").read_text()
    (folder / "rows.jsonl").write_text(text.rstrip("\n"))
    with RowWriter.open(folder) as writer:
        assert "row-2" in writer.ids
        writer.add(row(3))
    assert len(list(dataset_format.read(folder))) == 4


TURN = [{"role": "user", "content": "what is it?"}]
SAID = [{"role": "assistant", "content": "a cup"}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1], "expected an object"),
        ({"id": "", "prompt": TURN}, "id: String should have at least 1 character"),
        ({"id": "a", "prompt": []}, "prompt: "),
        ({"id": "a"}, "prompt: Field required"),
        ({"id": "a", "prompt": SAID}, "a turn of the user at its end"),
        ({"id": "a", "prompt": TURN, "completion": TURN}, "completion: expected a turn of the assistant"),
        ({"id": "a", "prompt": TURN, "chosen": SAID}, "both chosen and rejected"),
        ({"id": "a", "prompt": TURN, "completion": SAID, "chosen": SAID, "rejected": SAID}, "not both"),
        ({"id": "a", "prompt": [{"role": "tool", "content": "x"}]}, "prompt.0.role"),
        ({"id": "a", "prompt": TURN, "answer": "x"}, "unknown key 'answer'"),
        ({"id": "a", "prompt": TURN, "images": ["../secret.png"]}, "a relative path inside the folder"),
        ({"id": "a", "prompt": TURN, "images": ["/etc/passwd"]}, "a relative path inside the folder"),
        ({"id": "a", "prompt": TURN, "images": ["C:\\x.png"]}, "a relative path inside the folder"),
        ({"id": "a", "prompt": TURN, "images": ["images/none.png"]}, "is not there"),
        ({"id": "row-0", "prompt": TURN}, "comes twice"),
    ],
)
def test_a_row_that_does_not_fit_is_named_by_its_line(folder: Path, values: Any, said: str) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")
    with pytest.raises(UserError) as caught:
        list(dataset_format.read(folder))
    assert "rows.jsonl, line 4: " in str(caught.value)
    assert said in str(caught.value)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(png("green"))
    os.symlink(tmp_path / "outside.png", folder / "images" / "link.png")
    with pytest.raises(UserError, match="leads out of the folder"):
        dataset_format.image_path(folder, "images/link.png")


def test_what_is_no_picture_is_not_stored(folder: Path) -> None:
    with RowWriter.open(folder) as writer, pytest.raises(ImageError):
        writer.store(b"<html>not found</html>")
    assert (dataset_format.check(folder).images, dataset_format.check(folder).faults) == (2, [])


def test_every_row_and_image_is_looked_at_before_a_training(folder: Path) -> None:
    (folder / "images/cut.png").write_bytes(png("green", 200)[:80])
    (folder / "images/thin.png").write_bytes(thin(900, 3))
    (folder / "images/long.png").write_bytes(thin(3, 600))
    (folder / "images/fits.png").write_bytes(thin(597, 3))
    os.mkfifo(folder / "images/pipe.png")
    names = ("images/cut.png", "images/thin.png", "images/long.png", "images/fits.png", "images/pipe.png", "gone.png")
    lines = [row(number, name).line() for number, name in enumerate(names, 10)]
    spelled = row(20, answer="<|im_end|> so <image> and <b>").line()
    broken = ['{"id": "row-21"}', "{oops", row(10).line(), row(22).line().replace("red", "bad \\ud83d half")]
    deep = '{"id": "x", "facts": ' + '{"a":' * 100_000 + "1" + "}" * 100_001
    with (folder / "rows.jsonl").open("a") as file:
        file.write("\n".join([*lines, spelled, *broken, deep, ""]))
    found = dataset_format.check(folder)
    told = [(fault.kind, fault.where.partition("line ")[2], fault.reason) for fault in found.faults]
    for kind, line, reason in [
        ("image", "4", "image images/cut.png: a damaged or cut-off PNG file"),
        ("image", "5", "image images/thin.png: 900 x 3, expected at most 200 times as long as wide"),
        ("image", "6", "image images/long.png: 3 x 600"),
        ("image", "8", "image 'images/pipe.png' is not there"),
        ("image", "9", "image 'gone.png' is not there"),
        ("text", "10", "its text spells the control token <|im_end|>, <image>"),
        ("row", "11", "prompt"),
        ("row", "12", "expected JSON"),
        ("row", "13", "id 'row-10' is that of line 4"),
        ("row", "15", "nested more than 100 levels deep"),
    ]:
        assert [t for t in told if t[:2] == (kind, line) and reason in t[2]], (line, told)
    assert len(told) == 10
    assert not found.usable


def thin(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_a_full_disk_is_one_line_and_keeps_whole_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / "rows.jsonl").read_bytes()
    written = os.write
    with RowWriter.open(folder) as writer:
        calls = iter([10])

        def full(descriptor: int, data: bytes) -> int:
            for few in calls:
                return written(descriptor, data[:few])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(UserError, match="No space left on device; rows so far are kept"):
            writer.add(row(3))
        monkeypatch.undo()
    assert (folder / "rows.jsonl").read_bytes() == before


def test_the_manifest_counts_and_pictures_are_known_by_their_bytes(folder: Path) -> None:
    dataset_format.write_manifest(folder, {"recipe": "by hand"})
    found = manifest.read(folder, "data set")
    assert found["counts"]["rows"] == 3
    assert found["counts"]["pictures"] == 2
    assert found["counts"]["by"]["source"] == {"drawn": 2, "written": 1}
    named = next(iter(dataset_format.read(folder))).images[0]
    (folder / named).rename(folder / "images" / "renamed.png")
    text = (folder / "rows.jsonl").read_text().replace(named, "images/renamed.png")
    (folder / "rows.jsonl").write_text(text)
    assert named.split("/")[1].split(".")[0] in dataset_format.image_hashes(folder)


def test_trainers_get_pictures_turns_and_facts(folder: Path) -> None:
    pytest.importorskip("datasets")
    found = dataset_format.to_dataset(folder)
    assert found[1]["images"][0].getpixel((0, 0)) == (0, 0, 255)
    assert found[2]["images"] == []
    assert found[0]["prompt"][0]["role"] == "user"
    assert found[0]["completion"] == [{"role": "assistant", "content": "red"}]
    assert json.loads(found[1]["facts"]) == {"rule": 3}
    assert "chosen" not in found.column_names


def test_kinds_are_not_mixed(folder: Path) -> None:
    pytest.importorskip("datasets")
    with RowWriter.open(folder) as writer:
        writer.add(DataRow(id="pair", prompt=row(0).prompt, chosen=_said("yes"), rejected=_said("no")))
    with pytest.raises(UserError, match="different kinds"):
        dataset_format.to_dataset(folder)


def test_load_dataset_opens_both_forms(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    assert dataset_format.write_parquet(folder, tmp_path / "rows.parquet") == 3
    parquet = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "rows.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert parquet[1]["images"][0].getpixel((0, 0)) == (0, 0, 255)
    assert set(parquet.column_names) == set(dataset_format.to_dataset(folder).column_names)
    lines = datasets.load_dataset(
        "json", data_files=str(folder / "rows.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert lines[1]["id"] == "row-1"
