"""What `check` says of a copy of the data, on a benchmark made for the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from foresee.data import check
from foresee.errors import UserError

from .conftest import PLUGIN

SOURCE: dict[str, Any] = {"name": "Tiny", "licence": "MIT", "expected": {"easy": 3, "hard": 2}, "absent": {"hard": 1}}


@pytest.fixture
def data(plugins: Path, tmp_path: Path) -> Path:
    (plugins / "tiny.py").write_text(PLUGIN.format(source=SOURCE))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rows.txt").write_text("a|easy|one\nb|easy|One \nc|easy|three\nd|hard|four\ne|hard|five\n")
    for name, colour in {"a": "red", "b": "red", "c": "blue", "d": "red"}.items():
        PIL.Image.new("RGB", (9, 9), colour).save(folder / f"{name}.png")
    return folder


def test_a_complete_copy(data: Path) -> None:
    report = check.check("tiny", data)
    assert report.complete
    assert report.folder == data
    assert [tuple(count) for count in report.counts] == [("easy", 3, 3, 3), ("hard", 2, 2, 1)]
    assert [(fault.item_id, fault.subset) for fault in report.missing] == [("e", "hard")]
    assert report.missing_here == {}
    assert report.repeated_images == (("a", "b", "d"),)
    assert report.repeated_items == (("a", "b"),)
    assert report.formats == {"PNG": 2}
    assert report.distinct_images == 2
    assert report.unreadable == ()


def test_a_picture_missing_beyond_the_source_is_reported(data: Path) -> None:
    (data / "c.png").unlink()
    (data / "d.png").unlink()
    report = check.check("tiny", data)
    assert not report.complete
    assert report.missing_here == {"easy": 1, "hard": 1}
    assert [count.usable for count in report.counts] == [2, 0]


def test_a_damaged_picture_is_reported_for_every_item_that_shows_it(data: Path) -> None:
    for name in "ab":
        (data / f"{name}.png").write_bytes(b"<html>not found</html>")
    report = check.check("tiny", data)
    assert not report.complete
    assert [fault.item_id for fault in report.unreadable] == ["a", "b"]
    assert all("its content is HTML" in fault.reason for fault in report.unreadable)


def test_other_counts_than_expected_are_reported(data: Path) -> None:
    (data / "rows.txt").write_text("a|easy|one\nx|new|two\n")
    report = check.check("tiny", data)
    assert not report.complete
    assert {count.subset: (count.found, count.expected, count.differs) for count in report.counts} == {
        "easy": (1, 3, True),
        "new": (1, None, False),
        "hard": (0, 2, True),
    }


def test_the_benchmarks_own_flaws_are_reported(data: Path, plugins: Path) -> None:
    hook = "\n\ndef defects(data):\n    return {'typing errors': ['c'], 'none of these': []}\n"
    (plugins / "flawed.py").write_text(PLUGIN.format(source=SOURCE) + hook)
    assert check.check("flawed", data).defects == {"typing errors": ["c"]}


def test_one_item_is_shown_as_it_would_be_asked(data: Path) -> None:
    item = check.show("tiny", "c", data)
    assert item.prompt == "three"
    assert item.images[0].path == data / "c.png"
    with pytest.raises(UserError, match="no item of tiny named 'z'; known: a, b, c, d, e"):
        check.show("tiny", "z", data)


def test_an_unknown_item_of_a_large_benchmark_names_the_range(data: Path) -> None:
    (data / "rows.txt").write_text("".join(f"{i}|easy|text\n" for i in range(100, 200)))
    with pytest.raises(UserError, match="its 100 ids run from 100 to 199"):
        check.show("tiny", "207", data)


def test_a_label_set_is_counted_by_group(plugins: Path, tmp_path: Path) -> None:
    labels = plugins.parent / "labels"
    labels.mkdir()
    (labels / "marks.py").write_text(
        '"""A label set made for tests."""\n'
        "from foresee.labels import LabelledAnswer\n"
        "from foresee.config import Settings as Options\n"
        "QUESTIONS = ()\n"
        "SOURCE = {'name': 'Marks', 'licence': 'MIT', 'expected': {'model-a': 2, 'model-b': 1}}\n"
        "def rows(data, options):\n"
        "    return [LabelledAnswer(i, 'q', 'a', 'safe', 'm', 'model-a', 'q') for i in '12']\n"
    )
    report = check.check("marks", tmp_path)
    assert [tuple(count) for count in report.counts] == [("model-a", 2, 2, 2), ("model-b", 0, 1, 0)]
    assert not report.complete
