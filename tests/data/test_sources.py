"""Where data is found, what is said about it, and how it is fetched, placed and removed."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from foresee.data import download, sources
from foresee.data.source import Source, declare
from foresee.data.sources import Fetched
from foresee.dataset_format import DataRow
from foresee.errors import UserError

from .conftest import PLUGIN, FileServer

ROWS = b"1|easy|one\n2|hard|two\n"


def tarball(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"tiny-abc/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def literal(server: FileServer) -> dict[str, Any]:
    """A source with an archive of unknown hash and a plain file of known hash."""
    server.files["tiny.tar.gz"] = tarball({"rows.txt": ROWS, "images/1.png": b"picture"})
    server.files["labels.csv"] = b"id,label\n"
    return {
        "name": "Tiny",
        "homepage": "https://example.org/tiny",
        "revision": "abc",
        "licence": "CC-BY-4.0",
        "consequence": "name the authors",
        "files": [
            {"url": f"{server.url}/tiny.tar.gz", "unpack": True, "strip": 1},
            {
                "url": f"{server.url}/labels.csv",
                "path": "extra/labels.csv",
                "sha256": hashlib.sha256(b"id,label\n").hexdigest(),
            },
        ],
        "contents": {"rows.txt": hashlib.sha256(ROWS).hexdigest()},
        "at_least": {"images": 1},
        "expected": {"easy": 1, "hard": 1},
    }


@pytest.fixture
def tiny(literal: dict[str, Any], plugins: Path) -> Source:
    (plugins / "tiny.py").write_text(PLUGIN.format(source=literal))
    return declare("tiny", literal)


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


FETCHED = [".foresee-source.json", "extra/labels.csv", "images/1.png", "rows.txt"]


def test_fetch_fills_the_cache_and_locate_finds_it(tiny: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORESEE_DATA", raising=False)
    with pytest.raises(UserError, match="run 'foresee data fetch tiny'"):
        sources.locate("tiny")
    told: list[int] = []
    folder, fresh = sources.fetch(tiny, progress=lambda done, total: told.append(done))
    assert fresh
    assert told
    assert tree(folder) == FETCHED
    assert sources.locate("tiny") == folder == sources.home() / "data" / "tiny"
    assert tree(sources.home() / ".foresee-downloads") == ["tiny.lock"]


def test_the_second_fetch_does_nothing(tiny: Source, server: FileServer) -> None:
    folder, _ = sources.fetch(tiny)
    asked = len(server.requests)
    assert sources.fetch(tiny) == Fetched(folder, fresh=False)
    assert len(server.requests) == asked


def test_fetch_to_a_folder_of_the_users(tiny: Source, tmp_path: Path) -> None:
    assert sources.fetch(tiny, to=tmp_path / "mine").folder == tmp_path / "mine"
    assert tree(tmp_path / "mine") == FETCHED


def test_a_folder_that_foresee_did_not_make_is_left_alone(tiny: Source, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="was not made by foresee"):
        sources.fetch(tiny, to=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_another_revision_replaces_the_older_one(literal: dict[str, Any], tiny: Source, server: FileServer) -> None:
    folder, _ = sources.fetch(tiny)
    rows = b"3|easy|three\n"
    server.files["tiny.tar.gz"] = tarball({"rows.txt": rows, "images/3.png": b"picture"})
    newer = declare("tiny", {**literal, "revision": "def", "contents": {"rows.txt": hashlib.sha256(rows).hexdigest()}})
    assert sources.fetch(newer).fresh
    assert tree(folder) == [".foresee-source.json", "extra/labels.csv", "images/3.png", "rows.txt"]
    assert tree(folder.parent) == [f"tiny/{name}" for name in tree(folder)]


def test_a_failed_fetch_leaves_the_older_revision(literal: dict[str, Any], tiny: Source, server: FileServer) -> None:
    folder, _ = sources.fetch(tiny)
    server.files["tiny.tar.gz"] = b"<!DOCTYPE html>"
    with pytest.raises(UserError, match="expected a zip or tar archive"):
        sources.fetch(declare("tiny", {**literal, "revision": "def"}))
    assert tree(folder.parent) == [f"tiny/{name}" for name in FETCHED]
    server.files["tiny.tar.gz"] = tarball({"rows.txt": ROWS, "images/1.png": b"picture"})
    assert sources.fetch(declare("tiny", {**literal, "revision": "def"})).fresh


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contents": {"rows.txt": "0" * 64}}, "expected rows.txt with SHA-256 000000000000"),
        ({"contents": {"none.txt": "0" * 64}}, "got no such file"),
        ({"at_least": {"images": 2}}, "expected at least 2 files in images, got 1"),
    ],
)
def test_contents_are_verified_before_they_are_placed(
    literal: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    source = declare("tiny", {**literal, **change})
    with pytest.raises(UserError, match=words):
        sources.fetch(source)
    assert not (sources.home() / "data" / "tiny").exists()


def test_a_fetch_killed_at_any_moment_is_finished_by_the_next(
    literal: dict[str, Any], tiny: Source, server: FileServer
) -> None:
    large = tarball(
        {"rows.txt": ROWS, "images/1.png": b"".join(hashlib.sha256(bytes([i])).digest() for i in range(250)) * 40}
    )
    server.files["tiny.tar.gz"] = large + bytes(400_000)  # padding, so that the transfer takes a while
    server.seconds_per_chunk = 0.03
    script = "from foresee.data import sources; sources.fetch(sources.find('tiny'))"
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while server.sent < 60_000:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    with pytest.raises(UserError, match="another process is fetching"):
        sources.fetch(tiny)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (sources.home() / "data" / "tiny").exists()
    server.seconds_per_chunk = 0
    folder, _ = sources.fetch(tiny)
    assert tree(folder) == FETCHED
    assert not (sources.home() / ".foresee-downloads" / "tiny").exists()


def test_left_overs_of_a_kill_while_unpacking_do_not_stay(tiny: Source) -> None:
    staging = sources.home() / "data" / ".tiny.incomplete"
    staging.mkdir(parents=True)
    (staging / "half.txt").write_text("half")
    folder, _ = sources.fetch(tiny)
    assert tree(folder.parent) == [f"tiny/{name}" for name in FETCHED]


def test_what_can_not_be_downloaded_says_how_to_get_it(literal: dict[str, Any]) -> None:
    gated = declare("tiny", {**literal, "files": [], "manual": "ask the authors at https://example.org/form"})
    with pytest.raises(UserError, match="ask the authors"):
        sources.fetch(gated)


def test_either_spelling_of_license_is_read(literal: dict[str, Any]) -> None:
    other = {"license" if key == "licence" else key: value for key, value in literal.items()}
    assert declare("tiny", other) == declare("tiny", literal)
    row = {"id": "1", "prompt": [{"role": "user", "content": "hello"}]}
    assert DataRow.model_validate({**row, "license": "MIT"}) == DataRow.model_validate({**row, "licence": "MIT"})


def test_the_licence_notice_names_licence_consequence_and_origin(tiny: Source) -> None:
    notice = sources.licence_notice(tiny)
    for part in ("Tiny", "CC-BY-4.0", "name the authors", "https://example.org/tiny", "abc"):
        assert part in notice


def test_locate_prefers_the_users_folder_then_the_environment_then_the_cache(
    tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORESEE_DATA", raising=False)
    cached = sources.fetch(tiny).folder
    assert sources.locate("tiny") == cached
    (tmp_path / "all" / "tiny").mkdir(parents=True)
    monkeypatch.setenv("FORESEE_DATA", str(tmp_path / "all"))
    assert sources.locate("tiny") == tmp_path / "all" / "tiny"
    (tmp_path / "mine").mkdir()
    assert sources.locate("tiny", tmp_path / "mine") == tmp_path / "mine"
    assert sources.locate("tiny", tmp_path / "all") == tmp_path / "all" / "tiny"


def test_a_wrong_path_and_a_wrong_name_are_clear(tiny: Source, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--data: expected the folder with the files of tiny, there is no .*nowhere"):
        sources.locate("tiny", tmp_path / "nowhere")
    with pytest.raises(UserError, match="did you mean tiny"):
        sources.locate("tinyy")


def test_an_empty_environment_names_where_it_looked(
    tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESEE_DATA", str(tmp_path / "data"))
    with pytest.raises(UserError) as caught:
        sources.locate("tiny")
    assert str(tmp_path / "data" / "tiny") in str(caught.value)
    assert "--data" in str(caught.value)


def test_clean_removes_what_was_fetched_and_nothing_else(tiny: Source, literal: dict[str, Any]) -> None:
    folder = sources.fetch(tiny).folder
    other = sources.fetch(declare("other", {**literal, "name": "Other"})).folder
    mine = sources.home() / "data" / "mine" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert sources.clean("tiny") == ((folder,), size)
    assert not folder.exists()
    assert other.exists()
    cleaned = sources.clean()
    assert cleaned.folders[0] == other
    assert cleaned.bytes > 0
    assert tree(sources.home()) == ["data/mine/thesis.txt"]
    assert sources.clean() == ((), 0)
    with pytest.raises(UserError, match="no benchmark or label set"):
        sources.clean("nothing-of-that-name")


def test_clean_removes_what_a_killed_download_left(tiny: Source) -> None:
    left = sources.home() / ".foresee-downloads" / "tiny" / "tmp1234"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(60))
    assert sources.clean("tiny").bytes == 60
    assert not left.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"licence": None}, "licence"),
        ({"licens": "MIT"}, "licens"),
        ({"files": [{"url": "https://example.org/a", "path": "../a"}]}, "below the data folder"),
        ({"folder": "/etc"}, "below the data folder"),
        ({"expected": {"easy": "many"}}, "expected.easy"),
    ],
)
def test_a_declaration_that_does_not_fit_is_one_line(
    literal: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        declare("tiny", {**literal, **change})
    assert "\n" not in str(caught.value)


def test_a_file_without_a_source_says_what_is_expected(plugins: Path) -> None:
    (plugins / "bare.py").write_text('"""A benchmark that forgot its source."""\n')
    with pytest.raises(UserError, match="expected SOURCE, a literal dict"):
        sources.find("bare")


def test_the_marker_is_readable_json(tiny: Source) -> None:
    record = json.loads((sources.fetch(tiny).folder / ".foresee-source.json").read_text())
    assert record["revision"] == "abc"


def test_fetch_through_a_mirror(tiny: Source, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESEE_MIRROR", server.url)
    monkeypatch.setattr(download, "_TRIES", 1)
    host = server.url.removeprefix("http://")
    for name in list(server.files):
        server.files[f"{host}/{name}"] = server.files.pop(name)
    assert tree(sources.fetch(tiny).folder) == FETCHED
