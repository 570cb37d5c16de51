"""The journal survives kills, cuts and mix-ups, and says so when it can't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foresee import manifest
from foresee.errors import UserError
from foresee.evaluation.run_folder import read_items
from foresee.runner.journal import Journal, read_records

CONFIGURATION = {"model": {"name": "m", "options": {"a": 1}}, "epochs": 1, "limit": 5}


def _filled(path: Path, count: int = 3) -> None:
    with Journal.open(path, CONFIGURATION) as journal:
        for n in range(count):
            journal.append("answer", f"k{n}", {"text": f"ü {n}"})


def test_what_was_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    _filled(path)
    with Journal.open(path, CONFIGURATION) as journal:
        assert journal.get("answer", "k1") == {"text": "ü 1"}
        assert journal.get("answer", "k9") is None
        assert journal.get("verdict", "k1") is None
        journal.append("verdict", "k1", {"value": 1})
        assert journal.get("verdict", "k1") == {"value": 1}
    assert [(line.kind, line.key) for line in read_records(path)] == [
        ("answer", "k0"),
        ("answer", "k1"),
        ("answer", "k2"),
        ("verdict", "k1"),
    ]


def test_lines_are_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", CONFIGURATION) as journal:
        journal.append("answer", "k", {"text": "x"})
        assert [line.key for line in read_records(tmp_path / "j")] == ["k"]


def test_a_file_cut_anywhere_keeps_its_whole_lines_and_can_be_continued(tmp_path: Path) -> None:
    _filled(tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    ends = [n + 1 for n, byte in enumerate(data) if byte == 10]
    corners = {end + shift for end in ends for shift in (-2, -1, 0, 1, 2)}
    for cut in sorted({*range(0, len(data), 9), *corners} & set(range(len(data)))):
        path = tmp_path / "cut"
        path.write_bytes(data[:cut])
        # A line is whole once its last brace is there, with or without the line break.
        expected = sum(end - 1 <= cut for end in ends[1:])
        with Journal.open(path, CONFIGURATION) as journal:
            found = [n for n in range(3) if journal.get("answer", f"k{n}")]
            assert found == list(range(expected)), f"cut at byte {cut}"
            journal.append("answer", "after", {"text": "the cut"})
        assert [line.key for line in read_records(path)] == [*(f"k{n}" for n in found), "after"]
        with Journal.open(path, CONFIGURATION) as journal:
            assert journal.get("answer", "after") == {"text": "the cut"}


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _filled(path)
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:20]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(UserError, match=r"journal\.jsonl, line 3: expected a line of a journal"):
        Journal.open(path, CONFIGURATION)
    with pytest.raises(UserError, match="line 3"):
        list(read_records(path))
    assert path.read_bytes() == b"\n".join(lines), "a file that was refused must not be changed"


@pytest.mark.parametrize("content", [b"my own notes", b"my own notes\n", b'{"a": 1}\n', b"\x00\x01\n\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(UserError, match="line 1: expected the header of a journal"):
        Journal.open(path, CONFIGURATION)
    assert path.read_bytes() == content


def test_another_configuration_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    _filled(path)
    other = {"model": {"name": "m", "options": {"a": 2}}, "epochs": 1, "limit": 5}
    with pytest.raises(UserError, match=r"model\.options\.a was 1, now 2; choose another folder") as caught:
        Journal.open(path, other)
    assert "epochs" not in str(caught.value)
    with pytest.raises(UserError, match="epochs was 1, now null"):
        Journal.open(path, {k: v for k, v in CONFIGURATION.items() if k != "epochs"})


def test_free_keys_may_differ(tmp_path: Path) -> None:
    path = tmp_path / "j"
    _filled(path)
    with Journal.open(path, {**CONFIGURATION, "limit": None}) as journal:
        assert journal.get("answer", "k0") is not None


def test_a_second_process_is_kept_out_and_let_in_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path, CONFIGURATION):
        with pytest.raises(UserError, match="in use by another process"):
            Journal.open(path, CONFIGURATION)
        code = (
            "import sys; from pathlib import Path; from foresee.runner.journal import Journal\n"
            f"Journal.open(Path({str(path)!r}), {CONFIGURATION!r})"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "in use by another process" in other.stderr
    _filled(path)


def test_failures_are_kept_but_not_taken_for_finished(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal.open(path, {}) as journal:
        journal.append("answer", "k", {"status": "error"}, final=False)
        assert journal.get("answer", "k") is None
    with Journal.open(path, {}) as journal:
        assert journal.get("answer", "k") is None
        journal.append("answer", "k", {"status": "ok"})
    with Journal.open(path, {}) as journal:
        assert journal.get("answer", "k") == {"status": "ok"}
    assert [line.final for line in read_records(path)] == [False, True]


def test_text_that_utf8_can_not_hold_is_written_all_the_same(tmp_path: Path) -> None:
    text = "half \ud800 pair, \u2028 and \x00"
    with Journal.open(tmp_path / "j", {}) as journal:
        journal.append("answer", "k", {"text": text})
    with Journal.open(tmp_path / "j", {}) as journal:
        assert journal.get("answer", "k") == {"text": text}


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="can't write"):
        Journal.open(tmp_path / "file" / "journal.jsonl", {})
    with pytest.raises(UserError, match="can't read"):
        list(read_records(tmp_path / "absent"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_one_clear_line_and_keeps_the_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.open(path, {})
    journal.append("answer", "k", {"text": "x"})
    size = path.stat().st_size
    os.dup2(os.open("/dev/full", os.O_WRONLY), journal._descriptor)
    with pytest.raises(UserError, match="No space left on device; what is finished is kept"):
        journal.append("answer", "k2", {"text": "y"})
    journal.close()
    assert path.stat().st_size == size
    assert json.loads(path.read_bytes().split(b"\n")[1])["key"] == "k"


def test_a_pipe_or_device_is_no_journal_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    with pytest.raises(UserError, match="expected a regular file, it is a pipe"):
        Journal.open(tmp_path / "journal.jsonl", CONFIGURATION)
    with pytest.raises(UserError, match="it is a pipe"):
        list(read_records(tmp_path / "journal.jsonl"))
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="it is a device"):
        Journal.open(tmp_path / "zero", CONFIGURATION)


@pytest.mark.parametrize("name", ["manifest.json", "items.jsonl"])
def test_pipes_in_a_run_folder_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"kind": "evaluation"}')
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="expected a regular file, it is a pipe"):
        list(read_items(tmp_path)) if name == "items.jsonl" else manifest.read(tmp_path, "evaluation")


def test_a_journal_holds_no_key_and_goes_on_with_the_same_configuration(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    configuration = {"judges": [{"extra_body": {"provider": {"auth": "hunter2"}}}], "token": "hunter2", "seed": 1}
    for _ in range(2):
        Journal.open(path, configuration).close()
    assert "hunter2" not in path.read_text()
    with pytest.raises(UserError, match="seed was 1, now 2"):
        Journal.open(path, {**configuration, "seed": 2})
