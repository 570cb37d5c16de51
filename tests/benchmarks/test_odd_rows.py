"""Odd rows of a user's own file: empty and doubled columns, gaps, half characters, depth, devices, long cells."""

from __future__ import annotations

import base64
import csv
import datetime
import decimal
import json
import os
from pathlib import Path
from typing import Any

import pytest

from foresee.benchmarks._shared.images import from_cell
from foresee.data import check, tables
from foresee.errors import UserError
from foresee.records import Image
from tests.benchmarks.conftest import Load, parquet, png, png_bytes, write


def rows_of(tmp_path: Path, load: Load, *rows: dict[str, Any]) -> Any:
    return load("jsonl", write(tmp_path / "mine.jsonl", list(rows)))


def test_an_empty_list_is_as_good_as_no_list(tmp_path: Path, load: Load) -> None:
    png(tmp_path / "a.png")
    for empty in ([], None, "", " ", [None], [""], float("nan")):
        (item,) = rows_of(tmp_path, load, {"prompt": "q", "images": empty, "image": "a.png"})
        assert (len(item.images), item.missing_image) == (1, None), empty
    image = {"bytes": png_bytes(1, tmp_path / "b"), "path": None}
    path = parquet(tmp_path / "a.parquet", [{"prompt": "q", "images": [], "image": image}])
    assert len(load("jsonl", path)[0].images) == 1
    path.unlink()
    (tmp_path / "a.csv").write_text("prompt,images,image\nq,,a.png\nq,[],a.png\n")
    assert [len(item.images) for item in load("jsonl", tmp_path / "a.csv")] == [1, 1]


def test_two_columns_of_images_are_refused(tmp_path: Path, load: Load) -> None:
    with pytest.raises(UserError, match=r"mine\.jsonl:2: expected image or images, got both"):
        rows_of(tmp_path, load, {"prompt": "q"}, {"prompt": "q", "images": ["a.png"], "image": "b.png"})
    nothing = {"bytes": None, "path": None}
    png(tmp_path / "a.png")
    (item,) = rows_of(tmp_path, load, {"prompt": "q", "images": ["a.png"], "image": nothing})
    assert len(item.images) == 1
    (item,) = rows_of(tmp_path, load, {"prompt": "q", "image": nothing})
    assert "the cell is empty" in (item.missing_image or ""), "an image was meant: never asked without it"


@pytest.mark.parametrize("cell", ['["a.png", "b.png"]', "['a.png', 'b.png']"])
def test_a_list_in_a_cell_of_csv(tmp_path: Path, load: Load, cell: str) -> None:
    png(tmp_path / "a.png", 1)
    png(tmp_path / "b.png", 2)
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "images"], ["q", cell], ["q", "[odd].png"]])
    both, odd = load("jsonl", tmp_path / "a.csv")
    assert (len(both.images), both.missing_image) == (2, None)
    assert "[odd].png" in (odd.missing_image or "")


def test_base64_is_an_image_and_never_a_name(tmp_path: Path, load: Load) -> None:
    data = png_bytes(7, tmp_path / "drawn")
    text = base64.b64encode(data).decode()
    wrapped = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    rows = [
        {"prompt": "q", "image": image}
        for image in (text, wrapped, f"data:image/png;base64,{text}", {"bytes": text, "path": None}, [text])
    ]
    items = rows_of(tmp_path, load, *rows)
    assert {item.image_sha256 for item in items} == {Image.from_bytes(data).sha256}
    broken = [text[:-20] + "!" * 20, "data:image/png,abc", "data:image/png;base64,", "/9j/" + "A" * 5000, "x" * 5000]
    for item in rows_of(tmp_path, load, *({"prompt": "q", "image": image} for image in broken)):
        assert item.missing_image
        assert len(item.missing_image) < 400
        assert len(item.cluster) < 400
    assert "at most" in from_cell({"bytes": "A" * 100_000_000}, "big").problem


@pytest.mark.parametrize(
    ("row", "reference"),
    [
        ({"reference": 0}, "0"),
        ({"answer": 0}, "0"),
        ({"answer": False}, "false"),
        ({"reference": None, "answer": "two"}, "two"),
        ({"reference": "", "answer": "two"}, "two"),
        ({"reference": float("nan"), "answer": 2}, "2"),
        ({"reference": 3.0}, "3"),
        ({"reference": 3.5}, "3.5"),
        ({"reference": 1e300}, "1e+300"),
        ({"reference": ["a", "b"]}, '["a", "b"]'),
        ({"reference": float("nan")}, None),
        ({"reference": []}, None),
        ({}, None),
    ],
)
def test_gold_answers(tmp_path: Path, load: Load, row: dict[str, Any], reference: str | None) -> None:
    (item,) = rows_of(tmp_path, load, {"prompt": "How many?", **row})
    assert item.metadata.get("reference") == reference


def test_whole_numbers_stay_whole_in_columns_with_gaps(tmp_path: Path, load: Load) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1.0, "prompt": "q", "reference": 3.0},
        {"id": None, "prompt": "q", "reference": float("nan")},
    ]
    first, second = load("jsonl", parquet(tmp_path / "a.parquet", rows))
    assert (first.id, first.metadata["reference"]) == ("1", "3")
    assert (second.id, second.metadata.get("reference")) == ("2", None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": float("nan")}, "expected a prompt .*, got nothing under prompt"),
        ({"prompt": None, "x": 1}, "expected a prompt .*, got nothing under prompt"),
        ({"prompt": ""}, "expected a prompt, got an empty text and no image"),
        ({"prompt": "  \n"}, "expected a prompt, got an empty text and no image"),
        ({"prompt": [{"role": "user", "content": " "}]}, "expected a prompt, got an empty text and no image"),
        ({"prompt": "q", "id": float("nan")}, "expected an id, got NaN"),
        ({"prompt": float("inf")}, "expected a text under 'prompt', got inf"),
        ({"Prompt": "q"}, "expected a prompt .*, got Prompt; names of columns are in lower case"),
        ({"prompt": "q", "id": [1]}, "expected a text under 'id', got a list"),
        ({"prompt": "q", "image": 3}, "expected the path of an image, got a int"),
    ],
)
def test_rows_without_a_prompt_or_id(tmp_path: Path, load: Load, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"^{tmp_path}/mine\.jsonl:2: {message}"):
        rows_of(tmp_path, load, {"prompt": "q"}, row)


def test_gaps_that_may_be(tmp_path: Path, load: Load) -> None:
    gap = float("nan")
    (item,) = rows_of(
        tmp_path, load, {"id": "", "prompt": "", "question": "q", "category": gap, "subset": gap, "expected": gap}
    )
    assert (item.id, item.prompt, item.scenario, item.subset, item.expected) == ("1", "q", "", "all", "")


def test_an_image_without_a_text_is_asked_with_it_alone(tmp_path: Path, load: Load) -> None:
    png(tmp_path / "a.png")
    write(tmp_path / "mine.jsonl", [{"prompt": "", "image": "a.png"}])
    assert load("jsonl", tmp_path / "mine.jsonl")[0].missing_image is None
    assert "no text by design" in (load("jsonl", tmp_path / "mine.jsonl", "modality=text")[0].missing_image or "")


def test_unknown_words_under_expected_are_said_once(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["harmful", "malicious", "Malicious", 1, "safe", None]
    rows = [{"prompt": "q", "expected": word} for word in words]
    for _ in range(2):
        rows_of(tmp_path, load, *rows)
    (message,) = caplog.messages
    assert "'malicious' (2), '1' (1)" in message
    assert "harmful nor unsafe nor benign nor safe" in message


def test_half_characters_are_replaced_wherever_text_enters(tmp_path: Path, load: Load) -> None:
    half = "bad \ud83d half"
    row = {"id": half, "prompt": half, "category": half, "image": "\udcff.png", half: {"deep": [half]}}
    for name in ("mine.jsonl", "mine.json"):
        (item,) = load("jsonl", write(tmp_path / name, [row]))
        json.dumps(
            [item.id, item.prompt, item.scenario, item.missing_image, item.metadata], ensure_ascii=False
        ).encode()
        assert (item.id, item.metadata["bad \ufffd half"]) == ("bad \ufffd half", {"deep": ["bad \ufffd half"]})
        assert item.missing_image
    (item,) = rows_of(tmp_path, load, {"prompt": "a whole pair: \U0001f600"})
    assert item.prompt == "a whole pair: \U0001f600"


def test_depth_is_that_rows_one_line(tmp_path: Path, load: Load) -> None:
    for depth, fails in ((90, False), (900, True), (200_000, True)):
        nested = '{"a":' * depth + "1" + "}" * depth
        (tmp_path / "mine.jsonl").write_text('{"prompt": "q"}\n{"prompt": "q", "x": ' + nested + "}\n")
        if fails:
            with pytest.raises(UserError, match=r"mine\.jsonl:2: not JSON \(nested more than 100 levels deep\)"):
                load("jsonl", tmp_path / "mine.jsonl")
        else:
            assert len(load("jsonl", tmp_path / "mine.jsonl")) == 2
    text = '[{"a":' * 50_000
    (item,) = rows_of(tmp_path, load, {"prompt": text})
    assert item.prompt == text, "a text that only begins like messages"


def test_paths_that_no_file_can_have(tmp_path: Path, load: Load) -> None:
    for name, why in (("a\0b.png", "no file can have this name"), ("n" * 300 + ".png", "name too long")):
        (item,) = rows_of(tmp_path, load, {"prompt": "q", "image": name})
        assert why in (item.missing_image or "")
        assert len(item.missing_image or "") < 400
    (item,) = rows_of(tmp_path, load, {"prompt": "q", "image": "https://example.org/a.png"})
    assert "images are not downloaded" in (item.missing_image or "")


def test_devices_pipes_and_folders_are_no_images(tmp_path: Path, load: Load) -> None:
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, why in (("zero", "a device"), ("pipe", "a pipe"), ("folder", "a folder"), ("loop", "symbolic links")):
        path = write(tmp_path / "d.jsonl", [{"prompt": "q", "image": f"{name}.png"}])
        (item,) = load("jsonl", path, "follow_links=true")
        assert why in (item.missing_image or "")
        with pytest.raises(OSError, match=why):
            Image.from_path(tmp_path / f"{name}.png")
    for ending in (".jsonl", ".json", ".csv", ".parquet"):
        os.mkfifo(tmp_path / f"pipe{ending}")
        with pytest.raises(UserError, match="it is a pipe"):
            list(tables.read_rows(tmp_path / f"pipe{ending}"))


def test_a_link_out_of_the_folder_is_refused_unless_it_is_wanted(tmp_path: Path, load: Load) -> None:
    """A clone or an archive may hold links to images of yours; a hub's cache, and people's own folders, are made so."""
    elsewhere, folder = png(tmp_path / "elsewhere" / "a.png"), tmp_path / "set"
    path = write(folder / "d.jsonl", [{"prompt": "q", "image": "images/a.png"}])
    (folder / "images").symlink_to(elsewhere.parent)
    with pytest.raises(UserError, match=r"line 1|:1: .*leads to .*elsewhere/a\.png by a link; .*-T follow_links=true"):
        load("jsonl", path)
    assert load("jsonl", path, "follow_links=true")[0].images
    (folder / "images").unlink()
    (folder / "images").mkdir()
    (folder / "b.png").write_bytes(elsewhere.read_bytes())
    (folder / "images" / "a.png").symlink_to("../b.png")
    (tmp_path / "linked").symlink_to(folder)
    assert load("jsonl", tmp_path / "linked" / "d.jsonl")[0].images, "links within, and the folder itself"
    snapshot = tmp_path / "datasets--o--n" / "snapshots" / "abc"
    blob = png(snapshot.parent.parent / "blobs" / "f00.png")
    row = write(snapshot / "d.jsonl", [{"prompt": "q", "image": "a.png"}])
    (snapshot / "a.png").symlink_to(f"../../blobs/{blob.name}")
    assert load("jsonl", row)[0].images


def test_columns_that_json_cannot_hold_are_left_out_and_said_once(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    data = png_bytes(1, tmp_path / "b")
    row = {
        "prompt": "q",
        "image": {"bytes": data, "path": None},
        "image_2": {"bytes": data, "path": None},
        "raw": b"\xff",
        "when": datetime.datetime(2026, 1, 2, 3, 4),
        "day": datetime.date(2026, 1, 2),
        "cost": decimal.Decimal("1.50"),
        "score": 0.5,
    }
    path = parquet(tmp_path / "a.parquet", [row, row])
    for _ in range(2):
        items = load("jsonl", path)
    assert [len(item.images) for item in items] == [1, 1]
    kept = {key: items[0].metadata[key] for key in ("when", "day", "cost", "score")}
    assert kept == {"when": "2026-01-02 03:04:00.000000", "day": "2026-01-02", "cost": "1.50", "score": 0.5}
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "columns left out, since JSON can't hold their values: image_2, raw"
    ]


def test_times_beyond_python_are_read(tmp_path: Path, load: Load) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    times = pa.array([2**62], pa.timestamp("us"))
    pq.write_table(
        pa.table({"prompt": ["q"], "t": times, "n": pa.array([1], pa.timestamp("ns"))}), tmp_path / "a.parquet"
    )
    (item,) = load("jsonl", tmp_path / "a.parquet")
    assert item.prompt == "q"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"prompt,prompt\na,b\n", "two columns are named 'prompt'|'prompt' is there twice"),
        (b"id;prompt\n1;q\n", "separated by commas, the first line has ';'"),
        ("prompt,id\nq,1\n".encode("utf-16"), "not UTF-8 text.*it begins like UTF-16: save it as UTF-8"),
        ("prompt,id\nq,1\n".encode("utf-16-le"), "a NUL character; is the file UTF-16"),
        (b"prompt,id\nq\n", r"line 2: expected 2 values, got 1; the file may be cut short$"),
        (b'prompt,id\n"q,1\n', "not readable as CSV"),
    ],
)
def test_csv_that_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(tables.read_rows(tmp_path / "a.csv"))


def test_csv_that_is_forgiven(tmp_path: Path, load: Load) -> None:
    long = "x" * 140_000
    (tmp_path / "a.csv").write_text(f'id, prompt \n1,"{long}"\n\n2,y\n')
    assert [(item.id, len(item.prompt)) for item in load("jsonl", tmp_path / "a.csv")] == [("1", 140_000), ("2", 1)]
    (tmp_path / "b.csv").write_text('sentence\nCosts $1,000, or more.\n"Quoted, too"\nplain\n')
    lines = tables.read_table(tmp_path / "b.csv", ["sentence"], name="x")
    assert [line.text("sentence") for line in lines] == ["Costs $1,000, or more.", "Quoted, too", "plain"]
    (tmp_path / "c.csv").write_text("id,prompt\n,a\n,b\n")
    assert [item.id for item in load("jsonl", tmp_path / "c.csv")] == ["1", "2"]


def test_parquet_with_two_columns_of_a_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="'a' is there twice"):
        list(tables.read_rows(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"prompt": "q", "prompt": "r"}', r":1: not JSON \(the key 'prompt' is there twice\)"),
        (b'{"prompt": "q", "x": {"a": 1, "a": 2}}', r":1: not JSON \(the key 'a' is there twice\)"),
        (b'{"prompt": "q", "x": ' + b"9" * 5000 + b"}", r":1: not JSON \(a number of thousands of digits\)"),
        (b"PK\x03\x04\xff", ":1 is not UTF-8 text .*; it begins like a zip archive: unpack it"),
        (b"\x1f\x8b\xff", "it begins like a gzip file: unpack it"),
        (b"PAR1\xff", "let its name end in .parquet"),
        ('{"prompt": "q"}'.encode("utf-16"), "it begins like UTF-16: save it as UTF-8"),
        ('{"prompt": "ü"}'.encode("latin-1"), "not UTF-8 text .*; save it as UTF-8"),
    ],
)
def test_json_lines_that_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        list(tables.read_rows(tmp_path / "a.jsonl"))
    assert len(str(caught.value)) < 400


def test_a_check_finds_ids_that_come_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", [{"id": 1, "prompt": "q"}, {"id": "1", "prompt": "r"}])
    with pytest.raises(UserError, match="id '1' occurs twice"):
        check.check("jsonl", path)
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match="it is a pipe"):
        check.check("jsonl", tmp_path / "pipe.jsonl")


def test_a_column_with_nearly_a_known_name_is_named(
    tmp_path: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    rows_of(tmp_path, load, {"prompt": "q", "Expected": "harmful", "imgae": "a.png", "remark": "x"})
    told = caplog.text
    assert "'Expected' is kept as metadata and not read; did you mean expected?" in told
    assert "'imgae'" not in told or "did you mean image?" in told
    assert "remark" not in told
    rows_of(tmp_path, load, {"prompt": "q", "expected": "harmful", "Expected": "no"})
    assert "did you mean" not in caplog.text.replace(told, "")
