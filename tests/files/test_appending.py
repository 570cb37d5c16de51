"""One process at a time; and what a full disk is, whichever library meets it."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foresee.errors import UserError, lacking
from foresee.files.appending import held


def test_a_held_folder_is_refused_to_another_process_and_free_afterwards(tmp_path: Path) -> None:
    hold = "import sys; from pathlib import Path; from foresee.files.appending import held\n"
    hold += "with held(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "new")], stdin=pipe, stdout=pipe) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="in use by another process"), held(tmp_path / "new"):
            pass
        other.kill()
    with held(tmp_path / "new"):
        pass


@pytest.fixture
def little_room() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _plain(path: Path) -> None:
    path.write_bytes(bytes(10_000))


def _wrapped(path: Path) -> None:
    try:
        _plain(path)
    except OSError as problem:
        raise ValueError("could not be written") from problem


def _weights(path: Path) -> None:
    from safetensors.numpy import save_file

    numpy: Any = pytest.importorskip("numpy")
    save_file({"a": numpy.zeros(10_000)}, path)


def _state(path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    torch.save({"a": torch.zeros(100_000)}, path)


@pytest.mark.parametrize("write", [_plain, _wrapped, _weights, _state])
def test_a_full_disk_is_known_through_every_library(
    write: Callable[[Path], None], tmp_path: Path, little_room: None
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (each library has its own)
        write(tmp_path / "file")
    told = lacking(caught.value)
    assert told.startswith("the disk is full or limited")
    assert "inline_container" not in told, "libraries' own places say nothing to a user"


def test_other_problems_lack_nothing() -> None:
    assert lacking(OSError(errno.EACCES, "no")) == lacking(ValueError("[Errno 2] there is none")) == ""
    assert "file descriptors" in lacking(ImportError("dlopen: [Errno 24] Too many open files"))
