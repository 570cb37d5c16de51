"""Downloads against a real server on loopback: tried again, verified, and clear about what went wrong."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foresee.data.download import download
from foresee.errors import UserError

from .conftest import FileServer

BODY = random.Random(1).randbytes(1_000_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _published(server: FileServer) -> None:
    server.files["data.bin"] = BODY


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_leaves_nothing_beside(server: FileServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download(
        f"{server.url}/data.bin",
        tmp_path / "data.bin",
        sha256=SHA256,
        size=len(BODY),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert path.read_bytes() == BODY
    assert left_over(tmp_path) == ["data.bin"]
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_the_second_call_asks_nothing(server: FileServer, tmp_path: Path, sha256: str | None) -> None:
    for _ in range(2):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=sha256)
    assert len(server.requests) == 1


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_dropped_connections_are_tried_again(server: FileServer, tmp_path: Path, sha256: str | None) -> None:
    server.drop_after = [300_000, 0, 1, 999_999]
    assert download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=sha256).read_bytes() == BODY
    assert left_over(tmp_path) == ["data.bin"]
    assert len(server.requests) == 5


def test_a_server_that_always_breaks_off_is_given_up_and_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    server.drop_after = [400_000] * 20
    with pytest.raises(UserError, match=r"broke off 5 times .*; run the same command again") as caught:
        download(f"{server.url}/data.bin", tmp_path / "data.bin")
    assert "\n" not in str(caught.value)
    assert left_over(tmp_path) == []


def test_a_killed_process_leaves_nothing_that_is_taken_for_the_file(server: FileServer, tmp_path: Path) -> None:
    server.seconds_per_chunk = 0.02
    script = (
        "import sys; from pathlib import Path; from foresee.data.download import download; "
        "download(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3])"
    )
    target = tmp_path / "data.bin"
    with subprocess.Popen([sys.executable, "-c", script, f"{server.url}/data.bin", str(target), SHA256]) as process:
        deadline = time.monotonic() + 60
        while server.sent < 200_000:
            assert process.poll() is None, "the download ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    server.seconds_per_chunk = 0
    assert download(f"{server.url}/data.bin", target, sha256=SHA256).read_bytes() == BODY


def test_without_a_length_a_truncated_file_is_noticed_by_its_hash_or_size(server: FileServer, tmp_path: Path) -> None:
    server.lengths = False
    server.drop_after = [400_000]
    with pytest.raises(UserError, match="SHA-256"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256)
    server.drop_after = [400_000] * 20
    with pytest.raises(UserError, match="expected 1,000,000 bytes, got 400,000"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", size=len(BODY))
    assert left_over(tmp_path) == []


def test_a_wrong_hash_keeps_nothing(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a file with SHA-256") as caught:
        download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256="0" * 64)
    assert "\n" not in str(caught.value)
    assert not [name for name in left_over(tmp_path) if not name.endswith(".json")]


def test_an_existing_file_with_another_hash_is_replaced(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"older revision")
    assert download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256).read_bytes() == BODY


@pytest.mark.parametrize("size", [999_999, 1_000_001])
def test_another_size_than_announced_is_refused(server: FileServer, tmp_path: Path, size: int) -> None:
    with pytest.raises(UserError, match=f"expected {size:,} bytes"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", size=size)
    assert server.sent < len(BODY) + 100_000


@pytest.mark.parametrize(("status", "words"), [(404, "not there"), (403, "access refused"), (418, "answered 418")])
def test_a_refusal_is_final_and_clear(server: FileServer, tmp_path: Path, status: int, words: str) -> None:
    server.statuses = [status]
    with pytest.raises(UserError, match=words):
        download(f"{server.url}/data.bin", tmp_path / "data.bin")
    assert len(server.requests) == 1


def test_passing_failures_are_tried_again(server: FileServer, tmp_path: Path) -> None:
    server.statuses = [503, 429, 500]
    assert download(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256).read_bytes() == BODY
    assert len(server.requests) == 4


def test_no_server_is_one_clear_line(tmp_path: Path, server: FileServer) -> None:
    with pytest.raises(UserError, match=r"can't reach 127\.0\.0\.1:1"):
        download("http://127.0.0.1:1/data.bin", tmp_path / "data.bin")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "data.bin"])
def test_only_web_addresses(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="http or https"):
        download(url, tmp_path / "data.bin")


def test_a_folder_that_can_not_be_made_is_one_clear_line(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="can't write"):
        download(f"{server.url}/data.bin", tmp_path / "file" / "data.bin")


def test_no_room_is_said_before_the_transfer(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="there are 1,000"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin")


def test_a_mirror_stands_in_for_every_host(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESEE_MIRROR", server.url + "/")
    server.files["example.org/set/data.bin"] = BODY
    assert download("https://example.org/set/data.bin", tmp_path / "data.bin").read_bytes() == BODY
    assert server.requests == ["/example.org/set/data.bin"]
