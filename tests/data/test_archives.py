"""Archives from the network: what is written, and what is refused before it can do harm."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from foresee.data.archives import ArchiveError, Limits, unpack, unpack_once
from foresee.errors import UserError

Made = Callable[[dict[str, bytes]], Path]


def make_tar(
    path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]], mode: Literal["w", "w:gz", "w:xz"] = "w:gz"
) -> Path:
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def make_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make(kind: str, folder: Path, members: dict[str, bytes]) -> Path:
    if kind == "zip":
        return make_zip(folder / "a.zip", members)
    return make_tar(folder / f"a.{kind}", list(members.items()), "w:gz" if kind == "tar.gz" else "w")


NOISE = random.Random(0).randbytes(60_000)
KINDS = ["zip", "tar", "tar.gz"]
MEMBERS = {"repo-1/a.txt": b"one", "repo-1/deep/b.bin": bytes(range(256)) * 50}


def written(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_files_arrive_as_they_were(kind: str, tmp_path: Path) -> None:
    assert unpack(make(kind, tmp_path, MEMBERS), tmp_path / "out") == 2
    assert written(tmp_path / "out") == MEMBERS


@pytest.mark.parametrize("kind", KINDS)
def test_leading_folders_can_be_dropped(kind: str, tmp_path: Path) -> None:
    unpack(make(kind, tmp_path, {**MEMBERS, "top.txt": b"dropped with its level"}), tmp_path / "out", strip=1)
    assert set(written(tmp_path / "out")) == {"a.txt", "deep/b.bin"}


OUTSIDE = ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt", "\\\\host\\evil.txt"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_leaves_the_folder(kind: str, name: str, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {name: b"x"})
    with pytest.raises(ArchiveError, match="outside the folder"):
        unpack(archive, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(type_: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("way-out")
    info.type, info.linkname = type_, "/etc"
    archive = make_tar(tmp_path / "a.tar.gz", [info, ("way-out/passwd", b"x")])
    with pytest.raises(ArchiveError, match="link or a device"):
        unpack(archive, tmp_path / "out")
    assert not os.path.lexists(tmp_path / "out" / "way-out")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("way-out")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc")
    with pytest.raises(ArchiveError, match="link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_stopped_while_it_unpacks(kind: str, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {"zeros": bytes(4_000_000)})
    with pytest.raises(ArchiveError, match="more than"):
        unpack(archive, tmp_path / "out", limits=Limits(total_bytes=3_000_000))
    if kind != "tar":
        with pytest.raises(ArchiveError, match="times its size"):
            unpack(archive, tmp_path / "out2", limits=Limits(ratio_from=1_000_000))
    assert sum(map(len, written(tmp_path).values())) < 16_000_000


def test_a_bomb_in_a_tar_header_is_stopped(tmp_path: Path) -> None:
    # The size of a name lies in the header; a long-name record of many megabytes would be read before any file.
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 50_000_000
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(50_000_000))
    assert (tmp_path / "a.tar.gz").stat().st_size < 100_000
    with pytest.raises(ArchiveError, match="header has over 4,000,000 bytes"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_a_large_header_in_a_padded_tar_is_stopped_early(tmp_path: Path) -> None:
    """Noise beside it keeps the ratio low; headers are read whole into memory, so they have a bound of their own."""
    for name, type_ in (("pax", tarfile.XHDTYPE), ("gnu", tarfile.GNUTYPE_LONGNAME), ("global", tarfile.XGLTYPE)):
        info = tarfile.TarInfo("././header")
        info.type, info.size = type_, 60_000_000
        with gzip.open(tmp_path / f"{name}.tar.gz", "wb", 1) as file:
            content = tarfile.TarInfo("noise.bin")
            content.size = 1_000_000
            file.write(content.tobuf() + random.Random(0).randbytes(1_000_000) + bytes(-1_000_000 % 512))
            file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(60_000_000))
        with pytest.raises(ArchiveError, match=f"{name}.tar.gz: refused, a member's header has over 4,000,000 bytes"):
            unpack(tmp_path / f"{name}.tar.gz", tmp_path / name)


def test_long_names_and_large_files_are_no_bombs(tmp_path: Path) -> None:
    members = {f"{'long/' * 60}{i}.txt": bytes([i]) * 3_000_000 for i in range(3)}
    archive = make_tar(tmp_path / "a.tar.gz", list(members.items()))
    assert unpack(archive, tmp_path / "out") == 3


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    archive, nameless = tmp_path / "a.zip", zipfile.ZipInfo("x")
    nameless.filename = ""
    with zipfile.ZipFile(archive, "w") as made, made.open(nameless, "w") as member:
        member.write(b"x")
    with pytest.raises(ArchiveError, match="has no name"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_files_are_refused(kind: str, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {f"{i}.txt": b"x" for i in range(30)})
    with pytest.raises(ArchiveError, match="more than 20 files"):
        unpack(archive, tmp_path / "out", limits=Limits(files=20))


@pytest.mark.parametrize("again", ["a.txt", "./a.txt", "a.txt/b"])
def test_a_member_that_is_there_twice_is_refused(again: str, tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", [("a.txt", b"1"), (again, b"2")])
    with pytest.raises(ArchiveError, match="is there twice"):
        unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"1"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_off_archive_is_one_clear_line(kind: str, share: float, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {"a.bin": NOISE, "b.bin": NOISE})
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveError, match=r"damaged or cut off") as caught:
        unpack(archive, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_flipped_bit_is_noticed(kind: str, tmp_path: Path) -> None:
    archive = make(kind, tmp_path, {"a.bin": NOISE})
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>log in</html>", b"", b"\x1f\x8b\x08not gzip"])
def test_what_is_no_archive_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"expected a zip or tar archive|damaged"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_encrypted_or_unusual_member_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.txt": b"x" * 100}, zipfile.ZIP_LZMA)
    with pytest.raises(ArchiveError, match="unusual"):
        unpack(archive, tmp_path / "out")


def test_a_pipe_is_no_archive_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "images.zip")
    with pytest.raises(UserError, match="it is a pipe"):
        unpack_once(tmp_path / "images.zip", tmp_path / "below")
