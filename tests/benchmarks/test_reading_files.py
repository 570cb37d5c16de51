"""Tables and pictures as they come: byte-order marks, nulls, cut files, pages in the place of pictures, archives."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from foresee.benchmarks._shared.files import only, some
from foresee.benchmarks._shared.images import ImageFolders, from_cell
from foresee.data import sources, tables
from foresee.errors import UserError
from tests.benchmarks.conftest import Load, pack, parquet, png, png_bytes, table, write


def test_json_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf[\r\n{"a": "\xc3\xbc"}\r\n]\r\n')
    (line,) = tables.read_objects(tmp_path / "a.json")
    assert (line.text("a"), line.where) == ("ü", f"{tmp_path / 'a.json'} row 1")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'[{"a": 1}', r"a\.json:1: not JSON.*cut short"),
        ("a.json", b'{"a": 1}', "expected a list of objects, got an object"),
        ("a.json", b"[1]", "row 1: expected an object, got a int"),
        ("a.json", b"\xff\xfe", "not UTF-8 text"),
        ("a.json", b"[" * 100_000, "nested more than 100 levels deep"),
        ("a.jsonl", b'{"a": 1}\n{"a"', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: expected an object"),
        ("a.parquet", b"PAR1 no", "not readable after row 0"),
        ("a.parquet", b"", "not readable after row 0"),
        ("a.arrow", b"ARROW1", "not readable after row 0"),
        ("a.txt", b"", "expected a file that ends in .jsonl"),
    ],
)
def test_damaged_tables_are_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        list(tables.read_rows(tmp_path / name))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        list(tables.read_rows(tmp_path / f"other{Path(name).suffix}".replace(".txt", ".json")))


def test_a_cut_parquet_file_and_a_missing_column(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [{"a": 1}])
    with pytest.raises(UserError, match="lacks the column 'b'; expected b; got a"):
        list(tables.read_columns(path, ["b"]))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="may be cut short"):
        list(tables.read_columns(path))


def test_arrow_as_datasets_saves_it(tmp_path: Path) -> None:
    import pyarrow as pa

    rows = [{"a": n} for n in range(40)]
    batch = pa.Table.from_pylist(rows)
    with (
        pa.OSFile(str(tmp_path / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, batch.schema) as out,
    ):
        out.write_table(batch)
    assert [line.values for line in tables.read_rows(tmp_path / "data-00000-of-00001.arrow")] == rows


@pytest.mark.parametrize(("value", "text"), [("x", "x"), (3, "3"), (None, "-"), (0, "0")])
def test_fields_as_text(value: Any, text: str) -> None:
    assert tables.Line({"a": value}, "here").text("a", default="-") == text


@pytest.mark.parametrize(
    ("values", "message"), [({}, "expected a text under 'a', there is none"), ({"a": [1]}, "got a list")]
)
def test_fields_that_are_no_text(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{message}"):
        tables.Line(values, "here").text("a")


def test_pictures_by_the_end_of_their_path(tmp_path: Path) -> None:
    png(tmp_path / "top/imgs/a/1.png", 1)
    png(tmp_path / "top/imgs/b/1.jpg", 2)
    png(tmp_path / "top/.git/a/1.png", 3)
    pictures = ImageFolders(tmp_path)
    assert pictures.find("imgs/a/1.png").file is not None
    assert pictures.find("b/1.png").file is not None, "another file ending"
    assert pictures.find("a/2.png") == ("a/2.png", None, "not there")
    assert pictures.find("../a/1.png").file is None, "a path does not lead out"
    assert pictures.find(str(tmp_path / "top/imgs/a/1.png")).file is not None
    assert pictures.find("/etc/passwd").file is None
    assert pictures.find("").problem == "no file name"
    png(tmp_path / "top/imgs/b/1.png", 2)
    with pytest.raises(UserError, match=r"two different images for 1\.png: .* name one folder"):
        ImageFolders(tmp_path).find("1.png")


def test_the_same_picture_twice_is_one(tmp_path: Path) -> None:
    png(tmp_path / "a/1.png", 1)
    png(tmp_path / "copy/a/1.png", 1)
    assert ImageFolders(tmp_path).find("a/1.png").file is not None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!doctype html><p>404", "its content is HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_no_picture_is_said(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "1.png").write_bytes(content)
    found = ImageFolders(tmp_path).find("1.png")
    assert found.file is None
    assert problem in found.problem
    cell = from_cell({"bytes": content, "path": None}, "row 1")
    assert cell.file is None


def test_cells_of_a_table(tmp_path: Path) -> None:
    data = png_bytes(5, tmp_path / "files")
    kept = from_cell({"bytes": data, "path": "x.png"}, "row 1")
    assert kept.file is not None
    assert kept.file.path is not None
    assert kept.file.path.read_bytes() == data
    assert kept.file.data is None, "on disk, not in memory"
    assert from_cell(data, "row 1") == kept
    for empty in (None, {"bytes": None, "path": None}, {"bytes": b"", "path": ""}):
        assert from_cell(empty, "row 1") == ("row 1", None, "the cell is empty")
    by_path = from_cell({"bytes": None, "path": "files/drawn-5.png"}, "row 1", ImageFolders(tmp_path))
    assert by_path.file is not None
    sources.clean()
    assert not sources.images().exists()


def test_an_archive_is_unpacked_once_and_never_beside_itself(tmp_path: Path) -> None:
    png(tmp_path / "in/x/1.png", 1)
    archive = pack(tmp_path / "in", tmp_path / "set/pictures.zip", "top")
    before = sorted(tmp_path.rglob("*"))
    image = ImageFolders(archive.parent).find("x/1.png").file
    assert image is not None
    assert image.path is not None
    assert image.path.is_relative_to(sources.images())
    assert ImageFolders(archive.parent).find("x/1.png").file == image
    assert len(list(sources.images().iterdir())) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_archives_that_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../1.png", b"x")
    with pytest.raises(UserError, match=r"evil\.zip"):
        ImageFolders(tmp_path).find("1.png")
    (tmp_path / "evil.zip").write_bytes(b"PK no")
    with pytest.raises(UserError, match="damaged"):
        ImageFolders(tmp_path).find("1.png")
    assert not list(sources.images().iterdir()), "nothing half-made stays"


def test_data_may_name_an_archive(tmp_path: Path, load: Load) -> None:
    row = {"imagename": "v1_0.png", "question": "How many?", "answer": "2", "capability": ["ocr"]}
    write(tmp_path / "in/mm-vet.json", {"v1_0": row})
    png(tmp_path / "in/images/v1_0.png")
    archive = pack(tmp_path / "in", tmp_path / "mm-vet.zip", "mm-vet")
    (item,) = load("mm_vet", sources.locate("mm_vet", archive))
    assert item.missing_image is None


def test_files_at_the_least_depth(tmp_path: Path) -> None:
    table(tmp_path / "a/b/x.csv", [{"id": 1}])
    assert only(tmp_path, "x.csv") == tmp_path / "a/b/x.csv"
    table(tmp_path / "a/x.csv", [{"id": 1}])
    assert only(tmp_path, "x.csv") == tmp_path / "a/x.csv"
    table(tmp_path / "c/x.csv", [{"id": 1}])
    with pytest.raises(UserError, match=r"x\.csv lies in 2 places"):
        only(tmp_path, "x.csv")
    with pytest.raises(UserError, match=r"expected y\.csv in"):
        only(tmp_path, "y.csv")
    assert some(tmp_path / "a/x.csv", "x.csv") == [tmp_path / "a/x.csv"]
