"""`foresee data check`: totals of a benchmark, and a data set folder looked through row by row."""

from __future__ import annotations

from pathlib import Path

from foresee.dataset_format import RowWriter
from tests.cli.conftest import Cli
from tests.dataset_format.test_dataset_format import png, row, thin


def test_the_total_that_can_be_asked_is_printed(cli: Cli, mmsa: Path) -> None:
    done = cli("data", "check", "mmsafeaware", "--data", mmsa)
    assert "   in all: 32 items, 31 can be sent" in done.out


def test_a_data_set_folder_is_looked_through(cli: Cli, tmp_path: Path) -> None:
    with RowWriter.open(tmp_path / "set") as writer:
        writer.add(row(0, writer.store(png("red"))))
        writer.add(row(1, answer="see <image>"))
    done = cli("data", "check", "set")
    assert done.code == 0, done.err
    assert "set: 2 rows (2 completion), 1 images" in done.out
    assert "set/rows.jsonl, line 2: its text spells the control token <image>" in done.out
    assert done.out.endswith("complete\n")
    with RowWriter.open(tmp_path / "set") as writer:
        for number in range(2, 16):
            writer.add(row(number, writer.store(thin(900, number))))
    done = cli("data", "check", "set")
    assert done.code == 1
    assert "!! set/rows.jsonl, line 3: image images/" in done.out
    assert "incomplete: fix or remove these rows" in done.out
    (tmp_path / "empty").mkdir()
    assert "is not a data set folder: it has no rows.jsonl" in cli("data", "check", "empty").err
    assert "no benchmark named 'nowhere'" in cli("data", "check", "nowhere").err
